"""When a slice must stop: after some seconds, after some records, or both.

A budget is asked once after each record, and the first record is never refused, so that every
slice moves its shard. It does not know what a record is, nor what a slice does with it.

    >>> budget = Budget.records(2)
    >>> budget.start(); [budget.more(), budget.more()]
    [True, False]
    >>> budget.why
    'records'
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
Clock = Callable[[], float]
"""Seconds, from any beginning."""

QUICK = 0.001
"""Seconds: records that take less together are looked at as one."""


class Budget:
    """At most `seconds` and at most `records`; whichever is reached first stops the slice.

    The time rule looks ahead: stop when the time elapsed plus that of the slowest record so far
    would pass `seconds`. `expected` is how long one may take before any was seen, in seconds.
    `clock` gives seconds and is asked once a record. `why` says, after `more()` was False, what
    stopped the slice: "seconds" or "records".
    """

    def __init__(
        self,
        seconds: float = math.inf,
        records: float = math.inf,
        clock: Clock = time.monotonic,
        expected: float = 0.0,
    ) -> None:
        if not seconds > 0 or not records >= 1:
            raise ValueError(f"a budget needs seconds > 0, records >= 1, not {seconds}, {records}")
        self.seconds = seconds
        self.limit = records
        self.clock = clock
        self.expected = expected
        self.start()

    @classmethod
    def records(cls, number: int) -> "Budget":
        """Stop after exactly `number` records: to step through a job, and for tests."""
        return cls(records=number)

    def start(self) -> None:
        """Begin to count, now."""
        self.done = 0
        self.slowest = 0.0  # that was seen
        self.why: str | None = None
        self.allowed = self.seconds
        self.began = self.last = self.clock()
        self.due = -math.inf

    def opened(self) -> None:
        """Note that what it takes to get the slice's first record is over: it is no record.

        The work may then take as long again, even beyond `seconds`: where slices are so short
        that preparing them is all they can do, a job would crawl.
        """
        self.last = self.clock()
        self.allowed = max(self.seconds, 2 * (self.last - self.began))

    @property
    def room(self) -> float:
        """How many records may still begin, if they are quick."""
        return self.limit - self.done

    def more(self, records: int = 1) -> bool:
        """Note that a record is done, or some together; return whether another may begin.

        Need not be asked before the clock passes `due`: until then the answer is yes, and records
        so quick need not be told from each other.
        """
        now = self.clock()
        self.done += records
        self.slowest = max(self.slowest, now - self.last)
        self.last = now
        longest = max(self.slowest, self.expected)
        if now - self.began + longest > self.allowed:
            self.why = "seconds"
        elif self.done >= self.limit:
            self.why = "records"
        elif self.limit == math.inf:
            self.due = min(now + QUICK, self.began + self.allowed - longest - QUICK)
        return self.why is None

    def over(self, items: Iterable[T]) -> Iterator[T]:
        """Yield `items`, each while it may begin; the first of a slice always may.

        An item is done when the next is asked for.
        """
        clock = self.clock
        for item in items:
            if not self.done:
                self.opened()
            yield item
            if clock() > self.due and not self.more():
                return

    def __repr__(self) -> str:
        return f"Budget(seconds={self.seconds}, records={self.limit})"
