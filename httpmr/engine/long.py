"""A long group: folded in chunks where there is a combiner, else watched while it is walked.

Folded, it can be left in the middle: what was combined so far stands for the values that are
done, and the next slice goes on after them. Watched, it is done whole, however long that takes;
between two values something can be looked after, or the walk be ended. A chunk is as many values
as take a moment: one at first, for nobody knows what user code does with them.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, compress, count, islice
from typing import Any

from httpmr import codec
from httpmr.budget import Budget, Clock
from httpmr.engine import blame
from httpmr.engine.gather import combined, met
from httpmr.errors import Unstorable
from httpmr.interfaces import VALUE_BYTES, Combine
from httpmr.state import Task

LONG = 1000
"""Values that make a group of known length a long one."""

MOMENT = 0.02
"""Seconds that a chunk may take: short beside a slice, long beside what a chunk costs."""

_STEP = 4  # by how much a chunk may grow: a combiner that gathers looks at all it has, each time
_MOST_BYTES = VALUE_BYTES // 4  # of what is kept from slice to slice: a task is read often


def many(task: Task) -> int:
    """Return how many values make a group a long one in the task's next slice."""
    # Where a request died, it may have died of any group of several values.
    return 2 if task.takeovers else LONG


class Long:
    """The values of one group, which are walked once.

    `partial` is empty, or has the one value that stands for the first `done` values, which are
    then not among `values`. Iterate over it after `fold` or `watch`, which say what comes.
    """

    def __init__(
        self, key: Any, values: Iterable[Any], partial: Sequence[Any] = (), done: int = 0
    ) -> None:
        self.key = key
        self.values = values
        self.partial = partial
        self.done = done
        self.ended: Exception | None = None
        self._rest = iter(values)
        self._coming: Iterator[Any] = iter(())

    @property
    def error(self) -> Exception | None:
        """What walking the values met, or was ended by: user code may have swallowed it."""
        return self.ended or met(self.values)

    def __iter__(self) -> Iterator[Any]:
        return self._coming

    def fold(self, combine: Combine, budget: Budget) -> bool:
        """Combine what there is; return whether it came to the end before the budget was spent.

        Raises GroupFailed where the combiner is to blame.
        """
        if not self.partial:
            self.partial = list(islice(self._rest, 1))
            self.done = len(self.partial)
        chunk = 1
        for value in self._rest:
            # Counted as they go, and never held: values may be large, and a chunk many.
            ticks = count(1)
            some = compress(islice(self._rest, chunk - 1), ticks)
            self._coming = chain(self.partial, (value,), some)
            began = budget.clock()
            self.partial = [self._combined(combine)]
            deque(some, maxlen=0)  # a combiner need not walk them to the end
            taken = next(ticks)
            self.done += taken
            if taken == chunk and not budget.more():
                return False
            chunk = _resized(chunk, budget.clock() - began)
        self._coming = iter(self.partial)
        return True

    def _combined(self, combine: Combine) -> Any:
        try:
            return combined(combine, self.key, self)
        except Exception as error:
            if self.error:
                raise self.error from None
            if isinstance(error, blame.GroupFailed):
                raise
            raise blame.away(error) from error

    def place(self, combine: Combine) -> tuple[Any, ...] | None:
        """Return the cursor from which to go on, or None if the partial is too large to keep.

        Raises GroupFailed if what `combine` gave cannot be stored at all.
        """
        cursor = (self.key, self.done, *self.partial)
        try:
            return cursor if len(codec.dumps(cursor)) <= _MOST_BYTES else None
        except Unstorable as error:
            told = blame.unstorable(combine, error)
            raise blame.GroupFailed(blame.bad(self.key, told, "group")) from error

    def watch(self, look: Callable[[int], object], clock: Clock) -> None:
        """Let all that is left be walked in one go, calling `look(done)` now and then.

        What it raises ends the walk.
        """
        self._coming = chain(self.partial, chain.from_iterable(self._watched(look, clock)))

    def _watched(self, look: Callable[[int], object], clock: Clock) -> Iterator[Iterator[Any]]:
        chunk = 1
        for value in self._rest:
            began = clock()
            yield chain((value,), islice(self._rest, chunk - 1))
            self.done += chunk  # or, at the end, less
            try:
                look(self.done)
            except Exception as error:
                self.ended = error
                raise
            chunk = _resized(chunk, clock() - began)


def _resized(chunk: int, took: float) -> int:
    """How many values to take next, after a chunk that took so many seconds."""
    if took * _STEP < MOMENT:
        return chunk * _STEP
    return max(1, int(chunk * MOMENT / took))
