"""Output as rows of a table in a SQL database, the store's own or any other."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import Connection, Engine, Executable, Table, bindparam, exc
from sqlalchemy.schema import CreateTable

from httpmr import sql
from httpmr.errors import OutputError, RecipeError
from httpmr.interfaces import Batch, OrderedStore, Pair, Sink, Slice
from httpmr.sinks.columns import names, rows

MODES = ("upsert", "insert", "update")

# What the drivers and SQLAlchemy raise for a value that they or the database refuse.
_REFUSALS = (exc.StatementError, TypeError, ValueError, ArithmeticError, AttributeError)

Rows = list[tuple[Any, dict[str, Any]]]
"""The key of each pair, and its row as parameters of the statement."""


class SQLTable(Sink):
    """Rows of a table that is there: a pair's key goes to the columns `key`, its value to `value`.

    One name (`key="word"`) takes the key or value whole. Several (`key=("year", "word")`) take
    its parts: those of a tuple or list by position, or of a dict by the columns' names.
    `mode="upsert"` inserts the row, or changes that of the same key; `"update"` changes the rows
    that are there, and passes over keys that have none; `"insert"` only adds.

    Where `database` (a URL or an Engine) is the store's own, rows are written in the commit of
    their slice, exactly once. Elsewhere upserts and updates may be done again, to the same rows;
    `"insert"` is refused there. If a job gives several pairs of one key, the row is that of the
    last to be committed; and keys that the table's collation takes for equal, as MySQL's usual
    ones take "a" and "A", are one row.
    """

    guarantee = "keyed"

    def __init__(
        self,
        database: sql.Database,
        table: str | Table,
        *,
        key: str | Sequence[str],
        value: str | Sequence[str],
        mode: str = "upsert",
    ) -> None:
        if not isinstance(table, (str, Table)) or not str(table):
            raise RecipeError(f"SQLTable takes a table's name, or a Table, not {table!r:.80}")
        if mode not in MODES:
            raise RecipeError(f"SQLTable: mode is {' or '.join(map(repr, MODES))}, not {mode!r}")
        dialect = sql.engine(database).dialect.name  # raises RecipeError; it does not connect
        if mode == "upsert" and dialect not in sql.UPSERTS:
            raise RecipeError(f'SQLTable: no upsert in {dialect}: use mode="update", or "insert"')
        self.database = database
        self.table = table
        self.key, self.value = key, value
        self._key, self._value = names("SQLTable", "key", key), names("SQLTable", "value", value)
        self._columns = names("SQLTable", "key and value", self._key + self._value)
        self._written = self._columns
        self.mode = mode
        self._statements: _Statements | None = None

    def joins(self, store: OrderedStore) -> bool:
        """Tell whether the table is in the store's own database."""
        return bool(sql.identity(self.database) == store.database)

    def check(self, store: OrderedStore) -> None:
        """Raise OutputError unless the table is there and can take rows in this mode."""
        if self.mode == "insert" and not self.joins(store):
            raise OutputError(
                f"{self!r} would insert rows twice where a slice is done again: use mode="
                '"upsert", or a store= in the same database'
            )
        engine = sql.engine(self.database)
        table = sql.table(engine, self.table, OutputError, self._creation)
        sql.check_columns(table, self.table, self._columns, OutputError)
        if self.mode == "upsert":
            self._check_unique(table, sql.unique(engine, table))
        if self.mode != "update":
            self._check_filled(table)

    def check_retry(self, job: str, receipts: Iterable[Any], anew: bool) -> None:
        """Raise OutputError where rows would be inserted twice."""
        if anew and self.mode == "insert":
            raise OutputError(f"{self!r} would insert the job's rows twice: start a new job")

    def join(self, pairs: Sequence[Pair], slice: Slice, batch: Batch) -> None:
        """Write the rows in the slice's commit."""
        if found := self._rows(pairs):
            batch.sql(lambda connection: self._execute(connection, found))

    def write(self, pairs: Sequence[Pair], slice: Slice) -> Any:
        """Write the rows in a transaction of their own, before the slice's commit."""
        if found := self._rows(pairs):
            with sql.writing(sql.engine(self.database)) as connection:
                self._execute(connection, found)

    # Rows

    def _rows(self, pairs: Sequence[Pair]) -> Rows:
        parameters = [parameter(n) for n in range(len(self._columns))]
        found = [
            (key, dict(zip(parameters, parts, strict=True))) for key, parts in rows(self, pairs)
        ]
        self._prepared()  # while no transaction waits for it, whose connection may be the only one
        return found

    def _execute(self, connection: Connection, rows: Rows) -> None:
        error = self._refusal(connection, rows)
        if error is None:
            return
        if (broken := self._broken(connection)) is not None:
            raise OutputError(f"{self!r} cannot be written: {said(broken)}") from broken
        while len(rows) > 1:
            half = len(rows) // 2
            found = self._refusal(connection, rows[:half])
            rows = rows[half:] if found is None else rows[:half]
            error = found or error
        key = rows[0][0]
        error = self._refusal(connection, rows) or error
        raise OutputError(f"{self.mode} of key {key!r:.80} was refused: {said(error)}", key=key)

    def _refusal(self, connection: Connection, rows: Rows) -> Exception | None:
        """Execute the statement for all rows, or for none; return the error where one is refused.

        Without the savepoint PostgreSQL would answer nothing more in this transaction.
        """
        return _attempt(connection, self._prepared().main, [row for _, row in rows])

    def _broken(self, connection: Connection) -> Exception | None:
        """Return the error if not even no row can be written: then it is not a row's fault."""
        probes = (_attempt(connection, probe) for probe in self._prepared().probes)
        return next(filter(None, probes), None)

    # Statements

    def _prepared(self) -> "_Statements":
        if self._statements is None:
            engine = sql.engine(self.database)
            self._statements = self._made(self._table(engine), engine.dialect.name)
        return self._statements

    def _table(self, engine: Engine) -> Table:
        """Return the table that is written to."""
        if isinstance(self.table, Table):
            return self.table
        return sql.table(engine, self.table, OutputError)

    def _made(self, table: Table, dialect: str) -> "_Statements":
        columns: dict[str, Any] = {
            name: bindparam(parameter(n)) for n, name in enumerate(self._written)
        }
        update = table.update().values({name: columns[name] for name in self._value})
        for name in self._key:
            update = update.where(table.c[name] == columns[name])
        same = {name: table.c[name] for name in self._value}
        probe = table.update().values(same).where(sqlalchemy.false())
        if self.mode == "update":
            return _Statements(update, [probe])
        none = sqlalchemy.select(*(table.c[name] for name in columns)).where(sqlalchemy.false())
        empty = table.insert().from_select(list(columns), none, include_defaults=False)
        if self.mode == "insert":
            return _Statements(table.insert().values(columns), [empty])
        upsert = sql.upsert(table, self._key, self._value, dialect).values(columns)
        return _Statements(upsert, [empty, probe])

    # The table

    def _creation(self, schema: str | None, name: str) -> str:
        """Return, for an error, the statement that makes a table which suits."""
        dialect = sql.engine(self.database).dialect
        maria = getattr(dialect, "is_mariadb", False)
        binary = "utf8mb4_nopad_bin" if maria else "utf8mb4_bin"  # else "a" and "A" are one key
        key = sqlalchemy.String(255).with_variant(
            sqlalchemy.VARCHAR(255, collation=binary), "mysql", "mariadb"
        )
        value = sqlalchemy.Numeric().with_variant(sqlalchemy.DOUBLE(), "mysql", "mariadb")
        keys = [sqlalchemy.Column(name, key, primary_key=True) for name in self._key]
        values = [sqlalchemy.Column(name, value) for name in self._value]
        table = Table(name, sqlalchemy.MetaData(), *keys, *values, schema=schema)
        statement = " ".join(str(CreateTable(table).compile(dialect=dialect)).split())
        return f"make one, with types that suit, as by {statement}"

    def _check_unique(self, table: Table, unique: set[frozenset[str]]) -> None:
        key = set(self._key)
        if key not in unique:
            raise OutputError(
                f"table {table} has no unique key of just {', '.join(self._key)}, which an upsert "
                f"needs (unique are: {sql.listed(unique)}): declare one"
            )
        if sql.engine(self.database).dialect.name in ("mysql", "mariadb"):
            for found in unique:
                if found & set(self._columns) and not found >= key:
                    raise OutputError(
                        f"table {table} is also unique by {', '.join(sorted(found))}, and an upsert"
                        ' in MySQL would change the row of another key: use mode="update"'
                    )

    def _check_filled(self, table: Table) -> None:
        ours = getattr(self.table, "columns", {})  # a Table that was given may fill in more
        for column in table.columns:
            filled = (
                column.nullable
                or column.server_default is not None
                or column is table.autoincrement_column
                or (column.name in ours and ours[column.name].default is not None)
            )
            if not filled and column.name not in self._columns:
                raise OutputError(
                    f"table {table} needs a value for its column {column.name!r}, which {self!r} "
                    'has none for: give it a default, or use mode="update" for rows that are there'
                )

    def __repr__(self) -> str:
        url = sql.engine(self.database).url.set(query={}).render_as_string(hide_password=True)
        usual = self.mode == "upsert" or self._written != self._columns
        mode = "" if usual else f", mode={self.mode!r}"
        columns = f"key={self.key!r}, value={self.value!r}"
        return f"{type(self).__name__}({url!r}, {str(self.table)!r}, {columns}{mode})"


class _Statements(NamedTuple):
    """What writes a row, and what writes none but asks for the same table, columns and rights."""

    main: Executable
    probes: list[Executable]


def _attempt(
    connection: Connection, statement: Executable, rows: list[dict[str, Any]] | None = None
) -> Exception | None:
    """Execute all of it and return None, or nothing of it and return the error."""
    savepoint = connection.begin_nested()
    try:
        with sql.translated():  # what is the database's own trouble ends the transaction
            connection.execute(statement, rows)
    except _REFUSALS as error:
        savepoint.rollback()
        return error
    savepoint.commit()
    return None


def said(error: BaseException) -> str:
    """Return the database's message in one line, without the statement and its parameters."""
    cause = getattr(error, "orig", None) or error
    said = cause.args[-1] if cause.args else ""
    return (str(said).strip() or type(cause).__name__).splitlines()[0]


def parameter(n: int) -> str:
    return f"httpmr_{n}"  # SQLAlchemy reserves the columns' own names
