"""What is measured of a store, and what is simulated of lanes over it."""

from functools import partial

import pytest

from benchmarks.scale import __main__ as scale
from benchmarks.scale import bounds, jobs, lanes
from httpmr.stores import SQLStore


def test_a_store_is_measured_more_than_once(tmp_path):
    make = partial(SQLStore, f"sqlite:///{tmp_path}/jobs.db")
    make().get([b"made"])
    for _ in range(2):
        found = bounds.measured(make, 0.1, processes=(1, 2))
        assert set(found.commits) == {1, 2} and min(found.commits.values()) > 1
        assert found.bytes > bounds.BLOCKS * bounds.BLOCK
    line = scale.bound_line("SQLite", found)
    assert "by 1," in line and "MB of blocks a second" in line


@pytest.mark.parametrize(("served", "alone"), [(0.01, 0.0), (0.1, 0.3)])
def test_one_lane_waits_for_nobody(served, alone):
    share = lanes.busy(1, 2.0, served, alone)
    assert share == pytest.approx(2 / (2 + served + alone), rel=0.05)


def test_too_many_lanes_get_what_the_store_gives():
    assert lanes.busy(200, 1.0, 0.05, 0.0) == pytest.approx(1 / 0.05 / 200, rel=0.05)
    shares = [lanes.busy(count, 1.0, 0.05, 0.0) for count in (1, 5, 10, 20, 40)]
    assert shares == sorted(shares, reverse=True)


def test_how_many_lanes_work_most_of_their_time():
    most = lanes.most(0.5, 1.0, 0.05, 0.0)
    assert 36 <= most <= 40, "which is where the store has twice as much to do as it can"
    assert lanes.busy(most, 1.0, 0.05, 0.0) >= 0.5
    assert lanes.most(0.9, 1.0, 0.05, 0.0) < 20
    assert lanes.most(0.5, 1.0, 1e-6, 0.0, limit=50) == 50


@pytest.mark.parametrize("workload", scale.WORKLOADS)
def test_what_a_job_asks_is_measured(workload):
    asked = jobs.measured(workload, 0.01)
    assert asked.records > 100 and asked.bytes > 100 and asked.seconds > 0
    found = bounds.Bounds({1: 100.0, 4: 300.0}, 10e6)
    assert "lanes at 90%" in scale.carried_line("SQLite", found, asked)
