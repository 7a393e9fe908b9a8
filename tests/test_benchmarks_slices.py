"""The measurements of slices check the results of their jobs, and give figures."""

import os
import uuid

import pytest
import sqlalchemy

from benchmarks.slices import cost, databases, hot, killed, linear, times
from benchmarks.slices.site import Site
from httpmr import sql


@pytest.mark.parametrize(("way", "lanes"), [("step", 1), ("go", 2)])
def test_cost(way, lanes):
    found = cost.measured("", way, lanes, slices=40)
    assert all(figure > 0 for figure in found)


@pytest.mark.parametrize("kind", ["PostgreSQL", "MariaDB"])
def test_cost_on_a_server_leaves_nothing_there(kind, monkeypatch):
    answering, absent = databases.answering()
    if kind not in answering:
        [why] = [line for line in absent if line.startswith(kind)]
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    own = uuid.uuid4()
    monkeypatch.setattr(databases.uuid, "uuid4", lambda: own)
    found = cost.measured(answering[kind], "step", 1, slices=20)
    assert all(figure > 0 for figure in found)
    with sql.engine(answering[kind]).connect() as connection:
        assert not sqlalchemy.inspect(connection).has_table(f"httpmr_{own.hex}")
    sql.close(sql.engine(answering[kind]))


def test_linear():
    jobs = ["1 time", "4 times, 10 shards"]
    figures = linear.measured(scale=0.002, rounds=1, jobs=jobs)
    assert list(figures) == jobs
    assert all(one.cpu > 0 for [one] in figures.values())


@pytest.mark.parametrize("latency", [0.0, 0.005])
def test_times(latency):
    found = times.measured(times.Load("slow", 150, 2, latency), scale=1.0)
    assert found.slices >= 2
    assert 0 < found.median <= found.late <= found.longest


def test_a_killed_job_is_right():
    found = killed.measured(killed.Host(1.0, "up_to_slow"), 0.3, records=12, shards=1, lanes=1)
    assert found.kills >= 1
    assert found.seconds > found.work > 0


def test_hot():
    assert hot.measured("hot", records=100, slice_seconds=0.1, lanes=2) > 0


def test_a_wrong_result_is_seen(tmp_path):
    """What the job gives is not compared with what the same code gives."""
    site = Site(str(tmp_path), "nothing", records=30)
    site.master().run()
    site.check()
    with pytest.raises(SystemExit, match="not right"):
        Site(str(tmp_path), "nothing", records=31).check()


def test_loads_last_as_long_as_is_said():
    even, hot_ = (Site("", load, records=8000).work() for load in ("even", "hot"))
    assert even == pytest.approx(hot_)
