"""Whether the next keys of a table are guessed to leave none out, by those that were seen.

A range of whole numbers that has as many keys as numbers has them all: which, need not be read.
How rows are read is not known here.
"""

from collections.abc import Sequence
from typing import Any

FEWEST, MOST = 1, 64
"""Pages whose keys leave none out, before the next is guessed to be one, too."""


class Dense:
    """What was seen of one table's keys.

    A guess that is wrong costs a page. After each, twice as many pages must be whole before the
    next guess; after one that is right, half as many. Threads may share it: no guess is an error.
    """

    def __init__(self) -> None:
        self.needed = FEWEST
        self.whole = 0

    def likely(self) -> bool:
        """Whether to guess."""
        return self.whole >= self.needed

    def saw(self, keys: Sequence[Any]) -> None:
        """Take the keys of a page that were read, ascending whole numbers."""
        whole = keys and keys[-1] - keys[0] == len(keys) - 1
        self.whole = self.whole + 1 if whole else 0

    def guessed(self, right: bool) -> bool:
        """Take whether a guess was right, and return it."""
        self.needed = max(FEWEST, self.needed // 2) if right else min(2 * self.needed, MOST)
        if not right:
            self.whole = 0
        return right
