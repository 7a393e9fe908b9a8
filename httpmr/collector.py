"""The garbage collector rests while a slice is at work.

What piles up in a slice is much, hardly any of it is garbage, and the collector would walk it all
again and again; at the slice's end nearly all goes at once, with the last reference to it.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_OFTEN = 32
"""Of so many calls that ended while others went on, one collects: garbage in cycles must go."""

_lock = threading.Lock()
_resting = 0  # calls in this process that are not over
_ended = 0  # while others went on
_was_on = True


@contextmanager
def resting() -> Iterator[None]:
    """Switch the collector off until this is over, in all threads, and leave it as it was.

    It is best put around a whole function, whose variables are gone when it is over. Where calls
    of several threads are never all over, one in 32 collects at its end.
    """
    global _resting, _ended, _was_on
    with _lock:
        if not _resting:
            _was_on, _ended = gc.isenabled(), 0
            gc.disable()
        _resting += 1
    try:
        yield
    finally:
        with _lock:
            _resting -= 1
            _ended += 1
            if not _resting and _was_on:
                gc.enable()
            due = _resting and _was_on and _ended % _OFTEN == 0
        if due:
            gc.collect()
