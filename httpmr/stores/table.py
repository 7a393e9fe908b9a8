"""What the stores in a table of a database share: how they read in pages, and how long they try.

How a statement comes to the database, and in what words, is for the stores that inherit this.
"""

import random
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from httpmr.errors import Conflict, Unavailable
from httpmr.interfaces import Batch, OrderedStore
from httpmr.stores.limits import check

# Pages of a scan begin small, for values may be large, and grow while they are not.
FIRST_PAGE, LAST_PAGE, PAGE_BYTES = 16, 256, 1024 * 1024

# How often and how long a batch that collides with another is tried.
ATTEMPTS, PATIENCE, PAUSE, LONGEST_PAUSE = 12, 10.0, 0.01, 0.5

SHORT = 64 * 1024  # bytes of a value that may as well be sent twice

CLOCKS = {
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())",
    # In UTC, for local time comes twice in the hour that ends a summer.
    "mysql": "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1000000",
}
"""What asks a server for its time; who has SQLite's file has one clock with its writers."""

Answer = TypeVar("Answer")
Entries = list[tuple[bytes, bytes]]


class TableStore(OrderedStore):
    """An ordered map in one table, of the columns `key` and `value`, made on first use.

    What is expected is locked in key order before anything is written, or is one value, which is
    changed if it is as expected. A batch that collides with another is tried again, for some
    seconds at most.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rng: Callable[[], float] = random.random,
    ) -> None:
        self._clock, self._monotonic, self._sleep, self._rng = clock, monotonic, sleep, rng
        self._ready = False

    @abstractmethod
    def _make_ready(self) -> None:
        """Make the table if it is not there. Another process may be doing the same."""

    @abstractmethod
    def _get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return what `get` does for keys, all different."""

    @abstractmethod
    def _page(self, start: bytes, stop: bytes, size: int, reverse: bool) -> Entries:
        """Return the first `size` entries of a scan."""

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Any]:
        """Return a `with` block that is one transaction, and gives its connection."""

    @abstractmethod
    def _locked(self, connection: Any, keys: list[bytes]) -> dict[bytes, bytes]:
        """Return what is there of ascending keys, locked in their order until the commit."""

    @abstractmethod
    def _changed(self, connection: Any, key: bytes, before: bytes, after: bytes) -> bool:
        """Change a value from what it is expected to be; return whether it was that."""

    @abstractmethod
    def _delete(self, connection: Any, keys: list[bytes]) -> None:
        """Delete what is there of ascending keys."""

    @abstractmethod
    def _insert(self, connection: Any, entries: Entries) -> None:
        """Add entries; Conflict if one of the keys is there."""

    @abstractmethod
    def _upsert(self, connection: Any, entries: Entries) -> None:
        """Add entries, or change the values of those that are there."""

    @abstractmethod
    def _ask(self, connection: Any) -> None:
        """Raise if a statement failed unheard, and COMMIT would undo the transaction in silence."""

    @abstractmethod
    def _now(self) -> float:
        """Return the store's clock."""

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        keys = list(dict.fromkeys(keys))
        return self._persist(lambda: self._get(keys)) if keys else {}

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

    def commit(self, batch: Batch) -> None:
        check(batch)
        if batch.expected or batch.entries or batch.calls:
            self._persist(lambda: self._commit(batch))

    def _commit(self, batch: Batch) -> None:
        with self._writing() as connection:
            puts = dict(batch.puts)
            if alone := _alone(batch):
                key, before = alone
                if not self._changed(connection, key, before, puts.pop(key)):
                    raise _unexpected(key)
            else:
                self._compare(connection, batch)
            if gone := sorted(batch.deletes - batch.puts.keys()):
                self._delete(connection, gone)
            new: Entries = []
            other: Entries = []
            for key, value in sorted(puts.items()):
                absent = batch.expected.get(key, b"") is None
                (new if absent else other).append((key, value))
            if new:
                self._insert(connection, new)
            if other:
                self._upsert(connection, other)
            # After the writes: where a rival did the same work, their Conflict comes before the
            # error that the call would meet.
            for call in batch.calls:
                call(connection)
            if batch.calls:
                self._ask(connection)

    def _compare(self, connection: Any, batch: Batch) -> None:
        found = self._locked(connection, sorted(batch.expected))
        for key, value in batch.expected.items():
            if found.get(key) != value:
                raise _unexpected(key)

    def now(self) -> float:
        return self._persist(self._now)

    def _persist(self, action: Callable[[], Answer]) -> Answer:
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


def _alone(batch: Batch) -> tuple[bytes, bytes] | None:
    """Return the key and value of a batch that expects that one alone and changes it: a claim.

    The change is the check then, which saves a statement.
    """
    if len(batch.expected) != 1:
        return None
    ((key, before),) = batch.expected.items()
    # To change it to what it is, is no change in the eyes of some drivers; and both are sent.
    if before is None or len(before) > SHORT or batch.puts.get(key, before) == before:
        return None
    return key, before


def _unexpected(key: bytes) -> Conflict:
    return Conflict(f"{key!r} is not as expected", key=key)
