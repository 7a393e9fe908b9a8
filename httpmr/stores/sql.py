"""A store in a SQL database: one table, two columns."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from sqlalchemy import (
    Column,
    Engine,
    LargeBinary,
    MetaData,
    Table,
    bindparam,
    delete,
    exc,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.dialects import mysql

from httpmr import sql
from httpmr.errors import Conflict, RecipeError, Unavailable
from httpmr.interfaces import KEY_BYTES, Batch, OrderedStore
from httpmr.stores.limits import check

CHUNK = 400  # keys in one statement

# Pages of a scan begin small, for values may be large, and grow while they are not.
FIRST_PAGE, LAST_PAGE, PAGE_BYTES = 16, 256, 1024 * 1024

# How often and how long a batch that collides with another is tried.
ATTEMPTS, PATIENCE, PAUSE, LONGEST_PAUSE = 12, 10.0, 0.01, 0.5

CLOCKS = {
    "postgresql": text("SELECT extract(epoch FROM clock_timestamp())"),
    # In UTC, for local time comes twice in the hour that ends a summer.
    "mysql": text("SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1000000"),
}


class SQLStore(OrderedStore):
    """An ordered map in a table of SQLite, PostgreSQL, MariaDB or MySQL, made on first use.

    `database` is a URL or an Engine. What is expected is locked in key order before anything is
    written, and a batch that collides with another is tried again, for some seconds at most.
    """

    def __init__(
        self,
        database: str | Engine,
        table: str = "httpmr",
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rng: Callable[[], float] = random.random,
    ) -> None:
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
        self._clock, self._monotonic, self._sleep, self._rng = clock, monotonic, sleep, rng
        self._ready = False
        self._table = _table(table)
        self._statements()

    def _statements(self) -> None:
        key, value = self._table.c.key, self._table.c.value
        among = key.in_(bindparam("keys", expanding=True))
        self._select = select(key, value).where(among)
        self._lock = self._select.order_by(key).with_for_update()
        self._delete = delete(self._table).where(among)
        self._insert = insert(self._table)
        self._upsert = sql.upsert(self._table, ["key"], ["value"], self._kind)
        within = (key >= bindparam("start"), key < bindparam("stop"))
        ranged = select(key, value).where(*within).limit(bindparam("size"))
        self._upwards, self._downwards = ranged.order_by(key), ranged.order_by(key.desc())

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        keys = list(dict.fromkeys(keys))
        return self._persist(lambda: self._get(keys)) if keys else {}

    def _get(self, keys):
        # One statement is one snapshot, and so is a reader's whole block in SQLite.
        if len(keys) <= CHUNK or self._kind == "sqlite":
            with sql.reading(self._engine) as connection:
                return dict(self._rows(connection, self._select, keys))
        with sql.translated(), self._engine.connect() as connection:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
            return dict(self._rows(connection, self._select, keys))

    def _rows(self, connection, statement, keys):
        for at in range(0, len(keys), CHUNK):
            rows = connection.execute(statement, {"keys": keys[at : at + CHUNK]})
            yield from rows

    def scan(
        self, start: bytes, stop: bytes, *, limit: int | None = None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        size = FIRST_PAGE
        while start < stop and limit != 0:
            asked = size if limit is None else min(size, limit)
            page = self._persist(lambda: self._page(start, stop, asked, reverse))  # noqa: B023
            yield from page
            if len(page) < asked:
                return
            if limit is not None:
                limit -= asked
            if reverse:
                stop = page[-1][0]
            else:
                start = page[-1][0] + b"\0"
            mean = sum(len(value) for _, value in page) // asked
            size = max(1, min(4 * size, LAST_PAGE, PAGE_BYTES // max(mean, 1)))

    def _page(self, start, stop, size, reverse):
        statement = self._downwards if reverse else self._upwards
        with sql.reading(self._engine) as connection:
            rows = connection.execute(statement, {"start": start, "stop": stop, "size": size})
            return [tuple(row) for row in rows]

    def commit(self, batch: Batch) -> None:
        check(batch)
        if batch.expected or batch.entries or batch.calls:
            self._persist(lambda: self._commit(batch))

    def _commit(self, batch):
        with sql.writing(self._engine) as connection:
            self._compare(connection, batch.expected)
            self._write(connection, batch)
            # After the writes: where a rival did the same work, their Conflict comes before the
            # error that the call would meet.
            for call in batch.calls:
                call(connection)
            if batch.calls:
                # Refused by PostgreSQL if a call hid an error, where COMMIT would undo in silence.
                connection.execute(text("SELECT 1"))

    def _compare(self, connection, expected: Mapping[bytes, bytes | None]) -> None:
        found = dict(self._rows(connection, self._lock, sorted(expected)))
        for key, value in expected.items():
            if found.get(key) != value:
                raise Conflict(f"{key!r} is not as expected", key=key)

    def _write(self, connection, batch: Batch) -> None:
        gone = sorted(batch.deletes - batch.puts.keys())
        if gone:
            connection.execute(self._delete, {"keys": gone})
        new, other = [], []
        for key, value in sorted(batch.puts.items()):
            absent = batch.expected.get(key, b"") is None
            (new if absent else other).append({"key": key, "value": value})
        if new:
            try:
                connection.execute(self._insert, new)
            except exc.IntegrityError as error:
                raise Conflict("a key is there that was expected absent") from error
        if other:
            connection.execute(self._upsert, other)

    def now(self) -> float:
        if self._kind == "sqlite":
            return self._clock()
        return self._persist(self._now)

    def _now(self):
        with sql.reading(self._engine) as connection:
            return float(connection.execute(CLOCKS[self._kind]).scalar_one())

    def forked(self) -> None:
        sql.forked()

    def close(self) -> None:
        sql.close(self._engine)

    def _persist(self, action):
        """Do it again, after a pause of random length, while the database says it may succeed."""
        deadline = self._monotonic() + PATIENCE
        for attempt in range(ATTEMPTS):
            try:
                if not self._ready:
                    self._make_ready()
                return action()
            except Unavailable as error:
                last = attempt == ATTEMPTS - 1 or self._monotonic() >= deadline
                if last or not error.evidence.get("retry"):
                    raise
            self._sleep(self._rng() * min(PAUSE * 2**attempt, LONGEST_PAUSE))
        raise AssertionError("the last attempt returns or raises")

    def _make_ready(self) -> None:
        """Make the table if it is not there. Another process may be doing the same."""
        if self._kind == "sqlite":
            with sql.translated(), self._engine.connect() as connection:
                # Not within a transaction. It stays with the file.
                connection = connection.execution_options(sqlite_begin=None)
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


def _table(name: str) -> Table:
    # Text, or too short a binary, would take different keys for the same.
    key = LargeBinary().with_variant(mysql.VARBINARY(KEY_BYTES), "mysql", "mariadb")
    value = LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
    return Table(
        name,
        MetaData(),
        Column("key", key, primary_key=True),
        Column("value", value, nullable=False),
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )
