"""A slice that was claimed: do it, and commit what it came to.

The two need not be done by the same process: what goes from one to the other is an Outcome, which
is plain data. Who may do the slice is not known here.
"""

import logging
from collections.abc import Callable, Sequence

from httpmr import engine
from httpmr.budget import Budget
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
from httpmr.interfaces import Join, OrderedStore, Pair, Slice
from httpmr.jobs.lease import Lease
from httpmr.ledger import Ledger, receipt, wanted
from httpmr.recipe import Recipe
from httpmr.shuffle import Runs, output
from httpmr.sinks.stored import Stored
from httpmr.state import Job, Outcome, Task

Took = Callable[[], float]

_log = logging.getLogger("httpmr.slice")


def run(
    recipe: Recipe, store: OrderedStore, lease: Lease, budget: Budget, packs: bool = False
) -> Outcome:
    """Do the slice, reading what it needs from `store`; `packs` as in `engine.run_slice`.

    Raises Conflict where the lease was lost, and Unavailable or another of the store's errors where
    it is the surroundings' fault; all else is in the Outcome.
    """
    task = lease.task
    try:
        return engine.run_slice(recipe, task, store, budget, lease, lease.begin, packs)
    except Conflict:
        raise
    except Damaged as error:
        return blame.failed(task, error.message)
    except blame.FAULTS as error:
        blame.passes(error)
        return _broken(task, f"the {task.phase} phase", error)


def instead(recipe: Recipe, task: Task, outcome: Outcome, error: BaseException) -> Outcome:
    """Return what to commit instead of an outcome that could not be committed."""
    of_the_sink = isinstance(error, OutputError) and not hasattr(error, "key")
    if of_the_sink or not isinstance(error, (UserCodeError, OverLimit, OutputError)):
        return _broken(task, f"the sink {recipe.sink!r:.80}", error)
    if not outcome.records or (task.phase == "merge" and outcome.records == 1):
        return untold(task, error)
    cursor = outcome.cursor
    reducer = None if task.phase == "map" else recipe.reducer
    if isinstance(error, OverLimit):
        kind = UserCodeError if reducer is None else GroupTooLarge
        error = kind(f"it gives more than a commit can take: emit less ({error.message})")
    if reducer is None:
        return blame.refused(task, outcome, error, recipe.mapper.map, cursor, "record")
    return blame.refused(task, outcome, error, reducer.reduce, cursor and cursor[0], "group")


def untold(task: Task, error: HttpmrError) -> Outcome:
    """Return the pause for what cannot even be told: its key is itself too much to store."""
    return blame.paused(task, f"the {task.phase} phase met a key too large: {error.message}")


def _broken(task: Task, what: str, error: BaseException) -> Outcome:
    """Return the pause for an error in a plug-in; raise Unavailable where it is passing."""
    if isinstance(error, HttpmrError) and not isinstance(error, (Unavailable, Uncertain)):
        return blame.paused(task, error.message)
    if blame.surroundings(error):
        raise blame.away(error) from error
    return blame.paused(task, f"{what} failed: {blame.told(error)}")


class Slices:
    """Commits the slices of one recipe."""

    def __init__(self, recipe: Recipe, ledger: Ledger) -> None:
        self.recipe = recipe
        self.ledger = ledger
        self._joins: bool | None = None

    @property
    def joins(self) -> bool:
        """Whether the sink joins the commit; asked once."""
        if self._joins is None:
            self._joins = self.recipe.sink.joins(self.ledger.store)
        return self._joins

    @property
    def packs(self) -> bool:
        """Whether slices pack their output: as the default sink would, if that is what it is."""
        return type(self.recipe.sink) is Stored and not vars(self.recipe.sink)

    def commit(self, job: Job, task: Task, outcome: Outcome, took: Took) -> tuple[Task, Job]:
        """Commit what a slice came to; or, if that cannot be, what is to be said of it instead.

        `task` is as claimed, or as renewed; `took()` gives the seconds since then. Raises Conflict
        where the lease was taken over, Unavailable or Uncertain where the store cannot be used.
        """
        try:
            done = self._commit(job, task, self._shared(job, task, outcome), took)
        except (Conflict, Unavailable, Uncertain):
            raise
        except blame.FAULTS as error:
            blame.passes(error)
            outcome = instead(self.recipe, task, outcome, error)
            done = self._commit_instead(job, task, outcome, took)
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

    def _commit(self, job: Job, task: Task, outcome: Outcome, took: Took) -> tuple[Task, Job]:
        joins: list[Join] = []
        if outcome.blocks:
            runs = (output if task.phase == "reduce" else Runs)(self.ledger.store)
            joins.append(lambda batch: runs.put(batch, job.id, outcome.blocks))
        if outcome.pairs:
            joins.append(self._sink(job, task, outcome.pairs))
        allowed = self.recipe.max_bad_records
        return self.ledger.commit(job, task, outcome, *joins, allowed=allowed, took=took())

    def _sink(self, job: Job, task: Task, pairs: Sequence[Pair]) -> Join:
        """Write the pairs now, or return what joins them to the commit."""
        sink = self.recipe.sink
        slice = Slice(task.job, *task.place, task.stamp, job.round)
        if self.joins:
            return lambda batch: sink.join(pairs, slice, batch)
        self.ledger.check(task)  # what is overtaken had better write nothing
        return receipt(task, sink.write(pairs, slice))

    def _commit_instead(
        self, job: Job, task: Task, outcome: Outcome, took: Took
    ) -> tuple[Task, Job]:
        """Commit what puts a record aside, or pauses; without its key if that is the trouble."""
        try:
            return self._commit(job, task, outcome, took)
        except (UserCodeError, OverLimit) as error:
            return self._commit(job, task, untold(task, error), took)
