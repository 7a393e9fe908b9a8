"""For sources that read by lists of keys and of values: how long those are, and records of them."""

from collections.abc import Iterable, Iterator
from itertools import chain

from httpmr.interfaces import Pair, Records

SOME = 256
"""Records in a list: few enough for a processor's cache."""


def each(lists: Iterable[Records]) -> Iterator[Pair]:
    """Yield the (key, value) pairs of what `read_many` gives, which is what `read` does."""
    return chain.from_iterable(zip(*some, strict=True) for some in lists)


def parts(count: int, some: int = SOME) -> Iterator[slice]:
    """Yield the slices that cut `count` records into lists of `some`."""
    return (slice(at, at + some) for at in range(0, count, some))
