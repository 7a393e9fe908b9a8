"""SIGKILL of workers at random, in the middle of their requests."""

import random
import signal
import time

from benchmarks.chaos.homes import Home
from benchmarks.chaos.site import Site
from benchmarks.chaos.storm import Blamed, Done, weathered
from benchmarks.chaos.workers import Workers
from benchmarks.server import Server

WORKERS = 8
EVERY = 5  # slices that are committed for one that is killed, on the average
HURRY = 5.0  # else the killed leases, of two seconds, would be most of what there is
HOLDING = 0.5  # of them hold a lease; the rest may be anywhere in a request


def measured(home: Home, faults: int, seconds: float, rng: random.Random) -> Done:
    """Kill so many workers that are in a request."""
    site = Site(home.folder, home.url, since=time.time(), hurry=HURRY)
    held, blamed = 0, Blamed()

    def strike(over):
        nonlocal held
        done, due = 0, 0
        while done < faults and not over():
            time.sleep(rng.uniform(0, 2 * site.slice_seconds))
            if workers.slices() < due:
                continue
            holding = rng.random() < HOLDING
            pid = workers.any(rng, lambda note: note.until if holding else note.busy)  # noqa: B023
            if pid is None:
                continue
            workers.signal(pid, signal.SIGKILL)
            note = workers.note(pid)
            if note.busy:
                done += 1
                held += note.until > 0
                due = workers.slices() + rng.randint(1, 2 * EVERY - 1)
        return done

    with Server(
        "benchmarks.chaos.site:application", site.environ, f"--workers={WORKERS}", "--preload"
    ) as server:
        workers = Workers(server, site.folder)
        done = weathered(site, server.site, strike, seconds, mend=blamed)
    return done._replace(note=f"{held} held a lease, {blamed}")
