"""Swallowing: a slice with time for several short shards takes those behind its own.

The inverse of shedding. The shard grows by the ranges that follow its own in the input, and their
names are no more: what it gives stands before what comes behind them, so that output does not
depend on which were swallowed. Where shards are many, slices are then as long as where they are
few, and combine as much. How many are worth it is not known here.
"""

from collections.abc import Sequence
from dataclasses import replace

from httpmr.engine.origin import joined, origins
from httpmr.engine.split import MARKS
from httpmr.state import Plain, Task

_MOST_BYTES = 64 * 1024  # a task is one stored value, and is written twice a slice


def untouched(task: Task) -> bool:
    """Whether the shard is as it was split: nobody claimed it, nothing is noted of it."""
    return task.phase == "map" and not task.epoch and not task.notes


def behind(task: Task, tasks: Sequence[Task], most: int) -> list[Task]:
    """Return those of `tasks` to swallow: untouched, right behind the task; at most so many.

    `tasks` are open ones as they are stored, in order.
    """
    found: list[Task] = []
    last, size = task, len(task.stored or b"")
    for other in tasks:
        if other.shard <= task.shard:
            continue
        size += len(other.stored or b"")
        follows = untouched(other) and other.after == last.until
        if len(found) >= most or not follows or size > _MOST_BYTES:
            break
        found.append(other)
        last = other
    return found


def swallow(task: Task, others: Sequence[Task]) -> Task:
    """Return the task grown by the ranges of `others`, which are those `behind` it.

    Of their marks it keeps no more than it needs, each a read of its own: every one where there
    are few, else every `wide`-th, as its notes say then.
    """
    whole = [task, *others]
    marks = [mark for one in whole for mark in (*one.marks, one.until)][:-1]
    wide = (len(marks) + 1) // MARKS
    notes: Plain = {"origins": [origin for one in whole for origin in origins(one)]}
    if wide > 1:
        marks = marks[wide - 1 :: wide]
        notes["wide"] = wide
    return replace(
        task,
        until=whole[-1].until,
        marks=tuple(marks),
        marked=len(marks),
        fingerprint=joined(one.fingerprint for one in whole),
        notes=notes,
    )
