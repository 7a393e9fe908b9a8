"""Lanes of which exactly one runs, a clock, and points: where others may come in.

A lane is a thread that runs only while it holds the baton, so that a run depends on its seed
alone. Whatever a lane does that others could see begins with `point`. Seconds pass when the world
says so. What goes wrong at a point is the plan's to say; what lanes do is not known here.
"""

import random
import threading

TICK = 0.004
"""Seconds that pass at each point."""


class Killed(BaseException):
    """The process is gone: nothing after it runs, not even what cleans up."""


class Over(BaseException):
    """The whole run is stopped."""


def named(fault):
    return getattr(fault, "func", fault).__name__.replace("_", " ").strip()


class _Thread:
    """What lanes run in, one after the other: to start a thread takes as long as many points."""

    idle: list = []  # noqa: RUF012

    def __init__(self):
        self.lane = None
        self.baton = threading.Lock()
        self.baton.acquire()
        threading.Thread(target=self._live, daemon=True).start()

    def _live(self):
        while True:
            self.baton.acquire()
            lane = self.lane
            lane.run()
            self.idle.append(self)
            lane.world.leave(lane)


class Lane:
    """One chain of requests, or an operator: `script(lane)`, in a thread of its own."""

    def __init__(self, world, name, script):
        self.world, self.name, self.script = world, name, script
        thread = _Thread.idle.pop() if _Thread.idle else _Thread()
        thread.lane = self
        self.baton = thread.baton  # held, but while it is given to the lane
        self.wakes = 0.0  # not before this time
        self.parked = 0  # nor before so many points
        self.dead = False  # killed, and not yet started anew
        self.skew = 0.0  # how wrong its host's clock is
        self.request = 0
        self.sent = None  # the address of the present request

    def host(self):
        """The clock of the machine that serves the lane."""
        return self.world.time + self.skew

    def run(self):
        try:
            if not self.world.over:
                self.script(self)
        except Over:
            pass
        except BaseException as error:
            self.world.crashed(self, error)


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
        self._main = threading.Lock()

    def lane(self, name, script):
        """Add a lane, before the run or in it."""
        lane = Lane(self, name, script)
        self.lanes.append(lane)
        return lane

    def run(self):
        """Let the lanes run until all have ended."""
        self._main.acquire()
        self._give(self._next())
        self._main.acquire()
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
            lane.baton.acquire()
        if self.over:
            raise Over

    def stop(self, reason):
        """End the whole run."""
        self.over = self.over or reason
        raise Over

    # The baton

    def crashed(self, lane, error):
        self.crashes.append((lane, error))
        self.over = self.over or f"lane {lane.name} crashed"

    def leave(self, lane):
        self.lanes.remove(lane)
        if self.lanes:
            self._give(self.lanes[0] if self.over else self._next())
        else:
            self._main.release()

    def _give(self, lane):
        lane.parked, lane.wakes = 0, 0.0
        self.running = lane
        lane.baton.release()

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
