"""`count(name, n)`: exact counters from inside user code, without a handle.

The engine collects what user code counts; a record that fails takes its counts with it, and
what is committed is committed with the slice, so a counter is never too high nor too low. A
ContextVar carries the collection: threads that serve different requests do not mix.

    >>> with collecting() as counts:
    ...     count("rows")
    ...     count("bytes", 100)
    >>> counts
    {'rows': 1, 'bytes': 100}
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Counters = dict[str, int]

_current: ContextVar[Counters | None] = ContextVar("httpmr.counters", default=None)


def count(name: str, n: int = 1) -> None:
    """Add the integer `n` to the job's counter `name`. Outside a job it does nothing."""
    if type(name) is not str or not isinstance(n, int):
        raise TypeError(f"httpmr.count takes a name and a whole number, not {name!r}, {n!r}")
    counts = _current.get()
    if counts is not None:
        counts[name] = counts.get(name, 0) + n


@contextmanager
def collecting() -> Iterator[Counters]:
    """Collect, in the dict this yields, what is counted in the `with` block."""
    counts: Counters = {}
    token = _current.set(counts)
    try:
        yield counts
    finally:
        _current.reset(token)


def add(total: Counters, counts: Counters) -> Counters:
    """Return `total` with `counts` added, as a new dict in the order names first appeared."""
    merged = dict(total)
    for name, n in counts.items():
        merged[name] = merged.get(name, 0) + n
    return merged
