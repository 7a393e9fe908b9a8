"""What bounds one store, and how many lanes and records that carries.

    python -m benchmarks.scale [--seconds 5] [--scale 0.3]

First each store that answers is measured, then what two jobs ask of theirs: a word count, which
combines, and a sort, whose every record passes through the store. From both, lanes are simulated
that work in slices of the length measured. docs/scale.md quotes it.
"""

import argparse
import platform
import tempfile
from functools import partial

from benchmarks.scale import bounds, jobs, lanes
from benchmarks.slices import databases
from httpmr import stores

REDIS = "redis://127.0.0.1:6379/9?prefix=httpmr-scale"
SHARES = (0.9, 0.5)
WORKLOADS = ("word count", "sort")


def measured(seconds):
    """Yield (name, Bounds) of each store; say which is left out."""
    found, absent = databases.answering()
    for name, url in found.items():
        with tempfile.TemporaryDirectory() as folder, databases.table(url) as table:
            store = partial(stores.SQLStore, url or f"sqlite:///{folder}/jobs.db", table)
            store().get([b"made before others come"])
            yield name, bounds.measured(store, seconds)
    try:
        from redis import Redis, RedisError

        server = Redis.from_url(REDIS.partition("?")[0])
        fsync = server.config_get("appendfsync")["appendfsync"]
        kept = server.config_get("appendonly")["appendonly"] == "yes"
    except (ImportError, RedisError) as error:
        absent.append(f"Redis is left out: {error}")
    else:
        name = f"Redis, appendfsync {fsync}" if kept else "Redis, in memory"
        try:
            yield name, bounds.measured(partial(stores.open, REDIS), seconds)
        finally:
            server.delete("httpmr-scale:values", "httpmr-scale:keys")
    yield from ((line, None) for line in absent)


def bound_line(name, found) -> str:
    """Return the line of one store."""
    commits = ", ".join(f"{rate:5.0f} by {n}" for n, rate in found.commits.items())
    return f"  {name:24} commits a second {commits}; {found.bytes / 1e6:4.0f} MB of blocks a second"


def carried_line(name, found, asked) -> str:
    """Return how many lanes a store feeds of one job, and the records that they map."""
    rate = max(found.commits.values())
    served = 2 / rate + asked.bytes * asked.seconds / found.bytes
    alone = max(0.0, 2 / found.commits[1] - 2 / rate)
    told = []
    for share in SHARES:
        count = lanes.most(share, asked.seconds, served, alone)
        millions = count * lanes.busy(count, asked.seconds, served, alone) * asked.records / 1e6
        told.append(f"{count:5,} lanes at {share:.0%}: {millions:6.1f} million records a second")
    return f"  {name:24} {'; '.join(told)}"


def main():
    """Measure, simulate and tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--scale", type=float, default=0.3, help="how large the jobs' inputs are")
    chosen = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, 2 commits a slice")
    found = {}
    for name, one in measured(chosen.seconds):
        if one is None:
            print(name)
        else:
            found[name] = one
            print(bound_line(name, one), flush=True)
    for workload in WORKLOADS:
        asked = jobs.measured(workload, chosen.scale)
        print(
            f"{workload}: a lane maps {asked.records:,.0f} records a second, commits"
            f" {asked.bytes / 1e6:.2f} MB, and a slice takes {asked.seconds:.2f} s"
        )
        for name, one in found.items():
            print(carried_line(name, one, asked), flush=True)


if __name__ == "__main__":
    main()
