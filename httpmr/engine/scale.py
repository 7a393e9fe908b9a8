"""How large what a slice holds will be when it is packed, estimated from a few samples of it.

Nothing is known here of what becomes of it.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from httpmr import codec
from httpmr.interfaces import BATCH_BYTES, Pair
from httpmr.shuffle.blocks import HOLDERS

ENOUGH = BATCH_BYTES * 5 // 8
"""Bytes before compression: what does not compress must fit too."""

_FIRST = 8  # even the first few fit, were they as large as a store takes
_MOST = 1000  # pairs so few are still in the processor's cache, and in Python's list of free tuples
_SAMPLE = 8
_GOLDEN = (5**0.5 - 1) / 2  # a part of a whole whose multiples fill it as evenly as can be
_LEAST, _LEAST_HOLDER = 8, 24
"""Bytes of a gathered value: as Python objects, small values take many times as much."""

_LONG = 100  # items


class Scale:
    """Estimates the bytes of what is added, from a few samples of it."""

    def __init__(self, enough: int = ENOUGH) -> None:
        self.enough = enough
        self.bytes = 0
        self.chunk = _FIRST
        """How many to gather before the next estimate, so that it never comes too late."""
        self.most = _FIRST
        """The same, where they need not be in the cache."""

    def add(self, items: Sequence[Any]) -> None:
        """Add what `items` weigh. Unstorable if a sampled one cannot be stored."""
        if items:
            some = few(items)
            weight = _weight(some)
            self._grow(weight / len(some))
            self.bytes += int(weight * _times(items, some))

    def gathered(self, sample: Sequence[Pair], count: int, fresh: Sequence[Any]) -> None:
        """Add what `count` pairs weigh once they are gathered: of their keys, `fresh` are new.

        `sample` are some of them. Unstorable if one of these cannot be stored.
        """
        if sample:
            values = [value for _, value in sample]
            value = _each(values)
            self._grow(value + _each([key for key, _ in sample]))
            least = _LEAST_HOLDER if type(values[0]) in HOLDERS else _LEAST
            self.bytes += int(max(value, least) * count)
        if fresh:
            self.bytes += int(_each(fresh) * len(fresh))

    def set(self, groups: dict[Any, Any]) -> None:
        """Let the whole weigh what `groups` do."""
        self.bytes = 0
        if groups:
            some = list(islice(groups.items(), 0, None, max(1, len(groups) // _SAMPLE)))
            each = _weight(some) / len(some)
            self._grow(each)
            self.bytes = int(each * len(groups))

    def _grow(self, each: float) -> None:
        self.most = max(1, min(self.most * 4, int(self.enough / 8 / each)))
        self.chunk = min(self.most, _MOST)

    @property
    def full(self) -> bool:
        """Whether the slice must stop."""
        return self.bytes >= self.enough


def few(items: Sequence[Any]) -> Sequence[Any]:
    """Return a few of the items, the first one and others that are not evenly apart.

    So what comes at regular intervals is neither passed over nor all that is seen.
    """
    step = max(1, len(items) // _SAMPLE)
    uneven = int(step * _GOLDEN)
    return [items[n * step + n * uneven % step] for n in range(len(items) // step)]


def _times(items: Sequence[Any], some: Sequence[Any]) -> float:
    """Return how many times as much pairs or values weigh as some of them, the first among these.

    Lists differ most, and few of them may have most of it: of them it is how much they hold.
    """
    first = items[0]
    pairs = type(first) is tuple and len(first) == 2
    if type(first[1] if pairs else first) is list:
        try:
            return _held(items, pairs) / _held(some, pairs)
        except (TypeError, LookupError):  # not all are pairs
            pass
    return len(items) / len(some)


def _held(items: Sequence[Any], pairs: bool) -> int:
    values = (pair[1] for pair in items) if pairs else items
    return len(items) + sum(len(value) for value in values if type(value) is list)


def _each(items: Sequence[Any]) -> float:
    """Return the bytes of one of the items, about."""
    some = few(items)
    return _weight(some) / len(some)


def _weight(items: Sequence[Any]) -> int:
    """Return the bytes of pairs or values, about: of a long list, what some of it weighs."""
    pairs = all(type(item) is tuple and len(item) == 2 for item in items)
    columns = [[pair[0] for pair in items], [pair[1] for pair in items]] if pairs else [list(items)]
    weight = 0
    for number, value in enumerate(columns[-1]):
        if type(value) is list and len(value) >= _LONG:
            some = value[:: len(value) // _SAMPLE]
            weight += len(codec.dumps(some)) * len(value) // len(some)
            columns[-1][number] = None
    return weight + len(codec.dumps(columns))
