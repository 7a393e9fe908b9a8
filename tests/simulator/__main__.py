"""By hand: `python -m tests.simulator`, from the project's folder.

--seeds 1000000 --first 0     so many trials, from this seed on; stops at the first failure
--seed 7                      one trial, told point by point
--sweep                       each fault at each call, in memory, with every case
--sweep --url URL             the same in a database, which must be empty
--sweep --case tiny --kind kill --at 3      one run of it, told point by point
--mutants                     the check that catches each mutant, and where
"""

import argparse
import sys
import time
from collections import Counter

from . import mutants
from .recipes import BY_NAME, CASES, TABLE, TINY
from .sweep import KINDS, once, sweep
from .trial import drawn

COMMAND = "python -m tests.simulator"


def seeds(first, count):
    """Run trials; return 1 at the first that fails."""
    began = told = time.perf_counter()
    cases, struck, points, unlucky = Counter(), Counter(), 0, 0
    for seed in range(first, first + count):
        trial = drawn(seed)
        if failures := trial.run():
            return failed(f"--seed {seed}", trial.case.name, failures)
        cases[trial.case.name] += 1
        struck.update(trial.world.struck)
        points += trial.world.points
        unlucky += trial.watch.unlucky
        now = time.perf_counter()
        if now - told > 10:
            told = now
            print(f"{seed - first + 1:,} trials", flush=True)
    took = time.perf_counter() - began
    print(f"{count:,} trials of {len(cases)} cases in {took:.0f} s, nothing lost, nothing doubled")
    print(f"{points:,} points, {struck.total():,} faults: {listed(struck)}")
    print(f"{unlucky:,} innocent were blamed by bad luck, and came through by resume or retry")
    return 0


def swept(url):
    """Sweep; return 1 at the first run that fails."""
    home, cases = None, [*CASES, *TINY]
    if url:
        from .databases import Home

        home, cases = Home(url), [TABLE]
    for case in cases:
        began, runs = time.perf_counter(), Counter()
        for run in sweep(case, home):
            if run.failures:
                place = f"--sweep --case '{run.case}' --kind '{run.kind}' --at {run.at}"
                return failed(place, run.case, run.failures)
            runs[run.kind] += 1
        took = time.perf_counter() - began
        print(f"{case.name}: {runs.total():,} runs in {took:.0f} s: {listed(runs)}", flush=True)
    return 0


def failed(place, case, failures):
    print(f"FAILED ({case}): {COMMAND} {place}")
    for check, message in failures.items():
        print(f"    {check}: {message}")
    return 1


def listed(counts):
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items()))


def one(seed):
    """Tell one trial, point by point."""
    trial = drawn(seed)
    trial.world.tell = print
    print(f"seed {seed}: {trial.case.name}")
    failures = trial.run()
    return failed(f"--seed {seed}", trial.case.name, failures) if failures else 0


def caught():
    """Tell which check catches each mutant; return 1 if one is not caught."""
    missed = 0
    for mutant in mutants.MUTANTS:
        found = mutants.caught(mutant)
        missed += found is None
        print(
            f"{mutant.name}: {mutant.check}, {found.where if found else 'NOT CAUGHT'}", flush=True
        )
    return int(missed > 0)


def main():
    parser = argparse.ArgumentParser(
        prog=COMMAND, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--url")
    parser.add_argument("--case", choices=BY_NAME)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--at", type=int)
    parser.add_argument("--mutants", action="store_true")
    given = parser.parse_args()
    if given.seed is not None:
        return one(given.seed)
    if given.mutants:
        return caught()
    if not given.sweep:
        return seeds(given.first, given.seeds)
    if given.at is None:
        return swept(given.url)
    _, failures = once(BY_NAME[given.case], given.kind, given.at, tell=print)
    return failed("", given.case, failures) if failures else 0


if __name__ == "__main__":
    sys.exit(main())
