"""A store in this process's memory: for tests, and to try things."""

import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from threading import RLock

from httpmr.errors import Conflict
from httpmr.interfaces import Batch, OrderedStore
from httpmr.stores.limits import check

PAGE = 200


class MemoryStore(OrderedStore):
    """An ordered map in memory, with the semantics and the limits of one in a database.

    `database` is a dict of its own, for what sinks keep beside the map: what joins a batch is
    called with it, once everything expected was found so. Where it fails, the dict's items are
    put back; so what joins must replace its values, not change them.
    """

    durable = False

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.database = {}
        self._clock = clock
        self._lock = RLock()
        self._values: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []  # sorted

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        with self._lock:
            return {key: self._values[key] for key in keys if key in self._values}

    def scan(
        self, start: bytes, stop: bytes, *, limit: int | None = None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        while start < stop and limit != 0:
            page = self._page(start, stop, PAGE if limit is None else min(limit, PAGE), reverse)
            yield from page
            if limit is not None:
                limit -= len(page)
            if len(page) < PAGE:
                return
            if reverse:
                stop = page[-1][0]
            else:
                start = page[-1][0] + b"\0"

    def _page(
        self, start: bytes, stop: bytes, size: int, reverse: bool
    ) -> list[tuple[bytes, bytes]]:
        with self._lock:
            first = bisect_left(self._keys, start)
            last = bisect_left(self._keys, stop, first)
            if reverse:
                keys = self._keys[max(first, last - size) : last][::-1]
            else:
                keys = self._keys[first : min(last, first + size)]
            return [(key, self._values[key]) for key in keys]

    def commit(self, batch: Batch) -> None:
        check(batch)
        with self._lock:
            for key, value in batch.expected.items():
                if self._values.get(key) != value:
                    raise Conflict(f"{key!r} is not as expected", key=key)
            self._join(batch)
            for key in batch.deletes - batch.puts.keys():
                if self._values.pop(key, None) is not None:
                    del self._keys[bisect_left(self._keys, key)]
            for key, value in batch.puts.items():
                if key not in self._values:
                    insort(self._keys, key)
                self._values[key] = bytes(value)

    def _join(self, batch: Batch) -> None:
        if not batch.calls:
            return
        before = dict(self.database)
        try:
            for call in batch.calls:
                call(self.database)
        except BaseException:
            self.database.clear()
            self.database.update(before)
            raise

    def now(self) -> float:
        return self._clock()

    def __repr__(self) -> str:
        return "MemoryStore()"
