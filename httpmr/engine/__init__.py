"""One slice of any phase: from a recipe, a task and a store to an Outcome.

The engine reads, and computes what is to be committed; it commits nothing, and knows no HTTP
and no SQL. `run_slice` does the same work for the same task, so that a slice may be done again.
"""

from httpmr.engine.finish import clean_up, leftovers, publish
from httpmr.engine.fold import fold_runs
from httpmr.engine.map import map_records
from httpmr.engine.plan import first, following
from httpmr.engine.reduce import reduce_groups
from httpmr.engine.split import split

__all__ = ["first", "following", "leftovers", "run_slice"]

_PHASES = {
    "split": split,
    "map": map_records,
    "merge": fold_runs,
    "reduce": reduce_groups,
    "publish": publish,
    "cleanup": clean_up,
}


def run_slice(recipe, task, store, budget):
    """Do one slice of the task, at least one record of it, and return its Outcome.

    Raises what the store raises (nothing is lost; the lease can be released), and Damaged where
    a stored block is not what was written. Errors of user code are part of the Outcome.
    """
    budget.start()
    return _PHASES[task.phase](recipe, task, store, budget)
