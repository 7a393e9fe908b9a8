"""When a slice stops: never before its first record, and before it would be too late."""

import math

import pytest
from faults import Clock
from hypothesis import given
from hypothesis import strategies as st

from httpmr.budget import QUICK, Budget


def records(budget, clock, durations):
    """Do records of these durations; return how many were done when the budget said stop."""
    budget.start()
    for done, seconds in enumerate(durations, 1):
        clock.pass_(seconds)
        if not budget.more():
            return done
    return None


def test_it_stops_after_exactly_so_many_records():
    for number in (1, 2, 17):
        budget = Budget.records(number)
        assert records(budget, Clock(), [100.0] * 50) == number
        assert budget.why == "records"


def test_the_first_record_is_never_refused():
    clock = Clock()
    budget = Budget(seconds=1.0, clock=clock)
    assert records(budget, clock, [60.0]) == 1
    assert budget.why == "seconds"


def test_it_looks_ahead_by_the_slowest_record_so_far():
    clock = Clock()
    # After 0.25 + 0.5 one more of 0.5 would pass 1.0; it has to fit to the end.
    assert records(Budget(seconds=1.0, clock=clock), clock, [0.25, 0.5, 0.25]) == 2
    assert records(Budget(seconds=1.0, clock=clock), clock, [0.25, 0.25, 0.25, 0.25]) == 4
    assert records(Budget(seconds=1.0, clock=clock), clock, [0.5, 0.0, 0.0]) is None


def test_a_record_as_slow_as_is_expected_has_to_fit():
    clock = Clock()
    expecting = Budget(seconds=1.0, clock=clock, expected=0.5)
    assert records(expecting, clock, [0.25, 0.25, 0.25, 0.25]) == 3
    assert records(expecting, clock, [0.25, 0.25, 0.75]) == 3
    assert expecting.slowest == 0.75


@given(st.lists(st.sampled_from([0.0, 0.125, 0.5, 1.0]), min_size=1), st.sampled_from([0.5, 2.0]))
def test_a_slice_of_even_records_never_passes_its_seconds(durations, seconds):
    clock = Clock(now=0.0)
    even = [durations[0]] * 40
    done = records(Budget(seconds=seconds, clock=clock), clock, even) or 40
    assert clock.now <= seconds or done == 1


def test_whichever_comes_first():
    clock = Clock()
    budget = Budget(seconds=1.0, records=3, clock=clock)
    assert records(budget, clock, [0.0] * 9) == 3 and budget.why == "records"
    assert records(budget, clock, [0.6] * 9) == 1 and budget.why == "seconds"


def test_it_can_be_started_again():
    clock = Clock()
    budget = Budget(seconds=1.0, clock=clock)
    assert records(budget, clock, [5.0]) == 1
    clock.pass_(1000)
    budget.start()
    assert budget.why is None
    assert budget.more()


def over(budget, clock, durations):
    """As `records`, by walking."""
    done = 0
    for seconds in budget.over(durations):
        clock.pass_(seconds)
        done += 1
    return done


@given(st.lists(st.floats(0, 2), min_size=1), st.floats(0.01, 5), st.integers(1, 50))
def test_walking_stops_where_asking_does(durations, seconds, limit):
    clock, other = Clock(), Clock()
    asked = Budget(seconds=seconds, records=limit, clock=clock)
    walked = Budget(seconds=seconds, records=limit, clock=other)
    expected = records(asked, clock, durations) or len(durations)
    walked.start()
    assert over(walked, other, durations) == expected
    assert (walked.done, walked.why) == (asked.done, asked.why)


@given(st.lists(st.floats(0, 0.01), min_size=1, max_size=300), st.floats(0.01, 0.2))
def test_quick_records_are_looked_at_together_and_stop_in_time(durations, seconds):
    clock = Clock(now=0.0)
    budget = Budget(seconds=seconds, clock=clock)
    budget.start()
    done = over(budget, clock, durations)
    if done < len(durations):
        assert budget.why == "seconds"
        assert clock.now + max(durations[:done]) + 2 * QUICK >= seconds
    assert clock.now <= max(seconds, durations[0]) + max(durations[:done])


def test_a_walk_may_go_on():
    clock = Clock()
    budget = Budget(seconds=1.0, clock=clock)
    budget.start()
    assert over(budget, clock, [0.25]) == 1
    assert budget.why is None
    assert over(budget, clock, [0.25] * 9) == 3
    assert budget.why == "seconds"
    assert budget.done == 4


def test_it_works_at_least_as_long_as_it_prepared():
    def opened(preparing):
        clock.pass_(preparing)
        yield from [0.25] * 99

    clock = Clock()
    budget = Budget(seconds=1.0, clock=clock)
    assert over(budget, clock, opened(3.0)) == 12
    budget.start()
    assert over(budget, clock, opened(0.25)) == 3  # short of its own second


@pytest.mark.parametrize("wrong", [{"seconds": 0}, {"seconds": math.nan}, {"records": 0}])
def test_a_budget_for_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="seconds > 0, records >= 1"):
        Budget(**wrong)


def test_it_says_what_it_is():
    assert repr(Budget.records(2)) == "Budget(seconds=inf, records=2)"


def test_records_that_are_done_together_count_each():
    budget = Budget.records(5)
    assert budget.more(3) and budget.room == 2
    assert not budget.more(2) and budget.why == "records"
    assert Budget().room == math.inf
