"""The right to do a slice, as whoever does it holds it. What the slice does is not known here."""

from collections.abc import Callable
from typing import Any

from httpmr.budget import Clock
from httpmr.state import Task

Renew = Callable[..., Task]
"""`Ledger.renew`, or what does as it does elsewhere: (task, seconds, what is begun) -> task."""


class Lease:
    """The right to do the slice of `task`; called now and then, it is renewed in time."""

    def __init__(self, renew: Renew, task: Task, seconds: float, clock: Clock) -> None:
        self.renew = renew
        self.task = task
        self.seconds = seconds
        self.clock = clock
        self.began = self.since = clock()

    def __call__(self) -> None:
        """Renew the lease when half of it is over; Conflict if it was lost."""
        if self.clock() - self.since > self.seconds / 2:
            self.task = self.renew(self.task, self.seconds)
            self.since = self.clock()

    def took(self) -> float:
        """Return the seconds since the claim."""
        return self.clock() - self.began

    def begin(self, *noted: Any) -> None:
        """Keep a note with the task of what is begun, for whoever comes after if this one dies."""
        self.task = self.renew(self.task, self.seconds, noted)
        self.since = self.clock()
