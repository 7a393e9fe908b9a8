"""A host that kills whatever takes too long: the same job must come to its end, and be right.

A worker dies by a signal so many seconds after a request began, wherever it is; gunicorn starts
another. `httpmr drive` drives.
"""

import sys
import tempfile
import time
from typing import NamedTuple

from benchmarks.measure import run
from benchmarks.server import Server
from benchmarks.slices.site import Site

LANES = 4
RECORDS = 400


class Host(NamedTuple):
    """Seconds after which the host kills, and what the records are."""

    limit: float
    load: str


HOSTS = {
    "1 s, records up to 300 ms": Host(1.0, "up_to_slow"),
    "5 s, also some of 3 s": Host(5.0, "up_to_slowest"),
    "30 s, also some of 3 s": Host(30.0, "up_to_slowest"),
}


class Killed(NamedTuple):
    """How long the job took, how often its host killed, and how long its records take."""

    seconds: float
    kills: int
    work: float


def measured(host, scale=1.0, records=RECORDS, shards=8, lanes=LANES) -> Killed:
    """Serve, drive and check one job; `scale` is that of all times."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(
            folder,
            host.load,
            records,
            shards=shards,
            slice_seconds=2.0 * scale,
            pace=scale,
            killed_after=host.limit * scale,
        )
        with Server(
            "benchmarks.slices.site:application", site.environ, f"--workers={lanes}"
        ) as server:
            links = server.start()
            began = time.perf_counter()
            run([sys.executable, "-m", "httpmr", "drive", f"-j{lanes}", links["drive"]])
            seconds = time.perf_counter() - began
        site.check()
        return Killed(seconds, site.kills(), site.work() / lanes)


def table(scale, rounds):
    """Yield the lines of the table."""
    yield "a host that kills (target: the job ends and is right)"
    for name, host in HOSTS.items():
        for _ in range(rounds):
            done = measured(host, scale, max(40, round(RECORDS * scale)))
            yield (
                f"  {name:26} right, {done.kills:3} times killed, {done.seconds:6.1f} s"
                f" for {done.work:.0f} s of work in each of {LANES} lanes"
            )
