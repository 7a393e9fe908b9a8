"""How evenly replicas share a job, and what each slice of theirs costs the primary.

    python -m benchmarks.replicas [--replicas 8] [--scale 1.0]

The primary is gunicorn on loopback with SQLite, the replicas are processes of `httpmr replica`.
The records are numbered, and each takes its time asleep, so that cores are not what is short. Cost:
slices of a few records each; the primary's processor seconds, by slice. The results of the jobs
are checked.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from typing import NamedTuple

from benchmarks.measure import begun, children, ended, processor
from benchmarks.server import Server, fetched
from benchmarks.slices.site import GIVEN, Site
from httpmr.jobs.replicas import Replicas

TARGET = "benchmarks.replicas:numbers"
SERVER = ("--worker-class=gthread", "--threads=12")

if GIVEN in os.environ:
    numbers = Site(**json.loads(os.environ[GIVEN])).master()


class Shared(NamedTuple):
    """What became of a job: its seconds and slices, what each replica did, the primary's cost.

    `cost` is milliseconds of the primary's processor for each slice.
    """

    seconds: float
    slices: int
    each: list[int]  # records of each replica
    errors: int
    cost: float


def measured(load: str, records: int, replicas: int, slice_seconds: float) -> Shared:
    """Let so many replicas do one job."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(folder, load, records, shards=4 * replicas, slice_seconds=slice_seconds)
        with Server("benchmarks.slices.site:application", site.environ, *SERVER) as server:
            master = site.master()
            master.work.links.make("replica")
            link = master.link("replica", server.site)
            command = [sys.executable, "-m", "httpmr", "replica", link, TARGET, "--direct"]
            several = [begun(command, site.environ) for _ in range(replicas)]
            known = Replicas(master.work.store, master.recipe.name)
            while len(known.all()) < replicas:
                time.sleep(0.1)
            job = server.start()
            [worker] = children(server.process.pid)
            before = processor(worker)
            while (status := fetched(job["status"]))["state"] == "running":
                time.sleep(0.2)
            burnt = processor(worker) - before
            for one in several:
                one.terminate()
                ended(one)
        site.check()
        found = known.all()
    return Shared(
        status["finished"] - status["started"],
        status["slices"],
        [replica.records for replica in found],
        sum(replica.errors for replica in found),
        1000 * burnt / status["slices"],
    )


def table(replicas: int, scale: float):
    """Yield the lines of the figures."""
    records = max(replicas * 8, round(6000 * scale))
    even = measured("even", records, replicas, slice_seconds=0.5)
    mean = statistics.mean(even.each)
    yield f"{replicas} replicas, {records:,} records of 10 ms, slices of 0.5 s"
    yield (
        f"  each did {min(even.each):,} to {max(even.each):,} records, {mean:,.0f} on the average "
        f"({min(even.each) / mean:.0%} to {max(even.each) / mean:.0%}); errors {even.errors}"
    )
    ideal = 0.01 * records / replicas
    yield f"  {even.seconds:.1f} s; the records alone, shared out, {ideal:.1f} s"
    short = measured("even", records, replicas, slice_seconds=0.05)
    yield f"{replicas} replicas, the same in slices of 0.05 s"
    yield (
        f"  {short.slices:,} slices, {short.slices / short.seconds:.0f} a second, "
        f"{short.cost:.1f} ms of the primary's processor for each; errors {short.errors}"
    )


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replicas", description=__doc__)
    parser.add_argument("--replicas", type=int, default=8)
    parser.add_argument("--scale", type=float, default=1.0)
    chosen = parser.parse_args()
    for line in table(chosen.replicas, chosen.scale):
        print(line, flush=True)


if __name__ == "__main__":
    main()
