"""A recipe tried on a sample: what is read, what comes of it, and that nothing is written."""

from itertools import pairwise

import pytest
from faults import Clock
from hypothesis import given
from hypothesis import strategies as st
from jobslib import words

from httpmr import counters, reducers
from httpmr.errors import InputError
from httpmr.interfaces import Sink, Source
from httpmr.jobs.sample import RESULTS, sample
from httpmr.recipe import Recipe
from httpmr.sinks import Stored
from httpmr.sources import Memory


class Untouched(Sink):
    """Whoever gives it anything fails."""

    def write(self, pairs, slice):
        raise AssertionError("a sample was written")

    join = finish = check = write


def tried(mapper, records=10, count=200, **settings):
    given = {n: n for n in range(records)} if isinstance(records, int) else records
    settings = {"source": Memory(given), "sink": Untouched()} | settings
    seconds, clock = settings.pop("seconds", 2.0), settings.pop("clock", Clock())
    return sample(Recipe(name="r", mapper=mapper, **settings), count, seconds, clock)


def one(key, value):
    counters.count("mapped")
    return [(value % 3, value)]


@given(st.integers(0, 60), st.integers(1, 80), st.booleans())
def test_a_sample_of_everything_is_the_job(records, count, combiner):
    came = tried(one, records, count, reducer=reducers.Sum() if combiner else list_of)
    keys = [record.key for record in came.records]
    assert len(keys) == min(records, count)
    assert keys == sorted(set(keys))
    groups = {}
    for key in keys:
        groups.setdefault(key % 3, []).append(key)
    expected = {key: sum(held) if combiner else held for key, held in groups.items()}
    assert dict(came.results) == expected
    assert [key for key, _ in came.results] == sorted(groups)
    assert came.counters == ({"mapped": len(keys)} if keys else {})
    assert came.total == records and came.cut is None


def list_of(key, values):
    yield key, list(values)


def test_records_come_from_all_over_the_source():
    came = tried(one, 10_000, 32, reducer=list_of)
    keys = [record.key for record in came.records]
    assert len(keys) == 32 and keys[0] < 100 and keys[-1] > 9_000
    assert max(b - a for a, b in pairwise(keys)) < 1_000
    assert came.total == pytest.approx(10_000, rel=0.02)


def test_a_map_only_job_gives_what_its_records_do():
    came = tried(words, {1: "b a", 2: "c"})
    assert came.results == [("a", 1), ("b", 1), ("c", 2)]
    assert came.bytes == 0


def test_a_record_that_fails_is_told_and_the_others_come():
    def mapper(key, value):
        counters.count("seen")
        if key == 3:
            raise ValueError("no such number")
        if key == 4:
            return None
        if key == 5:
            return [(key, object())]
        return [(key, value)]

    came = tried(mapper, 7, reducer=list_of)
    errors = {record.key: record.error for record in came.records if record.error}
    assert errors.keys() == {3, 4, 5}
    assert errors[3].startswith("ValueError: no such number (test_jobs_sample.py, line ")
    assert "None" in errors[4] and "object" in errors[5]
    assert "raise ValueError" in came.records[3].traceback
    assert [key for key, _ in came.results] == [0, 1, 2, 6]
    assert came.counters == {"seen": 4}


def test_a_group_that_fails_is_told_and_the_others_come():
    def reducer(key, values):
        if key == 1:
            raise KeyError("gone")
        yield key, sum(values)

    came = tried(one, 9, reducer=reducer)
    assert [(bad["key"], bad["kind"]) for bad in came.bad] == [(1, "group")]
    assert "gone" in came.bad[0]["message"]
    assert came.results == [(0, 0 + 3 + 6), (2, 2 + 5 + 8)]


def test_a_combiner_that_fails_is_told_and_the_group_reduced_all_the_same():
    def combiner(key, values):
        if key == 1:
            raise KeyError("gone")
        return sum(values)

    came = tried(one, 9, reducer=lambda key, values: [(key, sum(values))], combiner=combiner)
    assert {bad["key"] for bad in came.bad} == {1}
    assert came.results == [(0, 9), (1, 1 + 4 + 7), (2, 15)]


def test_a_partitioner_that_is_wrong_is_said_to_be():
    came = tried(one, 9, reducer=list_of, partitioner=lambda key, partitions: partitions)
    assert all("partitioner gave 4" in record.error for record in came.records)
    assert came.results == []


def test_it_takes_no_longer_than_it_may():
    clock = Clock()

    def slow(key, value):
        clock.pass_(0.3)
        return [(key, value)]

    began = clock.now
    came = tried(slow, 100, clock=clock, reducer=list_of)
    assert 3 <= len(came.records) <= 4
    assert came.cut == f"time was up after {len(came.records)} records"
    assert clock.now - began <= 2.0
    assert came.seconds == pytest.approx(30.0, rel=0.05)


def test_at_least_one_record_is_mapped_however_long_it_takes():
    clock = Clock()

    def slow(key, value):
        clock.pass_(60)
        return [(key, value)]

    came = tried(slow, 5, clock=clock)
    assert len(came.records) == 1 and came.cut


def test_of_a_source_too_large_to_be_counted_no_more_is_said_than_is_known():
    clock = Clock()

    class Endless(Source):
        def read(self, after, until):
            n = 0 if after is None else after
            while True:
                clock.pass_(0.001)
                n += 1
                yield n, n

        def last(self):
            return None

    came = tried(one, source=Endless(), clock=clock, reducer=list_of)
    assert len(came.records) == 200
    assert came.total is came.seconds is came.bytes is None


def test_what_it_would_come_to_grows_with_the_source():
    clock = Clock()

    def timed(key, value):
        clock.pass_(0.001)
        return [(value % 50, "x" * 50)]

    few = tried(timed, 1_000, 100, clock=clock, reducer=list_of)
    many = tried(timed, 10_000, 100, clock=clock, reducer=list_of)
    assert few.total == pytest.approx(1_000, rel=0.03)
    assert few.seconds == pytest.approx(1.0, rel=0.05)
    assert many.seconds == pytest.approx(10.0, rel=0.05)
    assert 9 < many.bytes / few.bytes < 11


def test_very_many_results_are_cut():
    came = tried(lambda key, value: [(n, n) for n in range(2_000)], 1, reducer=list_of)
    assert len(came.results) == RESULTS


def test_a_source_that_cannot_be_read_is_an_error_of_one_line():
    class Broken(Source):
        def read(self, after, until):
            raise InputError("the file is gone")

        def last(self):
            return 5

    with pytest.raises(InputError, match="the file is gone"):
        tried(one, source=Broken())


def test_stored_output_of_real_jobs_is_not_touched():
    assert tried(one, 3, sink=Stored(), reducer=list_of).results == [(0, [0]), (1, [1]), (2, [2])]
