"""SIGSTOP of workers that hold a lease, until it is over, and then SIGCONT: they are zombies.

With the fence switched off the same must give wrong results, or it would prove nothing.
"""

import random
import signal
import time

from benchmarks.chaos.homes import Home
from benchmarks.chaos.site import KINDS, UNFENCED, Site
from benchmarks.chaos.storm import Blamed, Done, weathered
from benchmarks.chaos.workers import Workers
from benchmarks.server import Server

WORKERS = 8
EVERY = 4  # slices that are committed for one that is paused, on the average
AT_ONCE = 4  # that many stand still; the rest carry on
BEYOND = 1.5  # seconds beyond the lease, at most


def measured(home: Home, faults: int, seconds: float, rng: random.Random, fenced=True) -> Done:
    """Stop so many workers that hold a lease, each until after its end.

    What is not `fenced` is over as soon as a result is wrong: rows show it best.
    """
    site = Site(home.folder, home.url, names=KINDS if fenced else ("rows",))
    blamed = Blamed()
    stopped = {}  # pid: when it goes on

    def wake(now):
        for pid in [pid for pid, when in stopped.items() if when <= now]:
            workers.signal(pid, signal.SIGCONT)
            del stopped[pid]

    def strike(over):
        done, due = 0, 0
        while (done < faults or stopped) and not over():
            time.sleep(0.01)
            wake(time.monotonic())
            if done == faults or len(stopped) == AT_ONCE or workers.slices() < due:
                continue
            pid = workers.any(rng, lambda note: note.until > 0, stopped)
            if pid is None:
                continue
            workers.signal(pid, signal.SIGSTOP)
            if until := workers.note(pid).until:
                stopped[pid] = until + rng.uniform(0.1, BEYOND)
                done += 1
                due = workers.slices() + rng.randint(1, 2 * EVERY - 1)
            else:  # it was quicker
                workers.signal(pid, signal.SIGCONT)
        done -= len(stopped)  # not paused for long enough
        wake(float("inf"))
        return done

    environ = site.environ if fenced else {**site.environ, UNFENCED: "1"}
    with Server(
        "benchmarks.chaos.site:application", environ, f"--workers={WORKERS}", "--preload"
    ) as server:
        workers = Workers(server, site.folder)
        try:
            done = weathered(site, server.site, strike, seconds, not fenced, blamed)
            return done._replace(note=str(blamed))
        finally:
            wake(float("inf"))
