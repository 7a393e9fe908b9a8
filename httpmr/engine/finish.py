"""The last two phases: publish what the sink was given, and clean up what was in between."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from httpmr import keys
from httpmr.budget import Budget
from httpmr.engine import blame
from httpmr.engine.fold import of_round
from httpmr.errors import OutputError
from httpmr.interfaces import OrderedStore
from httpmr.ledger import PAGE, Ledger
from httpmr.recipe import Recipe
from httpmr.shuffle import Runs, output
from httpmr.state import Outcome, Shard, Task


def publish(recipe: Recipe, task: Task, store: OrderedStore, budget: Budget) -> Outcome:
    """Let the sink publish the committed receipts; again in the next slice until it is done."""
    ledger = Ledger(store)
    receipts = list(ledger.receipts(task.job, task.notes.get("tail")))
    # A request that stood still for long may come when others have published, and have cleaned
    # up some receipts: with the rest of them it would put part of the output in place of all.
    ledger.check(task)
    recipe.sink.joins(store)  # it may not have been asked in this process yet
    try:
        done = recipe.sink.finish(task.job, receipts, budget)
    except OutputError as error:
        return blame.paused(task, error.message)
    return Outcome(done=bool(done), notes=task.notes, why=blame.why(budget, done))


def clean_up(recipe: Recipe, task: Task, store: OrderedStore, budget: Budget) -> Outcome:
    """Remove the intermediate data, a page at a time.

    While records are put aside nothing goes but what the rounds before the present one have left.
    """
    tail, keep = task.notes.get("tail"), task.notes.get("keep")
    garbage: Iterable[bytes] = superseded(store, task.job, tail) if tail else ()
    if not keep:
        garbage = chain(leftovers(store, task.job), garbage)
    deletes = list(islice(garbage, PAGE))
    return Outcome(done=len(deletes) < PAGE, notes=task.notes, deletes=deletes, why="size")


def superseded(store: OrderedStore, job: str, tail: Shard) -> Iterator[bytes]:
    """Yield the store keys of what was folded, and given to the sink, in other rounds than one."""
    for key in output(store).keys(job):
        if keys.unpack(key)[4][1:] != tail:
            yield key
    for key, _ in store.scan(*keys.span((job, "receipt"))):
        if keys.unpack(key)[2][1:] != tail:
            yield key
    for key in Runs(store).keys(job):
        level = keys.unpack(key)[3]
        if level and not of_round(level, tail):
            yield key


def leftovers(store: OrderedStore, job: str) -> Iterator[bytes]:
    """Yield the store keys of a job's intermediate data, none of its blocks read."""
    yield from Runs(store).keys(job)
    for name in ("receipt", "wanted", "waiting"):
        for key, _ in store.scan(*keys.span((job, name))):
            yield key
