"""When a shard was worked on, how much came of it, and by whom: a few numbers in its own task.

They go with the task that a slice writes anyway, so that they cost no read, no commit and no key
that two writers could contend for. What they are told, and what they are for, is not known here.
"""

SPANS = 12
"""So many stretches of time a task remembers; the shortest neighbours become one."""

DRIVERS = 4
"""So many drivers, the latest."""


def seen(drivers: dict[str, float], driver: str, now: float) -> dict[str, float]:
    """Return {driver: when it last claimed} with this one behind the others.

    >>> seen({"a": 1.0, "b": 2.0}, "a", 3.0)
    {'b': 2.0, 'a': 3.0}
    """
    others = [(name, when) for name, when in drivers.items() if name != driver]
    return {**dict(others[1 - DRIVERS :]), driver: now}


def spent(spans: list[float], began: float, ended: float, records: int) -> list[float]:
    """Return [began, ended, records, began, ended, records ...] with a slice's added.

    >>> spent([1.0, 2.0, 500], 3.0, 4.0, 600)
    [1.0, 2.0, 500, 3.0, 4.0, 600]
    """
    spans = [*spans, began, ended, records]
    if len(spans) > 3 * SPANS:
        # The first of the pair that is over in the shortest time: long gaps stay gaps.
        at = min(range(0, len(spans) - 3, 3), key=lambda i: spans[i + 4] - spans[i])
        spans[at : at + 6] = [spans[at], spans[at + 4], spans[at + 2] + spans[at + 5]]
    return spans
