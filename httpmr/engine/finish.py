"""The last two phases: publish what the sink was given, and clean up what was in between."""

from itertools import islice

from httpmr import keys
from httpmr.engine import blame
from httpmr.errors import OutputError
from httpmr.ledger import PAGE, Ledger
from httpmr.shuffle import Runs
from httpmr.state import Outcome


def publish(recipe, task, store, budget):
    """Let the sink publish the committed receipts; again in the next slice until it is done."""
    ledger = Ledger(store)
    receipts = list(ledger.receipts(task.job))
    # A request that stood still for long may come when others have published, and have cleaned
    # up some receipts: with the rest of them it would put part of the output in place of all.
    ledger.check(task)
    try:
        done = recipe.sink.finish(task.job, receipts, budget)
    except OutputError as error:
        return blame.paused(task, error.message)
    return Outcome(done=bool(done), why=blame.why(budget, done))


def clean_up(recipe, task, store, budget):
    """Remove the intermediate data, a page at a time; nothing while records are put aside."""
    if task.notes.get("keep"):
        return Outcome(done=True, why="kept")
    deletes = list(islice(leftovers(store, task.job), PAGE))
    return Outcome(done=len(deletes) < PAGE, deletes=deletes, why="size")


def leftovers(store, job):
    """Yield the store keys of a job's intermediate data, none of its blocks read."""
    yield from Runs(store).keys(job)
    for name in ("receipt", "wanted"):
        for key, _ in store.scan(*keys.span((job, name))):
            yield key
