"""Break it in every way there is, in real processes, and compare each result.

    python -m benchmarks.chaos [--quick] [--only CASE] [--database NAME] [--seconds S] [--faults N]

For each case and database it prints how many faults were done, how many jobs were compared with a
sequential computation (output, counters, bad records), and how many were wrong. It ends with 1 if
any was, if fewer faults were done than asked for, or if a negative control did not fail; and, with
the environment's CI set, if anything was left out. All of it stays on loopback; `--seconds` bounds
each line.
"""

import argparse
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.chaos import backends, changed, dropped, elsewhere, flipped, full, killed, paused
from benchmarks.chaos.homes import home
from benchmarks.chaos.storm import Done
from benchmarks.slices.databases import answering

SERVERS = ("PostgreSQL", "MariaDB")
DATABASES = ("SQLite", *SERVERS)


class Case(NamedTuple):
    """`measured(home, faults, seconds, rng) -> Done`, how many faults, and on which databases."""

    measured: Callable
    full: int
    quick: int
    databases: tuple = DATABASES
    control: bool = False  # wrong results must be seen
    once: bool = False  # a quick run does it on the first of the databases alone


def unfenced(*given):
    """The negative control: the same, without the fence."""
    return paused.measured(*given, fenced=False)


CASES = {
    "killed": Case(killed.measured, 1000, 25),
    "paused": Case(paused.measured, 200, 8),
    "paused, no fence": Case(unfenced, 40, 30, control=True, once=True),  # until it is seen
    "dropped": Case(dropped.measured, 1000, 30, SERVERS),
    "backends": Case(backends.measured, 100, 6, ("PostgreSQL",)),
    "full": Case(full.measured, 20, 2, ("SQLite",)),
    "elsewhere": Case(elsewhere.measured, 200, 20, once=True),
    "changed": Case(changed.measured, 10, 1, once=True),
    "flipped": Case(flipped.measured, 50, 4, once=True),
}


def measured(name: str, database: str, server: str, faults: int, seconds: float) -> bool:
    """Do one line of the table, print it, and return whether all is well."""
    case = CASES[name]
    began = time.monotonic()
    with home(database, server) as place:
        done = case.measured(place, faults, seconds, random.Random())
    took = time.monotonic() - began
    line = f"{name:18}{database:12}"
    if done.skipped:
        print(f"{line}skipped: {done.skipped}", flush=True)
        return not os.environ.get("CI")
    short = done.faults < faults
    said = [f"of {faults} asked"] * short + [done.note] * bool(done.note) + [f"{took:.0f} s"]
    line += f"{done.faults:>7,}{done.jobs:>7,}{len(done.wrong):>7,}  {', '.join(said)}"
    print(line, flush=True)
    if case.control:
        return _control(done, short)
    for wrong in done.wrong[:10]:
        print(f"    WRONG: {wrong}", flush=True)
    return not short and not done.wrong


def _control(done: Done, short: bool) -> bool:
    for wrong in done.wrong[:1]:
        print(f"    as it must be: {wrong:.150}", flush=True)
    if not done.wrong:
        print("    NOT SEEN: it goes well without what should make it go well", flush=True)
    return bool(done.wrong)


def main() -> int:
    """Do what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", choices=CASES, action="append", metavar="CASE")
    parser.add_argument("--database", choices=DATABASES, action="append")
    parser.add_argument("--seconds", type=float, help="for each line (1800, quick: 60)")
    parser.add_argument("--faults", type=int, help="for each line, instead of the case's own")
    parser.add_argument("--quick", action="store_true", help="a tenth or less, in two minutes")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and leave nothing behind
    servers, absent = answering()
    for why in absent:
        print(why)
    well = not (absent and os.environ.get("CI"))
    seconds = chosen.seconds or (60.0 if chosen.quick else 1800.0)
    print(f"{'case':18}{'database':12}{'faults':>7}{'jobs':>7}{'wrong':>7}")
    for name in chosen.only or CASES:
        case = CASES[name]
        faults = chosen.faults or (case.quick if chosen.quick else case.full)
        for database in case.databases[: 1 if chosen.quick and case.once else None]:
            if database in servers and database in (chosen.database or DATABASES):
                well &= measured(name, database, servers[database], faults, seconds)
    print("all is well" if well else "NOT WELL")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
