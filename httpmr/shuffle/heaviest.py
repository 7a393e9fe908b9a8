"""The biggest groups of a block, noted in its index entry: known before anything is reduced.

Those that stand out are noted, and how big any other group of the block is at most. Nothing is
known here of other blocks, in which a group may go on.
"""

from collections.abc import Sequence
from itertools import accumulate
from operator import sub
from typing import Any, NamedTuple

from httpmr import codec

NOTED = 5
"""So many groups of a block at most."""

_SHARE = 64  # what is more than such a part of the block stands out
_LONGEST_KEY = 200  # bytes


class Heaviest(NamedTuple):
    """What is noted of a block. Bytes are before compression, and about."""

    groups: list[Any]  # [key, how many values, bytes] of each
    rest: int  # bytes of any other group, at most


def heaviest(
    distinct: Sequence[Any], counts: Sequence[int] | None, before: Sequence[int], size: int
) -> Heaviest:
    """Return the biggest groups of a block of `size` bytes, by its columns' keys and counts.

    `before` measures how much comes before each value and after the last.
    """
    scale = size / max(1, before[-1] - before[0])
    if counts is None and type(before) is range:  # one is as big as another
        first = [[distinct[0], 1, int(scale)]] if _short(distinct[0]) else []
        return Heaviest(first, int(scale))
    others = _weights(counts, before)
    least, most = size / scale / _SHARE, max(others)
    found = [n for n, weight in enumerate(others) if weight > least] if most > least else []
    found.sort(key=others.__getitem__, reverse=True)
    groups = []
    for n in found[:NOTED] or [others.index(most)]:
        if _short(distinct[n]):
            groups.append([distinct[n], counts[n] if counts else 1, int(others[n] * scale)])
            others[n] = 0
    return Heaviest(groups, int(max(others) * scale))


def _short(key: Any) -> bool:
    """Whether a key can be noted: an entry is one stored value, and holds two others whole."""
    return len(codec.dumps(key)) <= _LONGEST_KEY


def _weights(counts: Sequence[int] | None, before: Sequence[int]) -> list[int]:
    """Return how much each group is, by the same measure."""
    if counts is not None and type(before) is range:
        return list(counts)
    if counts is not None:
        before = [before[end] for end in accumulate(counts, initial=0)]
    return list(map(sub, before[1:], before))
