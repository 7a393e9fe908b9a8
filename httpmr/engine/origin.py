"""Where a map task came from: the ranges whose fingerprint it has, as the input was split.

What is shed, parked or mapped again is a part of such a range; what swallowed others has several.
How a task came to be what it is, is not known here.
"""

from collections.abc import Iterable
from typing import Any

from httpmr.interfaces import Source
from httpmr.state import Plain, Task


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
