"""The rows of a database table, in the order of a unique key."""

import math
import operator
import time
from itertools import chain

import sqlalchemy
from sqlalchemy import exc

from httpmr import sql
from httpmr.errors import InputError, RecipeError
from httpmr.interfaces import Source

COUNTED = 2**20
"""Rows that `split` looks for at most before it decides on its step."""

SLOW = 0.25
"""Seconds in which rows are counted, or passed over that are not wanted, and little more."""

PASSED = 16
"""Steps without a wanted row that `split` passes over at most before it gives a key."""

FIRST_PAGE, PAGE = 64, 1024
"""Rows read at once: few at first, for a slice may end soon, then what fits a processor's cache."""

PAGE_BYTES = 4 * 1024 * 1024
"""What a page may weigh, about."""


class SQLTable(Source):
    """The rows of a table: (key, row as a dict), `key` a tuple where several columns make it.

    `database` is a URL or an Engine, `table` a name or a SQLAlchemy Table. `key` is a column, or
    a tuple of columns, that the table declares unique; none may be NULL. `columns` names those
    wanted in the row (all), `where` the rows: SQL text, or a SQLAlchemy expression.

    Rows are read in pages by key, and no transaction is held between them: a row that changes
    while the job runs is seen as it is when it is reached. The database alone compares keys, for
    its collations order text in their own way.
    """

    clock = staticmethod(time.monotonic)

    def __init__(self, database, table, *, key, columns=None, where=None):
        if not isinstance(table, sqlalchemy.Table) and not (isinstance(table, str) and table):
            raise RecipeError(f"SQLTable: table is a name or a SQLAlchemy Table, not {table!r}")
        if where is not None and not isinstance(where, (str, sqlalchemy.ColumnElement)):
            raise RecipeError(f"SQLTable: where is SQL text or an expression, not {where!r}")
        self.engine = sql.engine(database)  # a URL that cannot work is told now; no connection yet
        self.table = table
        self.key = _names("key", (key,) if isinstance(key, str) else key)
        self.columns = None if columns is None else _names("columns", columns)
        self.where = where
        self._looked_up = None
        self._stepped = None, 0  # until when and for how many shards, and the step
        self._limit = FIRST_PAGE
        self._queries = {}  # that read a page: {what it is bounded by: the statement}

    def read(self, after, until):
        return chain.from_iterable(self._pages(after, until))

    def _pages(self, after, until):
        shape = self._shape()
        # A quick slice, which read a range to its end, goes on as it was; a slow one begins anew.
        limit, self._limit = self._limit, FIRST_PAGE
        while True:
            rows = self._page(shape, after, until, limit)
            if not shape.exact or (after is None and shape.nullable):
                keys = list(map(shape.key_of, rows))
                sound = self._sound(keys, after)
                if sound < len(keys):
                    yield shape.records(rows[:sound])
                    self._checked(keys[sound], keys[sound - 1] if sound else after)
            yield shape.records(rows)
            if len(rows) < limit:
                self._limit = limit
                return
            after = shape.key_of(rows[-1])
            weight = max(map(_weight, rows[-1 :: -max(1, limit // 8)]))
            limit = max(1, min(2 * limit, PAGE, PAGE_BYTES // weight))

    def _page(self, shape, after, until, limit):
        form = after is None, until is None
        if form not in self._queries:  # SQLAlchemy takes its time to build one
            query = _wanted(self._between(shape.columns, after, until, operator.le), self.where)
            most = sqlalchemy.bindparam("httpmr_page", type_=sqlalchemy.Integer)
            self._queries[form] = query.limit(most)
        values = {**self._values(after, until), "httpmr_page": limit}
        return self._fetch(self._queries[form], values, shape.plain)

    def _sound(self, keys, after):
        """Return how many of the keys can be gone on after, from the first on."""
        parts = len(self.key) > 1 and self._shape().nullable
        if not parts and len({None, after, *keys}) == len({None, after}) + len(keys):
            return len(keys)
        for number, key in enumerate(keys):
            if key is None or key == after or (parts and None in key):
                return number
            after = key
        return len(keys)

    def last(self):
        """Return the greatest key of the table, in `where` or not: a bound that is found at once.

        Raises InputError if a row has no key: the database would never find it again.
        """
        shape = self._shape()
        keys = sqlalchemy.select(*shape.key)
        if shape.nullable:
            nulls = keys.where(sqlalchemy.or_(*(column.is_(None) for column in shape.nullable)))
            if self._fetch(_wanted(nulls, self.where).limit(1)):
                raise self._null()
        backwards = _filled(shape, keys).order_by(*(column.desc() for column in shape.key))
        rows = self._fetch(backwards.limit(1))
        return self._plain(rows[0]) if rows else None

    def split(self, after, until, shards):
        """Walk the key from step to step: each statement passes over `step` rows of the index.

        `where` is not counted by, for finding its rows may take long; parts of the table where
        it holds for none are passed over, for a moment.
        """
        step = self._step(until, shards)
        passed, since = 0, self.clock()
        while (key := self._nth(after, until, step)) is not None:
            # One in a while is given all the same, so that a walk which is cut gets on.
            late = passed == PASSED or self.clock() - since > SLOW
            if late or self.where is None or self._any(after, key):
                yield key
                passed, since = 0, self.clock()
            else:
                passed += 1
            after = key

    def _step(self, until, shards):
        """Return how many rows of the table make a step, counted from its beginning.

        So it is the same when the walk goes on; in one process even where slowness decided.
        """
        given, step = self._stepped
        if given != (until, shards):
            counted = max(self._counted(until, shards), shards)
            step = counted // shards
            self._stepped = (until, shards), step
        return step

    def _counted(self, until, first):
        """Return a number of rows that are there: up to COUNTED, or what is counted soon.

        Each statement begins at the beginning: some databases, of a table they have not yet
        looked at, would sort what lies between two keys.
        """
        count, rows = 0, first
        # Where each statement takes long, however few its rows, fewer are no remedy.
        quickest, spent = math.inf, 0.0
        while count < COUNTED and spent < SLOW:
            rows = min(rows, COUNTED)
            began = self.clock()
            found = self._nth(None, until, rows) is not None
            took = self.clock() - began
            quickest = min(quickest, took)
            spent += took - quickest
            if found:
                count, rows = rows, rows * (4 if took - quickest < SLOW / 8 else 2)
            elif rows > 2 * count > 0:
                rows = 2 * count
            else:
                break
        return count

    def _nth(self, after, until, n):
        """Return the n-th key after `after` and below `until`, or None."""
        shape = self._shape()
        query = _filled(shape, self._between(shape.key, after, until, operator.lt))
        rows = self._fetch(query.limit(1).offset(n - 1), self._values(after, until))
        return self._checked(self._plain(rows[0]), after) if rows else None

    def _any(self, after, until):
        query = self._between(self._shape().key, after, until, operator.le)
        return bool(self._fetch(_wanted(query, self.where).limit(1), self._values(after, until)))

    def _between(self, columns, after, until, below):
        key, dialect = self._shape().key, self.engine.dialect.name
        query = sqlalchemy.select(*columns).order_by(*key)
        if after is not None:
            query = query.where(sql.bound(key, "httpmr_after", operator.gt, dialect))
        if until is not None:
            query = query.where(sql.bound(key, "httpmr_until", below, dialect))
        return query

    def _values(self, after, until):
        return sql.parts(httpmr_after=self._parts(after), httpmr_until=self._parts(until))

    def _fetch(self, query, values=None, plain=False):
        """Return the rows of a query; `plain`: as the driver gives them, which is faster."""
        try:
            with sql.reading(self.engine) as connection:
                result = connection.execute(query, values)
                return sql.plain_rows(result) if plain else result.fetchall()
        except (exc.StatementError, ValueError, TypeError, ArithmeticError) as error:
            why = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise InputError(f"table {self.table} cannot be read ({why}): see {self!r}") from error

    def _plain(self, row):
        return row[0] if len(self.key) == 1 else tuple(row)

    def _parts(self, key):
        return (key,) if len(self.key) == 1 and key is not None else key

    def _checked(self, key, before):
        if key is None or (len(self.key) > 1 and None in key):
            raise self._null()
        if key == before:
            message = f"key {key!r} of table {self.table} is after itself, as rounded numbers are"
            raise InputError(f"{message}: name another unique column as key=", key=key)
        return key

    def _null(self):
        message = f"a row of table {self.table} has NULL in its key {', '.join(self.key)}"
        return InputError(f"{message}: fill it in, leave it out by where=, or use another key")

    def _shape(self):
        if self._looked_up is None:
            known = sql.table(self.engine, self.table, InputError)
            wanted = (*self.key, *(self.columns or ()))
            sql.check_columns(known, self.table, wanted, InputError)
            self._check_unique(known, sql.unique(self.engine, known))
            given = self.table if isinstance(self.table, sqlalchemy.Table) else known
            self._looked_up = sql.shape(known, given, self.key, self.columns, self.engine.dialect)
        return self._looked_up

    def _check_unique(self, table, unique):
        if not any(columns <= set(self.key) for columns in unique):
            message = f"key {', '.join(self.key)} of table {table} is not declared unique"
            remedy = f"unique are {sql.listed(unique)}; name these, or add a constraint"
            if not unique:
                remedy = "no columns are: add a primary key, or a unique constraint"
            raise InputError(f"{message}: {remedy}", table=str(table))

    def __repr__(self):
        url = self.engine.url.render_as_string(hide_password=True)
        key = self.key[0] if len(self.key) == 1 else self.key
        options = "" if self.columns is None else f", columns={list(self.columns)!r}"
        if self.where is not None:
            options += f", where={str(self.where)!r}"
        name = type(self).__name__
        return f"{name}({url!r}, {str(self.table)!r}, key={key!r}{options})"


def _weight(row):
    return 1 + sum(len(value) for value in row if isinstance(value, (str, bytes)))


def _wanted(query, where):
    if isinstance(where, str):
        # Not `text`, which would take a colon in it for a parameter.
        where = sqlalchemy.literal_column(f"({where}\n)")
    return query if where is None else query.where(where)


def _filled(shape, query):
    """Leave out rows without a key; where they are wanted, `last` has refused them."""
    return query.where(*(column.is_not(None) for column in shape.nullable))


def _names(what, names):
    names = tuple(names) if isinstance(names, (tuple, list)) else ()
    if not names or not all(isinstance(name, str) and name for name in names):
        raise RecipeError(f"SQLTable: {what} needs names of columns, as 'id' or ('a', 'b')")
    if len(set(names)) < len(names):
        raise RecipeError(f"SQLTable: {what} names a column twice: {', '.join(names)}")
    return names
