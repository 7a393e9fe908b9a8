"""Each kind of fault at the 1st, 2nd, 3rd ... call of one lane, until past the end.

Lane A drives the job alone until the fault strikes. Then lane B comes in, with the very request
that A was at, and goes on by shorter slices; a paused A comes back in the middle of B's first
slice, after it, or when all is over.
"""

from functools import partial
from typing import NamedTuple

from . import faults
from .faults import FOREVER
from .lanes import Driver
from .trial import Trial, expected
from .world import World

MOST = 8000
"""Points until a run is stopped."""

OVERTAKEN = 5.0
"""Seconds: a bit more than the lease of a slice."""

STORE = ("get", "scan", "now", "commit")
COMMIT = ("commit",)
CODE = ("map", "reduce", "write")
DISK = ("disk",)


def _paused(after=False, seconds=OVERTAKEN, points=FOREVER):
    return partial(faults.pause_after if after else faults.pause, seconds=seconds, points=points)


KINDS = {
    "kill": (faults.kill, None),
    "kill after": (faults.kill_after, COMMIT),
    "pause, back in the middle of another's slice": (_paused(points=14), None),
    "pause, overtaken": (_paused(points=30), None),
    "pause to the end": (_paused(), None),
    "pause after, overtaken": (_paused(True, points=30), COMMIT),
    "pause after, to the end": (_paused(True), COMMIT),
    "sent twice": (_paused(seconds=0.0, points=14), None),
    "busy": (faults.busy, STORE),
    "full": (faults.full, COMMIT),
    "lost before": (faults.lost, COMMIT),
    "lost after": (faults.unknown, COMMIT),
    "clock ahead": (faults.ahead, None),
    "clock behind": (faults.behind, None),
    "service away": (faults.away, CODE),
    "disk away": (faults.disk_away, DISK),
    "disk full": (faults.disk_full, DISK),
}
"""By name: the fault, and what the lane must be about to do (None: anything)."""


class Swept(NamedTuple):
    """One run of a sweep."""

    case: str
    kind: str
    at: int
    failures: dict


def sweep(case, home=None, kinds=KINDS, only=None):
    """Yield a Swept for each kind and place; `only` narrows the places to what is in it."""
    for name in kinds:
        _, fits = KINDS[name]
        if only is not None:
            fits = tuple(what for what in fits or only if what in only)
            if not fits:
                continue
        at, struck = 0, True
        while struck:
            at += 1
            struck, failures = once(case, name, at, home, fits)
            if struck:
                yield Swept(case.name, name, at, failures)


def once(case, kind, at, home=None, fits=None, tell=None):
    """Do one run; return whether the fault struck, and what failed."""
    plan = faults.Once(KINDS[kind][0], at, fits or KINDS[kind][1])
    world = World(plan=plan, most=MOST)
    trial = Trial(case, world, home, expected(case, home))
    world.tell = tell
    trial.job = trial.jobs.start()
    plan.first = world.lane("A", Driver(trial, sizes=(2,)))

    def called(lane):
        if not plan.struck:
            world.park(FOREVER)
        return plan.first.sent

    plan.second = world.lane("B", Driver(trial, first=called, sizes=(1,)))
    failures = trial.run()
    return plan.struck, failures
