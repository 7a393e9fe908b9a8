"""What an operator does to a job: pause, resume, skip, cancel, delete, revoke; and the sweeping.

("garbage", job) -> "all", "data" or "between": what later requests remove, page by page
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from httpmr import codec, engine, keys
from httpmr.errors import Conflict, Unfit, UnknownJob
from httpmr.interfaces import Batch, Join, OrderedStore
from httpmr.jobs.deleted import noted
from httpmr.ledger import PAGE, Ledger
from httpmr.shuffle import output
from httpmr.state import ENDED, PHASES, Bad, Job, Outcome, after, replace

ACTS = 20
"""So many acts of operators a job remembers: the first, and the latest."""
LONGEST_NAME = 200


def acted(ledger: Ledger, job: Job, by: str, what: str) -> list[Any]:
    """Return the job's acts with one more: [when, who, what]."""
    return [*job.acts[:1], *job.acts[1:][2 - ACTS :], [ledger.store.now(), by[:LONGEST_NAME], what]]


def pause(ledger: Ledger, job: Job, by: str = "") -> Job:
    """Let no further slice begin; one in flight may still commit."""
    return _change(ledger, job, "pause", by)


def resume(ledger: Ledger, job: Job, versions: dict[str, str], by: str = "") -> Job:
    """Go on where the job paused, by the code of these versions; a bad record is tried again."""
    return _change(ledger, job, "resume", by, error=None, versions=versions)


def cancel(ledger: Ledger, job: Job, by: str = "") -> Job:
    """End the job for good; what it has stored stays until it is deleted."""
    return _change(ledger, job, "cancel", by, finished=ledger.store.now())


def _change(ledger: Ledger, job: Job, event: str, by: str, **fields: Any) -> Job:
    while True:
        state = after(job.state, event)
        if state is None:
            raise Unfit(f"a job that is {job.state} cannot {event}", state=job.state)
        try:
            acts = acted(ledger, job, by, event)
            return ledger.change(job, state=state, acts=acts, **fields)
        except Conflict:
            job = present(ledger, job)


def present(ledger: Ledger, job: Job) -> Job:
    """Return the job as it is now; UnknownJob if it was deleted."""
    found = ledger.job(job.recipe, job.id)
    if found is None:
        raise UnknownJob(f"the job {job.id} was deleted")
    return found


def unmade(ledger: Ledger, job: Job, why: str) -> Job:
    """Pause a job that the recipe, as it is now, cannot be made for."""
    if job.state != "running":
        return job
    message = f"its parameters do not fit the code any more: {why}"
    try:
        return ledger.change(job, state="paused", error={"message": message})
    except Conflict:
        return present(ledger, job)


def skip(ledger: Ledger, job: Job, lease: float, by: str = "", seen: str | None = None) -> Job:
    """Put aside the record or group the job paused at, and run on.

    On a done job: let go of what was kept for the records put aside. A combiner's group is not
    put aside but left uncombined. `seen` is the state in which the job was when this was asked
    for: of one that was paused then and is done now, nothing is let go. Unfit where there is
    nothing to skip, or where a slice of the same shard is still in flight.
    """
    seen = seen or job.state
    while True:
        try:
            if job.state == "done" and job.bad_records and not job.let_go:
                if seen != "done":
                    raise Unfit(
                        f"the job was {seen} and is done by now: look again, for a skip lets go of "
                        "what is kept for its bad records",
                        state=job.state,
                    )
                acts = acted(ledger, job, by, "skip")
                return ledger.change(job, mark(job.id, "between"), let_go=True, acts=acts)
            return _skip(ledger, job, lease, by)
        except Conflict:
            job = present(ledger, job)


def _skip(ledger: Ledger, job: Job, lease: float, by: str) -> Job:
    error = job.error or {}
    if job.state != "paused" or "past" not in error:
        raise Unfit(f"a job that is {job.state} has nothing to skip here", state=job.state)
    task = ledger.task(job, error["phase"], error["shard"])
    if task is None or task.slice != error["slice"]:
        raise Unfit("the shard has gone on since: resume the job", state=job.state)
    claimed = ledger.claim(task, lease)
    if claimed is None:
        raise Unfit("another request holds the shard; skip again in a moment", state=job.state)
    claimed = replace(claimed, drivers=task.drivers)  # whoever skips it drives nothing
    past = error["past"]
    bad = {name: error[name] for name in ("key", "message", "traceback", "kind")}
    still = {n: getattr(task, n) for n in ("cursor", "marks", "progress", "level", "notes")}
    if "cursor" in past:
        outcome = Outcome(**still, bad=Bad(**bad), past=past)
    else:
        outcome = Outcome(**{**still, **past})
    try:
        acts = acted(ledger, job, by, "skip")
        return ledger.put_aside(job, claimed, outcome, acts=acts)
    except Conflict:
        ledger.release(claimed)
        raise


def delete(ledger: Ledger, job: Job, by: str | None = None) -> None:
    """Take the job out of sight at once; what it has stored is swept up by later requests.

    That somebody did is remembered; None is nobody.
    """
    found: Job | None = job
    while found is not None:
        joins = [mark(found.id, "all")]
        if by is not None:
            joins.append(noted(ledger.store, found, by[:LONGEST_NAME]))
        try:
            ledger.remove(found, *joins)
            return
        except Conflict:
            found = ledger.job(found.recipe, found.id)


def delete_old(ledger: Ledger, recipe: str, keep: int) -> None:
    """Delete the recipe's ended jobs but for the newest `keep`, and the newest that is done."""
    ended = [job for job in ledger.jobs(recipe) if job.state in ENDED]
    latest = next((job for job in ended if job.state == "done"), None)
    for job in ended[keep:]:
        if job is not latest:  # its output may be what the application shows
            delete(ledger, job)


def revoke(ledger: Ledger, job: Job) -> None:
    """End every link of the job that was handed out: those made from now on are others."""
    while True:
        try:
            ledger.change(job, generation=job.generation + 1)
            return
        except Conflict:
            job = present(ledger, job)


def mark(id: str, what: str) -> Join:
    """Return what adds a garbage mark to a commit."""
    return lambda batch: batch.put(keys.pack(("garbage", id)), codec.dumps(what))


def sweep(store: OrderedStore) -> bool:
    """Remove at most a page of what is marked as garbage; return whether anything was.

    A job's tasks go first, in commits of their own and until none is found, so that a slice
    still in flight meets a Conflict instead of leaving blocks behind.
    """
    for key, value in store.scan(*keys.span(("garbage",)), limit=1):
        id, what = keys.unpack(key)[1], codec.loads(value)
        found = list(islice(_FOUND[what](store, id), PAGE))
        batch = Batch()
        batch.expect(key, value)
        for entry in found:
            batch.delete(entry)
        if not found and what == "all":
            batch.put(key, codec.dumps("data"))
        elif not found:
            batch.delete(key)
        with suppress(Conflict):  # another is at it
            store.commit(batch)
        return True
    return False


def _tasks(store: OrderedStore, id: str) -> Iterator[bytes]:
    for phase in PHASES:
        for key, _ in store.scan(*keys.span((id, phase))):
            yield key


def _data(store: OrderedStore, id: str) -> Iterator[bytes]:
    yield from engine.leftovers(store, id)
    yield from output(store).keys(id)
    for what in ("bad", "next", "outbox"):
        for key, _ in store.scan(*keys.span((id, what))):
            yield key


_FOUND: dict[str, Callable[[OrderedStore, str], Iterator[bytes]]] = {
    "all": _tasks,
    "data": _data,
    "between": engine.leftovers,
}
