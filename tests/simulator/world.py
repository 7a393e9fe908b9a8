"""Lanes of which exactly one runs, a clock, and points: where others may come in.

A lane is a greenlet, which runs until it hands over: a run depends on its seed alone, and to hand
over costs a tenth of what it does between threads. Whatever a lane does that others could see
begins with `point`. Seconds pass when the world says so. What goes wrong at a point is the plan's
to say; what lanes do is not known here.
"""

import random

from greenlet import greenlet

TICK = 0.004
"""Seconds that pass at each point."""


class Killed(BaseException):
    """The process is gone: nothing after it runs, not even what cleans up."""


class Over(BaseException):
    """The whole run is stopped."""


def named(fault):
    return getattr(fault, "func", fault).__name__.replace("_", " ").strip()


class Lane:
    """One chain of requests, or an operator: `script(lane)`, in a greenlet of its own."""

    def __init__(self, world, name, script):
        self.world, self.name, self.script = world, name, script
        self.greenlet = greenlet(self._live)  # whoever let the world run goes on when it ends
        self.wakes = 0.0  # not before this time
        self.parked = 0  # nor before so many points
        self.dead = False  # killed, and not yet started anew
        self.skew = 0.0  # how wrong its host's clock is
        self.request = 0
        self.sent = None  # the address of the present request

    def host(self):
        """The clock of the machine that serves the lane."""
        return self.world.time + self.skew

    def _live(self):
        try:
            if not self.world.over:
                self.script(self)
        except Over:
            pass
        except BaseException as error:
            self.world.crashed(self, error)
        self.world.lanes.remove(self)


class World:
    """`plan(world, lane, what)` says what goes wrong at a point; `stir` how often lanes change."""

    def __init__(self, seed=0, plan=None, stir=0.0, page=200, most=10_000):
        self.rng = random.Random(seed)
        self.plan = plan or (lambda world, lane, what: None)
        self.stir = stir
        self.page = page  # entries a scan reads at once
        self.most = most  # points until the run is stopped
        self.time = 1_000_000.0
        self.points = 0
        self.lanes = []
        self.running = None
        self.over = None  # the reason why it was stopped
        self.crashes = []
        self.struck = []  # what went wrong
        self.tell = None  # called with what happens, for a replay

    def lane(self, name, script):
        """Add a lane, before the run or in it."""
        lane = Lane(self, name, script)
        self.lanes.append(lane)
        return lane

    def run(self):
        """Let the lanes run until all have ended."""
        while self.lanes:
            self._give(self.lanes[0] if self.over else self._next())
        self.running = None

    # Called by the lane that runs

    def point(self, what):
        """Let others come in, or a fault; return what is to be called after the effect."""
        lane = self.running
        if lane is None:  # before and after the run
            return None
        if self.over:
            raise Over
        if lane.dead:
            raise Killed
        self.points += 1
        self.time += TICK
        if self.points > self.most:
            self.stop(f"the job goes on after {self.most} points")
        fault = self.plan(self, lane, what)
        if self.tell:
            said = fault and named(fault)
            self.tell(f"{self.points:5} {self.time:13.2f} {lane.name:3} {what:6} {said or ''}")
        if fault:
            self.struck.append(named(fault))
            return fault(self, lane)
        if self.rng.random() < self.stir:
            self.hand_over()
        return None

    def wait(self, seconds):
        """Let the running lane sleep."""
        if self.running is None:
            self.time += seconds
            return
        self.running.wakes = self.time + seconds
        self.hand_over()

    def park(self, points):
        """Let the running lane stand still while others pass so many points, if they do."""
        self.running.parked = self.points + points
        self.hand_over()

    def hand_over(self, to=None):
        """Let any lane go on that can; it may be the same."""
        lane, following = self.running, to or self._next()
        if following is lane:
            lane.parked, lane.wakes = 0, 0.0
        else:
            self._give(following)
        if self.over:
            raise Over

    def stop(self, reason):
        """End the whole run."""
        self.over = self.over or reason
        raise Over

    # Who goes on

    def crashed(self, lane, error):
        self.crashes.append((lane, error))
        self.over = self.over or f"lane {lane.name} crashed"

    def _give(self, lane):
        lane.parked, lane.wakes = 0, 0.0
        self.running = lane
        lane.greenlet.switch()

    def _next(self):
        """Choose among those that are awake; where none is, let time pass."""
        lanes, time, points = self.lanes, self.time, self.points
        awake = [lane for lane in lanes if lane.wakes <= time and lane.parked <= points]
        if awake:
            return awake[int(self.rng.random() * len(awake))] if len(awake) > 1 else awake[0]
        asleep = [lane for lane in lanes if lane.parked <= points]
        if asleep:
            lane = min(asleep, key=lambda lane: lane.wakes)
            self.time = lane.wakes
            return lane
        return min(lanes, key=lambda lane: lane.parked)
