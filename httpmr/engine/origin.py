"""Where a map task came from: the ranges whose fingerprint it has, as the input was split.

What is shed, parked or mapped again is a part of such a range; what swallowed others has several.
How a task came to be what it is, is not known here.
"""

from collections.abc import Iterable
from typing import Any

from httpmr.engine import blame
from httpmr.errors import InputError
from httpmr.interfaces import Source
from httpmr.state import Outcome, Plain, Task


def origins(task: Task) -> list[tuple[Any, Any]]:
    """Return the (after, until) of each, in input order."""
    # A task that an httpmr before swallowing shed has one, under another name.
    return task.notes.get("origins") or [task.notes.get("origin", (task.after, task.until))]


def inherited(task: Task) -> Plain:
    """Return the notes that go with a part of the task's range."""
    kept = {name: value for name, value in task.notes.items() if name in ("uncombined", "wide")}
    return {"origins": origins(task), **kept}


def joined(fingerprints: Iterable[str | None]) -> str | None:
    """Return the fingerprint of several ranges; None where one has none."""
    known = list(fingerprints)
    return None if None in known else " ".join(map(str, known))


def fingerprint(source: Source, task: Task) -> str | None:
    """Return the fingerprint of the task's origins as they are now. Raises what the source does."""
    return joined(source.fingerprint(after, until) for after, until in origins(task))


def changed(source: Source, task: Task) -> Outcome | None:
    """Return the Outcome of a slice whose input is not what it was, or cannot be looked at."""
    if task.fingerprint is None:
        return None
    try:
        now = fingerprint(source, task)
    except InputError as error:
        return blame.paused(task, error.message)
    if now == task.fingerprint:
        return None
    return blame.paused(
        task,
        f"the input of shard {'-'.join(map(str, task.shard))} is not what it was when the job "
        f"began ({source!r:.80}); put it back and resume, or cancel and start a new job",
    )
