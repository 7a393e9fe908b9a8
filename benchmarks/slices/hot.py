"""One shard that has nearly all the work, in 4 lanes, beside a job whose work is evenly spread.

The records sleep, so that the lanes need no processors; both jobs sleep as long in all.
"""

import statistics
import sys
import tempfile

from benchmarks.measure import run
from benchmarks.server import Server
from benchmarks.slices.site import Site

LANES = 4
RECORDS = 32_000  # of 10 ms on the average
MOST = 1.3


def measured(load, records=RECORDS, slice_seconds=2.0, lanes=LANES) -> float:
    """Return the seconds in which `httpmr drive` drives a job to its end."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(folder, load, records, slice_seconds=slice_seconds)
        with Server(
            "benchmarks.slices.site:application", site.environ, f"--workers={lanes}"
        ) as server:
            links = server.start()
            took = run([sys.executable, "-m", "httpmr", "drive", f"-j{lanes}", links["drive"]])
        site.check()
        return took.wall


def table(scale, rounds):
    """Yield the lines of the table: medians over the rounds, which take turns."""
    seconds = {"even": [], "hot": []}
    for _ in range(rounds):
        for load, some in seconds.items():
            some.append(measured(load, max(40, round(RECORDS * scale))))
    even, hot = (statistics.median(some) for some in seconds.values())
    yield f"a hot shard, {LANES} lanes: {hot:.1f} s, evenly spread {even:.1f} s"
    yield f"  ratio {hot / even:.2f} (target: at most {MOST})"
