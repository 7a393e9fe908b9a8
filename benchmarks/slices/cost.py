"""What a slice costs beyond its records: claim, commit, HTTP, and the way to the next one.

A job of slices of one record each, which takes no time, on each database: by `POST J/step`, and
along the redirects of `GET J/go`. A lane alone keeps its connection; two have a worker each and,
as gunicorn's usual workers will have it, a new connection for each request. The slices of the
map phase count. One on SQLite waits twice for the disk, so that is measured beside it.
"""

import statistics
import tempfile
from typing import NamedTuple

from benchmarks.measure import children, disk_wait, processor
from benchmarks.server import Server
from benchmarks.slices import databases
from benchmarks.slices.lanes import driven
from benchmarks.slices.site import Site

TARGET = 8.0  # ms
SLICES = 1000
WAYS = [("step", 1), ("go", 1), ("step", 2), ("go", 2)]
KEPT = ("--worker-class=gthread", "--threads=2")


class Cost(NamedTuple):
    """Milliseconds of a slice: on the average, of half of them, of the processor.

    And slices a second in all lanes, and the milliseconds of a wait for the disk.
    """

    mean: float
    median: float
    processor: float
    rate: float
    disk: float


def measured(url, way, lanes, slices) -> Cost:
    """Drive one job in that many lanes."""
    with tempfile.TemporaryDirectory() as folder, databases.table(url) as table:
        site = Site(folder, "nothing", slices, store=url, table=table, one_by_one=True)
        options = KEPT if lanes == 1 else (f"--workers={lanes}",)
        disk = disk_wait(folder)
        with Server("benchmarks.slices.site:application", site.environ, *options) as server:
            links = server.start()
            workers = children(server.process.pid)
            before = sum(map(processor, workers))
            asked = driven(links, lanes, way)
            burnt = sum(map(processor, workers)) - before
        site.check()
    mapped = [one for one in asked if one.phase == "map"]
    each = [1000 * one.seconds for one in mapped]
    took = max(one.ended for one in mapped) - min(one.began for one in mapped)
    return Cost(
        statistics.mean(each),
        statistics.median(each),
        1000 * burnt / len(asked),
        len(mapped) / took,
        1000 * disk,
    )


def table(scale, rounds):
    """Yield the lines of the table: medians over the rounds, which take turns."""
    yield f"cost of a slice over HTTP, ms (target: at most {TARGET:.0f}, also at 200 a second)"
    found, absent = databases.answering()
    yield from absent
    costs = {(name, *way): [] for name in found for way in WAYS}
    for _ in range(rounds):
        for (name, way, lanes), some in costs.items():
            some.append(measured(found[name], way, lanes, max(20, round(SLICES * scale))))
    for (name, way, lanes), some in costs.items():
        cost = Cost(*map(statistics.median, zip(*some, strict=True)))
        yield (
            f"  {name:10} {way:4} {lanes} lane{'s' if lanes > 1 else ' '}"
            f"  mean {cost.mean:6.2f}  median {cost.median:6.2f}  processor {cost.processor:5.2f}"
            f"  {cost.rate:5.0f} slices a second  (the disk {cost.disk:.2f})"
        )
