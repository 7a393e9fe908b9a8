"""Shedding: who gives away what, and under which name."""

from dataclasses import replace

from httpmr.engine import shed
from httpmr.state import Bad, Outcome, Task

MARKS = tuple(range(10, 170, 10))  # sixteen: seventeen stretches
TASK = Task("j", "map", (3,), fan_out=4, until=170, marks=MARKS, marked=16, fingerprint="f")


def after(passed, slices, **fields):
    """The task and its outcome when `passed` stretches took so many slices."""
    return replace(TASK, slice=slices - 1), Outcome(marks=MARKS[passed:], cursor="c", **fields)


def test_the_upper_half_of_what_is_left_goes():
    task, outcome = after(passed=1, slices=1)
    given = shed(task, outcome)
    upper = given.shed
    assert upper.shard == (3, -1)
    assert (given.marks, upper.after, upper.marks, upper.until) == (
        MARKS[1:8],
        MARKS[8],
        MARKS[9:],
        170,
    )
    assert (upper.fan_out, upper.cursor, upper.slice, upper.lease) == (4, None, 0, 0.0)
    assert given.cursor == outcome.cursor


def test_progress_is_of_the_range_that_is_left():
    task, outcome = after(passed=4, slices=4)
    given = shed(task, outcome)
    kept = 16 - given.shed.marked  # stretches of the lower part
    assert given.progress == 4 / kept
    assert given.progress * kept + 0 * (given.shed.marked + 1) == 4


def test_what_is_shed_later_stands_before_what_was_shed_earlier():
    task, outcome = after(passed=1, slices=1)
    first = shed(task, outcome)
    task = replace(task, notes=first.notes, marks=first.marks, until=first.shed.after, slice=1)
    task = replace(task, marked=16 - first.shed.marked - 1)
    second = shed(task, Outcome(marks=first.marks, notes=first.notes))
    assert second.shed.shard == (3, -2)
    assert (3,) < second.shed.shard < first.shed.shard < (4,)
    assert second.shed.until == first.shed.after
    of_it = replace(first.shed, slice=0)
    third = shed(of_it, Outcome(marks=of_it.marks[1:], notes=of_it.notes))
    assert first.shed.shard < third.shed.shard == (3, -1, -1) < (4,)


def test_the_fingerprint_stays_that_of_the_range_that_was_split():
    task, outcome = after(passed=1, slices=1)
    upper = shed(task, outcome).shed
    assert (upper.fingerprint, upper.notes["origins"]) == ("f", [(None, 170)])
    deeper = shed(upper, Outcome(marks=upper.marks, notes=upper.notes)).shed
    assert (deeper.fingerprint, deeper.notes["origins"]) == ("f", [(None, 170)])


def test_a_short_rest_is_kept():
    for passed, slices, kept in [(16, 40, False), (12, 12, False), (13, 13, True), (14, 3, True)]:
        task, outcome = after(passed, slices)
        assert (shed(task, outcome) is outcome) == (kept or passed == 16), (passed, slices)


def test_a_slice_that_ends_or_stops_gives_nothing_away():
    bad = Bad(1, "m", "t")
    for fields in ({"done": True}, {"bad": bad}, {"pause": "why"}, {"fail": "why"}):
        task, outcome = after(1, 1, **fields)
        assert shed(task, outcome) is outcome
