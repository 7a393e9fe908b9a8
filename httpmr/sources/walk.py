"""How a table is split: its unique key is walked, in steps of so many rows.

What a table is, and how a database is asked, is for the sources that inherit this.
"""

import math
import time
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

from httpmr.interfaces import Source

COUNTED = 2**20
"""Rows that `split` looks for at most before it decides on its step."""

SLOW = 0.25
"""Seconds in which rows are counted, or passed over that are not wanted, and little more."""

PASSED = 16
"""Steps without a wanted row that `split` passes over at most before it gives a key."""


class Walk(Source):
    """A source whose `split` walks a unique key of a table."""

    clock = staticmethod(time.monotonic)

    _stepped: tuple[Any, int] = None, 0  # until when and for how many shards, and the step

    @abstractmethod
    def _nth(self, after: Any, until: Any, n: int) -> Any:
        """Return the n-th key of the table after `after` and below `until`, or None."""

    @abstractmethod
    def _any(self, after: Any, until: Any) -> bool:
        """Tell whether any row is wanted after `after` and up to `until`."""

    def split(self, after: Any, until: Any, shards: int) -> Iterator[Any]:
        """Walk the key from step to step: each statement passes over `step` rows of the index.

        What says which rows are wanted is not counted by, for finding them may take long; parts
        of the table without any are passed over, for a moment.
        """
        step = self._step(until, shards)
        passed, since = 0, self.clock()
        while (key := self._nth(after, until, step)) is not None:
            # One in a while is given all the same, so that a walk which is cut gets on.
            late = passed == PASSED or self.clock() - since > SLOW
            if late or self._any(after, key):
                yield key
                passed, since = 0, self.clock()
            else:
                passed += 1
            after = key

    def _step(self, until: Any, shards: int) -> int:
        """Return how many rows of the table make a step, counted from its beginning.

        So it is the same when the walk goes on; in one process even where slowness decided.
        """
        given, step = self._stepped
        if given != (until, shards):
            counted = max(self._counted(until, shards), shards)
            step = counted // shards
            self._stepped = (until, shards), step
        return step

    def _counted(self, until: Any, first: int) -> int:
        """Return a number of rows that are there: up to COUNTED, or what is counted soon.

        Each statement begins at the beginning: some databases, of a table they have not yet
        looked at, would sort what lies between two keys.
        """
        count, rows = 0, first
        # Where each statement takes long, however few its rows, fewer are no remedy.
        quickest, spent = math.inf, 0.0
        while count < COUNTED and spent < SLOW:
            rows = min(rows, COUNTED)
            began = self.clock()
            found = self._nth(None, until, rows) is not None
            took = self.clock() - began
            quickest = min(quickest, took)
            spent += took - quickest
            if found:
                count, rows = rows, rows * (4 if took - quickest < SLOW / 8 else 2)
            elif rows > 2 * count > 0:
                rows = 2 * count
            else:
                break
        return count
