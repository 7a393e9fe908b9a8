"""What a replica may ask of the primary: the ledger, as far as that goes for the shard it leases.

It is heard of, leases a slice, reads what the slice needs, and sends what it came to; the commit is
made here, behind the same fence as every other. Whatever names a lease that is not held is Unfit:
one that ran out and was taken over, or whose replica was dropped. How it all comes here is not
known.
"""

import hmac
from contextlib import suppress
from typing import Any

from httpmr import keys
from httpmr.errors import Conflict, Unfit
from httpmr.interfaces import Join
from httpmr.jobs import window, wire
from httpmr.jobs.jobs import Jobs
from httpmr.jobs.replicas import STATES, Leased, Replica, Replicas
from httpmr.jobs.step import Claimed, Step
from httpmr.jobs.steps import Stepper
from httpmr.jobs.version import changed
from httpmr.jobs.wire import Malformed
from httpmr.ledger.places import job_key
from httpmr.state import Job, Plain, Task

OFTEN = 5.0
"""Seconds after which a replica that has nothing to do is written down as heard of again."""

DOING = {"map": "mapping", "merge": "reducing", "reduce": "reducing"}

LOST = "the lease was lost: another has the shard, or it is done, or the job was deleted"
CHANGED = "the primary's code changed since the slice was leased"
DROPPED = "this replica was dropped by an operator"


class Primary:
    """The primary of one replica, which has that name."""

    def __init__(self, work: Jobs, name: str) -> None:
        self.work = work
        self.name = name
        self.replicas = Replicas(work.store, work.recipe.name)

    def status(self, said: Plain) -> Plain:
        """Hear of the replica; renew the lease it says it has, or take back what it has no more.

        Returns {"order", "held"}: what it is told to do, and whether it has that lease. `said`:
        state, slices, records, errors, lease, begun (what the slice notes: see `Lease.begin`).
        """
        fields, lease, begun = _told(said), said.get("lease"), said.get("begun")
        lease = None if lease is None else _leased(lease)
        if begun is not None and not _is_begun(begun):
            raise Malformed("what is begun is (deaths, how many, key)")
        while True:
            replica, _, task = self._look(lease)
            held = task is not None and replica.order != "drop"
            fresh, join = self.replicas.heard(replica, **fields)
            try:
                if task is not None and held:
                    seconds = 2 * self.work.recipe.slice_seconds + 2
                    self.work.ledger.renew(task, seconds, begun, join)
                else:
                    fresh = self.replicas.put(self.name, lambda _: fields)
            except Conflict:
                continue
            if lease is None:
                self._take_back(fresh)
            return {"order": fresh.order, "held": held}

    def _take_back(self, replica: Replica) -> None:
        """Release what the replica was given last, if it did not commit that."""
        _, _, task = self._look(replica.leased)
        if task is not None and task.lease and replica.order != "drop":
            self.work.ledger.release(task)

    def claim(self, said: Plain) -> Plain:
        """Lease a slice to the replica, of the oldest job that runs; or do one here.

        Returns {"order", "did"}. Where `did` is "leased", there also is what the slice needs; the
        same again, if it was leased before and nothing has come of that. "slice": one was done
        here, of a phase that is the primary's own; "lost": another was faster; "busy": nothing is
        free; "none": no job runs. `said` is as for `status`, its lease being the last one it had.
        """
        fields = _told(said)
        replica, _ = self.replicas.read(self.name)
        answer: Plain = {"order": replica.order, "did": "none"}
        if replica.order:
            return answer
        again = replica.leased if replica.leased != said.get("lease") else None
        _, job, task = self._look(again) if again else (replica, None, None)
        if job and task and task.lease > self.work.store.now():
            stepper = self.work.stepper(job.params, job.learned)
            seconds = 2 * stepper.recipe.slice_seconds + 2
            return answer | self._given(stepper, Claimed(job, task, seconds))
        for record in self._running():
            found = self._claimed(record, replica, fields)
            if found["did"] in ("leased", "slice", "lost"):
                return answer | found
            if found["did"] == "busy":
                answer["did"] = "busy"
        now = self.work.store.now()
        idle = "waiting" if answer["did"] == "busy" else "ready"
        if replica.state != idle or now - replica.heard > OFTEN:
            self.replicas.put(self.name, lambda _: {**fields, "state": idle, "leased": None})
        return answer

    def _running(self) -> list[Job]:
        """The jobs that run, the oldest first."""
        found = list(self.work.ledger.jobs(self.work.recipe.name))
        return [job for job in reversed(found) if job.state == "running"]

    @property
    def _driver(self) -> str:
        """What it is called among the drivers of a job, whose page shows no names of machines."""
        letters = hmac.digest(self.work.secret, self.name.encode(), "sha256")[:2].hex()
        return f"replica {letters}"

    def _claimed(self, record: Job, replica: Replica, fields: Plain) -> Plain:
        given: Plain = {}

        def joining(task: Task) -> Join:
            if not wire.taken(task):
                return lambda batch: None
            leased = (task.job, task.phase, task.shard, task.slice, task.epoch + 1)
            fields["state"] = DOING[task.phase]
            return self.replicas.heard(replica, **fields, leased=leased)[1]

        def on(stepper: Stepper) -> Step:
            began = stepper.clock()
            found = stepper.claim(record, None, self._driver, joining)
            if isinstance(found, Step):
                return found
            if not wire.taken(found.task):
                return stepper.do(found, None, began)
            given.update(self._given(stepper, found))
            return Step("leased", found.job, None)

        step = self.work.carried(record, on)
        self.work.following(step.job)
        return {"did": step.did if step.did != "stale" else "none", **given}

    def _given(self, stepper: Stepper, claimed: Claimed) -> Plain:
        """What a replica needs to know of a slice that it may do."""
        job, task, seconds = claimed
        return {
            "did": "leased",
            "lease": (task.job, task.phase, task.shard, task.slice, task.epoch),
            "task": task.plain(),
            "params": job.params,
            "learned": job.learned,
            "versions": job.versions,
            "round": job.round,
            "seconds": seconds,
            "joins": stepper.slices.joins,
        }

    def commit(self, lease: Any, outcome: Any) -> Plain:
        """Commit what the slice came to, with what becomes of its job; {"state"} is the job's.

        Malformed for an outcome that no slice of the shard can come to.
        """
        job, task = self._held(lease)
        made = wire.outcome(task, outcome)
        since = max(task.drivers.values(), default=0.0)

        def took() -> float:
            return max(0.0, self.work.store.now() - since)

        def on(stepper: Stepper) -> Step:
            if changed(job.versions, stepper.versions):
                raise Unfit(CHANGED)
            done, record = stepper.slices.commit(job, task, made, took)
            return stepper.after(record, done)

        try:
            step = self.work.carried(job, on)
        except Conflict:
            raise Unfit(LOST) from None
        self.work.following(step.job)
        return {"state": step.job.state}

    def read(self, lease: Any, what: Any, args: Any) -> Plain:
        """Return what the slice needs to know: see `window.read`."""
        job, task = self._held(lease)
        recipe = self.work.stepper(job.params, job.learned).recipe
        return window.read(recipe, self.work.store, task, what, args)

    def order(self, order: str) -> None:
        """Let the replica `drain`, or `drop` it: its lease runs out now, and its commit is void.

        Unfit where there is no such replica.
        """
        replica = self.replicas.order(self.name, order)
        _, _, task = self._look(replica.leased)
        if order == "drop" and task is not None and task.lease:
            self.work.ledger.expire(task)

    def _held(self, lease: Any) -> tuple[Job, Task]:
        replica, job, task = self._look(_leased(lease))
        if replica.order == "drop":
            raise Unfit(DROPPED)
        if job is None or task is None:
            raise Unfit(LOST)
        return job, task

    def _look(self, lease: Leased | None) -> tuple[Replica, Job | None, Task | None]:
        """Return the replica; and, if it has the lease, the job and the task, all at one time."""
        if lease is None:
            return self.replicas.read(self.name)[0], None, None
        id, phase, shard, slice, epoch = lease
        jobs, tasks = job_key(self.work.recipe.name, id), keys.pack((id, phase, "open", shard))
        replica, found = self.replicas.read(self.name, jobs, tasks)
        if replica.leased != lease or len(found) != 2:
            return replica, None, None
        job = Job.read(found[jobs])
        task = Task.read(found[tasks])
        if (task.slice, task.epoch) != (slice, epoch):
            return replica, None, None
        return replica, job, task


def _told(said: Plain) -> Plain:
    """The state and the numbers that a replica tells of itself."""
    if said.get("state") not in STATES:
        raise Malformed(f"a replica is one of {', '.join(STATES)}")
    numbers = {name: said.get(name) for name in ("slices", "records", "errors")}
    if not all(type(n) is int and 0 <= n < 2**60 for n in numbers.values()):
        raise Malformed("a replica tells how many slices, records and errors it had")
    return {"state": said["state"], **numbers}


def _is_begun(said: Any) -> bool:
    """Whether it is what `Care` notes: how many died, how many are begun, the first one's key."""
    return type(said) is tuple and len(said) == 3 and {type(n) for n in said[:2]} == {int}


def _leased(said: Any) -> Leased:
    """A lease as it was given; Malformed for what never was one."""
    with suppress(TypeError, ValueError):
        id, phase, shard, slice, epoch = said
        numbers = (
            (*shard, slice, epoch) if type(shard) is tuple and 0 < len(shard) <= 50 else (0.5,)
        )
        whole = all(type(n) is int and abs(n) < 2**63 for n in numbers)
        if type(id) is str and len(id) <= 100 and phase in wire.PHASES and whole:
            return (id, phase, shard, slice, epoch)
    raise Malformed("that is no lease of a slice")
