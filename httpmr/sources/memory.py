"""Records that are already in memory: for tests, and for the small inputs of real jobs."""

import reprlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from httpmr import keys
from httpmr.errors import InputError, RecipeError, Unstorable
from httpmr.interfaces import Pair, Source


class Memory(Source):
    """The records of a mapping, sorted by key, or of (key, value) pairs that are in key order.

    Every process that serves the job must make it of the same records.

        >>> list(Memory({"b": 2, "a": 1}).read("a", None))
        [('b', 2)]
    """

    def __init__(self, records: Mapping[Any, Any] | Iterable[Pair] = ()) -> None:
        given = records.items() if isinstance(records, Mapping) else _pairs(records)
        packed = [(_pack(key), key, value) for key, value in given]
        if isinstance(records, Mapping):
            packed.sort(key=lambda record: record[0])
        self._packed = [order for order, _, _ in packed]
        self._pairs = [(key, value) for _, key, value in packed]
        for n in range(1, len(packed)):
            if not self._packed[n - 1] < self._packed[n]:
                raise _backwards(self._pairs[n - 1][0], self._pairs[n][0])

    def read(self, after: Any, until: Any) -> Iterator[Pair]:
        start, stop = self._range(after, until)
        for n in range(start, stop):
            yield self._pairs[n]

    def last(self) -> Any:
        return self._pairs[-1][0] if self._pairs else None

    def split(self, after: Any, until: Any, shards: int) -> Iterator[Any]:
        start, stop = self._range(after, until)
        # Counted from the first record, so that a split that goes on keeps its steps.
        step = max(1, stop // shards)
        for n in range(step - 1, stop - 1, step):
            if n >= start:
                yield self._pairs[n][0]

    def _range(self, after: Any, until: Any) -> tuple[int, int]:
        start = 0 if after is None else bisect_right(self._packed, keys.pack(after))
        stop = len(self._packed)
        return start, stop if until is None else bisect_right(self._packed, keys.pack(until))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({reprlib.repr(self._pairs)})"


def _pairs(records: Iterable[Any]) -> Iterator[Pair]:
    remedy = "give a mapping, or an iterable of (key, value) tuples"
    if isinstance(records, (str, bytes)):
        raise RecipeError(f"Memory cannot be made of {type(records).__name__}: {remedy}")
    try:
        for n, record in enumerate(records):
            if not isinstance(record, (tuple, list)) or len(record) != 2:
                raise RecipeError(f"Memory: record {n} is {reprlib.repr(record)}: {remedy}")
            key, value = record
            yield key, value
    except TypeError as error:
        raise RecipeError(f"Memory: {error}: {remedy}") from error


def _pack(key: Any) -> bytes:
    if key is None:
        raise InputError("Memory: None is no record's key: give each record a key of its own")
    try:
        return keys.pack(key)
    except Unstorable as error:
        raise InputError(f"Memory: {error.message}", key=key) from error


def _backwards(before: Any, after: Any) -> InputError:
    what = "twice" if before == after else "in this order"
    shown = f"{reprlib.repr(before)} and {reprlib.repr(after)}"
    remedy = "sort the pairs by httpmr.keys.pack, or give a mapping, which is sorted for you"
    if what == "twice":
        remedy = "each record needs a key of its own"
    return InputError(f"Memory: keys {shown} {what}: {remedy}", keys=(before, after))
