"""Which phase follows which, and with which tasks: the same whoever works it out.

    split -> map -> (merge ->) reduce -> publish -> cleanup -> the job is done

A map-only job has neither merge nor reduce; merge is left out where no partition can have more
runs than one merge opens. A retry begins in the map phase, as a further round of the job.
"""

from httpmr.engine.split import ranges
from httpmr.shuffle import FAN_IN
from httpmr.state import Job, Plain, Task


def first(job: Job) -> Task:
    """Return the one task of the split phase."""
    return Task(job.id, "split", (0,), fan_out=job.shards, until=job.last)


def following(job: Job, done: list[Task]) -> tuple[str | None, list[Task]]:
    """Return the phase after the job's present one and its tasks; (None, []) at the end."""
    if job.phase == "split":
        return "map", _map_tasks(job, done[0])
    if job.phase == "map" and job.partitions:
        # Each slice leaves at most one run in a partition.
        over = sum(task.slice for task in done) - FAN_IN
        phase, many = ("merge", {"over": over}) if over > 0 else ("reduce", {})
        shards = [(partition, *job.tail) for partition in range(job.partitions)]
        return phase, [Task(job.id, phase, shard, notes=many) for shard in shards]
    if job.phase == "merge":
        return "reduce", [_after_merge(job, task) for task in done]
    # In a further round all is reduced again; where nothing is, what was given before stays.
    notes: Plain = {"tail": job.tail} if job.round and job.partitions else {}
    if job.phase in ("map", "reduce"):
        return "publish", [Task(job.id, "publish", (0, *job.tail), notes=notes)]
    if job.phase == "publish":
        notes["keep"] = job.bad_records > 0
        return "cleanup", [Task(job.id, "cleanup", (0, *job.tail), notes=notes)]
    return None, []


def _after_merge(job: Job, task: Task) -> Task:
    notes: Plain = {"rest": task.notes["rest"]} if "rest" in task.notes else {}
    return Task(job.id, "reduce", task.shard, level=task.level, notes=notes)


def _map_tasks(job: Job, split: Task) -> list[Task]:
    notes = split.notes
    dealt = ranges(notes["keys"], job.last, job.shards)
    return [
        Task(
            job.id,
            "map",
            (number,),
            fan_out=job.partitions,
            after=after,
            until=until,
            marks=marks,
            marked=len(marks),
            fingerprint=fingerprint,
        )
        for number, ((after, until, marks), fingerprint) in enumerate(
            zip(dealt, notes["fingerprints"], strict=True)
        )
    ]
