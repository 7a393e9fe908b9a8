"""Run the workloads in turn with the hand-written loop, and print a table of ratios to it.

    python -m benchmarks [--only WORKLOAD] [--scale 1.0] [--rounds 1]

Every result is compared with the loop's. Machines are shared and noisy: read the ratios of one
run, not the seconds.
"""

import argparse
import platform
import shutil
import statistics
import tempfile
from pathlib import Path

from benchmarks.measure import module, run, said
from benchmarks.over_http import over_http

WORKLOADS = {
    "word count": "text",
    "group by": "flights.db",
    "index": "documents.jsonl",
    "sort": "records.txt",
}
"""The name of each, and of its input."""

LOOP = "the hand-written loop"


def measured(workload, folder, scale, rounds):
    """Measure one workload; return {contender: [(its Figures, the loop's) of each round]}."""
    print(f"\n{workload}: {said(module('inputs', workload, folder, scale))}", flush=True)
    source, job = folder / WORKLOADS[workload], folder / "job"
    figures = {}
    for number in range(rounds):
        expected = folder / f"loop{number}"
        loop = run(module("loops", workload, source, expected))
        figures.setdefault(LOOP, []).append((loop, loop))
        contenders = {
            "httpmr, 1 process": lambda: run(module("recipes", workload, source, job, 1)),
            "httpmr, 2 processes": lambda: run(module("recipes", workload, source, job, 2)),
            "httpmr over HTTP, 2 lanes": lambda: over_http(workload, source, job),
        }
        for name, contend in contenders.items():
            shutil.rmtree(job, ignore_errors=True)
            job.mkdir()
            took = contend()
            said(module("recipes", workload, source, job, "same", expected))
            figures.setdefault(name, []).append((took, loop))
    return figures


def row(name, pairs):
    """Return a line of the table: medians over the rounds."""

    def ratio(field):
        return statistics.median(getattr(a, field) / getattr(b, field) for a, b in pairs)

    seconds = statistics.median(a.wall for a, _ in pairs)
    memory = max(a.memory for a, _ in pairs)
    return (
        f"  {name:26} wall {ratio('wall'):5.2f}   cpu {ratio('cpu'):5.2f}   "
        f"{seconds:6.1f} s   {memory:5.0f} MB"
    )


def main():
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=WORKLOADS, action="append")
    parser.add_argument("--scale", type=float, default=1.0, help="how large the input is")
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, ratios to the loop")
    for workload in chosen.only or WORKLOADS:
        with tempfile.TemporaryDirectory() as folder:
            figures = measured(workload, Path(folder), chosen.scale, chosen.rounds)
        for name, pairs in figures.items():
            print(row(name, pairs))


if __name__ == "__main__":
    main()
