"""Shedding: where lanes stand idle, a long shard gives the upper half of what is left away.

The k-th shard shed from s is s + (-k,): between s and whatever was shed from it before, so that
shards keep their input order, and output does not depend on which were shed.
"""

from dataclasses import replace

from httpmr.engine.origin import inherited
from httpmr.state import Outcome, Task

WORTH = 4
"""A shard sheds while it has more slices than this left, by its pace so far."""


def shed(task: Task, outcome: Outcome) -> Outcome:
    """Return the outcome of a map slice with the upper half of the range shed, if that is worth it.

    The range is cut at one of the shard's marks: keys of the source are never compared.
    """
    marks = outcome.marks
    if outcome.done or outcome.bad or outcome.pause or outcome.fail or not marks:
        return outcome
    if "suspect" in outcome.notes:  # it may lie in the part that is shed
        return outcome
    passed = task.marked - len(marks)
    if (len(marks) + 1) * (task.slice + 1) <= WORTH * max(passed, 1):
        return outcome
    middle = len(marks) // 2
    number = task.notes.get("shed", 0) + 1
    upper = Task(
        task.job,
        task.phase,
        (*task.shard, -number),
        fan_out=task.fan_out,
        after=marks[middle],
        until=task.until,
        marks=marks[middle + 1 :],
        marked=len(marks) - middle - 1,
        fingerprint=task.fingerprint,
        pace=task.pace,
        notes=inherited(task),
    )
    return replace(
        outcome,
        marks=marks[:middle],
        progress=passed / (passed + middle + 1),
        notes={**outcome.notes, **inherited(task), "shed": number},
        shed=upper,
    )
