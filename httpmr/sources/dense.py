"""Whether the next keys of a table are guessed to leave none out, by those that were seen.

A range of whole numbers that has as many keys as numbers has them all: which, need not be read.
How rows are read is not known here.
"""

from collections.abc import Sequence
from typing import Any

DEAR = 16
"""Right guesses that make up for a wrong one: it costs a page, they save some of theirs."""

MOST = 64
"""Whole pages after which there is a guess, whatever came of those before."""


class Dense:
    """What was seen of one table's keys.

    A guess follows `needed` whole pages: more after a wrong guess, fewer after a right one, so
    that wrong ones stay as few as they may be. Threads may share it: no guess is an error.
    """

    def __init__(self) -> None:
        self.needed = 1
        self.whole = 0
        self.schema: int | None = None
        """The version of it in which the key is known to be whole and single."""

    def likely(self) -> bool:
        """Whether to guess."""
        return self.whole >= self.needed

    def saw(self, keys: Sequence[Any]) -> None:
        """Take the keys of a page that were read, ascending."""
        numbers = set(map(type, keys)) == {int}
        whole = numbers and keys[-1] - keys[0] == len(keys) - 1
        self.whole = self.whole + 1 if whole else 0

    def guessed(self, right: bool) -> bool:
        """Take whether a guess was right, and return it."""
        if right:
            self.needed = max(1, self.needed - 1)
        else:
            self.needed = min(self.needed + DEAR, MOST)
            self.whole, self.schema = 0, None
        return right
