"""Who may do which slice: claim, commit, and turn the page, over an OrderedStore.

The fence is in the commit: it expects the task exactly as it was claimed, so of two that hold
the same slice one gets a Conflict and leaves nothing behind. Leases only save double work. The
ledger does not know what a slice does.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, islice
from typing import Any

from httpmr import codec, counters, keys
from httpmr.errors import Conflict
from httpmr.interfaces import Batch, Join, OrderedStore
from httpmr.ledger.aside import bad_entries
from httpmr.ledger.mishaps import lost, mishap
from httpmr.ledger.outcomes import finish, judge, judged
from httpmr.ledger.places import job_key, present, put, task_key
from httpmr.ledger.pulse import seen
from httpmr.state import ENDED, Job, Outcome, Plain, Shard, Task, after, replace

Following = Callable[[Job, list[Task]], tuple[str | None, list[Task]]]

LONGEST_LEASE = 600.0
SLOWEST = 1 / 64
"""The lowest pace."""
PAGE = 300
"""How many entries one commit puts or deletes where there are many."""


class Ledger:
    """The records of the jobs in one store. Every method may raise what the store raises."""

    def __init__(self, store: OrderedStore) -> None:
        self.store = store

    # Jobs

    def job(self, recipe: str, id: str) -> Job | None:
        """Return the job as it stands."""
        key = job_key(recipe, id)
        value = self.store.get([key]).get(key)
        return None if value is None else Job.read(value)

    def jobs(self, recipe: str, before: str | None = None) -> Iterator[Job]:
        """Yield the recipe's jobs, newest first, those older than the job `before`."""
        start, stop = keys.span(("jobs", recipe))
        if before is not None:
            stop = job_key(recipe, before)
        for _, value in self.store.scan(start, stop, reverse=True):
            yield Job.read(value)

    def create(self, job: Job, task: Task, *joins: Join) -> Job:
        """Put a new job and its first task; Conflict if the id is taken or a join expects more."""
        batch = Batch()
        job = put(batch, job_key(job.recipe, job.id), job, None)
        put(batch, task_key(task), task, None)
        for join in joins:
            join(batch)
        self.store.commit(batch)
        return job

    def change(self, job: Job, *joins: Join, **fields: Any) -> Job:
        """Put the job with `fields` changed; Conflict if it is not as it was read."""
        batch = Batch()
        changed = put(batch, job_key(job.recipe, job.id), replace(job, **fields), job.stored)
        for join in joins:
            join(batch)
        self.store.commit(batch)
        return changed

    def reopen(self, job: Job, task: Task, **fields: Any) -> Job:
        """Put a job that had no open task with `fields` changed, and a task to go on with."""
        return self.change(job, lambda batch: put(batch, task_key(task), task, None), **fields)

    def remove(self, job: Job, *joins: Join) -> None:
        """Remove the job's record; Conflict if it is not as it was read."""
        batch = Batch()
        batch.expect(job_key(job.recipe, job.id), job.stored)
        batch.delete(job_key(job.recipe, job.id))
        for join in joins:
            join(batch)
        self.store.commit(batch)

    # Tasks

    def task(self, job: Job, phase: str, shard: Shard) -> Task | None:
        """Return the shard's task if it has slices left."""
        key = keys.pack((job.id, phase, "open", shard))
        value = self.store.get([key]).get(key)
        return None if value is None else Task.read(value)

    def tasks(self, job: Job, state: str, limit: int | None = None) -> Iterator[Task]:
        """Yield the "open" or "done" tasks of the job's phase, in order.

        After map they are those of the present round: each maps on, and does the rest anew.
        """
        start, stop = keys.span((job.id, job.phase, state))
        yield from present(job, self.store.scan(start, stop, limit=limit))

    def near(self, job: Job, shard: Shard, limit: int) -> Iterator[Task]:
        """Yield so many open tasks of the phase: those from a shard on, and then the first."""
        start, stop = keys.span((job.id, job.phase, "open"))
        here = keys.pack((job.id, job.phase, "open", shard))
        scan = self.store.scan
        found = chain(scan(here, stop, limit=limit), scan(start, here, limit=limit))
        yield from present(job, islice(found, limit))

    def claim(
        self, task: Task, seconds: float, driver: str = "", *joins: Join, now: float | None = None
    ) -> Task | None:
        """Lease the task for its next slice; None if another was faster or holds it.

        `seconds` is doubled for each lease that ran out since the last commit, up to ten
        minutes or what was asked for: a fixed lease would livelock on a record slower than itself.
        A task's note "patience" counts as so many more that ran out.
        The pace is halved at each: what held the lease may have been killed for taking too long.
        `driver` is who asked, in a few words; `joins` add to the batch; `now`: if just asked for.
        """
        now = self.store.now() if now is None else now
        if task.lease > now:
            return None
        taken_over = task.lease > 0
        takeovers = task.takeovers + taken_over
        claimed = replace(
            task,
            epoch=task.epoch + 1,
            lease=now + _lasting(seconds, takeovers + task.notes.get("patience", 0)),
            takeovers=takeovers,
            pace=max(task.pace / 2, SLOWEST) if taken_over else task.pace,
            drivers=seen(task.drivers, driver, now),
            error=lost(task, now) if taken_over else task.error,
        )
        batch = Batch()
        claimed = put(batch, task_key(task), claimed, task.stored)
        for join in joins:
            join(batch)
        try:
            self.store.commit(batch)
        except Conflict:
            return None
        return claimed

    def renew(
        self, task: Task, seconds: float, begun: tuple[Any, ...] | None = None, *joins: Join
    ) -> Task:
        """Let a lease begin anew, and return the task with it; Conflict if it was lost.

        `begun` is kept with the task until the next commit, beside the takeovers so far and the
        seconds it lasts: what a slice noted that nobody has heard of since. `joins` add to it.
        """
        batch = Batch()
        lasting = _lasting(seconds, task.takeovers + task.notes.get("patience", 0))
        renewed = replace(task, lease=self.store.now() + lasting)
        if begun:
            renewed = replace(renewed, begun=(task.takeovers, lasting, *begun))
        renewed = put(batch, task_key(task), renewed, task.stored)
        for join in joins:
            join(batch)
        self.store.commit(batch)
        return renewed

    def check(self, task: Task) -> None:
        """Raise Conflict if the task is not as it was claimed: what was read since may be gone."""
        key = task_key(task)
        if self.store.get([key]).get(key) != task.stored:
            raise Conflict("the lease was taken over", key=key)

    def release(self, task: Task, why: str = "") -> None:
        """Give a lease back without having done anything; a lost one is let go silently.

        `why` is kept as the shard's last error.
        """
        error = mishap(why, self.store.now()) if why else task.error
        self._end(replace(task, lease=0.0, error=error))

    def expire(self, task: Task) -> None:
        """Let a lease have run out now: whoever has it dies, and is in time to say so."""
        self._end(replace(task, lease=self.store.now()))

    def _end(self, task: Task) -> None:
        batch = Batch()
        put(batch, task_key(task), task, task.stored)
        with suppress(Conflict):
            self.store.commit(batch)

    def commit(
        self,
        job: Job,
        task: Task,
        outcome: Outcome,
        *joins: Join,
        allowed: int = 0,
        took: float = 0.0,
    ) -> tuple[Task, Job]:
        """Commit a slice: cursor, counters, data, and what becomes of the job, as one.

        `task` is as claimed; Conflict = the lease was taken over, and nothing of the slice is
        seen. `joins` add to the batch. A bad record is put aside while the job has fewer than
        `allowed` of them; beyond that, and for a bad group always, the job pauses. What touches
        the job is built anew if the job has changed meanwhile. `took`: the seconds since the claim.
        """
        while True:
            verdict = judge(job, task, outcome, allowed)
            batch = Batch()
            finished = finish(batch, task, outcome, verdict in ("aside", "again"), took)
            for join in joins:
                join(batch)
            for key in outcome.deletes:
                batch.delete(key)
            changed = judged(job, task, outcome, verdict)
            if changed.state in ENDED and job.state not in ENDED:
                changed = replace(changed, finished=self.store.now())
            if changed is not job:
                changed = put(batch, job_key(job.recipe, job.id), changed, job.stored)
            try:
                self.store.commit(batch)
                return finished, changed
            except Conflict:
                again = self.job(job.recipe, job.id)
                if changed is job or again is None or again.stored == job.stored:
                    raise
                job = again

    def put_aside(self, job: Job, task: Task, outcome: Outcome, **fields: Any) -> Job:
        """Put aside what a paused job stopped at, and let it run on, with `fields` changed.

        `task` is as claimed.
        """
        batch = Batch()
        aside = outcome.bad is not None
        finish(batch, task, outcome, aside)
        state = after(job.state, "skip")
        fields |= {"state": state, "error": None, "bad_records": job.bad_records + aside}
        changed = put(batch, job_key(job.recipe, job.id), replace(job, **fields), job.stored)
        self.store.commit(batch)
        return changed

    def bad(self, job: Job) -> Iterator[Plain]:
        """Yield what was put aside, in input order: the fields of Bad, and phase shard slice."""
        for _, entry in bad_entries(self.store, job.id):
            yield {name: entry[name] for name in entry if name != "after"}

    def receipts(self, id: str, tail: Shard | None = None) -> Iterator[Any]:
        """Yield what the sink's `write` returned for each committed slice, in order.

        With a `tail`: of the shards alone that have it in their names.
        """
        for key, value in self.store.scan(*keys.span((id, "receipt"))):
            if tail is None or keys.unpack(key)[2][1:] == tail:
                yield codec.loads(value)

    # Pages

    def turn(self, job: Job, following: Following) -> Job:
        """Move the job on to the next phase if the present one has no open task.

        `following(job, done tasks)` -> (the next phase or None, its tasks). Anyone may call
        this at any time: all compute the same, and the job's compare-and-set comes last. Where
        nothing was to be turned, it is the same `job` that is returned.
        """
        if job.state != "running" or next(self.tasks(job, "open", limit=1), None):
            return job
        done = list(self.tasks(job, "done"))
        if not done:  # the job was deleted meanwhile, and its tasks swept up
            return job
        phase, tasks = following(job, done)
        coming = iter(tasks)
        try:
            while some := list(islice(coming, PAGE)):
                batch = Batch()
                batch.expect(job_key(job.recipe, job.id), job.stored)
                for task in some:
                    put(batch, task_key(task), task)
                self.store.commit(batch)
            total = job.counters
            for task in done:
                total = counters.add(total, task.counters)
            over = {
                "state": after(job.state, "the last phase is done"),
                "finished": self.store.now(),
            }
            return self.change(
                job,
                **(over if phase is None else {"phase": phase}),
                counters=total,
                records=job.records + sum(t.records for t in done if t.phase == "map"),
                slices=job.slices + sum(t.slice for t in done),
                shown=job.round if job.phase == "publish" else job.shown,
            )
        except Conflict:
            return self.job(job.recipe, job.id) or job


def _lasting(seconds: float, takeovers: int) -> float:
    """How long a lease lasts after so many that ran out."""
    return min(seconds * 2.0 ** min(takeovers, 20), max(seconds, LONGEST_LEASE))
