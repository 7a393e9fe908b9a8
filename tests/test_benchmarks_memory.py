"""The measurements of memory carry whole jobs, whose results are checked, and give figures."""

import subprocess
import sys

import pytest

from benchmarks.measure import forget_peak, resident
from benchmarks.memory import __main__ as memory
from benchmarks.memory import cases

QUICK = 0.0005


@pytest.mark.parametrize("name", cases.CASES)
def test_each_job_is_right_and_its_memory_is_measured(name):
    found = memory.measured(name, scale=QUICK)
    assert found.rest > 10
    assert found.more >= 0
    assert found.seconds > 0
    assert found.mapped > 0
    assert (found.merged > 0) == (name == "runs")
    assert cases.CASES[name].said(QUICK) in memory.line(name, QUICK, found)


@pytest.mark.parametrize("name", cases.CASES)
def test_another_result_is_not_right(name, tmp_path, monkeypatch):
    monkeypatch.setattr(cases, "RUN", 10)
    case = cases.CASES[name]
    count = case.count(QUICK)
    case.prepare(tmp_path, count)
    made = cases.master(name, tmp_path, count)
    output = list(made.run().output())
    made.work.store.close()
    assert case.right(tmp_path, count, iter(output))
    key, _ = output[-1]
    for wrong in (output[:-1], [*output, (key, 1)], [*output[:-1], (key, "other")]):
        assert not case.right(tmp_path, count, iter(wrong))


def test_what_is_much_is_said():
    few, many = (memory.Memory(50.0, more, 1.0, 8, 0) for more in (119.0, 121.0))
    assert ": within 120 " in memory.line("keys", 1.0, few)
    assert ": MORE THAN 120 " in memory.line("keys", 1.0, many)


def test_a_peak_is_the_most_since_it_was_forgotten():
    held = "b'x' * (50 << 20); print(flush=True); input()"
    command = [sys.executable, "-c", held]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        now, peak = resident(process.pid)
        assert now < 50 < peak
        forget_peak(process.pid)
        assert resident(process.pid)[1] < 50
        process.communicate(b"\n")
