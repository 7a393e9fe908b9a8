"""A budget that lets the primary hear of a slice now and then, between two records."""

from collections.abc import Callable

from httpmr.budget import Budget


class Beating(Budget):
    """As `budget`, and every so many seconds `beat()` is called: if that is False, it is over.

    Only between records, so that whoever hangs in one is heard of no more.
    """

    def __init__(self, budget: Budget, every: float, beat: Callable[[], bool]) -> None:
        self.every = every
        self.beat = beat
        self.beaten = budget.clock()
        super().__init__(budget.seconds, budget.limit, budget.clock, budget.expected)

    def more(self, records: int = 1) -> bool:
        if super().more(records) and self.last - self.beaten >= self.every:
            if not self.beat():
                self.why = "the lease was lost"
            self.beaten = self.last = self.clock()  # it was none of the next record's time
        return self.why is None
