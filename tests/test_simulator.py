"""Many requests at once, and all that can go wrong: the answer is that of one request alone."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest
from simulator import recipes, trial
from simulator.databases import Home
from simulator.mutants import MUTANTS, caught, unbroken
from simulator.sweep import KINDS, sweep
from simulator.trial import drawn, expected

from httpmr import codec

ROOT = Path(__file__).resolve().parent.parent
SCHEDULES = 10_000
REPLAY = "replay it with: python -m tests.simulator"

# In a database a run takes ten times as long, so there faults strike at commits alone, and those
# do not come twice that differ in what the requests do, and not in what the database does.
AT_COMMITS = [kind for kind in KINDS if not {"clock", "end", "middle"} & set(kind.split())]


@pytest.fixture(autouse=True)
def rarely_collected():
    """A trial is many circles of garbage: to look for them all the time takes a tenth of it."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, *before[1:])
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize("part", range(10))
def test_random_schedules(part):
    for seed in range(part * SCHEDULES // 10, (part + 1) * SCHEDULES // 10):
        failures = drawn(seed).run()
        assert not failures, f"{failures}; {REPLAY} --seed {seed}"


def swept(runs):
    """Look at each run; return how many calls each kind of fault struck at."""
    last = {}
    for run in runs:
        place = f"--case '{run.case}' --kind '{run.kind}' --at {run.at}"
        assert not run.failures, f"{run.failures}; {REPLAY} --sweep {place}"
        last[run.kind] = run.at
    return last


@pytest.mark.parametrize("case", recipes.TINY[::3], ids=lambda case: case.name)
def test_each_fault_at_each_call(case):
    calls = swept(sweep(case))
    assert min(calls["kill"], calls["pause to the end"], calls["busy"]) > 66
    assert calls["lost before"] == calls["lost after"] == calls["kill after"] > 15
    assert len(calls) == len(KINDS) - (0 if case.disk else 2)


def test_each_fault_at_each_commit_in_a_database(database_url):
    calls = swept(sweep(recipes.TABLE, Home(database_url), AT_COMMITS, only=("commit",)))
    assert calls.keys() == {*AT_COMMITS} - {"service away", "disk away", "disk full"}
    assert min(calls.values()) == max(calls.values()) > 12


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_protocol_is_caught(mutant):
    found = caught(mutant)
    assert found, f"no {mutant.check} failed: look for the hole in the simulator"
    if mutant.cases:  # else the runs are those of `test_random_schedules`
        assert not unbroken(mutant, found.runs)


def test_what_is_expected_is_what_plain_python_says():
    case = recipes.BY_NAME["order"]
    groups = {}
    for key, line in case.records.items():
        for word in line.split():
            groups.setdefault(word, []).append(key)
    told = expected(case)
    assert codec.loads(told["output"]) == sorted(groups.items())
    words = sum(len(line.split()) for line in case.records.values())
    assert told["counters"] == {"mapped": 4, "words": words, "groups": len(groups)}
    assert (told["records"], told["quarantine"]) == (4, [])
    aside = expected(recipes.BY_NAME["poison aside"])
    assert [(key, kind) for key, kind, *_ in aside["quarantine"]] == [(2, "record"), (5, "record")]
    assert aside["records"] == 5 and aside["counters"]["mapped"] == 3


def test_no_lane_changes_what_another_read(monkeypatch):
    """So it may be the same record, as long as it stands in the same bytes."""
    read = {}

    def first(cls, stored):
        return read.setdefault(stored, cls.of(codec.loads(stored), stored))

    monkeypatch.setattr(trial, "_read", first)
    for seed in range(10 * len(recipes.CASES)):
        assert not drawn(seed).run()
    assert len(read) > 10_000
    assert all(codec.dumps(record.plain()) == stored for stored, record in read.items())


def test_a_seed_says_all():
    """The same points, times, lanes and faults in another process, which hashes otherwise."""
    told = []
    for hashes in ("1", "2"):
        command = [sys.executable, "-m", "tests.simulator", "--seed", "31"]
        environ = os.environ | {"PYTHONHASHSEED": hashes}
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=True)
        told.append(done.stdout.splitlines())
    assert told[0] == told[1] and len(told[0]) > 100
