"""What a function reads, page by page, from a service that says where to go on.

The cursor is the function's own: it is kept and given back, never compared.
"""

from collections.abc import Callable, Iterator
from typing import Any

from httpmr.errors import HttpmrError, InputError, RecipeError, Unavailable
from httpmr.interfaces import Pair, Source

LATER = (408, 425, 429)
"""Refusals of HTTP that may be gone the next time, as all from 500 on."""

SOUGHT = 10_000
"""Items that are looked through for one that was read before."""


class Paged(Source):
    """What a generator function yields: `function(cursor)` yields (item, cursor); (cursor, item).

    `function(None)` begins at the beginning; `function(cursor)` goes on behind the item that came
    with this cursor, after a cut with one that was kept. Each item has a cursor of its own, which
    the codec can store: its id; or, where the service only knows pages, (page, how many items of
    it are done), so that a cut costs one page that is read twice. Items come as they are asked
    for, hence pages too, but for those a slice reads ahead.

    There is one shard, and no bound: what comes to the end while the job runs is part of it. An
    error of the network, or an answer that asks to come later (408, 425, 429, 500 and above), is
    nobody's fault, and the slice is tried again; any other stops the job, which says it.
    """

    def __init__(self, function: Callable[[Any], Iterator[tuple[Any, Any]]]) -> None:
        if not callable(function) or isinstance(function, type):
            what = "a function(cursor) that yields (item, cursor)"
            raise RecipeError(f"Paged takes {what}, not {function!r:.80}")
        self.function = function

    def read(self, after: Any, until: Any) -> Iterator[Pair]:
        if until is None:
            return self._items(after)
        return iter(() if until == after else self._through(after, until))

    def _through(self, after: Any, until: Any) -> Iterator[Pair]:
        """Yield the items up to one that came before: all, or none where it comes no more."""
        found = []
        for cursor, item in self._items(after):
            found.append((cursor, item))
            if cursor == until:
                yield from found
                return
            if len(found) == SOUGHT:
                break
        message = f"{self!r} came to the cursor {until!r:.80}, and now it does not"
        remedy = "let it give each item the same cursor each time, or start a new job"
        raise InputError(f"{message}: {remedy}")

    def _items(self, after: Any) -> Iterator[Pair]:
        before = after
        try:
            for given in self.function(after):
                item, cursor = self._pair(given)
                if cursor is None or cursor == before:
                    what = "None as a cursor" if cursor is None else f"the cursor {cursor!r} twice"
                    remedy = "each item needs its own, as (page, number in it)"
                    raise InputError(f"{self!r} gave {what}: {remedy}")
                yield cursor, item
                before = cursor
        except HttpmrError:
            raise
        except Exception as error:
            if not _passes(error):
                raise
            name = type(error).__name__
            why = " ".join(str(error).split())
            raise Unavailable(f"{self!r} cannot be read now ({name}: {why}): try again") from error

    def _pair(self, given: Any) -> tuple[Any, Any]:
        if not isinstance(given, tuple) or len(given) != 2:
            raise InputError(f"{self!r} gave {given!r:.80}: let it yield (item, cursor)")
        return given

    def __repr__(self) -> str:
        return f"Paged({getattr(self.function, '__qualname__', type(self.function).__name__)})"


def _passes(error: BaseException | None) -> bool:
    """Tell whether an error may be gone the next time: the network's, or the service's own.

    Libraries for HTTP share no base class. But what they raise has the answer's status, or is an
    OSError, or was raised because of one.
    """
    while error is not None:
        answer = getattr(error, "response", None)
        status = getattr(error, "code", getattr(answer, "status_code", None))
        if isinstance(status, int) and status >= 400:
            return status >= 500 or status in LATER
        if isinstance(error, (FileNotFoundError, PermissionError, ValueError)):
            return False  # some libraries call a wrong address an OSError, too
        if isinstance(error, OSError):
            return True
        error = error.__cause__
    return False
