"""How evenly a job's pairs are dealt, and its biggest groups, before they are reduced.

Told from the index of blocks alone, no block opened: how many values each partition holds, and of
groups that fill whole blocks, how many values these have. Of very many blocks it looks at some.
"""

import math
from itertools import islice
from typing import TYPE_CHECKING, Any

from httpmr import keys
from httpmr.shuffle import Runs
from httpmr.state import Job, Plain, Task

if TYPE_CHECKING:
    from httpmr.web.visit import Visit

LOOKED_AT = 2000  # entries of the index
FRESH = 10.0  # seconds, for which it is not looked at again
SHOWN = 5  # groups
BIG = 10  # times as many values as most have
_KEPT = 50


def skew(visit: "Visit", record: Job, tasks: list[Task]) -> Plain | None:
    """Return {"values": by partition, "uneven", "biggest": [[key, values]], "whole"}, or None.

    `values` are as they are stored, that is combined. "whole" is False where only some blocks
    were looked at; then the numbers are of those.
    """
    if not record.partitions or record.phase not in ("map", "reduce"):
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
    levels = {task.shard[0]: task.level for task in tasks} if record.phase == "reduce" else {}
    most = max(1, LOOKED_AT // record.partitions)
    values: list[int] = []
    counts: list[int] = []
    groups: dict[bytes, tuple[Any, int]] = {}  # by packed key: the key, and how many values
    whole = True
    for partition in range(record.partitions):
        entries = runs.entries(record.id, partition, levels.get(partition, 0))
        some = list(islice(entries, most))
        whole = whole and len(some) < most
        values.append(sum(entry.values for entry in some))
        counts.append(sum(entry.groups for entry in some))
        for entry in some:
            if entry.groups == 1:
                at = keys.pack(entry.first)
                groups[at] = (entry.first, entry.values + groups.get(at, (None, 0))[1])
    if not any(values):
        return None
    mean = sum(values) / max(1, sum(counts))
    big = (group for group in groups.values() if group[1] >= BIG * mean)
    biggest = sorted(big, key=lambda group: -group[1])[:SHOWN]
    return {
        "values": values,
        "uneven": max(values) * len(values) / sum(values),
        "biggest": [list(group) for group in biggest],
        "whole": whole,
    }
