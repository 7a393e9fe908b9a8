"""One request's work: claim a slice, run it, commit it, turn the page.

Whoever carries a job (a lane over HTTP, `run` in this process) does it through `step`. It may
be called by any number of processes at once, and be killed anywhere.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from random import Random

from httpmr import collector, engine
from httpmr.budget import Budget, Clock
from httpmr.errors import Conflict
from httpmr.interfaces import Join
from httpmr.jobs import slices
from httpmr.jobs.lease import Lease
from httpmr.jobs.step import Address, Claimed, Step
from httpmr.jobs.tuned import Tuned
from httpmr.jobs.version import checked, versions
from httpmr.ledger import Lanes, Ledger, gone, waits, want, wanted
from httpmr.recipe import Recipe
from httpmr.state import ENDED, Job, Task

Joining = Callable[[Task], Join]
"""From the task that is about to be claimed, what joins its claim."""

_log = logging.getLogger("httpmr.slice")
_LOOK_AT = 16
_TOLD_TO_END = "Given up, to be done again: the process was told to end"
# Its reason names hosts and users: who sees keys and values need not see those.
_AWAY = "Given up, to be done again: a service was away, the store or another; see the server's log"


class Stepper:
    """Steps the jobs of one recipe.

    `rng` chooses among free shards, so that lanes spread; `clock` times slices, in seconds.
    """

    def __init__(
        self, recipe: Recipe, ledger: Ledger, rng: Random, clock: Clock, ended: Callable[[], None]
    ) -> None:
        self.recipe = recipe
        self.ledger = ledger
        self.rng = rng
        self.clock = clock
        self.ended = ended
        self.versions = versions(recipe)
        self.lanes = Lanes(ledger.store, recipe.name, recipe.max_lanes)
        self.slices = slices.Slices(recipe, ledger)
        self.tuned = Tuned(recipe.slice_seconds)

    def step(self, job: Job, at: Address | None, budget: Budget | None, driver: str = "") -> Step:
        """Do at most one slice: of the shard `at`, if that is its present one, or of any.

        Without a `budget` the slice tunes itself: see `Tuned.budget`.

        Raises Unavailable, Uncertain or StoreFull where the store cannot be used; nothing that
        user code, the source or the sink do wrong is raised: it is in the job.
        """
        began = self.clock()
        found = self.claim(job, at, driver)
        return found if isinstance(found, Step) else self.do(found, budget, began)

    def claim(
        self, job: Job, at: Address | None, driver: str, joining: Joining | None = None
    ) -> Claimed | Step:
        """Lease a slice of the shard `at`, if that is its present one, or of any; or say why not.

        `joining` adds to the commit of the claim.
        """
        job = checked(self.ledger, job, self.versions)
        if job.state != "running":
            return Step("stale", job, None)
        place = self.lanes.room()
        if place is None:  # and no shard need be given away for this lane
            return self._busy(job, at, driver)
        now = self.ledger.store.now()
        task = self._asked(job, at, now)
        if task is None:  # else the phase is not done
            turned = self._turned(job)
            if turned.state != "running":
                return Step("stale", turned, None)
            if at is None and turned is not job:
                now = self.ledger.store.now()
                task = self._free(turned, now)
            job = turned
        if at is not None:
            if task is None or task.slice != at.n:
                return Step("stale", job, self.here(job))
            if task.lease > now or not self._in_turn(job, task):
                task = None
        if task is None:
            if job.phase == "map":
                want(self.ledger.store, job)
            return self._busy(job, self.here(job), driver)
        others = self._short(job, task, now)
        task = engine.swallow(task, others) if others else task
        seconds = 2 * self.recipe.slice_seconds + 2
        joins = [place(task), *map(gone, others), *([joining(task)] if joining else [])]
        claimed = self.ledger.claim(task, seconds, driver, *joins, now=now)
        if claimed is None:
            return Step("lost", job, self.here(job))
        return Claimed(job, claimed, seconds)

    @collector.resting()
    def do(self, claimed: Claimed, budget: Budget | None, began: float) -> Step:
        """Do the slice that was claimed, and commit it; `began` is when it was to be claimed."""
        job, task, seconds = claimed
        lease = Lease(self.ledger.renew, task, seconds, self.clock)
        allowed = budget or self.tuned.budget(task, began, self.clock)
        try:
            packs = self.slices.packs
            outcome = slices.run(self.recipe, self.ledger.store, lease, allowed, packs)
            task, job = self.slices.commit(job, lease.task, outcome, lease.took)
        except Conflict:
            job = self.ledger.job(job.recipe, job.id) or job
            return Step("lost", job, self.here(job))
        except BaseException as error:
            self._let_go(lease.task, error)
            raise
        if budget is None:
            self.tuned.note(task.phase, allowed)
            self.tuned.note_length(task, allowed)
        return self.after(job, task)

    def after(self, job: Job, task: Task) -> Step:
        """Say where to go on behind a slice that is committed, and turn the page if it can be."""
        if job.state != "running":
            self._note_end(job)
            return Step("slice", job, None)
        if not task.done:
            return Step("slice", job, Address(task.phase, task.shard, task.slice))
        job = self._turned(job)
        return Step("slice", job, self.here(job))

    def _busy(self, job: Job, next: Address | None, driver: str) -> Step:
        waits(self.ledger.store, job, driver)
        return Step("busy", job, next)

    def here(self, job: Job) -> Address | None:
        """Return the slice a lane should ask for: a free one, or else one that is leased."""
        if job.state != "running":
            return None
        task = self._free(job, self.ledger.store.now())
        task = task or next(self.ledger.tasks(job, "open"), None)
        return Address(task.phase, task.shard, task.slice) if task else None

    def _asked(self, job: Job, at: Address | None, now: float) -> Task | None:
        """Return the open task of the address; without one, a free task."""
        if at is None:
            return self._free(job, now)
        return self.ledger.task(job, at.phase, at.shard) if at.phase == job.phase else None

    def _free(self, job: Job, now: float) -> Task | None:
        """Choose a free shard: of two at random, near a place at random, that with more left.

        So lanes spread, and shards get on together. What runs alone comes last, in turn.
        """
        wide = job.partitions if job.phase in ("merge", "reduce") else job.shards
        free: list[Task] = []
        if wide > _LOOK_AT // 2:  # else the first are about all there are, and cost one scan
            place = self.rng.randrange(wide)
            free = _unleased(self.ledger.near(job, (place,), _LOOK_AT), now)
        tasks = self.ledger.tasks(job, "open")
        first = None
        while not free and (some := list(islice(tasks, _LOOK_AT))):
            first = first or some[0]
            free = _unleased(some, now)
        if free:
            task = max(self.rng.sample(free, min(len(free), 2)), key=_left)
            return self._first_of_many(job, task, now)
        return first if first and first.alone and first.lease <= now else None

    def _first_of_many(self, job: Job, task: Task, now: float) -> Task:
        """Return where a slice with time for many shards begins: at multiples, to leave no few."""
        fit = min(self.tuned.fit(task), _LOOK_AT) if engine.untouched(task) else 0
        if fit < 2:
            return task
        tasks = list(self.ledger.near(job, (task.shard[0] // fit * fit,), 2 * _LOOK_AT))
        if _share(tasks, now) < 2:
            return task
        return next(filter(engine.untouched, _unleased(tasks, now)), task)

    def _short(self, job: Job, task: Task, now: float) -> list[Task]:
        """Return the shards behind a short one that a slice has time for too."""
        fit = self.tuned.fit(task) if engine.untouched(task) else 0
        if fit < 2 or wanted(self.ledger.store, job):
            return []
        tasks = list(self.ledger.near(job, task.shard, 2 * _LOOK_AT))
        share = _share(tasks, now)
        return engine.behind(task, tasks, min(fit, share) - 1)

    def _in_turn(self, job: Job, task: Task) -> bool:
        """Whether nothing is open before a shard that runs alone."""
        first = self.ledger.tasks(job, "open", limit=1)
        return not task.alone or [task.shard] == [other.shard for other in first]

    def _turned(self, job: Job) -> Job:
        """Turn the page if it can be turned; whoever sees the job end says so."""
        turned = self.ledger.turn(job, engine.following)
        if turned.state != job.state:
            self._note_end(turned)
        return turned

    def _note_end(self, job: Job) -> None:
        _log.info("job %s is %s", job.id, job.state)
        if job.state in ENDED:
            self.ended()

    def _let_go(self, task: Task, error: BaseException) -> None:
        """Give the lease back; where the process is told to end, that may be for what it was at."""
        why = _TOLD_TO_END if isinstance(error, KeyboardInterrupt) else _AWAY
        try:
            if isinstance(error, (Exception, KeyboardInterrupt)):
                self.ledger.release(task, why)
            else:
                self.ledger.expire(task)
        except Exception:  # the lease runs out by itself
            _log.debug("job %s: a lease could not be released", task.job)


def _unleased(tasks: Iterable[Task], now: float) -> list[Task]:
    return [task for task in tasks if task.lease <= now and not task.alone]


def _share(tasks: Sequence[Task], now: float) -> int:
    """How many of these open shards one more lane may take: half of its share of what is free."""
    lanes = 1 + sum(task.lease > now for task in tasks)
    return (len(tasks) - lanes + 1) // (2 * lanes)


def _left(task: Task) -> float:
    """How many stretches are left of a shard."""
    return (task.marked + 1) * (1 - task.progress)
