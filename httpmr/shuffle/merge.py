"""The merge: many sorted runs of blocks become one sequence of groups.

Each round concatenates, in run order, what the open blocks hold up to the smallest last key,
and sorts it stably (timsort finds the runs): so groups come in key order, and a group's values
in run order. A block is opened only when the merge reaches it, and the one group that may go on
in further blocks is streamed. Where blocks are kept is not known here.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from operator import itemgetter
from typing import Any, NamedTuple

from httpmr import keys
from httpmr.shuffle.blocks import Columns


class Entry(NamedTuple):
    """What the index says of a block; `ref` finds it."""

    run: tuple
    first: Any
    last: Any
    kind: str
    groups: int
    values: int
    ref: Any


class _Run:
    """One run: its blocks still to come, and the open one from `at` on."""

    def __init__(self, entries, order, read):
        self.entries = entries
        self.order = order
        self.read = read
        self.head = 0
        self.open = None

    def first(self):
        if self.open:
            return self.sorted[self.at]
        return self.order(self.entries[self.head].first)

    def last(self):
        return self.order(self.entries[self.head].last)

    def load(self):
        if not self.open:
            self.open = columns = self.read(self.entries[self.head].ref)
            self.sorted = _sorted(columns.keys, self.order)
            counts = columns.counts
            self.ends = None if counts is None else list(accumulate(counts))
            self.at = 0

    def take(self, stop):
        """Return (order, key, values) of the open block's groups before index `stop`."""
        distinct, _, values = self.open
        start, self.at = self.at, stop
        if self.ends is None:
            held = [[value] for value in values[start:stop]]
        else:
            ends = self.ends
            begins = ends[start - 1] if start else 0
            held = []
            for end in ends[start:stop]:
                held.append(values[begins:end])
                begins = end
        return zip(self.sorted[start:stop], distinct[start:stop], held, strict=True)

    def pass_on(self):
        """Let go of the open block if nothing is left in it; return whether the run goes on."""
        if self.open and self.at == len(self.sorted):
            self.open = None
            self.head += 1
        return self.head < len(self.entries)

    def skip(self):
        """Pass over the next block unopened."""
        self.head += 1


def _native(key):
    return key


def _sorted(distinct, order):
    return distinct if order is _native else list(map(order, distinct))


def merge(
    entries: Iterable[Entry], read: Callable[[Any], Columns], after: Any = None
) -> Iterator[tuple[Any, Iterable[Any]]]:
    """Yield (key, values) of the runs that `entries` describe, in key order.

    `entries` come run by run, each run's in order; runs in the order their values shall have.
    `read(ref)` opens a block. `after` = (key, n): begin at `key` without its first n values, or,
    where n is None, after `key`.
    """
    entries = list(entries)
    kinds = {entry.kind for entry in entries}
    if after is not None:
        kinds.add(_kind(after[0]))
    order = _native if len(kinds) == 1 and kinds != {""} else keys.pack
    bound = None if after is None else order(after[0])
    within = after is not None and after[1] is not None
    runs = []
    by_run: dict[tuple, list[Entry]] = {}
    for entry in entries:
        if bound is not None:
            last = order(entry.last)
            if last < bound or (last == bound and not within):
                continue
        by_run.setdefault(entry.run, []).append(entry)
    for listed in by_run.values():
        runs.append(_Run(listed, order, read))
    if bound is not None:
        runs = _begin(runs, bound, within)
    groups = _rounds(runs)
    if within and after[1]:
        groups = _without(groups, bound, order, after[1])
    yield from groups


def _kind(key):
    return {str: "s", bytes: "b", int: "i"}.get(type(key), "")


def _begin(runs, bound, within):
    """Move each run to its first group at (within) or after the bound."""
    find = bisect_left if within else bisect_right
    begun = []
    for run in runs:
        if run.first() < bound or (not within and run.first() == bound):
            run.load()
            run.at = find(run.sorted, bound)
        if run.pass_on():
            begun.append(run)
    return begun


def _rounds(runs):
    while runs:
        horizon = min(run.last() for run in runs)
        reached = [run for run in runs if run.first() <= horizon]
        below = []
        for run in reached:
            # A block that begins at the horizon has nothing below it: it is opened when streamed.
            if run.open or run.first() < horizon:
                run.load()
                below.extend(run.take(bisect_left(run.sorted, horizon, run.at)))
        if len(reached) > 1:
            below.sort(key=itemgetter(0))
        yield from _grouped(below)
        reached = [run for run in reached if run.first() == horizon]
        stream = _Stream(reached, horizon)
        yield stream.key(), stream
        stream.drain()
        runs = [run for run in runs if run.head < len(run.entries)]


def _grouped(items):
    """Yield (key, list of values), neighbouring equal keys as one, in the first one's form."""
    items = iter(items)
    group = next(items, None)
    if group is None:
        return
    order, key, values = group
    for next_order, next_key, more in items:
        if next_order == order:
            values = values + more
        else:
            yield key, values
            order, key, values = next_order, next_key, more
    yield key, values


class _Stream:
    """The values of the group at the horizon: run by run, block by block, walked once."""

    def __init__(self, runs, horizon):
        self.runs = runs
        self.horizon = horizon
        self.values = self._walk()

    def key(self):
        run = self.runs[0]
        return run.open.keys[run.at] if run.open else run.entries[run.head].first

    def skip(self, count):
        """Pass over the first `count` values, whole blocks unopened; return how many are left."""
        for run in self.runs:
            while count and run.head < len(run.entries) and run.first() == self.horizon:
                entry = run.entries[run.head]
                if run.open or run.last() != self.horizon or entry.values > count:
                    return count
                run.skip()
                count -= entry.values
        return count

    def _walk(self):
        for run in self.runs:
            while run.head < len(run.entries) and run.first() == self.horizon:
                run.load()
                for _, _, held in run.take(run.at + 1):
                    yield from held
                run.pass_on()

    def drain(self):
        for _ in self.values:
            pass

    def __iter__(self):
        return self.values


def _without(groups, bound, order, count):
    """Pass over the first `count` values of the group at `bound`, which comes first if at all."""
    for key, values in groups:
        if order(key) == bound:
            if isinstance(values, _Stream):
                left = values.skip(count)
                walk = iter(values)
            else:
                left, walk = count, iter(values)
            for _ in range(left):
                next(walk, None)
            yield key, walk
        else:
            yield key, values
        break
    yield from groups
