"""The application's own page, in the same gunicorn as a job of many drivers, which never ends.

The page is asked for again and again, each time on a new connection, as visitors come: when it is
quiet, while a Master with `max_lanes=` is driven, and one without. The records of the job take
the processor's time, or, with another load, sleep. The drivers are a process of their own; but
they, the database and whoever asks have the same processors.
"""

import http.client
import json
import statistics
import subprocess
import tempfile
import time
from typing import NamedTuple

from benchmarks.load.site import goods
from benchmarks.measure import module
from benchmarks.server import Server
from benchmarks.slices import databases
from benchmarks.slices.site import Site

EVERY = 0.05
RECORDS = 10**10
BEGUN = 1.0  # seconds until all drivers are at it


class Latency(NamedTuple):
    """Milliseconds of half of the pages, and of 95 in 100; and how many there were."""

    median: float
    late: float
    pages: int


class Pages(NamedTuple):
    """How quick the page was, and what the drivers were answered meanwhile."""

    quiet: Latency
    loaded: Latency
    answers: dict

    @property
    def times(self) -> float:
        """How many times as long the median took under load."""
        return self.loaded.median / self.quiet.median


def measured(url, drivers, workers, seconds, max_lanes, kind="nothing") -> Pages:
    """Ask for the page for so long, half of it quiet, half of it while the job is driven."""
    with tempfile.TemporaryDirectory() as folder, databases.table(url) as table:
        site = Site(folder, kind, RECORDS, store=url, table=table, max_lanes=max_lanes)
        options = (f"--workers={workers}", "--worker-class=gthread", f"--threads={drivers}")
        application = "benchmarks.load.site:application"
        with goods(site), Server(application, site.environ, *options) as server:
            drive = server.start()["drive"]
            asked(server.address, BEGUN)  # the first of each worker take longer
            quiet = asked(server.address, seconds / 2)
            command = module("load.drivers", drive, drivers, seconds / 2 + 2 * BEGUN)
            with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
                time.sleep(BEGUN)
                loaded = asked(server.address, seconds / 2)
                answers = json.loads(process.stdout.read())
    return Pages(quiet, loaded, answers)


def asked(address, seconds) -> Latency:
    """Ask for the page for so long."""
    took, until = [], time.monotonic() + seconds
    while time.monotonic() < until or len(took) < 2:
        began = time.perf_counter()
        connection = http.client.HTTPConnection(address, timeout=60)
        connection.request("GET", "/shop/")
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"the page answered {answer.status}")
        took.append(1000 * (time.perf_counter() - began))
        time.sleep(EVERY)
    late = statistics.quantiles(took, n=20)[-1]
    return Latency(statistics.median(took), late, len(took))
