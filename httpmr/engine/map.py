"""The map phase: read on from the cursor, map each record, hold what it emits.

What a record counts is held until its mapper has returned, so that an exception drops it, and
what it emits, whole. The slice then ends before the record: at the record's own slice it is found
again, alone, and put aside or stopped at.
"""

import math
from typing import Any

from httpmr import counters
from httpmr.budget import Budget
from httpmr.counters import Counters
from httpmr.engine import blame
from httpmr.engine.ahead import Ahead
from httpmr.engine.care import Begin
from httpmr.engine.emitted import Emitted
from httpmr.engine.lot import AT_ONCE, MANY, QUICK, Lot, moment
from httpmr.engine.origin import changed
from httpmr.errors import Conflict, InputError
from httpmr.interfaces import MapMany, OrderedStore, Pair
from httpmr.recipe import Recipe
from httpmr.state import Bad, Outcome, Plain, Task


def map_records(
    recipe: Recipe, task: Task, store: OrderedStore, budget: Budget, begin: Begin
) -> Outcome:
    """Map records of the shard until the budget says stop; at least one."""
    return walked(Walk(recipe, task, budget))


def walked(walk: "Walk") -> Outcome:
    """Go along the shard, and return the outcome of that."""
    task = walk.task
    stopped = changed(walk.recipe.source, task)
    if stopped:
        return stopped
    try:
        with counters.collecting() as counted:
            walk.run(counted)
        # Looked at once more: of a shard of several files, a later one may have been replaced
        # after the first look.
        return changed(walk.recipe.source, task) or walk.finish()
    except blame.Refused as refused:
        return walk.refused(refused.error)
    except blame.GroupFailed as error:
        return blame.stuck(task, error.bad)


class Walk:
    """One slice's way along its shard."""

    def __init__(self, recipe: Recipe, task: Task, budget: Budget) -> None:
        self.recipe = recipe
        self.task = task
        self.budget = budget
        self.cursor = task.cursor
        self.marks = task.marks
        self.records = 0
        self.counters: Counters = {}
        self.done = False
        self.bad: Bad | None = None
        self.past: Plain | None = None
        self.pause: str | None = None
        self.why: str | None = None
        self.at_once = 1
        self.last = budget.clock()
        self.many = recipe.map_many
        self.quick = moment(budget) if self.many else QUICK
        self.emitted = Emitted(recipe, task, budget)

    def run(self, counted: Counters) -> None:
        """Go as far as the budget allows, or the source can be read."""
        try:
            self._along(counted)
        except (blame.Refused, blame.GroupFailed, Conflict):
            raise
        except InputError as error:
            self.pause = error.message
        except blame.FAULTS as error:  # what is left is the source's own code
            blame.passes(error)
            if not blame.surroundings(error):
                self.pause = f"the source {self.recipe.source!r:.80} failed: {blame.told(error)}"
            elif self.records:
                self.why = "the source is away"
            else:
                raise blame.away(error) from error

    def _along(self, counted: Counters) -> None:
        for number, until in enumerate([*self.marks, self.task.until]):
            if not self._within(until, counted):
                return
            if until is not None:
                self.cursor = until
            self.marks = self.task.marks[number + 1 :]
        self.done = True

    def _within(self, until: Any, counted: Counters) -> bool:
        """Map the records up to `until`; return whether the slice goes on after them."""
        after = self.task.after if self.cursor is None else self.cursor
        ahead = Ahead(self.recipe.source, after, until)
        while (some := ahead.take(min(most := self._at_once(), AT_ONCE))).keys:
            if not self.records:
                self.budget.opened()
            if self.many is not None and most > 1:
                lot = Lot(ahead, some, most, self.quick / 2, self.budget.clock)
                if not self._together(self.many, lot):
                    self.many = None
                    counted.clear()
                    return self._within(until, counted)  # where it failed, is seen there
                goes_on = self._past(lot.key, lot.count, counted)
            else:
                goes_on = self.mapped(list(some.pairs), counted)
            if not goes_on:
                return False
        return True

    def _at_once(self) -> int:
        """How many records to read ahead: few if they take long, or emit much."""
        now = self.budget.clock()
        quick, self.last = now - self.last < self.quick, now
        most = MANY if self.many else AT_ONCE
        self.at_once = min(2 * self.at_once, most) if quick else 1 + self.at_once // 4
        room = self.emitted.room(self.many is not None) * self.records // (self.emitted.count + 1)
        allowed = min(self.task.notes.get("most", math.inf) - self.records, self.budget.room)
        return max(1, int(min(self.at_once, room, allowed)))

    def mapped(self, some: list[Pair], counted: Counters) -> bool:
        """Map records that were read ahead; return whether the slice goes on."""
        while some:
            done = self._hold(some, counted)
            if not done:
                # One of them failed: which, is seen where each is mapped alone.
                return len(some) > 1 and all(self.mapped([record], counted) for record in some)
            if not self._past(some[done - 1][0], done, counted):
                return False
            some = some[done:]
        return True

    def _past(self, key: Any, done: int, counted: Counters) -> bool:
        """Go on after `key`, with so many records done; return whether the slice does."""
        self.cursor = key
        self.records += done
        if counted:
            self.counters = counters.add(self.counters, counted)
            counted.clear()
        if self.emitted.full():
            self.why = "size"
            return False
        self.why = self.budget.why
        if self.records == self.task.notes.get("most", 0):
            self.why = "records"
        return not self.why

    def _hold(self, some: list[Pair], counted: Counters) -> int:
        """Map records and hold what they emit; return how many: 0 if one failed."""
        try:
            return self.emitted.of_each(some)
        except blame.Refused:
            raise
        except blame.FAULTS as error:
            blame.passes(error)
            counted.clear()
            if len(some) == 1:
                self._failed(some[0][0], error)
            return 0

    def _together(self, many: MapMany, lot: Lot) -> bool:
        """Let the mapper map many at once, and hold what it emits; return whether it could."""
        try:
            self.emitted.of_lot(lot, many)
        except blame.FAULTS as error:
            blame.passes(error)
            return False
        return True

    def _failed(self, key: Any, error: BaseException) -> None:
        """Note why the slice ends before the record `key`."""
        if not blame.surroundings(error):
            self.bad = blame.bad(key, error)
            self.past = {"cursor": key, "marks": self.marks}
            self.why = "a bad record"
        elif self.records:
            self.why = "an error of the surroundings"
        else:
            raise blame.away(error) from error

    def outcome(self, **fields: Any) -> Outcome:
        """What was done so far, without what was emitted."""
        return Outcome(
            cursor=self.cursor,
            done=self.done,
            records=self.records,
            counters=self.counters,
            marks=self.marks,
            progress=1 - (len(self.marks) + 1) / (self.task.marked + 1),
            notes=blame.regrown(self.task.notes) if self.records else self.task.notes,
            bad=self.bad,
            alone=self.bad is not None and not self.records,
            past=self.past or {},
            pause=self.pause,
            why=self.why or "end",
            **fields,
        )

    def finish(self) -> Outcome:
        """Pack what was emitted, and say what the slice came to."""
        if self.task.fan_out:
            return self.outcome(blocks=self.emitted.for_shuffle())
        return self.outcome(pairs=self.emitted.for_sink())

    def refused(self, error: BaseException) -> Outcome:
        """Say what the slice came to where what was emitted cannot be packed."""
        if blame.surroundings(error):
            raise blame.away(error) from error
        mapper = self.recipe.mapper.map
        return blame.refused(self.task, self.outcome(), error, mapper, self.cursor, "record")
