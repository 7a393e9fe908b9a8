"""Where a job's records stand in the store, and how they are put there.

("meta",)                          -> instance id, secret, format
("jobs", recipe, job)              -> the Job
(job, phase, "open", shard)        -> a Task that has slices left
(job, phase, "done", shard)        -> one that has none
(job, "bad", shard, phase, slice)  -> a record or group put aside
(job, "receipt", shard, slice)     -> what the sink's `write` returned
(job, "wanted"), (job, "waiting")  -> lanes that found nothing to do: see `waiting`
("lanes", recipe)                  -> which tasks take a place, where places are few: see `lanes`
"""

from collections.abc import Iterable, Iterator
from typing import Any

from httpmr import codec, keys
from httpmr.interfaces import Batch, Join
from httpmr.state import Job, R, Task, replace


def job_key(recipe: str, id: str) -> bytes:
    return keys.pack(("jobs", recipe, id))


def task_key(task: Task) -> bytes:
    return keys.pack((task.job, task.phase, "done" if task.done else "open", task.shard))


def wanted_key(job_id: str) -> bytes:
    return keys.pack((job_id, "wanted"))


def waiting_key(job_id: str) -> bytes:
    return keys.pack((job_id, "waiting"))


def put(batch: Batch, key: bytes, record: R, *expected: bytes | None) -> R:
    """Put a record, expecting what it was; return it with the bytes it is stored as."""
    stored = codec.dumps(record.plain())
    for value in expected:
        batch.expect(key, value)
    batch.put(key, stored)
    return replace(record, stored=stored)


def gone(task: Task) -> Join:
    """Return what removes a task, as what joins a commit that takes over all there is to it."""

    def join(batch: Batch) -> None:
        batch.expect(task_key(task), task.stored)
        batch.delete(task_key(task))

    return join


def present(job: Job, entries: Iterable[tuple[bytes, bytes]]) -> Iterator[Task]:
    """Yield the tasks that entries of the job's phase hold, those of the present round alone."""
    for _, value in entries:
        task = Task.read(value)
        if job.phase in ("split", "map") or task.shard[1:] == job.tail:
            yield task


def receipt(task: Task, value: Any) -> Join:
    """Return what adds a sink's receipt, if it gave one, to the commit of the task's slice."""
    key = keys.pack((task.job, "receipt", *task.place))
    return lambda batch: None if value is None else batch.put(key, codec.dumps(value))
