"""What was put aside: where it stands, and how it is found again.

A record is found again by its key and the one before it. Its place is kept free, by its shard and
slice, for what it gives when it is mapped again.
"""

from collections.abc import Iterator

from httpmr import codec, keys
from httpmr.interfaces import Batch, OrderedStore
from httpmr.state import Bad, Plain, Shard, Task

At = tuple[Shard, str, int]
"""Where something was put aside: its shard, phase and slice."""


def bad_key(job_id: str, at: At) -> bytes:
    """Return where in the store it stands."""
    return keys.pack((job_id, "bad", *at))


def put_bad(batch: Batch, task: Task, bad: Bad) -> None:
    """Put a Bad record or group aside, which `task` met as the first of a slice."""
    shard, slice = task.place
    after = task.after if task.cursor is None else task.cursor
    before = {"after": after} if bad.kind == "record" else {}
    stored = {**vars(bad), **before, "phase": task.phase, "shard": shard, "slice": slice}
    batch.put(bad_key(task.job, (shard, task.phase, slice)), codec.dumps(stored))


def bad_entries(
    store: OrderedStore, job_id: str, past: At | None = None
) -> Iterator[tuple[At, Plain]]:
    """Yield (at, what was put aside there) in input order, past the place `past`."""
    start, stop = keys.span((job_id, "bad"))
    if past is not None:
        start = bad_key(job_id, past) + b"\0"
    for key, value in store.scan(start, stop):
        yield keys.unpack(key)[2:], codec.loads(value)
