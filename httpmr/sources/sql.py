"""The rows of a database table, or of a select, in the order of a unique key."""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import sqlalchemy
from sqlalchemy import exc

from httpmr import sql
from httpmr.errors import InputError, RecipeError
from httpmr.interfaces import Pair, Records
from httpmr.sources import sqlkeys
from httpmr.sources.dense import Dense
from httpmr.sources.lists import SOME, each, parts
from httpmr.sources.walk import Walk

FIRST_PAGE, HELD_PAGE, PAGE = 64, 256, 2048
"""Rows read at once: few at first, for a slice may end soon. Then by a connection that is held as
many as stay in a processor's cache; more where another page costs as much as hundreds of rows."""

PAGE_BYTES = 4 * 1024 * 1024
"""What a page may weigh, about."""

_Made = Callable[[Any, Any], sqlalchemy.Select[Any]]
_Rows = tuple[list[Any], Sequence[Any], InputError | None]
_Found = tuple[Mapping[str, sqlalchemy.ColumnElement[Any]], Sequence[str], sql.Columns | None]


class SQLTable(Walk):
    """The rows of a table: (key, row as a dict), `key` a tuple where several columns make it.

    `rows=tuple` gives each row as a tuple instead, its values in the order of `columns`: faster
    where a mapper does little. It is fastest from a file of SQLite's, named by its URL, whose
    `INTEGER PRIMARY KEY` is the key, not among the columns: one that leaves out few is not read,
    but known from how many rows there are.

    `database` is a URL or an Engine, `table` a name or a SQLAlchemy Table. `key` is a column, or
    a tuple of columns, that the table declares unique; none may be NULL. `columns` names those
    wanted in the row (all), `where` the rows: SQL text, or a SQLAlchemy expression.

    `table` may also be a class that SQLAlchemy's ORM maps, whose attributes are then the names;
    or a `select()`, joins, labels and groups with it: its key is a unique one of a table that the
    others are joined to by theirs, or what it is grouped by. Rows are dicts here, too: they can be
    stored, cost no session, and `Class(**row)` makes an object of one.

    Rows are read in pages by key, and no transaction is held between them: a row that changes
    while the job runs is seen as it is when it is reached. The database alone compares keys, for
    its collations order text in their own way.
    """

    def __init__(
        self,
        database: sql.Database,
        table: Any,
        *,
        key: str | Sequence[str],
        columns: Sequence[str] | None = None,
        where: sql.Where = None,
        rows: type = dict,
    ) -> None:
        named = isinstance(table, sqlalchemy.Table) or (isinstance(table, str) and table)
        if not named and not sql.is_select(table):
            what = "a name or a SQLAlchemy Table, a mapped class or a select()"
            raise RecipeError(f"SQLTable: table is {what}, not {table!r}")
        if where is not None and not isinstance(where, (str, sqlalchemy.ColumnElement)):
            raise RecipeError(f"SQLTable: where is SQL text or an expression, not {where!r}")
        self.engine = sql.engine(database)  # a URL that cannot work is told now; no connection yet
        self.table = table
        self.key = sqlkeys.names("key", (key,) if isinstance(key, str) else key)
        self.columns = None if columns is None else sqlkeys.names("columns", columns)
        if rows is not dict and (rows is not tuple or columns is None):
            asked = "tuple without columns" if rows is tuple else repr(rows)
            raise RecipeError(f"SQLTable: rows is dict, or tuple with columns=(...), not {asked}")
        self.where = where
        self.rows = rows
        # An expression names columns of what is selected from, SQL text those of what comes of it.
        inside = sql.is_select(table) and not isinstance(where, str)
        self._outside = None if inside else where
        self._looked_up: sql.Shape | None = None
        self._limit = FIRST_PAGE
        self._dense: Dense | None = None
        # That are asked again and again: {(what makes it, what it is bounded by): the statement}.
        self._queries: dict[tuple[_Made, bool, bool], sql.Prepared] = {}

    def read(self, after: Any, until: Any) -> Iterator[Pair]:
        return each(self.read_many(after, until))

    def read_many(self, after: Any, until: Any) -> Iterator[Records]:
        # A quick slice, which read a range to its end, goes on as it was; a slow one begins anew.
        limit, self._limit = self._limit, FIRST_PAGE
        with sql.held(self.engine) if self._pages_are_cheap() else nullcontext() as held:
            most = HELD_PAGE if held else PAGE
            while True:
                guessed = self._guessed(after, until, limit, held)
                keys, rows, wrong = guessed or self._paged(after, until, limit, held)
                yield from self._some(keys, rows)
                if wrong:
                    raise wrong
                if len(rows) < limit:
                    self._limit = limit
                    return
                after = keys[-1]
                weight = max(map(_weight, rows[-1 :: -max(1, limit // 8)]))
                limit = max(1, min(2 * limit, most, PAGE_BYTES // weight))

    def _pages_are_cheap(self) -> bool:
        """Whether to read a page costs what it returns: no more is looked at, sorted or made."""
        return self.where is None and not sql.is_select(self.table) and self._shape().plain

    def _paged(self, after: Any, until: Any, limit: int, held: sql.Held | None) -> _Rows:
        """Return the next keys and their rows, and what is wrong with the key after these."""
        shape = self._shape()
        rows = self._asked(self._page, after, until, held, httpmr_page=limit)
        keys = list(map(shape.key_of, rows))
        if held and self._dense:
            self._dense.saw(keys)
        sound = len(keys)
        if not shape.exact or (after is None and shape.nullable):
            sound = sqlkeys.sound(keys, after, len(self.key) > 1 and bool(shape.nullable))
        if sound == len(keys):
            return keys, rows, None
        wrong = sqlkeys.wrong(self.table, self.key, keys[sound], [after, *keys][sound])
        done = sound if shape.walked is shape.key else 0  # else no row of a key may be done before
        return keys[:done], rows[:done], wrong

    def _guessed(self, after: Any, until: Any, limit: int, held: sql.Held | None) -> _Rows | None:
        """Return the next keys, known from how many rows there are, and the rows; or None."""
        dense = self._dense
        numbers = type(after) is type(until) is int and after < until
        if not (held and numbers and dense and dense.likely()):
            return None
        schema = dense.schema or sql.row_number(held, self.table, self.key[0])
        if schema is None:
            self._dense = None
            return None
        dense.schema, end = schema, min(after + limit, until)
        rows = self._asked(self._run, after, end, held, httpmr_schema=schema)
        whole = dense.guessed(len(rows) == end - after)
        return (list(range(after + 1, end + 1)), rows, None) if whole else None

    def _some(self, keys: list[Any], rows: Sequence[Any]) -> Iterator[Records]:
        """Yield what is given of some rows: dicts, made when they are wanted, or all at once."""
        values = self._shape().values
        for here in parts(len(rows), SOME if self.rows is dict else PAGE):
            yield keys[here], values(rows[here])

    def _page(self, after: Any, until: Any) -> sqlalchemy.Select[Any]:
        shape = self._shape()
        query = self._between(shape.columns, shape.key, after, until, operator.le)
        return sql.filtered(query, self._outside).limit(sql.number("httpmr_page"))

    def _run(self, after: Any, until: Any) -> sqlalchemy.Select[Any]:
        """Select rows without their keys, which are the rows' own numbers."""
        columns = self._shape().columns[: len(self.columns or ())]
        query = self._between(columns, self._shape().key, after, until, operator.le)
        return query.where(sql.unchanged("httpmr_schema"))

    def last(self) -> Any:
        """Return the greatest key of the table, in `where` or not: a bound that is found at once.

        Raises InputError if a row has no key: the database would never find it again.
        """
        shape = self._shape()
        if shape.nullable:
            missing = sqlalchemy.or_(*(column.is_(None) for column in shape.nullable))
            nulls = sqlalchemy.select(*shape.key).where(missing)
            if self._once(sql.filtered(nulls, self._outside).limit(1)):
                raise sqlkeys.null(self.table, self.key)
        # Rows without a key are left out; where they are wanted, they have just been refused.
        keys = sqlalchemy.select(*shape.walked).where(*shape.filled)
        backwards = keys.order_by(*(column.desc() for column in shape.walked))
        rows = self._once(backwards.limit(1))
        return self._plain(rows[0]) if rows else None

    def _nth(self, after: Any, until: Any, n: int) -> Any:
        """Return the n-th key after `after` and below `until`, or None."""
        rows = self._asked(self._passing, after, until, httpmr_passed=n - 1)
        key = self._plain(rows[0]) if rows else None
        if rows and sqlkeys.is_wrong(key, after, len(self.key) > 1):
            raise sqlkeys.wrong(self.table, self.key, key, after)
        return key

    def _passing(self, after: Any, until: Any) -> sqlalchemy.Select[Any]:
        shape = self._shape()
        query = self._between(shape.walked, shape.walked, after, None, operator.lt)
        passed = query.where(*shape.filled).limit(1).offset(sql.number("httpmr_passed"))
        if until is None:
            return passed
        # The bound is compared with the one row that is found, not with each on the way there; at
        # the end of a range, some of those may be beyond it.
        found = passed.subquery()
        key, dialect = tuple(found.c), self.engine.dialect.name
        return sqlalchemy.select(found).where(sql.bound(key, "httpmr_until", operator.lt, dialect))

    def _any(self, after: Any, until: Any) -> bool:
        key, walked = self._shape().key, self._shape().walked
        if self.where is None and walked is key:
            return True
        query = self._between(key, key, after, until, operator.le)
        wanted = sql.filtered(query, self._outside).limit(1)
        return bool(self._once(wanted, self._values(after, until)))

    def _between(
        self, columns: sql.Columns, key: sql.Columns, after: Any, until: Any, below: sql.Compare
    ) -> sqlalchemy.Select[Any]:
        dialect = self.engine.dialect.name
        query = sqlalchemy.select(*columns).order_by(*key)
        if after is not None:
            query = query.where(sql.bound(key, "httpmr_after", operator.gt, dialect))
        if until is not None:
            query = query.where(sql.bound(key, "httpmr_until", below, dialect))
        return query

    def _values(self, after: Any, until: Any) -> dict[str, Any]:
        return sql.parts(httpmr_after=self._parts(after), httpmr_until=self._parts(until))

    def _asked(
        self,
        made: _Made,
        after: Any,
        until: Any,
        held: sql.Held | None = None,
        **values: int,
    ) -> Sequence[Any]:
        """Fetch by the statement that `made` makes; SQLAlchemy takes its time to build one."""
        form = made, after is None, until is None
        if form not in self._queries:
            query, plain = made(after, until), self._shape().plain
            self._queries[form] = sql.prepared(query, self.engine, plain)
        return self._fetch(self._queries[form], {**self._values(after, until), **values}, held)

    def _once(
        self, query: sqlalchemy.Select[Any], values: Mapping[str, Any] | None = None
    ) -> Sequence[Any]:
        return self._fetch(sql.prepared(query, self.engine, plain=False), values or {})

    def _fetch(
        self, query: sql.Prepared, values: Mapping[str, Any], held: sql.Held | None = None
    ) -> Sequence[Any]:
        try:
            if held and isinstance(query, sql.Worded):
                return held.fetch(query, values)
            return query.fetch(values)
        except (exc.StatementError, ValueError, TypeError, ArithmeticError) as error:
            why = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            message = f"{sql.called(self.table)} cannot be read ({why}): see {self!r}"
            raise InputError(message) from error

    def _plain(self, row: Any) -> Any:
        return row[0] if len(self.key) == 1 else tuple(row)

    def _parts(self, key: Any) -> Sequence[Any] | None:
        return (key,) if len(self.key) == 1 and key is not None else key

    def _shape(self) -> sql.Shape:
        if self._looked_up is None:
            select = sql.is_select(self.table)
            columns, nullable, walked = self._selected() if select else self._stored()
            names, dialect = self.columns, self.engine.dialect
            self._looked_up = sql.shape(
                columns, self.key, names, nullable, walked, dialect, self.rows
            )
        return self._looked_up

    def _stored(self) -> _Found:
        known = sql.table(self.engine, self.table, InputError)
        wanted = (*self.key, *(self.columns or ()))
        sql.check_columns(known, self.table, wanted, InputError)
        sql.check_unique(self.engine, known, self.key, InputError)
        # Of a table that is given by its name, nothing else is selected than what it has.
        without = self.rows is tuple and self.columns and self.key[0] not in self.columns
        if without and len(self.key) == 1 and self.table == known.name:
            self._dense = Dense()
        # A Table may say more of its columns than the database knows.
        given = self.table if isinstance(self.table, sqlalchemy.Table) else known
        nullable = [name for name in self.key if known.columns[name].nullable]
        return {column.name: column for column in given.columns}, nullable, None

    def _selected(self) -> _Found:
        where = self.where if self._outside is None else None
        found = sql.selected(self.engine, self.table, where, self.key, self.columns or ())
        return found.columns, found.nullable, found.walked

    def __repr__(self) -> str:
        url = self.engine.url.render_as_string(hide_password=True)
        key = self.key[0] if len(self.key) == 1 else self.key
        options = "" if self.columns is None else f", columns={list(self.columns)!r}"
        if self.where is not None:
            options += f", where={str(self.where)!r}"
        if self.rows is tuple:
            options += ", rows=tuple"
        name = type(self).__name__
        return f"{name}({url!r}, {sql.shown(self.table)}, key={key!r}{options})"


def _weight(row: Sequence[Any]) -> int:
    return 1 + sum(len(value) for value in row if isinstance(value, (str, bytes)))
