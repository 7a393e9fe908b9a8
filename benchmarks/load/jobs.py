"""Many drivers on one job of the shortest slices there are: one record each, which takes no time.

So they claim and commit as often as the store lets them, and wait for each other all the time.
Job after job is driven to its end and its result checked, until the time is up.
"""

import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks.load.drivers import driven, total, wrong
from benchmarks.server import Server
from benchmarks.slices import databases
from benchmarks.slices.site import Site

LONGEST = 600.0  # of one job

# What even progress is. Half way through shards of equal work
LEAST_DONE = 0.05  # of each shard is done;
# in the end
LEAST_SHARE = 0.25  # of an even share of the slices was each driver's;
# and between two slices
LONGEST_PAUSE = 5.0  # seconds went by at most


@dataclass
class Load:
    """What came of the jobs, and of each its shards when half of all was done, and its drivers."""

    jobs: int = 0
    slices: int = 0
    seconds: float = 0.0
    mapping: float = 0.0  # seconds of the map phases, whose slices these are
    answers: Counter = field(default_factory=Counter)
    progress: list = field(default_factory=list)  # (least, most) of a job's shards, half way
    shares: list = field(default_factory=list)  # (least, most) of its drivers; 1.0 is even
    pauses: list = field(default_factory=list)  # the longest time in which no slice was done

    @property
    def wrong(self) -> dict:
        """How often what should never be answered was."""
        return wrong(self.answers)

    @property
    def uneven(self) -> list[str]:
        """What was not even, a few words for each."""
        said = []
        if (least := min(done for done, _ in self.progress)) < LEAST_DONE:
            said.append(f"a shard stood at {least:.0%} half way")
        if (least := min(share for share, _ in self.shares)) < LEAST_SHARE:
            said.append(f"a driver had {least:.0%} of an even share")
        if (longest := max(self.pauses)) > LONGEST_PAUSE:
            said.append(f"nothing was done for {longest:.1f} s")
        return said


def measured(url, drivers, workers, seconds, slices) -> Load:
    """Serve, drive and check jobs of so many slices, as many as take that long, or one."""
    load = Load()
    with tempfile.TemporaryDirectory() as folder, databases.table(url) as table:
        site = Site(
            folder, "nothing", slices, store=url, table=table, shards=drivers, one_by_one=True
        )
        options = (f"--workers={workers}", "--worker-class=gthread", f"--threads={drivers}")
        with Server("benchmarks.slices.site:application", site.environ, *options) as server:
            # To the nearest job.
            while not load.jobs or load.seconds * (1 + 0.5 / load.jobs) < seconds:
                _job(load, site, server.start(), drivers)
    return load


def _job(load, site, links, drivers):
    work = site.master().work
    job = work.find(links["job"])
    while job.record.phase == "split":  # for its requests may do slices of many records
        work.step(job.record)
    half = Half(job, site.records // site.shards)
    began = time.perf_counter()
    with half:
        done = driven(links["drive"], drivers, LONGEST)
    load.seconds += time.perf_counter() - began
    if {driver.last for driver in done} != {200}:
        raise SystemExit(f"the job did not end: {sorted(total(done).items(), key=str)}")
    site.check()
    load.jobs += 1
    each = [sum(one.phase == "map" for one in driver.slices) for driver in done]
    mapped = [one for driver in done for one in driver.slices if one.phase == "map"]
    ends = sorted(one.ended for one in mapped)
    load.slices += len(mapped)
    load.mapping += ends[-1] - min(one.began for one in mapped)
    load.answers += total(done)
    load.progress.append(half.shards)
    even = len(mapped) / drivers
    load.shares.append((min(each) / even, max(each) / even))
    load.pauses.append(max(after - before for before, after in pairwise(ends)))


class Half:
    """Looks at a job's shards while a `with` block lasts; keeps how they were half way.

    What a shard has given away still counts as its own.
    """

    EVERY = 0.2

    def __init__(self, job, records):
        self.job, self.records = job, records  # of a shard
        self.shards, self.off = (0.0, 0.0), 1.0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *error):
        self.over.set()
        self.thread.join()

    def _watch(self):
        while not self.over.wait(self.EVERY):
            if self.job.record.phase != "map":
                continue
            done = Counter()
            for task in self.job.shards():
                done[task.shard[0]] += task.records / self.records
            off = abs(0.5 - done.total() / max(len(done), 1))
            if off < self.off:
                self.shards, self.off = (min(done.values()), max(done.values())), off
