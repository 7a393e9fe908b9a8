"""Many drivers on one job at once, on each database; and the host's own page meanwhile.

    python -m benchmarks.load [--seconds 60] [--page 30] [--drivers 32] [--load nothing]
                              [--only NAME]

What is to be: no 5xx, results that are right, even progress (see `jobs`); and with `max_lanes=`
the page within twice its quiet median. Ends with 1 where one of the first three is not; and, with
the environment's CI set, where a database does not answer. Machines are shared and noisy: compare
the figures of one line.
"""

import argparse
import os
import platform
import sys

from benchmarks.load import drivers, jobs, page
from benchmarks.slices import databases
from benchmarks.slices.loads import LOADS

SLICES = 3200  # of a job
MAX_LANES = 1
MOST = 2.0


def load_line(name, load) -> str:
    """Return the line of one database."""
    done, shares = (
        " to ".join(f"{f(pair[i] for pair in pairs):.0%}" for i, f in enumerate((min, max)))
        for pairs in (load.progress, load.shares)
    )
    return (
        f"  {name:10} {load.jobs:3} jobs right, {load.slices / load.mapping:4.0f} slices a second;"
        f" wrong answers {load.wrong or 'none'} of {load.answers.total():,};"
        f" half way, shards {done}; drivers' slices {shares} of an even share;"
        f" longest pause {max(load.pauses):.1f} s{''.join(f'; UNEVEN: {it}' for it in load.uneven)}"
    )


def page_line(name, max_lanes, pages) -> str:
    """Return the line of one database with and without a limit."""
    lanes = f"max_lanes={max_lanes}" if max_lanes else "no limit"
    return (
        f"  {name:10} {lanes:11} quiet {pages.quiet.median:6.1f} ms (95 in 100 within"
        f" {pages.quiet.late:6.1f}), driven {pages.loaded.median:6.1f} ({pages.loaded.late:6.1f}):"
        f" {pages.times:.2f} times; {pages.loaded.pages} pages; drivers' answers"
        f" {dict(sorted(pages.answers.items()))}"
    )


def failed(answers) -> bool:
    """Whether what should never be answered was."""
    return bool(drivers.wrong(answers))


def main():
    """Measure each database that answers."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the jobs")
    parser.add_argument("--page", type=float, default=30.0, help="of the page, each time")
    parser.add_argument("--drivers", type=int, default=32)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--load", choices=LOADS, default="nothing", help="beside the page")
    parser.add_argument("--only", choices=["SQLite", *databases.SERVERS], action="append")
    chosen = parser.parse_args()
    found, absent = databases.answering()
    print(*absent, sep="\n", end="\n" if absent else "")
    found = {name: url for name, url in found.items() if name in (chosen.only or found)}
    host = (chosen.drivers, chosen.workers)
    print(
        f"{platform.machine()}, Python {platform.python_version()}, {chosen.drivers} drivers,"
        f" {chosen.workers} workers\none job at a time, of slices of one record",
        flush=True,
    )
    wrong = bool(absent and os.environ.get("CI"))
    for name, url in found.items():
        load = jobs.measured(url, *host, chosen.seconds, SLICES)
        wrong |= failed(load.answers) or bool(load.uneven)
        print(load_line(name, load), flush=True)
    print(f"the application's own page (target: at most {MOST} times with a limit)", flush=True)
    for name, url in found.items():
        for max_lanes in (MAX_LANES, None):
            pages = page.measured(url, *host, chosen.page, max_lanes, chosen.load)
            wrong |= failed(pages.answers)
            print(page_line(name, max_lanes, pages), flush=True)
    sys.exit(wrong)


if __name__ == "__main__":
    main()
