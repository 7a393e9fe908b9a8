"""The reduce phase: merge a partition's runs, and reduce group after group.

A group is reduced whole, in one slice, its values streaming. A group that user code fails on
stops the job, which can then skip it.
"""

from httpmr import counters, keys
from httpmr.engine import blame
from httpmr.engine.gather import Held, met
from httpmr.errors import Damaged, StoreError
from httpmr.shuffle import Runs
from httpmr.state import Outcome


def reduce_groups(recipe, task, store, budget):
    """Reduce groups of one partition until the budget says stop; at least one."""
    runs = Runs(store)
    index = list(runs.entries(task.job, task.shard[0], task.level))
    reducer, held = recipe.reducer, Held(recipe.reducer.reduce)
    most = task.notes.get("most", 0)
    cursor, groups, total, group = task.cursor, 0, {}, None
    why = ""
    try:
        with counters.collecting() as counted:
            for key, values in runs.merged(task.job, index, cursor):
                if not groups:
                    budget.ready()
                try:
                    pairs = reducer.reduce(key, iter(values))
                    if type(pairs) in blame.REFUSED:
                        raise blame.not_pairs(reducer.reduce, pairs)
                    pairs = list(pairs)
                    if error := met(values):
                        raise error
                    held.add(pairs)
                except Exception as error:
                    error = met(values) or error
                    if isinstance(error, Damaged):
                        raise error
                    if blame.surroundings(error):
                        raise blame.away(error) from error
                    group, why = blame.bad(key, error, "group"), "a bad group"
                    break
                cursor = (key, None)
                groups += 1
                if counted:
                    total = counters.add(total, counted)
                    counted.clear()
                if not budget.more():
                    why = budget.why
                    break
                if held.full or groups == most:
                    why = "size"
                    break
    except StoreError:
        if not groups:
            raise
        why = "the store is away"
    return Outcome(
        cursor=cursor,
        done=not why,
        records=groups,
        counters=total,
        progress=_passed(index, cursor),
        level=task.level,
        notes=blame.regrown(task.notes),
        pairs=held.pairs,
        bad=group,
        alone=group is not None and not groups,
        past={"cursor": (group.key, None)} if group else {},
        why=why or "end",
    )


def _passed(index, cursor):
    """How much of the partition is done, in blocks."""
    if cursor is None or not index:
        return 0.0
    at = keys.pack(cursor[0])
    return sum(keys.pack(entry.last) <= at for entry in index) / (len(index) + 1)
