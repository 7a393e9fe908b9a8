"""The split phase: where the shards of the source begin and end.

The source names keys in even steps; this keeps a bounded number of them, every second one
dropped whenever there are too many, and deals them out. Keys of the source are never compared.
Then each shard's fingerprint is taken, so that a change of the input is seen later.
"""

from typing import Any

from httpmr import codec
from httpmr.budget import Budget
from httpmr.engine import blame
from httpmr.errors import InputError
from httpmr.interfaces import OrderedStore
from httpmr.recipe import Recipe
from httpmr.state import Outcome, Task

MARKS = 16
"""How many keys inside its range a shard keeps, to read from one to the next."""

_MOST_KEYS = 2048
_MOST_BYTES = 200_000  # a task is one stored value


def split(recipe: Recipe, task: Task, store: OrderedStore, budget: Budget) -> Outcome:
    """Gather split keys, then fingerprints, until the budget says stop."""
    notes = {"keys": [], "stride": 1, "seen": 0, "split": False, "fingerprints": [], **task.notes}
    keys, prints = list(notes["keys"]), list(notes["fingerprints"])
    stride, seen, cursor = notes["stride"], notes["seen"], task.cursor
    size = len(codec.dumps(keys))
    steps = min(task.fan_out * MARKS, _MOST_KEYS)
    pause, done = None, False
    try:
        over = notes["split"]
        if not over:
            for key in recipe.source.split(cursor, task.until, steps):
                blame.check_key(recipe.source, key, cursor)
                cursor = key
                seen += 1
                if seen % stride == 0:
                    keys.append(key)
                    size += len(codec.dumps(key))
                if len(keys) > 2 * steps or size > _MOST_BYTES:
                    keys, stride = keys[1::2], stride * 2
                    size = len(codec.dumps(keys))
                if not budget.more():
                    break
            else:
                over = True
        if over:
            for after, until, _ in ranges(keys, task.until, task.fan_out)[len(prints) :]:
                prints.append(recipe.source.fingerprint(after, until))
                if not budget.more():
                    break
            else:
                done = True
        notes["split"] = over
    except InputError as error:
        pause = error.message
    return Outcome(
        cursor=cursor,
        done=done,
        notes={**notes, "keys": keys, "stride": stride, "seen": seen, "fingerprints": prints},
        pause=pause,
        why=blame.why(budget, done),
    )


def ranges(keys: list[Any], last: Any, shards: int) -> list[tuple[Any, Any, tuple[Any, ...]]]:
    """Return (after, until, marks) of each of at most `shards` shards of even size.

    >>> ranges([10, 20, 30], 40, 2)
    [(None, 20, (10,)), (20, 40, (30,))]
    >>> ranges([], 40, 2)
    [(None, 40, ())]
    """
    bounds = [None, *keys, last]
    segments = len(keys) + 1
    shards = min(shards, segments)
    dealt = []
    for shard in range(shards):
        first, end = shard * segments // shards, (shard + 1) * segments // shards
        inner = bounds[first + 1 : end]
        step = -(-len(inner) // MARKS) or 1
        dealt.append((bounds[first], bounds[end], tuple(inner[step - 1 :: step])))
    return dealt
