"""How runs are read: where each of them is, and the one group that is walked through several.

Nothing is known here of where blocks are kept, nor which group comes next.
"""

import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from heapq import merge
from itertools import accumulate, chain, islice
from typing import Any, NamedTuple

from httpmr.interfaces import By
from httpmr.shuffle.blocks import Columns
from httpmr.shuffle.heaviest import Heaviest
from httpmr.state import Place

Read = Callable[[list[Any]], list[Columns]]
"""Opens blocks, by the `ref` of each."""

Order = Callable[[Any], Any]
"""From a key to what sorts as it does."""

Group = tuple[Any, Any, list[Any]]
"""(order, key, values)"""

AT_ONCE = 16
"""Blocks that are read at a time at most."""


class Entry(NamedTuple):
    """What the index says of a block; `ref` finds it."""

    run: Place
    first: Any
    last: Any
    kind: str
    groups: int
    values: int
    ref: Any
    heaviest: Heaviest | None = None  # not known of what an older version stored


def native(key: Any) -> Any:
    """The order of keys that sort as their packed bytes do."""
    return key


def fetch(read: Read, wanted: list[tuple["Run", Entry]]) -> None:
    """Read blocks, some at a time, for a store may be far away; `wanted`: (its Run, its Entry)."""
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        for (run, _), columns in zip(some, read([entry.ref for _, entry in some]), strict=True):
            run.fetched.append(columns)


class Run:
    """The block a run has come to, open or not, from `at` on, and those still to come."""

    entry: Any  # the Entry of the block; None after the last
    open: Any  # its Columns; None while it is not open
    ends: list[int] | None  # where the values of each group end; None where each has one

    def __init__(self, number: int, entries: list[Entry], order: Order, read: Read) -> None:
        self.number = number
        self.entries = entries
        self.next = 0  # the number of the next entry
        self.order = order
        self.read = read
        self.fetched: deque[Columns] = deque()  # what was read of the blocks, the present one first
        self.pass_on()

    def pass_on(self) -> None:
        """Go to the next block; after the last one, `entry` is None."""
        if self.fetched:
            self.fetched.popleft()
        self.open = None
        self.entry = self.entries[self.next] if self.next < len(self.entries) else None
        self.next += 1
        if self.entry:
            self.low, self.high = self.order(self.entry.first), self.order(self.entry.last)

    def first(self) -> Any:
        return self.sorted[self.at] if self.open else self.low

    def begins(self, key: Any) -> bool:
        """Whether the next group is that of the key."""
        return self.entry is not None and self.first() == key

    def most(self) -> int:
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

    def held(self) -> int:
        """How many values the first group has in this block, opened only where it has others."""
        if not self.open:
            if self.low == self.high:
                values: int = self.entry.values
                return values
            self.load()
        if self.ends is None:
            return 1
        return self.ends[self.at] - (self.ends[self.at - 1] if self.at else 0)

    def leave(self) -> None:
        """Pass over the first group, as much of it as this block has, opened if it has others."""
        if self.open:
            self.at += 1
        if not self.open or self.at == len(self.sorted):
            self.pass_on()

    def coming(self, key: Any) -> Iterator[Entry]:
        """Yield the entries of blocks that were not read, while they begin with the key."""
        for entry in islice(self.entries, self.next - 1 + len(self.fetched), None):
            if self.order(entry.first) != key:
                return
            yield entry

    def load(self) -> None:
        """Open the block, read before or now."""
        if not self.open:
            if not self.fetched:
                self.fetched.extend(self.read([self.entry.ref]))
            self.open = columns = self.fetched[0]
            distinct, counts, _ = columns
            self.sorted = distinct if self.order is native else list(map(self.order, distinct))
            self.ends = None if counts is None else list(accumulate(counts))
            self.at = 0

    def ahead(self, groups: int) -> Any:
        """Return where the open block is so many groups on, or at its last one."""
        return self.sorted[min(self.at + groups, len(self.sorted)) - 1]

    def take(self, stop: int) -> Iterable[Group]:
        """Return (order, key, values) of the open block's groups before index `stop`."""
        distinct, _, values = self.open
        start, self.at = self.at, stop
        held: Iterable[list[Any]]  # each made when it is asked for, and used while in the cache
        if self.ends is None:
            held = [[value] for value in values[start:stop]]
        else:
            ends = self.ends[start:stop]
            begins = self.ends[start - 1] if start else 0
            held = map(values.__getitem__, map(slice, [begins, *ends], ends))
        return zip(self.sorted[start:stop], distinct[start:stop], held, strict=True)


class Stream:
    """The values of the group at the horizon: run by run, block by block, walked once.

    `error` is what reading them met: whoever walks them may have swallowed it.
    """

    def __init__(self, runs: list[Run], horizon: Any, read: Read) -> None:
        self.runs = runs
        self.horizon = horizon
        self.read = read
        self.passed = 0  # values of the first block to come that are passed over
        self.error: Exception | None = None
        self.lists = self._walk()
        self.values: Iterator[Any] = chain.from_iterable(self.lists)

    def key(self) -> Any:
        run = self.runs[0]
        return run.open.keys[run.at] if run.open else run.entry.first

    def most(self) -> int:
        """Return a number of values that there are not more than: few are known to be few."""
        return sum(run.most() for run in self.runs if run.begins(self.horizon)) - self.passed

    def skip(self, count: int) -> None:
        """Pass over the first `count` values, whole blocks unopened, before any is walked."""
        for number, run in enumerate(self.runs):
            while run.begins(self.horizon):
                self._look(number)
                if run.held() > count:
                    self.passed = count
                    return
                count -= run.held()
                run.leave()

    def _walk(self) -> Generator[list[Any], None, None]:
        few = 1  # to be read at a time: whoever wants only the first values shall not wait long
        try:
            for number, run in enumerate(self.runs):
                while run.begins(self.horizon):
                    if not run.fetched:
                        self._fetch(number, few)
                        few = min(2 * few, AT_ONCE)
                    run.load()
                    [(_, _, held)] = run.take(run.at + 1)
                    if run.at == len(run.sorted):
                        run.pass_on()
                    begin, self.passed = self.passed, 0
                    yield held[begin:] if begin else held
        except Exception as error:
            self.error = error
            raise

    def _look(self, number: int) -> None:
        """Read what tells how many values the group has in the run, and in those behind it."""

        def unread(run: Run) -> bool:
            return run.low != run.high and not run.open and not run.fetched

        if unread(self.runs[number]):
            runs = [run for run in self.runs[number:] if run.begins(self.horizon) and unread(run)]
            fetch(self.read, [(run, run.entry) for run in runs[:AT_ONCE]])

    def _fetch(self, number: int, few: int) -> None:
        """Read blocks of the group from the run with this number on."""
        wanted = ((run, entry) for run in self.runs[number:] for entry in run.coming(self.horizon))
        fetch(self.read, list(islice(wanted, few)))

    def drain(self) -> None:
        """Pass over what was not walked."""
        self.lists.close()
        self.skip(sys.maxsize)

    def __iter__(self) -> Iterator[Any]:
        return self.values


class Sorted(Stream):
    """The same, where each run has its values sorted by `by`: merged, so that all of them are."""

    def __init__(self, runs: list[Run], horizon: Any, read: Read, by: By) -> None:
        super().__init__(runs, horizon, read)
        self.by = by
        self.merged = self._merged()
        self.values = self.merged

    def skip(self, count: int) -> None:
        """Pass over the first `count` values: which they are is seen only by reading them."""
        deque(islice(self.values, count), maxlen=0)

    def _merged(self) -> Generator[Any, None, None]:
        try:
            fetch(self.read, [(run, run.entry) for run in self.runs if not run.fetched])
            yield from merge(*map(self._of, self.runs), key=self.by)
        except Exception as error:
            self.error = error
            raise

    def _of(self, run: Run) -> Iterator[Any]:
        while run.begins(self.horizon):
            run.load()
            [(_, _, held)] = run.take(run.at + 1)
            if run.at == len(run.sorted):
                run.pass_on()
            yield from held

    def drain(self) -> None:
        self.merged.close()
        super().skip(sys.maxsize)
