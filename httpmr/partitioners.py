"""A ready-made partitioner beside the default one: by ranges of keys, for a total order."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from httpmr import keys
from httpmr.errors import RecipeError
from httpmr.interfaces import Partitioner


class RangePartitioner(Partitioner):
    """Neighbouring keys go to one reducer: each partition's keys come before those of the next.

    So what a file sink writes, one partition after the other, is sorted by key as a whole.
    `cuts` are the first keys of all partitions but the first, ascending; without them, each job
    takes them of a sample of its own input when it starts, so that partitions are about even.

    >>> ranges = RangePartitioner(["h", "q"])
    >>> [ranges.partition(key, 3) for key in ("apple", "h", "pear", "quince")]
    [0, 1, 1, 2]
    """

    def __init__(self, cuts: Iterable[Any] | None = None) -> None:
        self.cuts = None if cuts is None else list(cuts)
        given = self.cuts or []
        self._packed = [keys.pack(cut) for cut in given]
        for n, (before, after) in enumerate(pairwise(self._packed)):
            if not before < after:
                one, other = given[n : n + 2]
                raise RecipeError(f"RangePartitioner: cuts ascend, but {other!r} is after {one!r}")

    def partition(self, key: Any, partitions: int) -> int:
        return min(bisect_right(self._packed, keys.pack(key)), partitions - 1)

    def learned(self, sample: Iterable[Any], partitions: int) -> list[Any] | None:
        if self.cuts is not None:
            return None
        found = sorted((keys.pack(key), n, key) for n, key in enumerate(sample))
        cuts = [found[len(found) * n // partitions] for n in range(1, partitions)] if found else []
        return list({packed: key for packed, _, key in cuts}.values())

    def with_learned(self, cuts: list[Any]) -> Partitioner:
        made = RangePartitioner()
        made._packed = [keys.pack(cut) for cut in cuts]
        return made

    def __repr__(self) -> str:
        return f"RangePartitioner({'' if self.cuts is None else self.cuts})"
