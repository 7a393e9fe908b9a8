"""The map phase: read on from the cursor, map each record, hold what it emits.

What a record emits and counts is held until its mapper has returned, so that an exception
drops it whole. The slice then ends before the record: at the record's own slice it is found
again, alone, and put aside or stopped at.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, starmap
from typing import Any

from httpmr import counters
from httpmr.budget import Budget
from httpmr.counters import Counters
from httpmr.engine import blame
from httpmr.engine.ahead import Ahead
from httpmr.engine.care import Begin
from httpmr.engine.gather import Groups, Held
from httpmr.engine.lot import AT_ONCE, MANY, QUICK, Lot, moment
from httpmr.engine.origin import fingerprint
from httpmr.errors import Conflict, InputError
from httpmr.interfaces import MapMany, OrderedStore, Pair
from httpmr.recipe import Recipe
from httpmr.state import Bad, Outcome, Plain, Task

_LOTS = 8  # times as many, where a mapper maps many and they are combined
_MUCH = 10_000  # pairs that are held at most before they are looked at


def map_records(
    recipe: Recipe, task: Task, store: OrderedStore, budget: Budget, begin: Begin
) -> Outcome:
    """Map records of the shard until the budget says stop; at least one."""
    return walked(Walk(recipe, task, budget))


def walked(walk: "Walk") -> Outcome:
    """Go along the shard, and return the outcome of that."""
    task = walk.task
    stopped = _changed(walk.recipe, task)
    if stopped:
        return stopped
    try:
        with counters.collecting() as counted:
            walk.run(counted)
        # Looked at once more: of a shard of several files, a later one may have been replaced
        # after the first look.
        return _changed(walk.recipe, task) or walk.finish()
    except _Refused as error:
        return walk.refused(error.__cause__)
    except blame.GroupFailed as error:
        return blame.stuck(task, error.bad)


def _changed(recipe: Recipe, task: Task) -> Outcome | None:
    if task.fingerprint is None:
        return None
    try:
        now = fingerprint(recipe.source, task)
    except InputError as error:
        return blame.paused(task, error.message)
    if now == task.fingerprint:
        return None
    return blame.paused(
        task,
        f"the input of shard {'-'.join(map(str, task.shard))} is not what it was when the job "
        f"began ({recipe.source!r:.80}); put it back and resume, or cancel and start a new job",
    )


class _Refused(Exception):
    """Something that was emitted cannot be packed; the cause says why."""

    __cause__: BaseException


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
        self.buffer: list[Pair] = []  # what was emitted and is not in `held` yet
        self.at_once = 1
        self.emitted = 0
        self.last = budget.clock()
        self.many = recipe.map_many
        self.quick = moment(budget) if self.many else QUICK
        self.held = Groups(recipe, task) if task.fan_out else Held(recipe.mapper.map)

    def run(self, counted: Counters) -> None:
        """Go as far as the budget allows, or the source can be read."""
        try:
            self._along(counted)
        except (_Refused, blame.GroupFailed, Conflict):
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
        chunk = self.held.scale.chunk * (_LOTS if self.many and self.recipe.combine else 1)
        room = chunk * self.records // (self.emitted + 1)
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

    def _together(self, many: MapMany, lot: Lot) -> bool:
        """Let the mapper map many at once, and hold what it emits; return whether it could."""
        buffer, size = self.buffer, len(self.buffer)
        try:
            given = many(lot.records)
            if given.__class__ in blame.REFUSED:
                raise blame.not_pairs(many, given)
            buffer.extend(given)
            lot.close()
        except blame.FAULTS as error:
            blame.passes(error)
            del buffer[size:]
            return False
        self.emitted += len(buffer) - size
        if self.budget.clock() > self.budget.due:
            self.budget.more(lot.count)
        return True

    def _past(self, key: Any, done: int, counted: Counters) -> bool:
        """Go on after `key`, with so many records done; return whether the slice does."""
        self.cursor = key
        self.records += done
        if counted:
            self.counters = counters.add(self.counters, counted)
            counted.clear()
        if len(self.buffer) >= self.held.scale.chunk:
            self._flush()
            if self.held.scale.full:
                self.why = "size"
                return False
        self.why = self.budget.why
        if self.records == self.task.notes.get("most", 0):
            self.why = "records"
        return not self.why

    def _hold(self, some: list[Pair], counted: Counters) -> int:
        """Map records and hold what they emit; return how many: 0 if one failed.

        The hot loop is in C, but for `_given`.
        """
        buffer, size = self.buffer, len(self.buffer)
        self.given = 0
        try:
            given = self._given(starmap(self.recipe.mapper.map, some), len(some))
            buffer.extend(chain.from_iterable(given))
        except blame.FAULTS as error:
            blame.passes(error)
            del buffer[size:]
            counted.clear()
            if len(some) == 1:
                self._failed(some[0][0], error)
            return 0
        self.emitted += len(buffer) - size
        return self.given

    def _given(self, mapped: Iterable[Iterable[Pair]], expected: int) -> Iterator[Iterable[Pair]]:
        """Yield what the mapper gives for each record in turn, while there is time and room."""
        budget, refused, given = self.budget, blame.REFUSED, 0
        clock, due = budget.clock, budget.due
        for pairs in mapped:
            if pairs.__class__ in refused:
                raise blame.not_pairs(self.recipe.mapper.map, pairs)
            yield pairs
            given += 1
            if clock() > due:
                if not budget.more() or len(self.buffer) >= _MUCH:
                    break
                due = budget.due
        else:
            if given < expected:
                raise RuntimeError("the mapper raised StopIteration")
        self.given = given

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

    def _flush(self) -> None:
        self._packing(self.held.add, self.buffer)
        self.buffer.clear()

    def _packing(self, call: Callable[..., Any], *args: Any) -> Any:
        try:
            return call(*args)
        except blame.GroupFailed:
            raise
        except blame.FAULTS as error:
            blame.passes(error)
            raise _Refused from error

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
        self._flush()
        if isinstance(self.held, Held):
            return self.outcome(pairs=self.held.pairs)
        return self.outcome(blocks=self._packing(self.held.blocks))

    def refused(self, error: BaseException) -> Outcome:
        """Say what the slice came to where what was emitted cannot be packed."""
        if blame.surroundings(error):
            raise blame.away(error) from error
        mapper = self.recipe.mapper.map
        return blame.refused(self.task, self.outcome(), error, mapper, self.cursor, "record")
