"""Whose fault an error is, and how it is told: user code, the surroundings, or the input.

Errors of the network, the database or the disk are never a record's fault: the slice is tried
again. All else that user code raises is put down to the record or group it was given.
"""

import errno
import os
import signal
import traceback
from pathlib import Path
from types import CodeType
from typing import Any

from httpmr import codec
from httpmr.budget import Budget
from httpmr.errors import (
    InputError,
    NotPairs,
    StoreError,
    StoreFull,
    Unavailable,
    Uncertain,
    Unstorable,
)
from httpmr.interfaces import Source
from httpmr.state import Bad, Outcome, Plain, Task
from httpmr.trouble import trouble

_PACKAGE = str(Path(__file__).resolve().parent.parent) + os.sep
_SURROUNDINGS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE),
    *(errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH),
}
_DRIVERS = ("sqlite3", "pymysql", "psycopg")  # whose errors `trouble` tells apart
_LONGEST_KEY = 100_000  # bytes: a task, which is one stored value, holds several
_LONGEST_MESSAGE, _LONGEST_TRACEBACK = 1000, 20_000  # characters that are kept
REFUSED = frozenset({type(None), str, bytes, tuple, dict})
"""Types that are iterable, or nothing at all, but never an iterable of pairs that was meant."""

FAULTS = (Exception, SystemExit)
"""What user code may raise and be to blame for: its `sys.exit` must not end the process."""


class GroupFailed(Exception):
    """A combiner raised; carries the Bad group. Never leaves the engine."""

    def __init__(self, bad: Bad) -> None:
        super().__init__(bad.message)
        self.bad = bad


class Refused(Exception):
    """Something that user code gave cannot be held or packed. Never leaves the engine."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


def surroundings(error: BaseException) -> bool:
    """Tell whether an error in user code is the network's, the database's or the disk's.

    Database drivers share no base class but, by PEP 249, the name OperationalError; some of
    them call a missing column by it, too.
    """
    if isinstance(error, (ConnectionError, TimeoutError, Unavailable, Uncertain, StoreFull)):
        return True
    if isinstance(error, OSError) and error.errno in _SURROUNDINGS:
        return True
    if type(error).__module__.startswith("google.appengine."):
        return trouble(error) is not None
    if not any(kind.__name__ == "OperationalError" for kind in type(error).__mro__):
        return False
    cause = getattr(error, "orig", None) or error  # SQLAlchemy wraps the driver's own
    known = type(cause).__module__.partition(".")[0] in _DRIVERS
    return not known or trouble(cause) is not None


def passes(error: BaseException) -> None:
    """Raise a SystemExit again that came from a signal's handler: who sent it wants an end."""
    if isinstance(error, SystemExit):
        handlers = map(signal.getsignal, signal.valid_signals())
        codes = {_code(handler) for handler in handlers if callable(handler)}
        frames = traceback.walk_tb(error.__traceback__)
        if any(frame.f_code in codes for frame, _ in frames):
            raise error


def _code(handler: Any) -> CodeType | None:
    """Return the code of what is called, be it a function, a method or an object."""
    for thing in (handler, getattr(handler, "__call__", None)):  # noqa: B004
        code: CodeType | None = getattr(getattr(thing, "__func__", thing), "__code__", None)
        if code is not None:
            return code
    return None


def told(error: BaseException) -> str:
    """Return an error as one line: its type, its message, and the user's line that raised it."""
    lines = _message(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    text = _cut(text, _LONGEST_MESSAGE)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _theirs(f)]
    if frames:
        text += f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})"
    return text


def bad(key: Any, error: BaseException, kind: str = "record") -> Bad:
    """Return the Bad record or group that an error comes to, its traceback without our frames."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _theirs(f)]
    head = ["Traceback (most recent call last):\n"] if frames else []
    body = traceback.format_list(frames) + traceback.format_exception_only(error)
    text = _cut("".join(head + body), _LONGEST_TRACEBACK)
    return Bad(key=key, message=told(error), traceback=text, kind=kind)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "its message cannot be shown"


def _cut(text: str, most: int) -> str:
    """Leave out the middle of what is too long to keep."""
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}"


def _theirs(frame: traceback.FrameSummary) -> bool:
    return not frame.filename.startswith(_PACKAGE)


def check_key(source: Source, key: Any, after: Any) -> None:
    """Raise InputError for a key with which a shard would go on for ever, or not at all."""
    if key is None:
        raise _of(source, "gave None as a key: give each record a key of its own")
    if type(key) is type(after) and key == after:
        raise _of(source, f"gave the key {key!r:.80} again: it must go on after that one")
    try:
        size = len(codec.dumps(key))
    except Unstorable as error:
        raise _of(source, f"gave a key that cannot be kept: {error.message}") from error
    if size > _LONGEST_KEY:
        told = f"gave a key of {size:,} bytes, {key!r:.40}: at most {_LONGEST_KEY:,} are kept"
        raise _of(source, told)


def _of(source: Source, told: str) -> InputError:
    return InputError(f"the source {source!r:.80} {told}")


def not_pairs(function: Any, given: Any) -> NotPairs:
    """Return the error that teaches what `function` should have given instead of `given`."""
    return NotPairs(
        f"{_named(function)} gave {_shown(given)}; yield (key, value) pairs, or return a list"
    )


def unstorable(function: Any, error: Unstorable) -> Unstorable:
    """Return the error that names whose doing it was."""
    told = f"{_named(function)} gave what cannot be stored: {error.message}"
    return Unstorable(told, **error.evidence)


def _named(function: Any) -> str:
    """A function's name, and where it begins."""
    name = getattr(function, "__qualname__", None) or f"an object of {type(function).__name__}"
    code = getattr(function, "__code__", None)
    where = f" ({os.path.basename(code.co_filename)}, line {code.co_firstlineno})" if code else ""
    return f"{name}{where}"


def _shown(given: Any) -> str:
    if given is None:
        return "None"
    if isinstance(given, (list, dict, set, frozenset)):
        return f"a {type(given).__name__} of {len(given)}: {given!r:.60}"
    if type(given) is tuple and len(given) == 2:
        return f"a lone pair {given!r:.60}"
    return f"the {type(given).__name__} {given!r:.60}"


def checked(pairs: list[Any], function: Any, unpacked: bool = False) -> None:
    """Raise NotPairs unless each of `pairs` is a tuple or list of two.

    `unpacked`: their length is not looked at, for whoever unpacks them sees it.
    """
    typed = set(map(type, pairs)) <= {tuple, list}
    if not typed or not (unpacked or set(map(len, pairs)) <= {2}):
        wrong = next(p for p in pairs if type(p) not in (tuple, list) or len(p) != 2)
        raise not_pairs(function, wrong)


def refused(
    task: Task, outcome: Outcome, error: BaseException, function: Any, key: Any, kind: str
) -> Outcome:
    """Return what to commit instead of an outcome that could not be packed or written.

    One record alone is to blame, or what `function` made of it. Of several (and the bad one
    after it counts, or the group begun), the slice is done again with half as many, until it is
    one; `notes["most"]` remembers how many, and grows back as slices succeed.
    """
    begun = kind == "group" and outcome.cursor is not None and outcome.cursor[1] is not None
    if outcome.records == 1 and outcome.bad is None and not begun:
        if isinstance(error, Unstorable):
            error = unstorable(function, error)
        past = {"cursor": outcome.cursor, "marks": outcome.marks}
        return _stay(task, bad=bad(key, error, kind), alone=True, past=past, why="refused")
    most = max(1, outcome.records // 2)
    return _stay(task, notes={**task.notes, "most": most}, why="refused")


def _stay(task: Task, **fields: Any) -> Outcome:
    """An Outcome that leaves the task where it is."""
    still = {name: getattr(task, name) for name in ("cursor", "marks", "progress", "level")}
    return Outcome(**{**still, "notes": task.notes, **fields})


def stuck(task: Task, group: Bad) -> Outcome:
    """Return the Outcome of a slice whose combiner failed on a group: nothing but the pause.

    Put aside (`skip`), the group is left uncombined in this shard, so that it reaches `reduce`
    whole, and nothing of it is lost.
    """
    return _stay(task, bad=group, past={"notes": uncombined(task.notes, group.key)}, why="combine")


def uncombined(notes: Plain, key: Any) -> Plain:
    """Return a task's notes with a further group that is not combined any more."""
    return {**notes, "uncombined": [*notes.get("uncombined", ()), key]}


def away(error: BaseException) -> StoreError:
    """Return the error that asks for another try, for one that user code had."""
    if isinstance(error, StoreError):
        return error
    return Unavailable(f"the job's own code met an error of its surroundings: {told(error)}")


def why(budget: Budget, done: bool) -> str:
    """Say why a slice stopped."""
    return "end" if done else budget.why or "size"


def regrown(notes: Plain) -> Plain:
    """Return a task's notes after a slice that succeeded: `most` four times as many, or gone."""
    most = notes.get("most")
    if most is None:
        return notes
    rest = {name: value for name, value in notes.items() if name != "most"}
    return {**rest, "most": most * 4} if most < 10_000 else rest


def paused(task: Task, message: str) -> Outcome:
    """Return the Outcome of a slice that could do nothing, for a reason an operator can mend."""
    return _stay(task, pause=message, why="paused")


def failed(task: Task, message: str) -> Outcome:
    """Return the Outcome of a slice that no resume can mend."""
    return _stay(task, fail=message, why="failed")
