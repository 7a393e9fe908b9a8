"""The reduce phase: merge a partition's runs, and reduce group after group.

A group is reduced in one slice, its values streaming; where there is a combiner, a long one is
folded first, over as many slices as that takes. A group that user code fails on stops the job,
which can then skip it, and so does one that requests die of.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from httpmr import counters, keys
from httpmr.budget import Budget
from httpmr.counters import Counters
from httpmr.engine import blame
from httpmr.engine.care import Begin, Care, needed
from httpmr.engine.fold import index
from httpmr.engine.gather import Held, Uncombined
from httpmr.engine.long import Long, many
from httpmr.engine.packing import Packing
from httpmr.errors import Damaged, GroupTooLarge, NotPairs, StoreError, Unstorable
from httpmr.interfaces import OrderedStore, Pair
from httpmr.recipe import Recipe
from httpmr.shuffle import Runs
from httpmr.shuffle.reading import Entry
from httpmr.state import Bad, Outcome, Plain, Task

Hold = Callable[[], object]
"""Keeps the lease."""

DEATHS = 3
"""So many requests that died one after the other at the same place died of its group."""


def reduce_groups(
    recipe: Recipe,
    task: Task,
    store: OrderedStore,
    budget: Budget,
    hold: Hold,
    begin: Begin,
    packs: bool,
) -> Outcome:
    """Reduce groups of one partition until the budget says stop; at least one, or a part of it.

    `hold()` is called now and then while a long group is walked, and `begin` before groups where
    requests died.
    """
    care = Care(task, begin, budget.clock, _enough) if needed(task) else None
    return _Walk(recipe, care.task if care else task, store, budget, hold, care, packs).run()


def _enough(died: int, deaths: int) -> bool:
    return died > DEATHS  # one of them though it could be ended in time, were it long


def _holding(call: Callable[..., None], *args: Any) -> None:
    try:
        call(*args)
    except (NotPairs, Unstorable) as error:
        raise blame.Refused(error) from error


class _Walk:
    """One slice's way along its partition."""

    def __init__(
        self,
        recipe: Recipe,
        task: Task,
        store: OrderedStore,
        budget: Budget,
        hold: Hold,
        care: Care | None,
        packs: bool,
    ) -> None:
        self.recipe = recipe
        self.task = task
        self.budget = budget
        self.hold = hold
        self.care = care
        self.deaths = max(task.takeovers, care.died) if care else 0
        self.runs = Runs(store, by=recipe.order)
        self.index = list(index(self.runs, task))
        assert recipe.reducer is not None  # else there is no such phase
        self.reduce = recipe.reducer.reduce
        self.held = (Packing if packs else Held)(self.reduce)
        self.plain = Uncombined(task)
        self.most = task.notes.get("most", 0)
        self.many = many(task)
        self.cursor = task.cursor  # (key, None), or (key, values done, what stands for them)
        self.groups = 0
        self.counters: Counters = {}
        self.buffer: list[Pair] = []  # what was given and is not in `held` yet
        self.bad: Bad | None = None
        self.past: Plain = {}
        self.why: str | None = None

    def run(self) -> Outcome:
        try:
            try:
                with counters.collecting() as counted:
                    self._along(counted)
            except StoreError:
                if not self.groups:
                    raise
                self.why = "the store is away"
            self._flush()
            _holding(self.held.close)
        except blame.Refused as refused:
            return self._refused(refused.error)
        return self._outcome()

    def _refused(self, error: BaseException) -> Outcome:
        return blame.refused(
            self.task, self._outcome(), error, self.reduce, self.cursor[0], "group"
        )

    def _along(self, counted: Counters) -> None:
        reduce, buffer = self.reduce, self.buffer
        after = self.cursor and self.cursor[:2]
        groups = self.runs.merged(self.task.job, self.index, after)
        if self.care:
            groups = self.care.over(groups)
        # A group that was begun is gone on with as such, however few of its values are left.
        many = self.many if after is None or after[1] is None else 0
        size = 0  # of the buffer, without what the present group gives
        long = None
        for key, values in self.budget.over(groups):
            if values.__class__ is not list or len(values) >= many:
                many = self.many
                values = long = self._long(key, values)
                if long is None:
                    return
            try:
                pairs = reduce(key, iter(values))
                if pairs.__class__ in blame.REFUSED:
                    raise blame.not_pairs(reduce, pairs)
                buffer.extend(pairs)
                if long is not None:
                    if long.error:
                        raise long.error
                    long = None
            except blame.FAULTS as error:
                blame.passes(error)
                del buffer[size:]
                self._failed(key, error, long)
                return
            self.cursor = (key, None)
            self.groups += 1
            if counted:
                self.counters = counters.add(self.counters, counted)
                counted.clear()
            size = len(buffer)
            if size >= self.held.scale.chunk:
                self._flush()
                size = 0
                if self.held.full:
                    self.why = "size"
                    return
            if self.groups == self.most:
                self.why = "records"
                return
        self.why = self.budget.why
        if self.care and self.care.ended:
            self._suspected(self.care)

    def _suspected(self, care: Care) -> None:
        """Note why the slice ends before a group that requests die of."""
        self.why = "a suspect"
        if care.found:
            self.bad, self.why = care.bad("group"), "a bad group"
            self.past = {"cursor": (self.bad.key, None)}
            care.suspect = None

    def _long(self, key: Any, values: Any) -> Long | None:
        """Return a long group as it is to be reduced; None where the slice ends in it."""
        begun = self.cursor is not None and self.cursor[1] is not None and self.cursor[0] == key
        long = Long(key, values, self.cursor[2:] if begun else (), self.cursor[1] if begun else 0)
        size = long.done + (len(values) if values.__class__ is list else values.most())
        combine, remedies = self.recipe.combine, []
        if combine is None:
            remedies.append("define combine(key, values), so that it is done in parts")
        elif key not in self.plain and (begun or size >= self.many):
            try:
                with counters.collecting():  # how often a combiner runs is nobody's business
                    if long.fold(combine, self.budget):
                        return long
                place = long.place(combine)
            except blame.GroupFailed as failed:
                self.bad, self.why = failed.bad, "combine"
                self.past = {"notes": blame.uncombined(self._notes(), key)}
                return None
            if place:
                self.cursor, self.why = place, self.budget.why
                return None
            remedies.append("let combine give less: what it gave is too large to be kept")
        long.watch(partial(self._look, key, size, remedies), self.budget.clock)
        return long

    def _look(self, key: Any, size: int, remedies: list[str], done: int) -> None:
        """Keep the lease; end the walk in time where requests died of it."""
        self.hold()
        if self.deaths < DEATHS or self.budget.more():
            return
        seconds = self.budget.last - self.budget.began
        remedies += ["let requests take longer", "finish without them: httpmr run TARGET --resume"]
        raise GroupTooLarge(
            f"the last {self.deaths} requests died before they had reduced it, and after "
            f"{seconds:.1f} s this one had come to {done:,} of at most {size:,} values; "
            + "; or ".join(remedies),
            key=key,
        )

    def _failed(self, key: Any, error: BaseException, long: Long | None) -> None:
        """Note why the slice ends before the group; raise what is none of its faults."""
        met = long and long.error
        error = met or error
        if isinstance(met, (Damaged, StoreError)):
            raise met
        if blame.surroundings(error):
            raise blame.away(error) from error
        if isinstance(met, GroupTooLarge) and self.groups:
            self.why = "seconds"  # those before it took some of them
            return
        self.bad, self.past = blame.bad(key, error, "group"), {"cursor": (key, None)}
        self.why = "a bad group"

    def _flush(self) -> None:
        _holding(self.held.add, self.buffer)
        self.buffer.clear()

    def _notes(self) -> Plain:
        notes = blame.regrown(self.task.notes) if self.groups else self.task.notes
        return self.care.kept(notes) if self.care else notes

    def _outcome(self) -> Outcome:
        return Outcome(
            cursor=self.cursor,
            done=not self.why,
            records=self.groups,
            counters=self.counters,
            progress=_passed(self.index, self.cursor),
            level=self.task.level,
            notes=self._notes(),
            blocks=self.held.placed(self.task),
            pairs=self.held.pairs,
            bad=self.bad,
            alone=self.bad is not None and not self.groups,
            past=self.past,
            why=self.why or "end",
        )


def _passed(index: list[Entry], cursor: Any) -> float:
    """How much of the partition is done, in blocks."""
    if cursor is None or not index:
        return 0.0
    at = keys.pack(cursor[0])
    lasts = [(keys.pack(entry.last), entry.values) for entry in index]
    passed = sum(last <= at for last, _ in lasts)
    if cursor[1] is not None:
        here = [values for last, values in lasts if last == at]
        passed -= len(here) * max(0, 1 - cursor[1] / max(1, sum(here)))
    return passed / (len(index) + 1)
