"""How long a slice may take, so that it is over in time, claim and commit and all.

Learned in this process, phase by phase, from the slices it did before. What they did is not known
here.
"""

import math

from httpmr.budget import Budget, Clock
from httpmr.state import Task

_AIMED = 0.9  # of a slice's time: clocks, processors and networks are not even
_FADING = 0.95
_FILLED = 0.7  # of a slice's time by what is swallowed: what is left over is a slice of its own


class Tuned:
    """Gives the slices of one recipe their time."""

    def __init__(self, slice_seconds: float) -> None:
        self.slice_seconds = slice_seconds
        # By phase, seconds: from the last record to the end of the commit; the slowest of late.
        self.after: dict[str, float] = {}
        self.slowest: dict[str, float] = {}
        self.stretch = math.inf  # seconds for one of a shard's stretches, where a slice did it all

    def budget(self, task: Task, began: float, clock: Clock) -> Budget:
        """Return the budget of a slice that was begun to be claimed at `began`, by the clock.

        The time is nearly `slice_seconds`, or less where a slice of the shard was killed. What is
        left for packing and committing is what it took in this process before. At first it is
        what it took to come here, a commit to the same store among it, and a tenth for the
        packing. A record as slow as the slowest of late is expected at any time, but where that
        would leave hardly any for the others; before any was seen, one of an eighth of the time.
        """
        seconds = _AIMED * self.slice_seconds * task.pace
        before = clock() - began
        after = self.after.get(task.phase, before + seconds / 10)
        seconds = max(seconds - before - after, seconds / 4)
        slowest = min(self.slowest.get(task.phase, seconds / 8), seconds / 4)
        return Budget(seconds, clock=clock, expected=slowest)

    def fit(self, task: Task) -> int:
        """Return how many shards as long as the task's a slice can do; 0 where that is unknown."""
        seconds = max(self.stretch, 1e-6) * (task.marked + 1)
        return int(_FILLED * self.slice_seconds * task.pace / seconds)

    def note(self, phase: str, budget: Budget) -> None:
        """Learn from a slice that is committed by now."""
        _note(self.after, phase, budget.clock() - budget.last)
        _note(self.slowest, phase, budget.slowest)

    def note_length(self, task: Task, budget: Budget) -> None:
        """Learn how long shards are from a slice that is committed, which left the task so."""
        if task.phase == "map" and task.slice == 1 and not task.alone:
            stretches = (task.marked + 1) * task.notes.get("wide", 1)
            took = (budget.clock() - budget.began) / stretches
            before = 0.0 if self.stretch == math.inf else _FADING * self.stretch
            self.stretch = max(took, before) if task.done else math.inf


def _note(times: dict[str, float], phase: str, seconds: float) -> None:
    """Keep the longest of late: one that was long is forgotten over some dozens of slices."""
    times[phase] = max(seconds, _FADING * times.get(phase, 0.0))
