"""The web site that is driven: numbered records that take their time, on a host of its own ways.

An answer to a request that did a slice says so in a header, `Slice: map 12`: its phase, and of
how many records it was. Where the host is one that kills, a worker dies `killed_after` seconds
after its request began, by SIGALRM, in whatever it is doing.
"""

import json
import logging
import os
import random
import re
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import httpmr
from benchmarks.numbered import Numbers
from benchmarks.slices.loads import LOADS
from httpmr import reducers
from httpmr.budget import Budget
from httpmr.interfaces import OrderedStore
from httpmr.jobs import Jobs
from httpmr.stores import SQLStore

GIVEN = "HTTPMR_BENCHMARK_SITE"
"""The environment variable that says what `application` is: the fields of a Site as JSON."""

DIGITS = 10


@dataclass(frozen=True)
class Site:
    """A job, its store, and what surrounds it. `pace` multiplies what the records take."""

    folder: str
    load: str
    records: int
    store: str = ""  # SQLite in the folder
    table: str = "httpmr"
    shards: int = 8
    slice_seconds: float = 2.0
    max_lanes: int | None = None
    pace: float = 1.0
    one_by_one: bool = False
    latency: float = 0.0  # of the store, on the average
    killed_after: float = 0.0  # 0: it never is

    @property
    def environ(self) -> dict:
        """What tells `application` to be this."""
        return {GIVEN: json.dumps(asdict(self))}

    def ordered_store(self) -> OrderedStore:
        """Return the store, as slow as it is."""
        store = SQLStore(self.store or f"sqlite:///{self.folder}/jobs.db", self.table)
        return SlowStore(store, self.latency) if self.latency else store

    def master(self) -> httpmr.Master:
        """Return the Master."""
        made = httpmr.Master(
            "numbers",
            source=Numbers(self.records),
            mapper=self.mapper(),
            reducer=reducers.Sum(),
            store=self.ordered_store(),
            num_mappers=self.shards,
            slice_seconds=self.slice_seconds,
            max_lanes=self.max_lanes,
            authorize=httpmr.allow_local,
        )
        if self.one_by_one:
            made.work = OneByOne(made.recipe, made.work.store)
        return made

    def mapper(self) -> Callable:
        """Return what takes its time for each record, and gives its last digit."""
        seconds, count, pace = LOADS[self.load], self.records, self.pace

        def take(n, _):
            if wait := seconds(n, count):
                time.sleep(wait * pace)
            return [(n % DIGITS, n)]

        return take

    def check(self) -> None:
        """Raise SystemExit unless the newest job gave what it must: a sum for each last digit."""
        job = self.master().latest()
        digits = range(min(DIGITS, self.records))
        expected = [(digit, sum(range(digit, self.records, DIGITS))) for digit in digits]
        if job is None or list(job.output()) != expected:
            raise SystemExit(f"{self.load}: the result is not right")

    def work(self) -> float:
        """Return the seconds that the records take, each once."""
        return self.pace * sum(LOADS[self.load](n, self.records) for n in range(self.records))

    def kills(self) -> int:
        """Return how many requests were begun and never ended."""
        begun, ended = (Path(self.folder, name) for name in ("begun", "ended"))
        return begun.stat().st_size - ended.stat().st_size


class OneByOne(Jobs):
    """Jobs whose slices in the map phase are of one record."""

    def step(self, job, at=None, budget=None, driver=""):
        mapping = job.phase == "map"
        return super().step(job, at, Budget.records(1) if mapping else budget, driver)


class SlowStore(OrderedStore):
    """A store that takes its time: up to twice `latency` seconds for each get and each commit."""

    def __init__(self, store, latency):
        self.store, self.latency = store, latency
        self.durable, self.database = store.durable, store.database

    def _wait(self):
        time.sleep(random.uniform(0, 2 * self.latency))

    def get(self, keys):
        self._wait()
        return self.store.get(keys)

    def commit(self, batch):
        self._wait()
        self.store.commit(batch)

    def scan(self, start, stop, *, limit=None, reverse=False):
        return self.store.scan(start, stop, limit=limit, reverse=reverse)

    def now(self):
        return self.store.now()

    def forked(self):
        self.store.forked()

    def close(self):
        self.store.close()


class Host:
    """The site as its host serves it: it says what a request did, and may kill it."""

    def __init__(self, site: Site):
        self.application = site.master()
        self.folder = Path(site.folder)
        self.seconds = site.killed_after
        self.heard = Heard()

    def __call__(self, environ, start_response):
        if not self.seconds:
            return self._told(environ, start_response)
        # The worker is a process of one thread, which ends where the signal finds it.
        signal.setitimer(signal.ITIMER_REAL, self.seconds)
        self._note("begun")
        try:
            return self._told(environ, start_response)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._note("ended")

    def _note(self, name):
        with open(self.folder / name, "ab", buffering=0) as file:
            file.write(b".")

    def _told(self, environ, start_response):
        self.heard.slice.said = None

        def start(status, headers, *error):
            said = self.heard.slice.said
            return start_response(status, [*headers, ("Slice", said)] if said else headers, *error)

        return self.application(environ, start)


class Heard(logging.Handler):
    """What the log of slices said last in each thread."""

    def __init__(self):
        super().__init__()
        self.slice = threading.local()
        log = logging.getLogger("httpmr.slice")
        log.setLevel(logging.INFO)
        log.addHandler(self)

    def emit(self, record):
        if found := re.search(r"job \S+ (\w+) \S+: (\d+) records", record.getMessage()):
            self.slice.said = " ".join(found.groups())


if GIVEN in os.environ:
    application = Host(Site(**json.loads(os.environ[GIVEN])))
