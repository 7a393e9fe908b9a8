"""What a slice holds in memory until its commit, and when that is enough.

A map slice groups its pairs by key, combines where there is a combiner, and at its end packs
each partition's groups into blocks. How large the pairs will be is estimated from samples, so
that a slice stops well before its commit would pass what a store takes.
"""

from collections import defaultdict

from httpmr import codec, keys
from httpmr.engine.blame import GroupFailed, bad, checked, surroundings
from httpmr.errors import Unstorable
from httpmr.interfaces import BATCH_BYTES
from httpmr.recipe import Recipe
from httpmr.shuffle import Columns, Placed, cut, ordered
from httpmr.state import Task

ENOUGH = BATCH_BYTES * 5 // 8
"""Bytes before compression: what does not compress must fit too."""

_FIRST, _MOST = 16, 8192
_SAMPLE = 16
_COMBINE_AT = 65536


class Scale:
    """Estimates the bytes of what is added, from a few samples of it."""

    def __init__(self):
        self.bytes = 0
        self.each = 0.0
        self.chunk = _FIRST
        """How many to gather before the next estimate, so that it never comes too late."""

    def add(self, items: list) -> None:
        """Add what `items` weigh. Unstorable if a sampled one cannot be stored."""
        if not items:
            return
        some = items[:: max(1, len(items) // _SAMPLE)]
        self.each = len(codec.dumps(some)) / len(some)
        self.bytes += int(self.each * len(items))
        self.chunk = max(1, min(self.chunk * 4, _MOST, int(ENOUGH / 8 / self.each)))

    @property
    def full(self) -> bool:
        """Whether the slice must stop."""
        return self.bytes >= ENOUGH


class Held:
    """The pairs of a map-only or reduce slice, as they came, for the sink."""

    def __init__(self, function):
        self.function = function
        self.pairs = []
        self.scale = Scale()

    def add(self, pairs: list) -> None:
        """Take pairs over; NotPairs if they are none."""
        checked(pairs, self.function)
        self.scale.add(pairs)
        self.pairs.extend(pairs)

    @property
    def full(self):
        """Whether the slice must stop."""
        return self.scale.full


class Groups:
    """The pairs of a map slice by key, combined, on their way to the shuffle."""

    def __init__(self, recipe: Recipe, task: Task):
        self.recipe = recipe
        self.task = task
        self.combine = recipe.combine
        self.plain = uncombined(task)
        self.groups = defaultdict(list)
        self.pending = 0  # values since they were last combined
        self.scale = Scale()

    def add(self, pairs: list) -> None:
        """Take pairs over. NotPairs, Unstorable or GroupFailed where user code broke them."""
        checked(pairs, self.recipe.mapper.map)
        groups = self.groups
        try:
            for key, value in pairs:
                groups[key].append(value)
        except TypeError:
            raise Unstorable(
                f"a key of type {type(key).__name__} cannot be a key: {key!r:.80}; use None, a "
                "number, str, bytes, date, datetime, UUID or a tuple of these",
                value=key,
            ) from None
        self.pending += len(pairs)
        self.scale.add(pairs)
        if self.combine and (self.pending >= _COMBINE_AT or self.scale.full):
            self.fold()

    def fold(self) -> None:
        """Combine what is pending, and weigh what is left."""
        groups = self.groups
        for key, values in groups.items():
            if len(values) > 1:
                groups[key] = combined(self.combine, key, values, self.plain)
        self.pending = 0
        self.scale.bytes = 0
        self.scale.add([(key, values) for key, values in groups.items()])

    @property
    def full(self):
        """Whether the slice must stop."""
        return self.scale.full

    def blocks(self) -> list[Placed]:
        """Return the groups of each partition, sorted and packed."""
        if self.combine:
            self.fold()
        task = self.task
        parts = [{} for _ in range(task.fan_out)]
        partition = self.recipe.partitioner.partition
        for key, values in self.groups.items():
            number = partition(key, task.fan_out)
            if type(number) is not int or not 0 <= number < task.fan_out:
                raise Unstorable(
                    f"the partitioner gave {number!r:.40} for the key {key!r:.60}; it must give a "
                    f"whole number from 0 to {task.fan_out - 1}",
                    value=key,
                )
            parts[number][key] = values
        return [
            Placed(number, 0, task.shard, task.slice, n, block)
            for number, part in enumerate(parts)
            for n, block in enumerate(cut(ordered(part)))
        ]


def uncombined(task: Task) -> set[bytes]:
    """Return, packed, the keys whose combiner failed and was skipped."""
    return {keys.pack(key) for key in task.notes.get("uncombined", ())}


def combined(combine, key, values, plain=frozenset()) -> list:
    """Return what stands for the values: one, or all of them where the key is in `plain`."""
    if plain and keys.pack(key) in plain:
        return list(values)
    try:
        return [combine(key, iter(values))]
    except Exception as error:
        if surroundings(error):
            raise
        raise GroupFailed(bad(key, error, "group")) from error


class Folded:
    """The groups of a merge slice in key order, on their way to a longer run."""

    def __init__(self):
        self.columns = Columns([], [], [])
        self.scale = Scale()
        self.weighed = 0

    @property
    def empty(self):
        """Whether no group was added yet."""
        return not self.columns.keys

    def add(self, key, values: list) -> None:
        """Add the next group, or a further part of the last one."""
        distinct, counts, flat = self.columns
        distinct.append(key)
        counts.append(len(values))
        flat.extend(values)
        if len(flat) - self.weighed >= self.scale.chunk:
            self.scale.add(flat[self.weighed :])
            self.scale.bytes += 16 * len(distinct)
            self.weighed = len(flat)

    @property
    def full(self):
        """Whether the slice must stop."""
        return self.scale.full
