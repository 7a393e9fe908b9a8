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


class Budget:
    """At most `seconds` and at most `records`; whichever is reached first stops the slice.

    The time rule looks ahead: stop when the time elapsed plus that of the slowest record so far
    would pass `seconds`. `clock` gives seconds and is asked once a record. `why` says, after
    `more()` was False, what stopped the slice: "seconds" or "records".
    """

    def __init__(self, seconds=math.inf, records=math.inf, clock=time.monotonic):
        if not seconds > 0 or not records >= 1:
            raise ValueError(f"a budget needs seconds > 0, records >= 1, not {seconds}, {records}")
        self.seconds = seconds
        self.limit = records
        self.clock = clock
        self.start()

    @classmethod
    def records(cls, number):
        """Stop after exactly `number` records: to step through a job, and for tests."""
        return cls(records=number)

    def start(self):
        """Begin to count, now."""
        self.done = 0
        self.slowest = 0.0
        self.why = None
        self.began = self.last = self.clock()

    def more(self):
        """Note that a record is done; return whether another may begin."""
        self.done += 1
        now = self.clock()
        took = now - self.last
        if took > self.slowest:
            self.slowest = took
        self.last = now
        if now - self.began + self.slowest > self.seconds:
            self.why = "seconds"
            return False
        if self.done >= self.limit:
            self.why = "records"
            return False
        return True

    def __repr__(self):
        return f"Budget(seconds={self.seconds}, records={self.limit})"
