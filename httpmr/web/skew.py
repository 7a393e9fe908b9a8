"""How evenly a job's pairs are dealt, and its biggest groups, before they are reduced.

Told from the index of blocks alone, no block opened. Of each block the index tells the biggest
groups, and what any other has at most; added up over the runs these are how much a group has at
least, and how much at most one that is not listed. Of very many blocks it looks at some.
"""

import math
from collections.abc import Iterable
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from httpmr import engine, keys
from httpmr.shuffle import Runs
from httpmr.shuffle.reading import Entry
from httpmr.state import Job, Plain, Task

if TYPE_CHECKING:
    from httpmr.web.visit import Visit

LOOKED_AT = 1000  # entries of the index
FRESH = 10.0  # seconds, for which it is not looked at again
SHOWN = 5  # groups
_KEPT = 50


def skew(visit: "Visit", record: Job, tasks: list[Task]) -> Plain | None:
    """Return {"values": by partition, "uneven", "biggest", "rest", "whole"}, or None.

    `values` are as they are stored, that is combined. "biggest" are [key, values, bytes] of groups,
    so many at least; "rest" are the bytes that any other has at most, or None. Bytes are before
    compression, and about. "whole" is False where only some blocks were looked at: all is of those.
    """
    if not record.partitions or record.phase not in ("map", "merge", "reduce"):
        return None
    seen, now = visit.master.skews, visit.master.clock()
    when, known = seen.get(record.id, (-math.inf, None))
    if not 0 <= now - when < FRESH:
        known = _look(Runs(visit.work.store), record, tasks)
        if len(seen) >= _KEPT:
            seen.clear()
        seen[record.id] = (now, known)
    return known


def _look(runs: Runs, record: Job, tasks: list[Task]) -> Plain | None:
    reduced = {task.shard[0]: task for task in tasks} if record.phase == "reduce" else {}
    most = max(1, LOOKED_AT // record.partitions)
    parts: list[list[Entry]] = []
    for partition in range(record.partitions):
        task = reduced.get(partition)
        entries = engine.index(runs, task) if task else runs.entries(record.id, partition, 0)
        parts.append(list(islice(entries, most)))
    values = [sum(entry.values for entry in some) for some in parts]
    if not any(values):
        return None
    groups, rest = _biggest(parts)
    return {
        "values": values,
        "uneven": max(values) * len(values) / sum(values),
        "biggest": groups,
        "rest": rest if all(entry.heaviest for some in parts for entry in some) else None,
        "whole": all(len(some) < most for some in parts),
    }


def _biggest(parts: list[list[Entry]]) -> tuple[list[list[Any]], int]:
    """Return the biggest groups, and what any other has at most."""
    found: list[tuple[list[Any], int]] = []  # a group, and what more it may have
    rest = 0
    for entries in parts:
        groups: dict[bytes, list[Any]] = {}
        for entry in entries:
            for key, values, size in entry.heaviest.groups if entry.heaviest else ():
                group = groups.setdefault(keys.pack(key), [key, 0, 0])
                group[1] += values
                group[2] += size
        unseen = sum(_unseen(run) for _, run in groupby(entries, attrgetter("run")))
        found += [(group, unseen) for group in groups.values()]
        rest = max(rest, unseen)
    found.sort(key=lambda it: -it[0][2])
    rest = max([rest, *(group[2] + unseen for group, unseen in found[SHOWN:])])
    return [group for group, _ in found[:SHOWN]], rest


def _unseen(run: Iterable[Entry]) -> int:
    """Return the bytes that a group may have in a run of blocks without being noted there."""
    most = begun = 0
    last = None
    for entry in run:
        rest = entry.heaviest.rest if entry.heaviest else 0
        begun = rest + (begun if entry.first == last else 0)  # it may go on from block to block
        most = max(most, begun)
        begun = begun if entry.groups == 1 else rest
        last = entry.last
    return most
