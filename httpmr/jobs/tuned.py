"""How long a slice may take, so that it is over in time, claim and commit and all.

Learned in this process, phase by phase, from the slices it did before. What they did is not known
here.
"""

from httpmr.budget import Budget, Clock
from httpmr.state import Task

_AIMED = 0.93  # of a slice's time: clocks, processors and networks are not even
_FADING = 0.95


class Tuned:
    """Gives the slices of one recipe their time."""

    def __init__(self, slice_seconds: float) -> None:
        self.slice_seconds = slice_seconds
        # By phase, seconds: from the last record to the end of the commit; the slowest of late.
        self.after: dict[str, float] = {}
        self.slowest: dict[str, float] = {}

    def budget(self, task: Task, began: float, clock: Clock) -> Budget:
        """Return the budget of a slice that was begun to be claimed at `began`, by the clock.

        The time is nearly `slice_seconds`, or less where a slice of the shard was killed. What is
        left for packing and committing is what it took in this process before. At first it is
        what it took to come here, a commit to the same store among it, and a tenth for the
        packing. A record as slow as the slowest of late is expected at any time, but where that
        would leave hardly any for the others.
        """
        seconds = _AIMED * self.slice_seconds * task.pace
        before = clock() - began
        after = self.after.get(task.phase, before + seconds / 10)
        seconds = max(seconds - before - after, seconds / 4)
        slowest = min(self.slowest.get(task.phase, 0.0), seconds / 4)
        return Budget(seconds, clock=clock, expected=slowest)

    def note(self, phase: str, budget: Budget) -> None:
        """Learn from a slice that is committed by now."""
        _note(self.after, phase, budget.clock() - budget.last)
        _note(self.slowest, phase, budget.slowest)


def _note(times: dict[str, float], phase: str, seconds: float) -> None:
    """Keep the longest of late: one that was long is forgotten over some dozens of slices."""
    times[phase] = max(seconds, _FADING * times.get(phase, 0.0))
