"""The map phase of a retry: what was put aside, one after the other, each under its own place.

One shard goes through all of it, and runs alone: a record that was put aside may have killed.
What comes through is put aside no more. A group is none the less to be reduced again: of it only
that is forgotten that it was put aside.
"""

from dataclasses import replace

from httpmr import keys
from httpmr.budget import Budget
from httpmr.engine.care import Begin
from httpmr.engine.careful import PATIENCE, map_alone
from httpmr.engine.origin import inherited
from httpmr.errors import Conflict
from httpmr.interfaces import OrderedStore
from httpmr.ledger import bad_entries, bad_key
from httpmr.recipe import Recipe
from httpmr.state import ALONE, Bad, Job, Outcome, Plain, Task


def again(store: OrderedStore, job: Job) -> Task:
    """Return the one open task of the map phase in the job's present round.

    Raises Conflict where the job is being deleted.
    """
    task = Task(
        job.id, "map", (ALONE, -job.round), fan_out=job.partitions, notes={"retry": job.round}
    )
    return replace(task, **_next(store, task))


def map_again(
    recipe: Recipe, task: Task, store: OrderedStore, budget: Budget, begin: Begin
) -> Outcome:
    """Map what the task has come to, if that is not done yet; else go on to what follows."""
    if task.cursor is not None:
        following = _next(store, task)
        return Outcome(
            cursor=task.cursor,
            done=not following,
            notes=task.notes,
            become=following,
            why="end" if not following else "the next one",
        )
    at = task.notes["at"]
    mended: Plain = {"done": False, "deletes": [bad_key(task.job, at)], "mended": 1}
    if at[1] != "map":
        return Outcome(cursor=at, notes=task.notes, why="a group", **mended)
    outcome = map_alone(recipe, task, store, budget, begin)
    if outcome.bad or outcome.pause or outcome.cursor is None:
        return outcome
    if outcome.records:
        return replace(outcome, **mended)
    gone = Bad(task.until, "InputError: the source does not give this record any more", "")
    return replace(outcome, done=False, bad=gone, alone=True, past={"cursor": task.until})


def _next(store: OrderedStore, task: Task) -> Plain:
    """Return what a task becomes for what was put aside next; nothing where there is no more."""
    for at, entry in bad_entries(store, task.job, task.notes.get("at")):
        notes = {"retry": task.notes["retry"], "at": at}
        if at[1] != "map":
            return {"cursor": None, "notes": notes}
        shard, _, slice = at
        key = keys.pack((task.job, "map", "done", shard))
        found = store.get([key]).get(key)
        if found is None:
            raise Conflict("the job was deleted meanwhile", key=key)
        first = Task.read(found)
        return {
            "cursor": None,
            "after": entry["after"],
            "until": entry["key"],
            "fingerprint": first.fingerprint,
            "pace": 1.0,
            "notes": {**notes, **inherited(first), "place": (shard, slice), "patience": PATIENCE},
        }
    return {}
