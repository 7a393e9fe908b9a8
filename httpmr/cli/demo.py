"""`httpmr demo`: which modules of Python's own library use which names.

A real job on embedded SQLite, served by waitress at a free port of this machine and driven over
HTTP in two lanes.
"""

import argparse
import keyword
import os
import re
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from heapq import nlargest

from httpmr import driver, sources
from httpmr.cli import show
from httpmr.cli.serve import console, listen, until_interrupted
from httpmr.interfaces import Mapper, Pair, Reducer
from httpmr.jobs import Job
from httpmr.web.master import Master

LOOKED_UP = ("heappush", "lru_cache", "mkstemp")


class Names(Mapper):
    """A line of source: each name in it, with the module it stands in."""

    def map(self, key: tuple[str, int], line: str) -> Iterator[Pair]:
        path, _ = key
        module = frozenset([os.path.basename(path).removesuffix(".py")])
        for name in set(re.findall(r"[^\W\d]\w{2,}", line)):
            if not keyword.iskeyword(name):
                yield name, module


class Modules(Reducer):
    """A name and the modules of all its lines: each module once, in order."""

    def combine(self, name: str, modules: Iterable[frozenset[str]]) -> frozenset[str]:
        return frozenset[str]().union(*modules)

    def reduce(self, name: str, modules: Iterable[frozenset[str]]) -> Iterator[Pair]:
        yield name, sorted(self.combine(name, modules))


def library(folder: str) -> Master:
    """Return the demo's Master; its store is a file in `folder`."""
    return Master(
        "library",
        mapper=Names(),
        reducer=Modules(),
        source=sources.TextFiles(
            os.path.join(sysconfig.get_path("stdlib"), "*.py"), errors="replace"
        ),
        store=f"sqlite:///{os.path.join(folder, 'demo.db')}",
        slice_seconds=0.5,
    )


def demo(args: argparse.Namespace) -> int:
    """Run the demo; return the exit code. Someone at a terminal may look at the console after."""
    stay = args.serve or sys.stdout.isatty()
    with tempfile.TemporaryDirectory(prefix="httpmr-", ignore_cleanup_errors=True) as folder:
        master = library(folder)
        server, address = listen(master)
        job = master.start()
        print(f"Which names does Python {sys.version.split()[0]}'s own library use, and where?")
        print(f"A job on SQLite, served at {address}, is driven there in 2 lanes:", flush=True)
        with show.watch() as watch:
            status = driver.drive(master.link("drive", address, job), 2, progress=watch)
        show.say(show.account(status))
        if status["state"] != "done":
            return 1
        report(job)
        print(f"\nThe console: {console(master, address)}", flush=True)
        if stay:
            with until_interrupted(server):
                print("It is there until Ctrl-C.", flush=True)
        else:
            print("(`httpmr demo --serve` keeps it up)")
    return 0


def report(job: Job) -> None:
    """Print what the index says."""
    index = list(job.output())
    modules = len({module for _, users in index for module in users})
    print(f"\n{len(index):,} names in {modules} modules. The exceptions that most of them name:")
    errors = [(name, users) for name, users in index if name.endswith("Error")]
    for name, users in nlargest(5, errors, key=lambda pair: len(pair[1])):
        print(f"  {name:<14} {len(users):>3} modules")
    print("Looked up by key:")
    for name in LOOKED_UP:
        for users in job.get(name):
            print(f"  {name:<14} {', '.join(users)}")
