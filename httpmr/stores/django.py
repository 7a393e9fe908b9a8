"""A store in the database of a Django site: one table, by the site's own connections.

There is no model and no migration: the table is made on first use. It is the one that SQLStore
would make, so that either can go on with what the other began.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, IntegrityError, transaction

from httpmr.errors import Conflict, RecipeError
from httpmr.interfaces import KEY_BYTES
from httpmr.sql import django
from httpmr.stores.table import CLOCKS, Entries, TableStore

CHUNK = 400  # keys in one statement: SQLite takes no more than 999 everywhere
WAIT = 5  # seconds, until a thread no longer waits for its turn

TYPES = {
    "sqlite": ("BLOB", "BLOB", ""),
    "postgresql": ("BYTEA", "BYTEA", ""),
    "mysql": (f"VARBINARY({KEY_BYTES})", "LONGBLOB", " ENGINE=InnoDB"),
}
CHANGE = {"mysql": "ON DUPLICATE KEY UPDATE {value} = VALUES({value})"}
ON_CONFLICT = "ON CONFLICT ({key}) DO UPDATE SET {value} = excluded.{value}"


class DjangoStore(TableStore):
    """An ordered map in a table of a database of `DATABASES`: SQLite, PostgreSQL, MariaDB, MySQL.

    `alias` is its name there. A commit is one `transaction.atomic` of this thread's connection,
    which sinks of the same alias join: `batch.sql(call)` calls `call(connection)` with it.
    """

    def __init__(
        self, alias: str = DEFAULT_DB_ALIAS, table: str = "httpmr", **times: Callable[..., Any]
    ) -> None:
        super().__init__(**times)
        self.alias = alias
        self.table = table
        self.database = f"django:{alias}"
        self._writers = Lock()

    def _is_durable(self) -> bool:
        own = django.connection(self.alias)
        return not (own.vendor == "sqlite" and own.is_in_memory_db())

    durable: Any = property(_is_durable)  # asked each time, for tests have databases of their own

    def _words(self, own: Any, statement: str) -> str:
        """Return a statement with the names of the table and the columns, in quotes."""
        key, value, table = map(own.ops.quote_name, ("key", "value", self.table))
        return statement.format(key=key, value=value, table=table)

    def _run(self, own: Any, statement: str, values: Sequence[Any] = (), many: bool = False) -> Any:
        """Execute a statement; return all rows where it gives any, or how many it changed.

        It passes by the log that Django keeps of statements where DEBUG is set, for their values
        are large, and nobody reads them.
        """
        with own.cursor() as cursor, own.wrap_database_errors:
            plain = cursor.cursor
            words = self._words(own, statement)
            if many:
                plain.executemany(words, values)
            else:
                plain.execute(words, values)
            return plain.fetchall() if plain.description else plain.rowcount

    def _entries(self, own: Any, statement: str, values: Sequence[Any]) -> Entries:
        return [(bytes(key), bytes(value)) for key, value in self._run(own, statement, values)]

    def _among(self, own: Any, keys: list[bytes], more: str = "") -> dict[bytes, bytes]:
        """Return the entries of keys: one statement, or several, of as many as SQLite takes."""
        at_once = CHUNK if own.vendor == "sqlite" else max(len(keys), 1)
        found: dict[bytes, bytes] = {}
        for at in range(0, len(keys), at_once):
            some = keys[at : at + at_once]
            among = f"SELECT {{key}}, {{value}} FROM {{table}} WHERE {{key}} IN ({_marks(some)})"
            found.update(self._entries(own, f"{among} {more}", some))
        return found

    # Reading

    def _get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        own = django.connection(self.alias)
        with django.translated(own):
            if len(keys) <= CHUNK or own.vendor != "sqlite":
                return self._among(own, list(keys))
            with transaction.atomic(using=self.alias):  # one snapshot
                return self._among(own, list(keys))

    def _page(self, start: bytes, stop: bytes, size: int, reverse: bool) -> Entries:
        own = django.connection(self.alias)
        order = "DESC" if reverse else "ASC"
        with django.translated(own):
            return self._entries(
                own,
                "SELECT {key}, {value} FROM {table} WHERE {key} >= %s AND {key} < %s "
                f"ORDER BY {{key}} {order} LIMIT %s",
                [start, stop, size],
            )

    # A commit

    @contextmanager
    def _writing(self) -> Iterator[Any]:
        own = django.connection(self.alias)
        if own.vendor != "sqlite":
            with django.writing(self.alias) as own:
                yield own
            return
        # Threads that wait for SQLite's own lock ask for it now and then, and some have no luck.
        mine = self._writers.acquire(timeout=WAIT)
        try:
            with django.writing(self.alias) as own:
                # Takes the lock before anything is read; a reader could not become a writer
                # where another was quicker.
                self._run(own, "DELETE FROM {table} WHERE 0")
                yield own
        finally:
            if mine:
                self._writers.release()

    def _locked(self, connection: Any, keys: list[bytes]) -> dict[bytes, bytes]:
        locking = "" if connection.vendor == "sqlite" else "FOR UPDATE"
        return self._among(connection, keys, f"ORDER BY {{key}} {locking}")

    def _changed(self, connection: Any, key: bytes, before: bytes, after: bytes) -> bool:
        statement = "UPDATE {table} SET {value} = %s WHERE {key} = %s AND {value} = %s"
        return bool(self._run(connection, statement, [after, key, before]) == 1)

    def _delete(self, connection: Any, keys: list[bytes]) -> None:
        self._run(connection, f"DELETE FROM {{table}} WHERE {{key}} IN ({_marks(keys)})", keys)

    def _insert(self, connection: Any, entries: Entries) -> None:
        try:
            self._put(connection, entries, "")
        except IntegrityError as error:
            raise Conflict("a key is there that was expected absent") from error

    def _upsert(self, connection: Any, entries: Entries) -> None:
        self._put(connection, entries, CHANGE.get(connection.vendor, ON_CONFLICT))

    def _put(self, own: Any, entries: Entries, change: str) -> None:
        insert = f"INSERT INTO {{table}} ({{key}}, {{value}}) VALUES (%s, %s) {change}"
        self._run(own, insert, entries, many=True)

    def _ask(self, connection: Any) -> None:
        connection.validate_no_broken_transaction()
        self._run(connection, "SELECT 1")

    # The clock

    def now(self) -> float:
        own = django.connection(self.alias)
        return self._clock() if own.vendor == "sqlite" else super().now()

    def _now(self) -> float:
        own = django.connection(self.alias)
        with django.translated(own):
            return float(self._run(own, CLOCKS[own.vendor])[0][0])

    # The process, and the table

    def forked(self) -> None:
        self._writers = Lock()  # a thread of the parent may have had it

    def close(self) -> None:
        own = django.connection(self.alias)
        if not own.in_atomic_block:
            own.close()

    def _make_ready(self) -> None:
        own = django.connection(self.alias)
        if own.vendor not in TYPES:
            raise RecipeError(
                f"no store in {own.display_name}: use SQLite, PostgreSQL, MariaDB or MySQL"
            )
        with django.translated(own):
            if not self._exists(own):
                try:
                    self._create(own)
                except DatabaseError:
                    if not self._exists(own):
                        raise
        # What a transaction of a test has made goes with it.
        self._ready = not own.in_atomic_block

    def _create(self, own: Any) -> None:
        key, value, engine = TYPES[own.vendor]
        table = f"CREATE TABLE {{table}} ({{key}} {key} PRIMARY KEY NOT NULL, {{value}} {value}"
        if own.features.can_rollback_ddl:
            with transaction.atomic(using=self.alias):
                self._run(own, f"{table} NOT NULL){engine}")
        else:
            self._run(own, f"{table} NOT NULL){engine}")

    def _exists(self, own: Any) -> bool:
        with own.cursor() as cursor:
            if self.table not in own.introspection.table_names(cursor):
                return False
            found = own.introspection.get_table_description(cursor, self.table)
        if [column.name for column in found] != ["key", "value"]:
            message = f"the table {self.table} in {self.database} is not httpmr's: name another"
            raise RecipeError(message, table=self.table)
        return True

    def __repr__(self) -> str:
        return f"DjangoStore({self.alias!r}, table={self.table!r})"


def _marks(keys: Sequence[bytes]) -> str:
    return ", ".join(["%s"] * len(keys))
