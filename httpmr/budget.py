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
        self.allowed = self.seconds
        self.began = self.last = self.clock()

    def ready(self):
        """Note that what precedes the first record (opening what to merge) is done.

        The work may then take as long again, even beyond `seconds`: where slices are so short
        that preparing them is all they could do, a job would crawl.
        """
        self.last = self.clock()
        self.allowed = max(self.seconds, 2 * (self.last - self.began))

    def more(self):
        """Note that a record is done; return whether another may begin."""
        self.done += 1
        now = self.clock()
        took = now - self.last
        if took > self.slowest:
            self.slowest = took
        self.last = now
        if now - self.began + self.slowest > self.allowed:
            self.why = "seconds"
            return False
        if self.done >= self.limit:
            self.why = "records"
            return False
        return True

    def __repr__(self):
        return f"Budget(seconds={self.seconds}, records={self.limit})"
