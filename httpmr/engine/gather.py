"""What a slice holds in memory until its commit, and when that is enough.

A map slice groups its pairs by key, combines where there is a combiner, and at its end packs
each partition's groups into blocks. It stops well before its commit would pass what a store takes.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice
from typing import Any

from httpmr import counters, keys
from httpmr.engine.blame import FAULTS, GroupFailed, bad, checked, passes, surroundings
from httpmr.engine.scale import Scale, few
from httpmr.errors import Unstorable, UserCodeError
from httpmr.interfaces import BATCH_BYTES, Combine, Pair
from httpmr.recipe import Recipe
from httpmr.shuffle import Columns, Placed, cut, gather, ordered, single
from httpmr.state import Task

_OF_OUTPUT = BATCH_BYTES * 3 // 8
"""`ENOUGH` of what goes to a sink: as Python objects, small values take many times as much."""

_UNKNOWN = 64  # bytes, where only the sink knows
_PENDING, _EACH = 4096, 8
"""So many values in all, and for each group, wait to be combined: few are in the cache still."""


class Held:
    """The pairs of a map-only or reduce slice, as they came, for the sink."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.pairs: list[Pair] = []
        self.scale = Scale(_OF_OUTPUT)

    def add(self, pairs: list[Pair]) -> None:
        """Take pairs over; NotPairs if they are none."""
        checked(pairs, self.function)
        try:
            self.scale.add(pairs)
        except Unstorable:  # a sink may take it all the same, and says so where it does not
            self.scale.bytes += _UNKNOWN * len(pairs)
        self.pairs.extend(pairs)

    @property
    def full(self) -> bool:
        """Whether the slice must stop."""
        return self.scale.full

    def close(self) -> None:
        """Nothing comes any more."""

    def placed(self, task: Task) -> list[Placed]:
        """Return what of it is in blocks already: nothing."""
        return []


class Groups:
    """The pairs of a map slice by key, combined, on their way to the shuffle."""

    def __init__(self, recipe: Recipe, task: Task) -> None:
        self.recipe = recipe
        self.task = task
        self.combine = recipe.combine
        self.plain = Uncombined(task)
        self.groups: defaultdict[Any, list[Any]] = defaultdict(list)
        # {key: what is combined already}, while the combiner can tally.
        self.totals: dict[Any, Any] = {}
        self.tally = None if self.plain else recipe.tally
        self.scale = Scale()
        self.pending = 0  # values that came since the groups were combined

    def add(self, pairs: list[Pair]) -> None:
        """Take pairs over. NotPairs, Unstorable or GroupFailed where user code broke them."""
        checked(pairs, self.recipe.mapper.map, unpacked=True)
        known = len(self.groups)
        try:
            if not self._tallied(pairs):
                gather(self.groups, pairs)
                self.pending += len(pairs)
        except ValueError:
            checked(pairs, self.recipe.mapper.map)
            raise
        if self.combine:
            self.scale.add(pairs)
        else:
            self.scale.gathered(few(pairs), len(pairs), self._fresh(known))
        much = self.pending >= max(_PENDING, _EACH * len(self.groups))
        if self.combine and (much or self.scale.full):
            self.fold(self.combine)

    def take(self, given: Iterable[Iterable[Pair]], taken: list[Any]) -> None:
        """Take over what is given for some records, as it comes: all pairs or, on errors, none.

        There is no combiner, and that they are tuples is known. Their keys are left in `taken`,
        which is empty. Raises what comes of it.
        """
        groups, known = self.groups, len(self.groups)
        values: list[Any] = []
        try:
            for pairs in given:
                for key, value in pairs:
                    groups[key].append(value)
                    taken.append(key)
                    values.append(value)
            sample = list(zip(few(taken), few(values), strict=True))
            self.scale.gathered(sample, len(taken), self._fresh(known))
        except BaseException:
            for key in taken:
                groups[key].pop()
            for key in self._fresh(known):
                del groups[key]
            raise

    def _fresh(self, known: int) -> list[Any]:
        """Return the keys that came since so many were known."""
        return list(islice(reversed(self.groups), len(self.groups) - known))

    def _tallied(self, pairs: list[Pair]) -> bool:
        """Combine pairs at once, if that can be done; if not, then never again in this slice."""
        if self.tally is None:
            return False
        try:
            if self.tally(self.totals, pairs):
                return True
        except TypeError:
            gather(defaultdict(list), pairs)  # says it better, if it is a key that is wrong
            raise
        self.tally = None
        for key, value in self.totals.items():
            self.groups[key].append(value)
        self.totals = {}
        return False

    def fold(self, combine: Combine) -> None:
        """Combine what is pending, and weigh what is left.

        What a combiner counts is not counted: how often it runs is nobody's business.
        """
        groups, plain = self.groups, self.plain
        with counters.collecting():
            for key, values in groups.items():
                if len(values) > 1 and key not in plain:
                    groups[key] = [combined(combine, key, values)]
        self.pending = 0
        self.scale.set(self.totals or groups)

    def blocks(self) -> list[Placed]:
        """Return the groups of each partition, sorted and packed."""
        if self.combine:
            self.fold(self.combine)
        sort = partial(ordered, by=self.recipe.order)
        groups, columns = (self.totals, single) if self.totals else (self.groups, sort)
        return [
            Placed(number, 0, *self.task.place, n, block)
            for number, distinct in enumerate(self._parted(groups))
            for n, block in enumerate(cut(columns(groups, distinct)))
        ]

    def _parted(self, groups: dict[Any, Any]) -> list[list[Any]]:
        """Return the keys of each partition."""
        count = self.task.fan_out
        partition = self.recipe.partitioner.partition
        parts: list[list[Any]] = [[] for _ in range(count)]
        for key in groups:
            number = partition(key, count)
            if type(number) is not int or not 0 <= number < count:
                raise UserCodeError(
                    f"the partitioner gave {number!r:.40} for the key {key!r:.60}; it must give a "
                    f"whole number from 0 to {count - 1}"
                )
            parts[number].append(key)
        return parts


class Uncombined:
    """The keys of a task whose combiner failed and was skipped."""

    def __init__(self, task: Task) -> None:
        self.packed = {keys.pack(key) for key in task.notes.get("uncombined", ())}

    def __bool__(self) -> bool:
        return bool(self.packed)

    def __contains__(self, key: Any) -> bool:
        return bool(self.packed) and keys.pack(key) in self.packed


def combined(combine: Combine, key: Any, values: Iterable[Any]) -> Any:
    """Return the one value that stands for `values`; GroupFailed where user code is to blame."""
    try:
        value = combine(key, iter(values))
    except FAULTS as error:
        passes(error)
        error = met(values) or error
        if surroundings(error):
            raise error
        raise GroupFailed(bad(key, error, "group")) from error
    if swallowed := met(values):
        raise swallowed
    return value


def met(values: Any) -> Exception | None:
    """Return the error that reading a group met: user code that walked it may have swallowed it."""
    return getattr(values, "error", None)


class Folded:
    """The groups of a merge slice in key order, on their way to a longer run."""

    def __init__(self, most: int | None = None) -> None:
        self.counts: list[int] = []
        self.columns = Columns([], self.counts, [])
        self.scale = Scale()
        self.weighed = 0
        self.most = most

    @property
    def empty(self) -> bool:
        """Whether no group was added yet."""
        return not self.columns.keys

    @property
    def chunk(self) -> int:
        """How many values of a group to add at a time."""
        return min(self.scale.chunk, self.most or self.scale.chunk)

    def add(self, key: Any, values: Sequence[Any]) -> None:
        """Add the next group, or a further part of the last one."""
        distinct, _, flat = self.columns
        if distinct and distinct[-1] == key:
            self.counts[-1] += len(values)
        else:
            distinct.append(key)
            self.counts.append(len(values))
        flat.extend(values)
        if len(flat) - self.weighed >= self.scale.chunk:
            self.scale.add(flat[self.weighed :])
            self.weighed = len(flat)
