"""Peak memory of a web process that carries a whole job.

    python -m benchmarks.memory [--only NAME] [--scale 1.0]

One worker of gunicorn serves the Master, `httpmr drive` drives one job over loopback, the store
is a SQLite file. At rest is what the worker holds once the job is started and its status was
asked for; its peak is the most it held from then on. Each job's result is compared with what it
must be, worked out otherwise.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import children, forget_peak, resident, run
from benchmarks.memory.cases import CASES, GIVEN, master
from benchmarks.server import Server, fetched

MOST = 120
"""MB that a web process may hold more than at rest."""


class Memory(NamedTuple):
    """MB of the worker at rest, and how many more at its peak; seconds; slices of two phases."""

    rest: float
    more: float
    seconds: float
    mapped: int
    merged: int


def measured(name, scale) -> Memory:
    """Serve one case, drive it to its end, and check what came of it."""
    case = CASES[name]
    count = case.count(scale)
    with tempfile.TemporaryDirectory() as folder:
        case.prepare(Path(folder), count)
        given = json.dumps([name, folder, count])
        with Server("benchmarks.memory.cases:application", {GIVEN: given}) as server:
            links = server.start()
            fetched(links["status"])
            [worker] = children(server.process.pid)
            forget_peak(worker)
            rest, _ = resident(worker)
            began = time.perf_counter()
            run([sys.executable, "-m", "httpmr", "drive", links["drive"]])
            seconds = time.perf_counter() - began
            if children(server.process.pid) != [worker]:
                raise SystemExit(f"{name}: the worker died")
            _, peak = resident(worker)
        made = master(name, folder, count)
        job = made.latest()
        if not case.right(Path(folder), count, job.output()):
            raise SystemExit(f"{name}: the result is not right")
        mapped, merged = (_slices(made, job, phase) for phase in ("map", "merge"))
        return Memory(rest, peak - rest, seconds, mapped, merged)


def _slices(made, job, phase):
    """How many slices a phase of the job had: each map slice left a run in every partition."""
    tasks = made.work.ledger.tasks(replace(job.record, phase=phase), "done")
    return sum(task.slice for task in tasks)


def line(name, scale, memory):
    """Return a line of the table."""
    within = "within" if memory.more < MOST else "MORE THAN"
    return (
        f"{name:8} {CASES[name].said(scale):36} {memory.rest:4.0f} MB at rest, "
        f"{memory.more:4.0f} more at peak: {within} {MOST}"
        f"   ({memory.seconds:.0f} s, {memory.mapped:,} map slices, {memory.merged:,} of merge)"
    )


def main():
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--only", choices=CASES, action="append")
    parser.add_argument("--scale", type=float, default=1.0, help="how large the input is")
    chosen = parser.parse_args()
    for name in chosen.only or CASES:
        print(line(name, chosen.scale, measured(name, chosen.scale)), flush=True)


if __name__ == "__main__":
    main()
