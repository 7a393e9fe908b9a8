"""Lanes that found nothing to do: who they are, and that a long shard may give them of its own.

    (job, "wanted")  -> they found no free shard in the map phase
    (job, "waiting") -> {driver: when it was told so}

Both are for others to look at; nothing that is right rests on them. A driver is noted again only
when it has waited for long, so that to be told "busy" costs a read.
"""

from contextlib import suppress

from httpmr import codec
from httpmr.errors import Conflict
from httpmr.interfaces import Batch, OrderedStore
from httpmr.ledger.places import job_key, waiting_key, wanted_key
from httpmr.state import Job

AGAIN = 20.0  # seconds, in which a driver is noted once at most
_KEPT = 60.0  # seconds
_MOST = 20  # drivers


def want(store: OrderedStore, job: Job) -> None:
    """Leave a mark that a lane found no free shard, so that a long one sheds half its rest."""
    if wanted(store, job):
        return
    batch = Batch()
    batch.expect(job_key(job.recipe, job.id), job.stored)
    batch.put(wanted_key(job.id), b"")
    with suppress(Conflict):
        store.commit(batch)


def wanted(store: OrderedStore, job: Job) -> bool:
    """Tell whether such a mark is there. The commit that sheds removes it."""
    return bool(store.get([wanted_key(job.id)]))


def waits(store: OrderedStore, job: Job, driver: str) -> None:
    """Note that a driver was told "busy"."""
    if job.phase == "cleanup":  # which removes the note, and is short
        return
    key = waiting_key(job.id)
    before = store.get([key]).get(key)
    now = store.now()
    known: dict[str, float] = codec.loads(before) if before else {}
    if driver in known and now - known[driver] < AGAIN:
        return
    others = {name: when for name, when in known.items() if when > now - _KEPT and name != driver}
    if len(others) >= _MOST:
        return
    batch = Batch()
    batch.expect(job_key(job.recipe, job.id), job.stored)
    batch.expect(key, before)
    batch.put(key, codec.dumps({**others, driver: now}))
    with suppress(Conflict):  # another one was noted, or it is another job now
        store.commit(batch)


def waiting(store: OrderedStore, id: str) -> dict[str, float]:
    """Return {driver: when it was told "busy"} of a job, of late."""
    key = waiting_key(id)
    found = store.get([key]).get(key)
    return codec.loads(found) if found else {}
