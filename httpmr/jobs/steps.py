"""One request's work: claim a slice, run it, commit it, turn the page.

Whoever carries a job (a lane over HTTP, `run` in this process) does it through `step`. It may
be called by any number of processes at once, and be killed anywhere.
"""

import logging
from collections.abc import Callable, Sequence
from itertools import islice
from random import Random

from httpmr import engine
from httpmr.budget import Budget, Clock
from httpmr.engine import blame
from httpmr.errors import (
    Conflict,
    Damaged,
    GroupTooLarge,
    HttpmrError,
    OutputError,
    OverLimit,
    Unavailable,
    Uncertain,
    UserCodeError,
)
from httpmr.interfaces import Join, Pair, Slice
from httpmr.jobs.lease import Lease
from httpmr.jobs.step import Address, Step
from httpmr.jobs.version import checked, versions
from httpmr.ledger import Lanes, Ledger, receipt, waits, want, wanted
from httpmr.recipe import Recipe
from httpmr.shuffle import Runs
from httpmr.state import ENDED, Job, Outcome, Task

_log = logging.getLogger("httpmr.slice")
_LOOK_AT = 32
_AIMED = 0.93  # of a slice's time: clocks, processors and networks are not even
_FADING = 0.95
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
        self.joins: bool | None = None  # whether the sink joins; asked once
        # By phase, seconds: from the last record to the end of the commit; the slowest of late.
        self.after: dict[str, float] = {}
        self.slowest: dict[str, float] = {}

    def step(self, job: Job, at: Address | None, budget: Budget | None, driver: str = "") -> Step:
        """Do at most one slice: of the shard `at`, if that is its present one, or of any.

        Without a `budget` the slice tunes itself: see `_tuned`.

        Raises Unavailable, Uncertain or StoreFull where the store cannot be used; nothing that
        user code, the source or the sink do wrong is raised: it is in the job.
        """
        began = self.clock()
        job = checked(self.ledger, job, self.versions)
        place = self.lanes.room()
        if place is None and job.state == "running":
            return self._busy(job, at, driver)  # and no shard need be given away for this lane
        job = self._turned(job)
        if place is None or job.state != "running":
            return Step("stale", job, None)
        if at is None:
            task = self._free(job)
        else:
            task = self.ledger.task(job, at.phase, at.shard) if at.phase == job.phase else None
            if task is None or task.slice != at.n:
                return Step("stale", job, self.here(job))
            if task.lease > self.ledger.store.now() or not self._in_turn(job, task):
                task = None
        if task is None:
            if job.phase == "map":
                want(self.ledger.store, job)
            return self._busy(job, self.here(job), driver)
        seconds = 2 * self.recipe.slice_seconds + 2
        claimed = self.ledger.claim(task, seconds, driver, place(task))
        if claimed is None:
            return Step("lost", job, self.here(job))
        lease = Lease(self.ledger, claimed, seconds, self.clock)
        try:
            task, job = self._slice(job, lease, budget or self._tuned(claimed, began))
        except Conflict:
            job = self.ledger.job(job.recipe, job.id) or job
            return Step("lost", job, self.here(job))
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
        task = self._free(job) or next(self.ledger.tasks(job, "open"), None)
        return Address(task.phase, task.shard, task.slice) if task else None

    def _free(self, job: Job) -> Task | None:
        """Choose at random among the first free shards; what runs alone comes last, in turn."""
        now = self.ledger.store.now()
        tasks = self.ledger.tasks(job, "open")
        first = None
        while some := list(islice(tasks, _LOOK_AT)):
            first = first or some[0]
            free = [task for task in some if task.lease <= now and not task.alone]
            if free:
                return self.rng.choice(free)
        return first if first and first.alone and first.lease <= now else None

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

    def _tuned(self, task: Task, began: float) -> Budget:
        """Return the budget of a slice that shall be over, claim and commit and all, in time.

        The time is nearly `slice_seconds`, or less where a slice of the shard was killed. What is
        left for packing and committing is what it took in this process before. At first it is
        what it took to come here, a commit to the same store among it, and a tenth for the
        packing. A record as slow as the slowest of late is expected at any time, but where that
        would leave hardly any for the others.
        """
        seconds = _AIMED * self.recipe.slice_seconds * task.pace
        before = self.clock() - began
        after = self.after.get(task.phase, before + seconds / 10)
        seconds = max(seconds - before - after, seconds / 4)
        slowest = min(self.slowest.get(task.phase, 0.0), seconds / 4)
        return Budget(seconds, clock=self.clock, expected=slowest)

    def _slice(self, job: Job, lease: Lease, budget: Budget) -> tuple[Task, Job]:
        """Run and commit the slice that was claimed."""
        phase = lease.task.phase
        done = self._committed(job, lease, budget)
        self._note(self.after, phase, budget.clock() - budget.last)
        self._note(self.slowest, phase, budget.slowest)
        return done

    @staticmethod
    def _note(times: dict[str, float], phase: str, seconds: float) -> None:
        """Keep the longest of late: one that was long is forgotten over some dozens of slices."""
        times[phase] = max(seconds, _FADING * times.get(phase, 0.0))

    def _committed(self, job: Job, lease: Lease, budget: Budget) -> tuple[Task, Job]:
        try:
            outcome = self._run(lease, budget)
            task = lease.task
            try:
                done = self._commit(job, lease, self._shared(job, task, outcome))
            except (Conflict, Unavailable, Uncertain):
                raise
            except blame.FAULTS as error:
                blame.passes(error)
                outcome = self._instead(task, outcome, error)
                done = self._commit_instead(job, lease, outcome)
        except Conflict:
            raise
        except BaseException as error:
            self._let_go(lease.task, error)
            raise
        _log.info(
            "job %s %s %s.%d: %d records, %s",
            job.id,
            task.phase,
            "-".join(map(str, task.shard)),
            task.slice,
            outcome.records,
            outcome.why,
        )
        return done

    def _shared(self, job: Job, task: Task, outcome: Outcome) -> Outcome:
        """The outcome with half of what is left given away, if another lane stands idle."""
        if task.phase != "map" or not outcome.marks or not wanted(self.ledger.store, job):
            return outcome
        return engine.shed(task, outcome)

    def _run(self, lease: Lease, budget: Budget) -> Outcome:
        task = lease.task
        try:
            store = self.ledger.store
            return engine.run_slice(self.recipe, task, store, budget, lease, lease.begin)
        except Conflict:
            raise
        except Damaged as error:
            return blame.failed(task, error.message)
        except blame.FAULTS as error:
            blame.passes(error)
            return self._broken(task, f"the {task.phase} phase", error)

    def _broken(self, task: Task, what: str, error: BaseException) -> Outcome:
        """Return the pause for an error in a plug-in; raise Unavailable where it is passing."""
        if isinstance(error, HttpmrError) and not isinstance(error, (Unavailable, Uncertain)):
            return blame.paused(task, error.message)
        if blame.surroundings(error):
            raise blame.away(error) from error
        return blame.paused(task, f"{what} failed: {blame.told(error)}")

    def _commit(self, job: Job, lease: Lease, outcome: Outcome) -> tuple[Task, Job]:
        task, took = lease.task, self.clock() - lease.began
        joins: list[Join] = []
        if outcome.blocks:
            joins.append(lambda batch: Runs(self.ledger.store).put(batch, job.id, outcome.blocks))
        if outcome.pairs:
            joins.append(self._sink(job, task, outcome.pairs))
        allowed = self.recipe.max_bad_records
        return self.ledger.commit(job, task, outcome, *joins, allowed=allowed, took=took)

    def _sink(self, job: Job, task: Task, pairs: Sequence[Pair]) -> Join:
        """Write the pairs now, or return what joins them to the commit."""
        sink = self.recipe.sink
        if self.joins is None:
            self.joins = sink.joins(self.ledger.store)
        slice = Slice(task.job, *task.place, task.stamp, job.round)
        if self.joins:
            return lambda batch: sink.join(pairs, slice, batch)
        self.ledger.check(task)  # what is overtaken had better write nothing
        return receipt(task, sink.write(pairs, slice))

    def _instead(self, task: Task, outcome: Outcome, error: BaseException) -> Outcome:
        """Return what to commit instead of an outcome that could not be committed."""
        of_the_sink = isinstance(error, OutputError) and not hasattr(error, "key")
        if of_the_sink or not isinstance(error, (UserCodeError, OverLimit, OutputError)):
            return self._broken(task, f"the sink {self.recipe.sink!r:.80}", error)
        if not outcome.records or (task.phase == "merge" and outcome.records == 1):
            return self._untold(task, error)
        cursor = outcome.cursor
        reducer = None if task.phase == "map" else self.recipe.reducer
        if isinstance(error, OverLimit):
            kind = UserCodeError if reducer is None else GroupTooLarge
            error = kind(f"it gives more than a commit can take: emit less ({error.message})")
        if reducer is None:
            return blame.refused(task, outcome, error, self.recipe.mapper.map, cursor, "record")
        return blame.refused(task, outcome, error, reducer.reduce, cursor and cursor[0], "group")

    def _commit_instead(self, job: Job, lease: Lease, outcome: Outcome) -> tuple[Task, Job]:
        """Commit what puts a record aside, or pauses; without its key if that is the trouble."""
        try:
            return self._commit(job, lease, outcome)
        except (UserCodeError, OverLimit) as error:
            return self._commit(job, lease, self._untold(lease.task, error))

    def _untold(self, task: Task, error: HttpmrError) -> Outcome:
        """Return the pause for what cannot even be told: its key is itself too much to store."""
        return blame.paused(task, f"the {task.phase} phase met a key too large: {error.message}")

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
