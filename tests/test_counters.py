"""Counters: collected without a handle, and never in somebody else's collection."""

import threading

import pytest

from httpmr import counters


def test_outside_a_job_nothing_happens():
    counters.count("rows")
    with counters.collecting() as counts:
        pass
    counters.count("rows")
    assert counts == {}


def test_counts_add_up_in_the_order_they_first_came():
    with counters.collecting() as counts:
        counters.count("b")
        counters.count("a", 5)
        counters.count("b", -3)
        counters.count("zero", 0)
    assert list(counts.items()) == [("b", -2), ("a", 5), ("zero", 0)]


def test_the_inner_collection_takes_what_is_counted_in_it():
    with counters.collecting() as outer:
        with counters.collecting() as inner:
            counters.count("in")
        counters.count("out")
    assert (outer, inner) == ({"out": 1}, {"in": 1})


def test_an_exception_ends_the_collection():
    with pytest.raises(ZeroDivisionError), counters.collecting() as counts:
        counters.count("before")
        raise ZeroDivisionError
    counters.count("after")
    assert counts == {"before": 1}


def test_threads_do_not_mix():
    def work(n):
        with counters.collecting() as counts:
            for _ in range(n):
                both.wait()
                counters.count("rows", n)
            for _ in range(5 - n):
                both.wait()
        found[n] = counts

    found, both = {}, threading.Barrier(2, timeout=10)
    threads = [threading.Thread(target=work, args=(n,)) for n in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {2: {"rows": 4}, 3: {"rows": 9}}


@pytest.mark.parametrize("wrong", [(1,), (None, 1), ("rows", 0.5), ("rows", "1"), (b"rows", 1)])
def test_what_is_no_count_is_a_mistake_also_outside_a_job(wrong):
    with pytest.raises(TypeError, match="takes a name and a whole number"):
        counters.count(*wrong)


def test_adding_changes_neither():
    total, counts = {"a": 1, "b": 2}, {"c": 5, "b": 1}
    assert list(counters.add(total, counts).items()) == [("a", 1), ("b", 3), ("c", 5)]
    assert (total, counts) == ({"a": 1, "b": 2}, {"c": 5, "b": 1})
