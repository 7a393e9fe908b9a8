"""What an outcome makes of its task and of the job: plain computing, and what goes into a batch."""

from httpmr import counters
from httpmr.interfaces import Batch
from httpmr.ledger.aside import put_bad
from httpmr.ledger.mishaps import met
from httpmr.ledger.places import put, task_key, wanted_key
from httpmr.ledger.pulse import spent
from httpmr.state import Job, Outcome, Plain, Task, after, replace

FASTER = 1.02
"""How a pace grows back with each commit: slowly, for to go too far costs a lease."""


def judge(job: Job, task: Task, outcome: Outcome, allowed: int) -> str:
    """What is to be done about the outcome: "", "fail", "pause", "aside", or "again" aside."""
    if outcome.fail:
        return "fail"
    if outcome.bad and outcome.bad.kind == "record" and task.retry:
        return "again"
    if outcome.bad and (outcome.bad.kind == "group" or job.bad_records >= allowed):
        return "pause"
    if outcome.pause:
        return "pause"
    return "aside" if outcome.bad and outcome.alone else ""


def finish(batch: Batch, task: Task, outcome: Outcome, aside: bool, took: float = 0.0) -> Task:
    """Put the task as it is when the outcome is committed, and the record put aside."""
    counts = not task.retry  # else it was counted when it was put aside
    began = max(task.drivers.values(), default=0.0)  # the last to claim it is who commits
    finished = replace(
        task,
        cursor=outcome.cursor,
        marks=outcome.marks,
        progress=1.0 if outcome.done else outcome.progress,
        level=outcome.level,
        notes=outcome.notes,
        slice=task.slice + 1,
        lease=0.0,
        takeovers=0,
        begun=None,
        pace=min(task.pace * FASTER, 1.0),
        records=task.records + outcome.records * counts,
        counters=counters.add(task.counters, outcome.counters),
        spans=spent(task.spans, began, began + took, outcome.records * counts),
        error=met(task, outcome, began + took),
        done=outcome.done,
    )
    finished = replace(finished, **outcome.become)
    if outcome.shed:
        upper = outcome.shed
        put(batch, task_key(upper), upper, None)
        batch.delete(wanted_key(task.job))
        finished = replace(finished, until=upper.after, marked=task.marked - upper.marked - 1)
    if outcome.parked:
        put(batch, task_key(outcome.parked), outcome.parked, None)
        finished = replace(finished, pace=outcome.parked.pace)
    if aside and outcome.bad:
        put_bad(batch, task, outcome.bad)
        counted = {"records": finished.records + counts, "bad": finished.bad + counts}
        finished = replace(finished, **outcome.past, **counted)
    if not finished.done:
        return put(batch, task_key(task), finished, task.stored)
    batch.expect(task_key(task), task.stored)
    batch.delete(task_key(task))
    return put(batch, task_key(finished), finished)


def judged(job: Job, task: Task, outcome: Outcome, verdict: str) -> Job:
    """The job when the outcome is committed; the same object where nothing changes."""
    if verdict == "aside":
        return replace(job, bad_records=job.bad_records + 1)
    if outcome.mended:
        return replace(job, bad_records=job.bad_records - outcome.mended)
    event = {"fail": "something no resume can mend", "pause": "something an operator can mend"}
    state = after(job.state, event[verdict]) if verdict in event else None
    if verdict == "pause" and _paused_at(job, task):
        state = job.state  # by a slice before this one: what there is to skip is at this one now
    if state is None:
        return job
    error: Plain = {**vars(outcome.bad), "past": outcome.past} if outcome.bad else {}
    message = outcome.fail or outcome.pause or error["message"]
    where = {"phase": task.phase, "shard": task.shard, "slice": task.slice + 1}
    return replace(job, state=state, error={**error, **where, "message": message})


def _paused_at(job: Job, task: Task) -> bool:
    """Whether it is this shard that the job paused at."""
    error = job.error or {}
    here = error.get("phase") == task.phase and error.get("shard") == task.shard
    return job.state == "paused" and here
