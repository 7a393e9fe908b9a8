"""Run the workloads in turn with the hand-written loop, and print a table of ratios to it.

    python -m benchmarks [--only WORKLOAD] [--scale 1.0] [--rounds 1] [--peers]

Every result is compared with the loop's. With --peers, what else people reach for stands beside
it, where it is installed: see benchmarks/peers. Machines are shared and noisy: read the ratios of
one run, not the seconds.
"""

import argparse
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import module, run, said
from benchmarks.over_http import over_http
from benchmarks.peers import PEERS
from benchmarks.peers.orphans import run_with_orphans

WORKLOADS = {
    "word count": "text",
    "group by": "flights.db",
    "index": "documents.jsonl",
    "sort": "records.txt",
}
"""The name of each, and of its input."""

LOOP = "the hand-written loop"

OURS = {
    "httpmr, 1 process": lambda *job: run(module("recipes", *job, 1)),
    "httpmr, 2 processes": lambda *job: run(module("recipes", *job, 2)),
    "httpmr over HTTP, 2 lanes": over_http,
}
"""Each runs a workload on a source in a folder, and returns Figures."""


def measured(workload, folder, scale, rounds, peers):
    """Measure one workload; return {contender: [(its Figures, the loop's) of each round]}.

    A peer that fails, or gives another result, is named, and not in the figures of that round.
    """
    print(f"\n{workload}: {said(module('inputs', workload, folder, scale))}", flush=True)
    source = folder / WORKLOADS[workload]
    figures = {}
    for number in range(rounds):
        expected = folder / f"loop{number}"
        loop = run(module("loops", workload, source, expected))
        figures.setdefault(LOOP, []).append((loop, loop))
        for name, contend in OURS.items():
            took = ours(contend, workload, source, folder / "job", expected)
            figures.setdefault(name, []).append((took, loop))
        for peer in peers:
            try:
                took = theirs(peer, workload, source, folder / "peer", expected)
            except (SystemExit, subprocess.CalledProcessError) as error:
                print(f"  {peer.name}: {error}", flush=True)
            else:
                figures.setdefault(peer.name, []).append((took, loop))
    return figures


def ours(contend, workload, source, job, expected):
    """Run a job, and compare what it leaves with what is expected."""
    shutil.rmtree(job, ignore_errors=True)
    job.mkdir()
    took = contend(workload, source, job)
    said(module("recipes", workload, source, job, "same", expected))
    return took


def theirs(peer, workload, source, folder, expected):
    """Run a peer, and compare what it leaves with what is expected."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    result = folder / "result"
    took = run_with_orphans(module(f"peers.{peer.module}", workload, source, result))
    said(module("peers.results", workload, result, expected))
    return took


def installed(peers):
    """Return the peers that can run here; say what is left out."""
    for peer in peers:
        if missing := peer.missing():
            print(f"left out: {peer.name} (not installed: {', '.join(missing)})")
    return [peer for peer in peers if not peer.missing()]


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
    parser.add_argument("--peers", action="store_true", help="measure other frameworks too")
    chosen = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, ratios to the loop")
    peers = installed(PEERS) if chosen.peers else []
    failed = False
    for workload in chosen.only or WORKLOADS:
        with tempfile.TemporaryDirectory() as folder:
            figures = measured(workload, Path(folder), chosen.scale, chosen.rounds, peers)
        for name, pairs in figures.items():
            print(row(name, pairs), flush=True)
        failed |= any(len(figures.get(peer.name, ())) < chosen.rounds for peer in peers)
    sys.exit(failed)


if __name__ == "__main__":
    main()
