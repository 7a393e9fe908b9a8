"""Who of a server's workers is in a request, and until when it holds a lease.

Each worker keeps a note of that in a file of its own, which outlives it: so whoever kills or stops
one knows what it was at. A worker is a process of one thread; the clock is the machine's.
"""

import os
import random
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import children
from httpmr.ledger import Ledger

_NOTE = struct.Struct("?d")
_FOLDER, _COMMITTED = "workers", "committed"


class Note(NamedTuple):
    """Whether a worker is in a request, and when its lease is over; 0 = it holds none."""

    busy: bool
    until: float


class Workers:
    """The workers of a server; `folder` is its site's."""

    def __init__(self, server, folder: str):
        self.server = server
        self.folder = Path(folder, _FOLDER)

    def alive(self) -> list[int]:
        """Return the workers' process ids, as they are now."""
        return children(self.server.process.pid)

    def note(self, pid: int) -> Note:
        """Return what a worker is at, or was when it died."""
        try:
            return Note(*_NOTE.unpack(Path(self.folder, str(pid)).read_bytes()))
        except (FileNotFoundError, struct.error):
            return Note(False, 0.0)

    def any(self, rng: random.Random, fits: Callable[[Note], bool], but=()) -> int | None:
        """Return one of the workers that `fits`; None if there is none."""
        found = [pid for pid in self.alive() if pid not in but and fits(self.note(pid))]
        return rng.choice(found) if found else None

    def slices(self) -> int:
        """Return how many slices were committed so far."""
        committed = Path(self.folder, _COMMITTED)
        return committed.stat().st_size if committed.exists() else 0

    def signal(self, pid: int, number: int) -> None:
        """Send a signal, if the worker is still there."""
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def noted(folder: str, hurry: float) -> Callable:
    """Let this process, and those that it forks, keep notes; return what wraps its application.

    The store's clock goes `hurry` times as fast as others.
    """
    place = Path(folder, _FOLDER)
    place.mkdir(exist_ok=True)
    files = {}

    def note(busy, until=0.0):
        pid = os.getpid()
        if pid not in files:
            files[pid] = os.open(place / str(pid), os.O_WRONLY | os.O_CREAT)
        os.pwrite(files[pid], _NOTE.pack(busy, until), 0)

    def leased(method):
        @wraps(method)
        def lease(self, task, *args, **given):
            leased = method(self, task, *args, **given)
            if leased:
                note(True, time.monotonic() + (leased.lease - self.store.now()) / hurry)
            return leased

        return lease

    def ended(method):
        @wraps(method)
        def end(*args, **given):
            done = method(*args, **given)
            note(True)
            with open(place / _COMMITTED, "ab", buffering=0) as file:
                file.write(b".")
            return done

        return end

    Ledger.claim, Ledger.renew = leased(Ledger.claim), leased(Ledger.renew)
    Ledger.commit = ended(Ledger.commit)

    def wrapped(application):
        def told(environ, start_response):
            note(True)
            try:
                return application(environ, start_response)
            finally:
                note(False)

        return told

    return wrapped
