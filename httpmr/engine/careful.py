"""The map phase where requests died: a record that they die of is passed over, to be run alone.

Passed over, it is a shard of its own, whose output goes where the slice that passed over it would
have put it. It runs when nothing else is left of the phase, so that nothing dies beside it; only
if requests go on to die of it then is it a bad record.
"""

from dataclasses import replace
from typing import Any

from httpmr.budget import Budget
from httpmr.counters import Counters
from httpmr.engine.care import Begin, Care
from httpmr.engine.map import Walk, walked
from httpmr.engine.origin import inherited
from httpmr.interfaces import OrderedStore, Pair
from httpmr.recipe import Recipe
from httpmr.state import ALONE, Outcome, Task

DEATHS = 3
"""So many, of which the last at least was this record's alone, and it is passed over."""

DEATHS_ALONE = 3
"""So many of a record that runs alone, and it is a bad one."""

PATIENCE = 1  # how often the leases of a record that runs alone are doubled from the start


def map_carefully(
    recipe: Recipe, task: Task, store: OrderedStore, budget: Budget, begin: Begin
) -> Outcome:
    """Map records of a shard where requests died."""
    return walked(_Careful(recipe, task, budget, begin))


def map_alone(
    recipe: Recipe, task: Task, store: OrderedStore, budget: Budget, begin: Begin
) -> Outcome:
    """Map the one record of a shard that runs alone."""
    return walked(_Alone(recipe, task, budget, begin))


def parked(task: Task, after: Any, until: Any, pace: float) -> Task:
    """Return the shard of the one record `until`, which a slice of `task` passes over.

    `after` is the key before it.
    """
    shard, slice = task.place
    return Task(
        task.job,
        task.phase,
        (ALONE, -1 - shard[0], *shard[1:], -1 - slice),
        fan_out=task.fan_out,
        after=after,
        until=until,
        fingerprint=task.fingerprint,
        pace=pace,
        notes={**inherited(task), "place": (shard, slice), "patience": PATIENCE},
    )


class _Careful(Walk):
    """One slice's way along a shard, each few steps noted before they are made."""

    def __init__(self, recipe: Recipe, task: Task, budget: Budget, begin: Begin) -> None:
        self.care = Care(task, begin, budget.clock, self.enough)
        super().__init__(recipe, self.care.task, budget)
        self.many = None
        self.parked: Task | None = None

    @staticmethod
    def enough(died: int, deaths: int) -> bool:
        return deaths >= DEATHS

    def mapped(self, some: list[Pair], counted: Counters) -> bool:
        while some:
            count = self.care.count([key for key, _ in some])
            if not count:
                self.why = "a suspect"
                if self.care.found:
                    self.at_fault(some[0][0])
                return False
            if not super().mapped(some[:count], counted):
                return False
            some = some[count:]
        return True

    def at_fault(self, key: Any) -> None:
        """Pass over the record."""
        after = self.task.after if self.cursor is None else self.cursor
        # What it cost the shard, it gets back.
        pace = min(1.0, self.task.pace * 2.0**self.care.deaths)
        self.parked = parked(self.task, after, key, pace)
        self.cursor, self.care.suspect = key, None

    def outcome(self, **fields: Any) -> Outcome:
        outcome = super().outcome(**fields)
        return replace(outcome, notes=self.care.kept(outcome.notes), parked=self.parked)


class _Alone(_Careful):
    """The same where the shard is one record."""

    @staticmethod
    def enough(died: int, deaths: int) -> bool:
        return died >= DEATHS_ALONE

    def at_fault(self, key: Any) -> None:
        """Put it down to the record; if it is tried once more, then with longer leases."""
        self.bad, self.past = self.care.bad("record"), {"cursor": key, "marks": ()}
        self.why = "a bad record"
        self.care.suspect = None
        patience = self.task.notes["patience"] + self.task.takeovers
        self.task = replace(self.task, notes={**self.task.notes, "patience": patience})
