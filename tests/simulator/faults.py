"""What may go wrong at a point, and plans that say when it does.

A fault is called before the effect of what the lane is about to do. It may raise, or return
what is to be called after the effect.
"""

import errno
from functools import partial

from httpmr.errors import StoreFull, Unavailable, Uncertain

from .world import Killed

FOREVER = 10**9
HOUR = 3600.0


def kill(world, lane):
    """The process dies before the effect."""
    lane.dead = True
    raise Killed


def kill_after(world, lane):
    """The process dies after the effect."""
    return partial(kill, world, lane)


def pause(world, lane, seconds=None, points=None):
    """The process stands still until its lease is over, and then goes on: a zombie."""
    world.time += world.rng.choice((0.0, 5.0, 5.0, 40.0, 700.0)) if seconds is None else seconds
    world.park(world.rng.choice((4, 15, 60, 300, FOREVER)) if points is None else points)


def pause_after(world, lane, seconds=None, points=None):
    """The same, after the effect."""
    return partial(pause, world, lane, seconds, points)


def busy(world, lane):
    """The store cannot be used now; nothing happens."""
    raise Unavailable("the store is busy, says the simulator")


def full(world, lane):
    """The store has no room; nothing happens."""
    raise StoreFull("the store is full, says the simulator")


def lost(world, lane):
    """The connection is lost in COMMIT, before it took effect."""
    raise Uncertain("the connection was lost, says the simulator")


def unknown(world, lane):
    """The connection is lost in COMMIT, after it took effect."""
    return partial(lost, world, lane)


def skew(world, lane):
    """The host's clock goes an hour ahead, or back."""
    lane.skew += HOUR if lane.skew < 0 or (not lane.skew and world.rng.random() < 0.5) else -HOUR


def ahead(world, lane):
    lane.skew += HOUR


def behind(world, lane):
    lane.skew -= HOUR


def away(world, lane):
    """User code meets an error of its surroundings."""
    raise ConnectionError("the service is away, says the simulator")


def disk_away(world, lane):
    raise OSError(errno.EIO, "the disk is away, says the simulator")


def disk_full(world, lane):
    raise OSError(errno.ENOSPC, "the disk is full, says the simulator")


_READ = (kill, pause, pause, busy, skew)
FITTING = {
    "get": _READ,
    "scan": _READ,
    "now": _READ,
    "commit": (*_READ, kill_after, pause_after, full, lost, unknown, lost, unknown),
    "map": (kill, pause, skew, away),
    "reduce": (kill, pause, skew, away),
    "write": (kill, pause, skew, away),
    "disk": (kill, pause, skew, disk_away, disk_full),
}
"""What can go wrong, by what the lane is about to do."""


def storm(rate, points):
    """Return the plan: at each of the first `points`, with the probability `rate`, anything."""

    def plan(world, lane, what):
        if world.points > points or world.rng.random() >= rate:
            return None
        return world.rng.choice(FITTING[what])

    return plan


class Once:
    """The plan: one fault, at the `at`-th point of lane `first` that fits; `second` then wakes.

    Where the fault was a pause, `first` comes back as soon as it is over.
    """

    def __init__(self, fault, at, fits=None):
        self.fault, self.at, self.fits = fault, at, fits
        self.first = self.second = None
        self.seen = 0
        self.struck = False

    def __call__(self, world, lane, what):
        if self.struck:
            due = 0 < self.first.parked <= world.points
            return self._come_back if due and lane is self.second else None
        if lane is not self.first or (self.fits and what not in self.fits):
            return None
        self.seen += 1
        if self.seen < self.at:
            return None
        self.struck = True
        self.second.parked = 0
        return self.fault

    def _come_back(self, world, lane):
        world.hand_over(self.first)
