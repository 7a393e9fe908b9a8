"""Rates, the chart, what is left, and who drives: computed from what tasks remember."""

from dataclasses import replace

import pytest

from httpmr.state import Job, Task
from httpmr.web import pace

JOB = Job("j-1", "r", {}, shards=2, partitions=1, phase="map", started=1000.0)


def task(shard=0, phase="map", **fields):
    return Task("j-1", phase, (shard,), **fields)


def looked(*tasks, now, job=JOB):
    return pace.phases(job, {"split": [task(phase="split", done=True)], "map": list(tasks)}, now)


def test_phases_that_were_that_are_and_that_may_come():
    told = looked(task(progress=0.5, slice=3, records=7), now=1001.0)
    assert [(it["phase"], it["at"]) for it in told] == [
        ("split", "done"), ("map", "now"), ("reduce", "ahead"), ("publish", "ahead"),
        ("cleanup", "ahead"),
    ]  # fmt: skip
    assert [it["progress"] for it in told] == [1.0, 0.5, 0.0, 0.0, 0.0]
    assert told[1]["records"] == 7 and told[0]["records"] is None
    mapping = pace.phases(replace(JOB, partitions=0), {"map": [task()]}, 1001.0)
    assert "reduce" not in [it["phase"] for it in mapping]


def test_a_rate_is_of_the_last_minute_and_a_mean_of_the_time_at_work():
    spans = [1000.0, 1010.0, 1000, 5000.0, 5060.0, 600]
    told = looked(task(spans=spans, records=1600, progress=0.5), now=5060.0)[1]
    assert told["rate"] == pytest.approx(10.0)
    assert told["mean"] == pytest.approx(1600 / 70)
    assert told["busy"] == pytest.approx(70.0)


def test_slices_at_the_same_time_are_one_time():
    assert pace.active([(0.0, 10.0, 1), (2.0, 8.0, 1), (9.0, 12.0, 1)]) == 12.0
    assert pace.active([(0.0, 10.0, 1), (10 + 60.0, 80.0, 1)]) == 20.0
    assert pace.active([]) == 0.0


def test_what_is_left_is_a_range_that_holds_what_a_steady_job_takes():
    """Half of the map phase in 100 s, at a steady rate: 100 s to go, and then the rest."""
    spans = [1000.0, 1100.0, 500]
    tasks = [task(0, spans=spans, records=500, progress=0.5, marked=15)]
    tasks += [task(1, spans=spans, records=500, progress=0.5, marked=15)]
    left = pace.left(looked(*tasks, now=1100.0), tasks)
    least, most = left["phase"]
    assert 60 < least < 100 < most < 130
    ahead = (100 + most) * (25 + 3 + 2) / (60 + 2)
    assert left["all"] == (least, pytest.approx(most + 2 * ahead))


def test_where_it_slows_down_the_range_is_wider():
    steady = [1000.0, 1100.0, 1000]
    slower = [1000.0, 1040.0, 970, 1040.0, 1100.0, 30]
    most = []
    for spans in (steady, slower):
        tasks = [task(0, spans=spans, records=1000, progress=0.5, marked=15)]
        most.append(pace.left(looked(*tasks, now=1100.0), tasks)["phase"][1])
    assert most[1] > 5 * most[0]


def test_nothing_is_said_too_early_nor_when_it_is_over():
    young = task(spans=[1000.0, 1001.0, 5], records=5, progress=0.5)
    assert pace.left(looked(young, now=1001.0), [young]) is None
    little = task(spans=[1000.0, 1100.0, 5], records=5, progress=0.01)
    assert pace.left(looked(little, now=1100.0), [little]) is None
    done = looked(task(done=True), now=1.0, job=replace(JOB, state="done"))
    assert pace.left(done, []) is None


def test_drivers_are_those_of_the_last_minute_and_those_at_work():
    tasks = [
        task(0, drivers={"a": 10.0, "b": 950.0}),
        task(1, drivers={"c": 20.0}, lease=1001.0),
        task(2, drivers={"b": 990.0}),
    ]
    assert pace.drivers(tasks, {}, 1000.0) == {"b": 990.0, "c": 20.0}
    waiting = {"d": 960.0, "e": 930.0, "b": 995.0}
    assert set(pace.drivers(tasks, waiting, 1000.0)) == {"b", "c", "d"}


def test_how_long_nobody_drove():
    assert pace.idle(JOB, [task()], {}, 1130.0) == 130.0
    assert pace.idle(JOB, [task(drivers={"a": 1100.0})], {}, 1130.0) == 30.0
    assert pace.idle(JOB, [task(spans=[1100.0, 1120.0, 5])], {}, 1130.0) == 10.0
    assert pace.idle(JOB, [task(), task(1, lease=1131.0)], {}, 1130.0) == 0.0
    assert pace.idle(JOB, [task()], {"a": 1125.0}, 1130.0) == 5.0
    assert pace.idle(replace(JOB, acts=[[1129.0, "ann", "resume"]]), [task()], {}, 1130.0) == 1.0


def test_the_chart_holds_each_record_once():
    spans = [1000.0, 1030.0, 300, 1030.0, 1030.0, 7, 1050.0, 1300.0, 1000]
    reduced = task(phase="reduce", spans=[1300.0, 1310.0, 50])
    tasks = {"map": [task(spans=spans), task(1, spans=spans)], "reduce": [reduced]}
    drawn = pace.chart(JOB, tasks, now=1310.0)
    count = len(drawn["series"]["map"])
    assert 2 <= count <= pace.BUCKETS
    assert drawn["until"] - drawn["since"] == pytest.approx(count * drawn["step"])
    total = {phase: sum(rates) * drawn["step"] for phase, rates in drawn["series"].items()}
    assert total == {"map": pytest.approx(2 * 1307), "reduce": pytest.approx(50)}


@pytest.mark.parametrize("length", [0.0, 0.01, 3.0, 1e3, 1e5, 1e7, 1e9])
def test_the_chart_of_a_job_of_any_length(length):
    spans = [1000.0, 1000.0 + length, 10]
    drawn = pace.chart(JOB, {"map": [task(spans=spans)]}, now=1000.0 + length)
    assert len(drawn["series"]["map"]) <= pace.BUCKETS
    assert sum(drawn["series"]["map"]) * drawn["step"] == pytest.approx(10)


def test_there_is_no_chart_of_nothing():
    assert pace.chart(JOB, {"map": [task()]}, 1000.0) is None
    assert pace.chart(JOB, {"map": [task(spans=[1000.0, 1001.0, 0])]}, 1000.0) is None
