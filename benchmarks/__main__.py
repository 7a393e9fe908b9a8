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

from benchmarks import inputs, recipes
from benchmarks.measure import python, run


def ours(workload, source, folder, processes):
    """Run a workload's Master without HTTP; return its Figures."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return run(
        python("-m", "benchmarks.recipes", workload, str(source), str(folder), str(processes))
    )


def measured(workload, folder, scale, rounds):
    """Measure one workload, and print its lines of the table."""
    source, said = inputs.make(folder, workload, scale)
    print(f"\n{workload}: {said}")
    figures = {}
    for number in range(rounds):
        expected = folder / f"loop{number}"
        arguments = ("-m", "benchmarks.loops", workload, str(source), str(expected))
        loop = run(python(*arguments))
        figures.setdefault("the hand-written loop", []).append((loop, loop))
        for processes in (1, 2):
            where = folder / "job"
            took = ours(workload, source, where, processes)
            if not recipes.same(workload, where, expected):
                raise SystemExit(f"{workload}: the result is not the loop's")
            name = f"httpmr, {processes} process{'es' * (processes > 1)}"
            figures.setdefault(name, []).append((took, loop))
    for name, pairs in figures.items():
        print(row(name, pairs))


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
    parser.add_argument("--only", choices=inputs.MAKERS, action="append")
    parser.add_argument("--scale", type=float, default=1.0, help="how large the input is")
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, ratios to the loop")
    for workload in chosen.only or inputs.MAKERS:
        with tempfile.TemporaryDirectory() as folder:
            measured(workload, Path(folder), chosen.scale, chosen.rounds)


if __name__ == "__main__":
    main()
