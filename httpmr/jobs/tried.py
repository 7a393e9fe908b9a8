"""Some hundred records from all over a source, mapped one by one, to see what they emit."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any

from httpmr import counters
from httpmr.budget import Clock
from httpmr.counters import Counters
from httpmr.engine import blame
from httpmr.interfaces import Pair, Source
from httpmr.recipe import Recipe

PLACES = 16
"""Places of the source that records are read from."""

PARTS = 128
"""Parts the source is asked to split into."""

EMITTING = 1000
"""Records that are mapped at most to see which keys there are."""

_MOST_PARTS = 4096

More = Callable[[], bool]
"""Whether there is time for more."""

Parts = list[tuple[Any, Any]]
"""Ranges of a source, (after, until)."""


@dataclass
class Tried:
    """One record: what it is, what it emitted and counted, and how it failed, if it did."""

    key: Any
    value: Any
    pairs: list[Pair] = field(default_factory=list)
    counted: Counters = field(default_factory=dict)
    error: str | None = None  # one line
    traceback: str | None = None


def divided(source: Source, more: More) -> tuple[Parts, bool]:
    """Return the parts (after, until) of the source, and whether that is all of it."""
    last = source.last()
    found, whole = [], True
    for key in islice(source.split(None, last, PARTS), _MOST_PARTS):
        found.append(key)
        if not more():
            whole = False
            break
    return list(pairwise([None, *found, last])), whole and len(found) < _MOST_PARTS


def mapped(
    recipe: Recipe, parts: Parts, count: int, more: More, clock: Clock
) -> tuple[list[Tried], bool, float]:
    """Map records of parts all over the source; return them, whether it has no more, and seconds.

    At least one is mapped, however long it takes. The first, which pays for what is made once,
    counts as much as another.
    """
    step = max(1, len(parts) // PLACES)
    order = [place for first in range(step) for place in range(first, len(parts), step)]
    waiting = iter(order)
    reading = deque((place, recipe.source.read(*parts[place])) for place in islice(waiting, PLACES))
    found: list[tuple[int, Tried]] = []
    spent: list[float] = []
    while reading and len(found) < count and (not found or more()):
        place, records = reading.popleft()
        record = next(records, None)
        if record is not None:
            began = clock()
            found.append((place, tried(recipe.mapper.map, *record)))
            spent.append(clock() - began)
            reading.append((place, records))
        elif (other := next(waiting, None)) is not None:
            reading.append((other, recipe.source.read(*parts[other])))
    found.sort(key=lambda one: one[0])
    others = spent[1:] or spent
    seconds = len(spent) * sum(others) / max(1, len(others))
    return [one for _, one in found], not reading, seconds


def tried(function: Callable[[Any, Any], Any], key: Any, value: Any) -> Tried:
    """Call a mapper or a reducer; return what it gave and counted, or how it failed."""
    one = Tried(key, value)
    try:
        with counters.collecting() as counted:
            pairs = function(key, value)
            if pairs.__class__ in blame.REFUSED:
                raise blame.not_pairs(function, pairs)
            one.pairs = list(pairs)
            blame.checked(one.pairs, function)
            one.counted = counted
    except blame.FAULTS as error:
        blame.passes(error)
        bad = blame.bad(key, error)
        one.pairs, one.error, one.traceback = [], bad.message, bad.traceback
    return one


def emitted(recipe: Recipe, clock: Clock) -> Iterator[Any]:
    """Yield keys that records of the recipe emit, after half a slice's time at most."""
    until = clock() + recipe.slice_seconds / 2

    def more() -> bool:
        return clock() < until

    parts, _ = divided(recipe.source, more)
    records, _, _ = mapped(recipe, parts, EMITTING, more, clock)
    for record in records:
        for key, _ in record.pairs:
            yield key
