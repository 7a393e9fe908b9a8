"""Values that come to the reducer sorted: `sort_values`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobslib import carried, made

from httpmr import Master, testing
from httpmr.sources import Memory
from httpmr.stores import MemoryStore

FLIGHTS = {n: (f"dest{n % 3}", -(n * 7 % 11), n) for n in range(40)}


def by_dest(key, flight):
    dest, hour, n = flight
    yield dest, (hour, n)


def as_they_come(key, values):
    yield key, list(values)


def master(**settings):
    return Master(
        "sorted", source=Memory(FLIGHTS), mapper=by_dest, reducer=as_they_come, **settings
    )


def expected(by):
    groups = {}
    for dest, *value in FLIGHTS.values():
        groups.setdefault(dest, []).append(tuple(value))
    return [(dest, sorted(values, key=by)) for dest, values in sorted(groups.items())]


def test_by_themselves_however_it_is_cut():
    job = testing.run(master(sort_values=True))
    assert list(job.output()) == expected(None)


def test_by_a_function_and_what_is_equal_in_the_order_of_the_input():
    job = testing.run(master(sort_values=lambda value: value[0] % 2))
    assert list(job.output()) == expected(lambda value: value[0] % 2)


@given(st.lists(st.integers(-5, 5) | st.text(max_size=2) | st.none(), min_size=1, max_size=30))
def test_values_of_all_types_have_an_order(values):
    jobs = made(mapper=lambda n, value: [("k", value)], records=dict(enumerate(values)),
                reducer=as_they_come, sort_values=True)  # fmt: skip
    [(_, came)] = carried(jobs, jobs.start()).output()
    assert sorted(map(repr, came)) == sorted(map(repr, values))
    kinds = [type(value) for value in came]
    assert kinds == sorted(kinds, key=[type(None), int, str].index)
    for kind in (int, str):
        of_kind = [value for value in came if type(value) is kind]
        assert of_kind == sorted(of_kind)


def test_a_group_of_many_blocks_is_sorted_without_being_held():
    pad = "x" * 1000
    jobs = made(
        mapper=lambda n, _: [("k", ((n * 7919) % 4001, pad))],
        records=4001,
        reducer=lambda key, values: [(key, [number for number, _ in values])],
        sort_values=lambda value: value[0],
        num_mappers=5,
    )
    [(_, came)] = carried(jobs, jobs.start(), 500).output()
    assert came == list(range(4001))


@pytest.mark.parametrize("by", [True, lambda value: value["day"]])
def test_what_cannot_be_sorted_is_a_bad_record(by):
    def mapper(n, _):
        yield "k", [n] if n == 3 else ("day", n) if by is True else {"day": n}

    jobs = made(mapper=mapper, reducer=as_they_come, sort_values=by, max_bad_records=1)
    job = carried(jobs, jobs.start())
    assert job.state == "done"
    [bad] = job.bad_records
    assert bad["key"] == 3
    [(_, values)] = job.output()
    assert len(values) == 9


def test_another_order_is_other_code():
    store = MemoryStore()
    job = made(store=store, reducer=as_they_come, sort_values=True).start()
    other = made(store=store, reducer=as_they_come, sort_values=lambda value: -value)
    step = other.step(job.id)
    assert step.job.state == "paused" and "sort_values" in step.job.error["message"]
