"""A step along a job: the address of a slice, and what was done there. How is not known here."""

from typing import NamedTuple

from httpmr.state import Job, Shard, Task


class Address(NamedTuple):
    """A slice: number `n` of a shard of a phase."""

    phase: str
    shard: Shard
    n: int


class Step(NamedTuple):
    """What a step did, the job after it, and where the same lane goes on (None: no idea)."""

    did: str  # "slice", "busy", "stale" or "lost"
    job: Job
    next: Address | None


class Claimed(NamedTuple):
    """A slice that was leased, for so many seconds, and its job."""

    job: Job
    task: Task
    seconds: float
