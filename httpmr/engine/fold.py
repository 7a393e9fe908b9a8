"""The merge phase: where a partition has too many runs, neighbouring ones are folded into one.

A fold takes at most FAN_IN neighbouring runs of a level and writes one run, under the first one's
id, to the next level; levels go on until no more than FAN_IN runs are left. Only so many are folded
as must be, counting one run for each slice, so that an input that is a little longer takes a little
longer: the `rest` of the last level, from one run on, stays as it is, and comes after what was
folded. The inputs stay until cleanup, so that records put aside can be mapped later into the places
reserved for them.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from httpmr.budget import Budget
from httpmr.engine import blame
from httpmr.engine.gather import Folded, Uncombined, combined
from httpmr.engine.long import Long, many
from httpmr.engine.scale import ENOUGH
from httpmr.interfaces import Combine, OrderedStore
from httpmr.recipe import Recipe
from httpmr.shuffle import FAN_IN, Placed, Runs, cut
from httpmr.shuffle.reading import Entry
from httpmr.state import Outcome, Place, Shard, Task

_MOST_BLOCKS = 100  # in a slice that folds many small runs; a batch takes twice as many entries
_LEVELS = 100  # that a round may have: far more than any needs


def fold_runs(recipe: Recipe, task: Task, store: OrderedStore, budget: Budget) -> Outcome:
    """Fold runs of one partition until the budget says stop; done when FAN_IN are left."""
    fold = _Fold(recipe, task, store, budget)
    try:
        while fold.more():
            fold.run()
        return fold.outcome()
    except blame.GroupFailed as error:
        return blame.stuck(task, error.bad)


def index(runs: Runs, task: Task) -> Iterator[Entry]:
    """Yield the index of what the merge phase left of a partition, in run order."""
    yield from runs.entries(task.job, task.shard[0], task.level)
    rest = task.notes.get("rest")
    if rest is not None:
        yield from runs.entries(task.job, task.shard[0], _below(task.level), rest)


def above(level: int, tail: Shard) -> int:
    """Return the level that follows; those of each round are its own, but for the lowest, 0."""
    return level + 1 if level or not tail else 1 - tail[0] * _LEVELS


def _below(level: int) -> int:
    return level - 1 if (level - 1) % _LEVELS else 0


def of_round(level: int, tail: Shard) -> bool:
    """Whether a level above 0 is one of the round with this tail."""
    return (level - 1) // _LEVELS == (-tail[0] if tail else 0)


class _Fold:
    def __init__(self, recipe: Recipe, task: Task, store: OrderedStore, budget: Budget) -> None:
        self.recipe, self.task, self.budget = recipe, task, budget
        self.runs = Runs(store, by=recipe.order)
        self.partition = task.shard[0]
        self.level = task.level
        self.above = above(task.level, task.shard[1:])
        self.cursor = task.cursor  # (key, values of it that are done, or None for all)
        self.since: Place | None = task.notes.get("since")  # the first run of the present fold
        self.n: int = task.notes.get("n", 0)  # the next block of its output
        # How many runs there are above FAN_IN, at most; unknown to what an older version began.
        self.over: int | None = task.notes.get("over")
        self.rest: Place | None = None
        self.most: int | None = task.notes.get("most")  # values, after a commit was refused
        self.plain = Uncombined(task)
        self.blocks: list[Placed] = []
        self.bytes = 0
        self.values = 0
        self.why: str | None = None
        self.done = False

    def more(self) -> bool:
        return not self.why and not self.done

    def run(self) -> None:
        """Do one fold, or as much of it as the budget allows."""
        at = (self.task.job, self.partition, self.level)
        fan_in = FAN_IN if self.over is None else min(FAN_IN, self.over + 1)
        entries, following = self.runs.fold(*at, self.since, fan_in)
        if self.since is None and following is None:
            self.done = True
            return
        out = Folded(self.most)
        groups = self.runs.merged(self.task.job, entries, self.cursor)
        for key, values in self.budget.over(groups):
            self._group(out, key, values)
            if self._enough(out):
                self.why = "size"
                break
        self.why = self.why or self.budget.why
        run = entries[0].run
        for block in cut(out.columns):
            self.blocks.append(Placed(self.partition, self.above, *run, self.n, block))
            self.bytes += len(block.data)
            self.n += 1
        if self.why:
            self.since = run
            return
        self.cursor, self.n, self.since = None, 0, following
        if self.over is not None:
            self.over = max(0, self.over + 1 - len({entry.run for entry in entries}))
        if self.over == 0:
            self.level, self.since, self.rest, self.done = self.above, None, following, True
        elif following is None:
            # The next level is whole only when this slice is committed.
            self.level = self.above
            self.why = "level"
        elif self.bytes > ENOUGH // 4 or len(self.blocks) >= _MOST_BLOCKS:
            self.why = "size"

    def _group(self, out: Folded, key: Any, values: Any) -> None:
        """Take a group over, combined where that can be done, else a large one in parts."""
        begun = self.cursor[1] if self.cursor and self.cursor[1] and out.empty else 0
        combine = self.recipe.combine
        if combine and key not in self.plain:
            self._combined(combine, out, key, values, begun)
            return
        if values.__class__ is list and len(values) < out.chunk:
            if values:  # else a slice ended just behind the last of them
                self._add(out, key, values)
        else:
            values, chunk = iter(values), out.chunk
            while part := list(islice(values, chunk)):
                self._add(out, key, part)
                begun += len(part)
                if len(part) == chunk and (self._enough(out) or not self.budget.more()):
                    self.cursor = (key, begun)
                    return
                chunk = out.chunk
        self.cursor = (key, None)

    def _combined(self, combine: Combine, out: Folded, key: Any, values: Any, begun: int) -> None:
        """Take a group over as one value; a long one as several, if it takes several slices."""
        self.cursor = (key, None)
        if values.__class__ is list and len(values) < many(self.task) and not begun:
            self._add(out, key, [combined(combine, key, values)])
            return
        long = Long(key, values)
        if not long.fold(combine, self.budget):
            self.cursor = (key, begun + long.done)
        if long.partial:
            self._add(out, key, long.partial)

    def _add(self, out: Folded, key: Any, values: Sequence[Any]) -> None:
        out.add(key, values)
        self.values += len(values)

    def _enough(self, out: Folded) -> bool:
        much = self.bytes + out.scale.bytes > ENOUGH
        return much or bool(self.most and self.values >= self.most)

    def outcome(self) -> Outcome:
        notes = {**blame.regrown(self.task.notes), "since": self.since, "n": self.n}
        if self.over is not None:
            notes["over"] = self.over
        if self.rest is not None:
            notes["rest"] = self.rest
        return Outcome(
            cursor=self.cursor,
            done=self.done,
            records=self.values,
            level=self.level,
            notes=notes,
            blocks=self.blocks,
            why=self.why or "end",
        )
