"""What a mapper that maps many records is given at once.

They are read while it takes them, a few at a time, so that each is still in the processor's cache
when it is looked at. Whether the mapper came through is not known here.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from httpmr.budget import Budget
from httpmr.engine.ahead import Ahead, Some
from httpmr.interfaces import Pair

MANY = 16384
"""Records in a lot at most: the more the mapper is given, the fewer pairs it makes."""

AT_ONCE = 256
"""Records that are read at once at most."""

QUICK = 0.01
"""Seconds that records may take which are mapped in one go, if there are to be more next time."""

_SHARE = 50
_LONGEST = 0.2


def moment(budget: Budget) -> float:
    """Return the same for a mapper that maps many: a small part of the slice, if that is more."""
    return max(QUICK, min(budget.allowed / _SHARE, _LONGEST))


class Lot:
    """Up to `most` records: `some`, which were read, and what `ahead` gives in so many seconds."""

    def __init__(
        self, ahead: Ahead, some: Some, most: int, seconds: float, clock: Callable[[], float]
    ) -> None:
        self.records = chain.from_iterable(self._read(ahead, some, most, clock() + seconds, clock))
        self.count = 0
        self.key: Any = None
        """Of the last record that was taken."""

    def _read(
        self, ahead: Ahead, some: Some, most: int, until: float, clock: Callable[[], float]
    ) -> Iterator[Iterable[Pair]]:
        while some.keys:
            self.count += len(some.keys)
            self.key = some.keys[-1]
            yield some.pairs
            left = most - self.count if clock() < until else 0
            some = ahead.more(min(left, AT_ONCE))

    def close(self) -> None:
        """Count as mapped what the mapper did not care to look at."""
        deque(self.records, maxlen=0)
