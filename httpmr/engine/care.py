"""Care after deaths: which record or group it is that requests die of.

Where a request died, those after it note in the task what they are about to begin: a key, and how
many from there on. What one that dies noted last is suspect. The next goes through that one by
one, each noted first, until there is one that requests die of. That one is then the first of its
slice, so that nothing else is lost with it, until enough have died of it. What becomes of it is
not known here.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from httpmr import codec
from httpmr.budget import Clock
from httpmr.errors import Unstorable
from httpmr.interfaces import Pair
from httpmr.state import Bad, Plain, Task

Begin = Callable[[int, int, Any], object]
"""Keeps with the task how many died, how many are begun, and the first one's key."""

OFTEN = 0.1
"""Seconds of work that are noted at once where nothing is suspect: a commit is little beside it."""

_LONGEST_KEY = 10_000  # bytes of one that is noted: a task, which is one stored value, holds others


def needed(task: Task) -> bool:
    """Whether a request died in the shard, lately or before."""
    return bool(task.takeovers) or "deaths" in task.notes


class Care:
    """What a slice does because others died before it.

    `begin(died, many, key)` keeps a note with the task. `enough(died, deaths)` says whether so
    many that died of one thing, of so many in all, are enough to put it down to that.
    """

    def __init__(
        self, task: Task, begin: Begin, clock: Clock, enough: Callable[[int, int], bool]
    ) -> None:
        self.deaths: int = task.notes.get("deaths", 0) + task.takeovers
        # How many died of it, how many there are of it, and the first one's key; without a key
        # they are those that come next.
        self.suspect: Any = task.notes.get("suspect")
        self.seconds: float | None = None  # that the last to die of it had
        if task.begun and task.takeovers > task.begun[0]:
            _, self.seconds, died, many, key = task.begun
            self.suspect = (died + (many == 1), many, key)
        self.task = replace(task, notes=self.kept(task.notes))
        self.found = False  # whether it is put down to the one that comes next
        self.ended = False  # whether the slice must end before that
        self._begin = begin
        self._clock = clock
        self._enough = enough
        self._first = True
        self._noted = 0  # how many of what was noted last are not begun yet
        self._step = 1
        self._since = float("-inf")

    @property
    def died(self) -> int:
        """How many died of the one that is suspect."""
        died: int = self.suspect[0] if self.suspect else 0
        return died

    def kept(self, notes: Plain) -> Plain:
        """Return a task's notes with what is to be remembered of this."""
        rest = {name: notes[name] for name in notes if name not in ("deaths", "suspect")}
        if self.suspect is None:
            return {**rest, "deaths": 1}
        return {**rest, "deaths": self.deaths, "suspect": self.suspect}

    def count(self, keys: list[Any]) -> int:
        """Return how many may be begun at once of what comes next, and note it; 0 = `ended`."""
        before = self._before(keys)
        if not before and self._lone():
            self.ended = True
            return 0
        if before:
            self._usual(keys[0])
        else:
            died, many, *_ = self.suspect
            self._note(died, 1, keys[0])
            self.suspect = (0, many - 1) if many > 1 else None
            self._step = 1
        self._first = False
        count = min(before or 1, self._noted)
        self._noted -= count
        return count

    def over(self, groups: Iterable[Pair]) -> Iterator[Pair]:
        """Yield groups, each when it may be begun."""
        for key, values in groups:
            if not self.count([key]):
                return
            yield key, values

    def bad(self, kind: str) -> Bad:
        """Return what was found as a bad record or group, with all that is known of it."""
        died, _, key = self.suspect
        within = f" within {self.seconds:g} s" if self.seconds else ""
        return Bad(
            key=key,
            message=f"Killed: the last {died} requests that came to it died: it ended the process, "
            f"or there was no answer{within}",
            traceback="There is no traceback: it went with the process.\n",
            kind=kind,
        )

    def _before(self, keys: list[Any]) -> int:
        """How many come before what is suspect."""
        if self.suspect is None:
            return len(keys)
        first = self.suspect[2:]
        if first and first[0] not in keys:
            return len(keys)
        return keys.index(first[0]) if first else 0

    def _lone(self) -> bool:
        """Whether the next is the one that requests die of, and is not to be begun now."""
        died, many, *_ = self.suspect
        if not died or many > 1:
            return False
        self.found = self._first and self._enough(died, self.deaths)
        return self.found or not self._first

    def _usual(self, key: Any) -> None:
        """Note as many as take about OFTEN, unless some are left of those noted last."""
        took = self._clock() - self._since
        if not self._noted or took > 2 * OFTEN:
            self._step = 2 * self._step if took < OFTEN else max(1, self._step // 2)
            self._note(0, self._step, key)

    def _note(self, died: int, many: int, key: Any) -> None:
        with suppress(Unstorable):  # which is for others to say
            if len(codec.dumps(key)) <= _LONGEST_KEY:
                self._begin(died, many, key)
        self._noted, self._since = many, self._clock()
