"""One slice of any phase: from a recipe, a task and a store to an Outcome.

The engine reads, and computes what is to be committed; it commits nothing, and knows no HTTP
and no SQL. `run_slice` does the same work for the same task, so that a slice may be done again.
"""

from collections.abc import Callable

from httpmr.budget import Budget
from httpmr.engine import care
from httpmr.engine.again import again, map_again
from httpmr.engine.care import Begin
from httpmr.engine.careful import map_alone, map_carefully, parked
from httpmr.engine.finish import clean_up, leftovers, publish
from httpmr.engine.fold import above, fold_runs, index
from httpmr.engine.map import map_records
from httpmr.engine.origin import fingerprint, origins
from httpmr.engine.plan import first, following
from httpmr.engine.reduce import Hold, reduce_groups
from httpmr.engine.shed import shed
from httpmr.engine.split import split
from httpmr.engine.swallow import behind, swallow, untouched
from httpmr.interfaces import OrderedStore
from httpmr.recipe import Recipe
from httpmr.state import Outcome, Task

__all__ = [
    "above",
    "again",
    "behind",
    "fingerprint",
    "first",
    "following",
    "index",
    "leftovers",
    "origins",
    "parked",
    "run_slice",
    "shed",
    "swallow",
    "untouched",
]

_PHASES = {
    "split": split,
    "merge": fold_runs,
    "publish": publish,
    "cleanup": clean_up,
}


def run_slice(
    recipe: Recipe,
    task: Task,
    store: OrderedStore,
    budget: Budget,
    hold: Hold = lambda: None,
    begin: Begin = lambda *noted: None,
    packs: bool = False,
) -> Outcome:
    """Do one slice of the task, at least one record of it, and return its Outcome.

    `packs`: much output of a reduce slice may come as blocks that are output already, in key
    order, in place of pairs.

    `hold()` is called now and then where a slice may take long and could still go on: it keeps
    the lease, and may raise Conflict. So may `begin(*noted)`, which is called where requests died
    in the shard before, and keeps what is noted in `task.begun`.

    Raises what the store raises (nothing is lost; the lease can be released), and Damaged where
    a stored block is not what was written. Errors of user code are part of the Outcome.
    """
    budget.start()
    if task.phase == "map":
        return _mapping(task)(recipe, task, store, budget, begin)
    if task.phase == "reduce":
        return reduce_groups(recipe, task, store, budget, hold, begin, packs)
    return _PHASES[task.phase](recipe, task, store, budget)


def _mapping(task: Task) -> Callable[[Recipe, Task, OrderedStore, Budget, Begin], Outcome]:
    if task.alone:
        return map_again if task.retry else map_alone
    return map_carefully if care.needed(task) else map_records
