"""The merge: many sorted runs of blocks become one sequence of groups.

Each round gathers by key, in run order, what the open blocks hold up to some key, the smallest
last one or before, and sorts these keys (timsort finds the runs): so groups come in key order, and
a group's values in run order. Blocks are opened only when the merge reaches them, some at a time,
and the one group that may go on in further blocks is streamed. Where blocks are kept is not known
here.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any

from httpmr import keys
from httpmr.interfaces import By
from httpmr.shuffle.reading import (
    Entry,
    Order,
    Read,
    Run,
    Sorted,
    Stream,
    fetch,
    native,
)
from httpmr.state import Place

Groups = Iterator[tuple[Any, Any]]
"""(key, values): values are a list, or the Stream of a group that may be long."""

_GROUPS = 4096
"""Groups that a round takes of its runs, about: as many as are still in the processor's cache."""


def merge(
    entries: Iterable[Entry],
    read: Read,
    after: Any = None,
    by: By | None = None,
) -> Groups:
    """Yield (key, values) of the runs that `entries` describe, in key order.

    `entries` come run by run, each run's in order; runs in the order their values shall have.
    `read(refs)` opens blocks. `after` = (key, n): begin at `key` without its first n values, or,
    where n is None, after `key`. `by` gives what the values of a key are sorted by, in each run
    and here; what it finds equal, and all without it, stays in the order of the runs.
    """
    entries = list(entries)
    kinds = {entry.kind for entry in entries}
    if after is not None:
        kinds.add(_kind(after[0]))
    order = native if len(kinds) == 1 and kinds != {""} else keys.pack
    bound = None if after is None else order(after[0])
    within = after is not None and after[1] is not None
    by_run: dict[Place, list[Entry]] = {}
    for entry in entries:
        if bound is not None:
            last = order(entry.last)
            if last < bound or (last == bound and not within):
                continue
        by_run.setdefault(entry.run, []).append(entry)
    runs = [Run(n, listed, order, read) for n, listed in enumerate(by_run.values())]
    if bound is not None:
        _begin(runs, read, bound, within)
    groups = _rounds(runs, read, by)
    if within and after[1]:
        groups = _without(groups, bound, order, after[1])
    yield from groups


def _kind(key: Any) -> str:
    return {str: "s", bytes: "b", int: "i"}.get(type(key), "")


def _begin(runs: list[Run], read: Read, bound: Any, within: bool) -> None:
    """Move each run to its first group at (within) or after the bound."""
    find = bisect_left if within else bisect_right
    before = [run for run in runs if run.low < bound or (not within and run.low == bound)]
    _load(before, read)
    for run in before:
        run.at = find(run.sorted, bound)


def _rounds(runs: list[Run], read: Read, by: By | None) -> Groups:
    # Runs wait until the merge comes to their first key: of many that follow each other, as
    # those of a sorted output do, few are ever looked at.
    waiting = sorted(runs, key=Run.first)
    waiting.reverse()
    coming: list[Run] = []
    while waiting or coming:
        if not coming:
            coming.append(waiting.pop())
        horizon = min(run.high for run in coming)
        while waiting and waiting[-1].first() <= horizon:
            coming.append(waiting.pop())
            horizon = min(horizon, coming[-1].high)
        reached = [run for run in coming if run.first() <= horizon]
        reached.sort(key=attrgetter("number"))
        # A block that begins at the horizon has nothing below it: it is opened when streamed.
        below = [run for run in reached if run.open or run.low < horizon]
        _load(below, read)
        each = _GROUPS // len(reached) + 1
        horizon = min([horizon, *(run.ahead(each) for run in below)])
        groups: dict[Any, tuple[Any, list[Any]]] = {}
        for run in below:
            for order, key, values in run.take(bisect_left(run.sorted, horizon, run.at)):
                if order in groups:
                    groups[order][1].extend(values)
                else:
                    groups[order] = key, values
        for order in sorted(groups):
            if by:
                groups[order][1].sort(key=by)
            yield groups[order]
        here = [run for run in reached if run.first() == horizon]
        stream = Sorted(here, horizon, read, by) if by else Stream(here, horizon, read)
        yield stream.key(), stream
        stream.drain()
        coming = [run for run in coming if run.entry]


def _load(runs: list[Run], read: Read) -> None:
    fetch(read, [(run, run.entry) for run in runs if not run.fetched])
    for run in runs:
        run.load()


def _without(groups: Groups, bound: Any, order: Order, count: int) -> Groups:
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
