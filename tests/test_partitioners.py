"""Partitions by ranges of keys, given or learned from a sample."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobslib import carried, made, same

from httpmr import Master, keys, reducers, sinks, testing
from httpmr.errors import RecipeError, Unstorable
from httpmr.partitioners import RangePartitioner
from httpmr.sources import Memory
from httpmr.stores import MemoryStore

KEYS = st.one_of(st.integers(-9, 9), st.text("ab", max_size=2), st.none(), st.floats(-2, 2))


@given(st.lists(KEYS), st.lists(KEYS), st.integers(1, 6))
def test_keys_of_a_partition_come_before_those_of_the_next(sample, some, partitions):
    ranges = RangePartitioner()
    ranges = ranges.with_learned(ranges.learned(iter(sample), partitions))
    order = sorted(some, key=keys.pack)
    numbers = [ranges.partition(key, partitions) for key in order]
    assert numbers == sorted(numbers)
    assert all(0 <= number < partitions for number in numbers)


def test_of_a_fair_sample_it_makes_even_partitions():
    ranges = RangePartitioner()
    ranges = ranges.with_learned(ranges.learned(range(0, 1000, 7), 4))
    numbers = [ranges.partition(key, 4) for key in range(1000)]
    assert all(230 <= numbers.count(n) <= 270 for n in range(4))


def test_a_key_that_is_very_often_there_has_a_partition_of_its_own():
    ranges = RangePartitioner()
    assert ranges.learned([*["the"] * 90, *"abcxyz"], 4) in (["the"], ["the", "x"])


def test_cuts_that_are_given_are_not_learned():
    assert RangePartitioner([3]).learned(iter(()), 4) is None


@pytest.mark.parametrize("cuts", [[2, 1], ["a", "a"], [1, 1.0]])
def test_cuts_ascend(cuts):
    with pytest.raises(RecipeError, match="RangePartitioner: cuts ascend, but"):
        RangePartitioner(cuts)


def test_a_cut_that_is_no_key_is_refused():
    with pytest.raises(Unstorable):
        RangePartitioner([[1]])


def test_a_file_is_sorted_as_a_whole_and_partitions_are_about_even(tmp_path):
    numbers = list(range(2000))
    random.Random(1).shuffle(numbers)
    jobs = made(
        records=dict(enumerate(numbers)),
        mapper=lambda n, number: [(number, n)],
        reducer=reducers.Identity(),
        partitioner=RangePartitioner(),
        sink=sinks.JSONLines(str(tmp_path / "out.jsonl")),
        num_reducers=4,
    )
    job = carried(jobs, jobs.start(), 100)
    assert job.state == "done"
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)[0] for line in lines] == list(range(2000))
    assert len(job.record.learned) == 3


def test_each_job_keeps_its_own_in_every_process():
    store, settings = MemoryStore(), {
        "reducer": reducers.Identity(), "partitioner": RangePartitioner(), "num_reducers": 2
    }  # fmt: skip
    low = made(store=store, records={n: n for n in range(50)}, mapper=same, **settings)
    high = made(store=store, records={n: n for n in range(500, 550)}, mapper=same, **settings)
    jobs = [low.start(), high.start()]
    assert [20 <= it.record.learned[0] % 500 <= 30 for it in jobs] == [True, True]
    for job, work in zip(jobs, (low, high), strict=True):
        assert carried(work, job).state == "done"
        assert len(list(job.output())) == 50


def test_however_it_is_cut():
    master = Master("r", source=Memory({n: n for n in range(40)}), mapper=same,
                    reducer=reducers.Identity(), partitioner=RangePartitioner())  # fmt: skip
    assert [key for key, _ in testing.run(master).output()] == list(range(40))


def test_a_partitioner_without_it_learns_nothing():
    class Even:
        def partition(self, key, partitions):
            return 0

    jobs = made(reducer=reducers.Identity(), partitioner=Even())
    assert carried(jobs, jobs.start()).record.learned is None
