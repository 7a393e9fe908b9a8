"""How long slices take that set their own length, over loads of all kinds.

Slices of more than one record, timed from outside, around their requests: how many took longer
than `slice_seconds`. The records mostly sleep, so that there can be more lanes than processors;
those of the first load take none but the processor's time, so there it has no more lanes than 2.
"""

import tempfile
from collections import Counter
from statistics import median
from typing import NamedTuple

from benchmarks.server import Server
from benchmarks.slices.lanes import driven
from benchmarks.slices.site import Site

ONE_IN = 1000
SLICE_SECONDS = 2.0
LATENCY = 0.05
PAUSE = 1.0  # about as `httpmr drive` waits: dozens that never did would take the processors' time


class Load(NamedTuple):
    """Records of a kind, how many of them, in how many lanes, and how slow the store is."""

    kind: str
    records: int
    lanes: int
    latency: float = 0.0


LOADS = {
    "cheap": Load("nothing", 30_000_000, 2),
    "300 ms": Load("slow", 240_000, 48),
    "one of 3 s": Load("slowest", 240_000, 48),
    "slow store": Load("slowest", 240_000, 48, LATENCY),
}


class Times(NamedTuple):
    """Seconds of slices of more than one record: how many, how many too long, by phase."""

    slices: int
    over: dict[str, int]
    median: float
    late: float  # the longest but for one in a hundred
    longest: float
    alone: int  # slices of a single record


def measured(load, scale) -> Times:
    """Drive a job of the load; its slices take less time where the scale is smaller."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(
            folder,
            load.kind,
            records=max(100, round(load.records * scale)),
            shards=2 * load.lanes,
            slice_seconds=SLICE_SECONDS,
            latency=load.latency,
        )
        options = ["--workers=2", "--worker-class=gthread", f"--threads={load.lanes}"]
        with Server("benchmarks.slices.site:application", site.environ, *options) as server:
            asked = driven(server.start(), load.lanes, longest=PAUSE)
        site.check()
    several = [one for one in asked if one.records > 1]
    over = Counter(one.phase for one in several if one.seconds > SLICE_SECONDS)
    several = sorted(one.seconds for one in several)
    return Times(
        len(several),
        dict(over),
        median(several),
        several[len(several) * 99 // 100],
        several[-1],
        sum(one.records == 1 for one in asked),
    )


def table(scale, rounds):
    """Yield the lines of the table; all rounds are counted."""
    yield f"slices of more than one record (target: 1 in {ONE_IN:,} longer than {SLICE_SECONDS} s)"
    slices = over = 0
    for name, load in LOADS.items():
        for _ in range(rounds):
            times = measured(load, scale)
            long = sum(times.over.values())
            slices, over = slices + times.slices, over + long
            where = ", ".join(f"{number} of {phase}" for phase, number in times.over.items())
            yield (
                f"  {name:10} {times.slices:5} slices, {long} too long{where and f' ({where})'};"
                f"  median {times.median:.2f} s, 99 in 100 within {times.late:.2f}, longest"
                f" {times.longest:.2f}; {times.alone} more of one record"
            )
    yield f"  all: {over} of {slices:,} too long, {1000 * over / slices:.1f} in 1,000"
