"""A store in a SQL database: one table, two columns."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from sqlalchemy import (
    VARBINARY,
    Column,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    Select,
    Table,
    bindparam,
    delete,
    exc,
    insert,
    inspect,
    select,
    text,
    update,
)

from httpmr import sql
from httpmr.errors import Conflict, RecipeError
from httpmr.interfaces import KEY_BYTES
from httpmr.stores.table import CLOCKS, Entries, TableStore

T = TypeVar("T")
CHUNK = 400  # keys in one statement
_WORDED = 16  # keys in one that is worded once


class SQLStore(TableStore):
    """An ordered map in a table of SQLite, PostgreSQL, MariaDB or MySQL, made on first use.

    `database` is a URL or an Engine. A batch that collides with another is tried again, for some
    seconds at most.
    """

    def __init__(
        self,
        database: str | Engine,
        table: str = "httpmr",
        **times: Callable[..., Any],
    ) -> None:
        super().__init__(**times)
        self._engine = sql.engine(database)
        self.database = sql.identity(database)
        kind = self._engine.dialect.name
        self._kind = "mysql" if kind == "mariadb" else kind
        if self._kind not in ("sqlite", *CLOCKS):
            raise RecipeError(f"no store in {kind}: use SQLite, PostgreSQL, MariaDB or MySQL")
        if self.database.startswith("sqlite:memory:"):
            message = "SQLite in memory is one connection's own: name a file, or use MemoryStore()"
            raise RecipeError(message)
        if isinstance(database, Engine) and self._kind != "sqlite":
            # Under a stricter level the check would read what was there before it had the lock.
            options = database.execution_options(isolation_level="READ COMMITTED")
            self._engine = sql.engine(options)
        self._table = _table(table)
        self._statements()

    def _statements(self) -> None:
        key, value = self._table.c.key, self._table.c.value
        among = key.in_(bindparam("keys", expanding=True))
        self._select_those = select(key, value).where(among)
        self._lock_those = self._select_those.order_by(key).with_for_update()
        self._delete_those = delete(self._table).where(among)
        self._insert_one = insert(self._table)
        self._upsert_one = sql.upsert(self._table, ["key"], ["value"], self._kind)
        expected = (key == bindparam("httpmr_key"), value == bindparam("before"))
        self._change_one = update(self._table).where(*expected).values(value=bindparam("after"))
        within = (key >= bindparam("start"), key < bindparam("stop"))
        ranged = select(key, value).where(*within).limit(bindparam("size"))
        self._upwards, self._downwards = ranged.order_by(key), ranged.order_by(key.desc())
        self._of_some: dict[tuple[int, bool], sql.Prepared] = {}
        self._known: dict[sql.Statement, sql.Prepared] = {}

    def _get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        if len(keys) <= _WORDED:
            return dict(_entries(self._some(len(keys)).fetch(_named(keys))))
        # One statement is one snapshot, and so is a reader's whole block in SQLite.
        if len(keys) <= CHUNK or self._kind == "sqlite":
            with sql.reading(self._engine) as connection:
                return dict(self._rows(connection, self._select_those, keys))
        with sql.translated(), self._engine.connect() as connection:
            # To set the level may ask the driver alone, whose errors mean nothing to SQLAlchemy.
            self._ask(connection)
            connection.rollback()
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
            return dict(self._rows(connection, self._select_those, keys))

    def _rows(
        self, connection: Connection, statement: Select[Any], keys: Sequence[bytes]
    ) -> Iterator[Any]:
        for at in range(0, len(keys), CHUNK):
            rows = connection.execute(statement, {"keys": keys[at : at + CHUNK]})
            yield from rows

    def _page(self, start: bytes, stop: bytes, size: int, reverse: bool) -> Entries:
        page = self._prepared(self._downwards if reverse else self._upwards)
        return _entries(page.fetch({"start": start, "stop": stop, "size": size}))

    def _some(self, count: int, lock: bool = False) -> sql.Prepared:
        """Return the select of so many keys, made when it is first asked for."""
        if (count, lock) not in self._of_some:
            key, value = self._table.c.key, self._table.c.value
            made = select(key, value).where(key.in_(list(map(bindparam, _named(range(count))))))
            made = made.order_by(key).with_for_update() if lock else made
            self._of_some[count, lock] = sql.prepared(made, self._engine, binary=True)
        return self._of_some[count, lock]

    def _prepared(self, statement: sql.Statement) -> sql.Prepared:
        if statement not in self._known:
            self._known[statement] = sql.prepared(statement, self._engine, binary=True)
        return self._known[statement]

    def _writing(self) -> AbstractContextManager[Connection]:
        return sql.writing(self._engine)

    def _locked(self, connection: Connection, keys: list[bytes]) -> dict[bytes, bytes]:
        if 0 < len(keys) <= _WORDED:
            lock = self._some(len(keys), lock=True)
            return dict(_entries(lock.within(connection, _named(keys))))
        return dict(self._rows(connection, self._lock_those, keys))

    def _changed(self, connection: Connection, key: bytes, before: bytes, after: bytes) -> bool:
        values = {"httpmr_key": key, "before": before, "after": after}
        return self._prepared(self._change_one).change(connection, values) == 1

    def _delete(self, connection: Connection, keys: list[bytes]) -> None:
        connection.execute(self._delete_those, {"keys": keys})

    def _insert(self, connection: Connection, entries: Entries) -> None:
        try:
            self._prepared(self._insert_one).change(connection, *_parameters(entries))
        except exc.IntegrityError as error:
            raise Conflict("a key is there that was expected absent") from error

    def _upsert(self, connection: Connection, entries: Entries) -> None:
        self._prepared(self._upsert_one).change(connection, *_parameters(entries))

    def _ask(self, connection: Connection) -> None:
        connection.execute(text("SELECT 1"))  # PostgreSQL would refuse

    def now(self) -> float:
        return self._clock() if self._kind == "sqlite" else super().now()

    def _now(self) -> float:
        with sql.reading(self._engine) as connection:
            return float(connection.exec_driver_sql(CLOCKS[self._kind]).scalar_one())

    def forked(self) -> None:
        sql.forked()

    def close(self) -> None:
        sql.close(self._engine)

    def _make_ready(self) -> None:
        """Make the table if it is not there. Another process may be doing the same."""
        if self._kind == "sqlite":
            # Not within a transaction. It stays with the file.
            with sql.translated(), self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        if not self._exists():
            try:
                with sql.writing(self._engine) as connection:
                    self._table.create(connection, checkfirst=False)
            except exc.DBAPIError:
                if not self._exists():
                    raise
        self._ready = True

    def _exists(self) -> bool:
        name = self._table.name
        with sql.translated():
            inspector = inspect(self._engine)
            if not inspector.has_table(name):
                return False
            columns = [column["name"] for column in inspector.get_columns(name)]
        if columns != ["key", "value"]:
            message = f"the table {name} in {self.database} is not httpmr's: name another"
            raise RecipeError(message, table=name)
        return True

    def __repr__(self) -> str:
        return f"SQLStore({self.database!r}, table={self._table.name!r})"


def _named(keys: Iterable[T]) -> dict[str, T]:
    """Return the keys by the names they have in a statement."""
    return {f"key{n}": key for n, key in enumerate(keys)}


def _entries(rows: Iterable[Any]) -> Entries:
    return [(bytes(key), bytes(value)) for key, value in rows]


def _parameters(entries: Entries) -> list[dict[str, bytes]]:
    return [{"key": key, "value": value} for key, value in entries]


def _table(name: str) -> Table:
    # Text, or too short a binary, would take different keys for the same.
    key = LargeBinary().with_variant(VARBINARY(KEY_BYTES), "mysql", "mariadb")
    # From its length, MySQL makes it a LONGBLOB.
    value = LargeBinary().with_variant(LargeBinary(2**32 - 1), "mysql", "mariadb")
    return Table(
        name,
        MetaData(),
        Column("key", key, primary_key=True),
        Column("value", value, nullable=False),
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )
