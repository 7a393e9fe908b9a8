"""The merge: many sorted runs of blocks become one sequence of groups.

Each round concatenates, in run order, what the open blocks hold up to the smallest last key,
and sorts it stably (timsort finds the runs): so groups come in key order, and a group's values
in run order. A block is opened only when the merge reaches it, and the one group that may go on
in further blocks is streamed. Where blocks are kept is not known here.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, chain
from operator import attrgetter, itemgetter
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
    """One run: the block it has come to, open or not, from `at` on, and those still to come."""

    def __init__(self, number, entries, order, read):
        self.number = number
        self.entries = entries
        self.next = 0  # the number of the next entry
        self.order = order
        self.read = read
        self.pass_on()

    def pass_on(self):
        """Go to the next block; after the last one, `entry` is None."""
        self.open = None
        self.entry = self.entries[self.next] if self.next < len(self.entries) else None
        self.next += 1
        if self.entry:
            self.low, self.high = self.order(self.entry.first), self.order(self.entry.last)

    def first(self):
        return self.sorted[self.at] if self.open else self.low

    def begins(self, key):
        """Whether the next group is that of the key."""
        return self.entry is not None and self.first() == key

    def most(self):
        """How many values the first group has in this run at most, by the index alone."""
        key, values, number = self.first(), 0, self.next - 1
        low, high = self.low, self.high
        while low <= key:
            entry = self.entries[number]
            values += entry.values - entry.groups + 1
            number += 1
            if high != key or number == len(self.entries):
                break
            low, high = map(self.order, self.entries[number][1:3])
        return values

    def held(self):
        """How many values the first group has in this block, opened only where it has others."""
        if not self.open:
            if self.low == self.high:
                return self.entry.values
            self.load()
        if self.ends is None:
            return 1
        return self.ends[self.at] - (self.ends[self.at - 1] if self.at else 0)

    def leave(self):
        """Pass over the first group, as much of it as this block has, opened if it has others."""
        if self.open:
            self.at += 1
        if not self.open or self.at == len(self.sorted):
            self.pass_on()

    def load(self):
        if not self.open:
            self.open = columns = self.read(self.entry.ref)
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
    by_run: dict[tuple, list[Entry]] = {}
    for entry in entries:
        if bound is not None:
            last = order(entry.last)
            if last < bound or (last == bound and not within):
                continue
        by_run.setdefault(entry.run, []).append(entry)
    runs = [_Run(n, listed, order, read) for n, listed in enumerate(by_run.values())]
    if bound is not None:
        _begin(runs, bound, within)
    groups = _rounds(runs)
    if within and after[1]:
        groups = _without(groups, bound, order, after[1])
    yield from groups


def _kind(key):
    return {str: "s", bytes: "b", int: "i"}.get(type(key), "")


def _begin(runs, bound, within):
    """Move each run to its first group at (within) or after the bound."""
    find = bisect_left if within else bisect_right
    for run in runs:
        if run.low < bound or (not within and run.low == bound):
            run.load()
            run.at = find(run.sorted, bound)


def _rounds(runs):
    # Runs wait until the merge comes to their first key: of many that follow each other, as
    # those of a sorted output do, few are ever looked at.
    waiting = sorted(runs, key=_Run.first)
    waiting.reverse()
    coming = []
    while waiting or coming:
        if not coming:
            coming.append(waiting.pop())
        horizon = min(run.high for run in coming)
        while waiting and waiting[-1].first() <= horizon:
            coming.append(waiting.pop())
            horizon = min(horizon, coming[-1].high)
        reached = [run for run in coming if run.first() <= horizon]
        reached.sort(key=attrgetter("number"))
        below = []
        for run in reached:
            # A block that begins at the horizon has nothing below it: it is opened when streamed.
            if run.open or run.low < horizon:
                run.load()
                below.extend(run.take(bisect_left(run.sorted, horizon, run.at)))
        if len(reached) > 1:
            below.sort(key=itemgetter(0))
        yield from _grouped(below)
        stream = Stream([run for run in reached if run.first() == horizon], horizon)
        yield stream.key(), stream
        stream.drain()
        coming = [run for run in coming if run.entry]


def _grouped(items):
    """Yield (key, list of values), neighbouring equal keys as one, in the first one's form."""
    items = iter(items)
    group = next(items, None)
    if group is None:
        return
    order, key, values = group
    for next_order, next_key, more in items:
        if next_order == order:
            values += more
        else:
            yield key, values
            order, key, values = next_order, next_key, more
    yield key, values


class Stream:
    """The values of the group at the horizon: run by run, block by block, walked once.

    `error` is what reading them met: whoever walks them may have swallowed it.
    """

    def __init__(self, runs, horizon):
        self.runs = runs
        self.horizon = horizon
        self.passed = 0  # values of the first block to come that are passed over
        self.error = None
        self.lists = self._walk()
        self.values = chain.from_iterable(self.lists)

    def key(self):
        run = self.runs[0]
        return run.open.keys[run.at] if run.open else run.entry.first

    def most(self):
        """Return a number of values that there are not more than: few are known to be few."""
        return sum(run.most() for run in self.runs if run.begins(self.horizon)) - self.passed

    def skip(self, count):
        """Pass over the first `count` values, whole blocks unopened, before any is walked."""
        for run in self.runs:
            while run.begins(self.horizon):
                if run.held() > count:
                    self.passed = count
                    return
                count -= run.held()
                run.leave()

    def _walk(self):
        try:
            for run in self.runs:
                while run.begins(self.horizon):
                    run.load()
                    [(_, _, held)] = run.take(run.at + 1)
                    if run.at == len(run.sorted):
                        run.pass_on()
                    begin, self.passed = self.passed, 0
                    yield held[begin:] if begin else held
        except Exception as error:
            self.error = error
            raise

    def drain(self):
        """Pass over what was not walked."""
        self.lists.close()
        self.skip(math.inf)

    def __iter__(self):
        return self.values


def _without(groups, bound, order, count):
    """Pass over the first `count` values of the group at `bound`, which comes first if at all."""
    for key, values in groups:
        if order(key) != bound:
            yield key, values
        elif isinstance(values, Stream):
            values.skip(count)
            yield key, values
        else:
            yield key, values[count:]
        break
    yield from groups
