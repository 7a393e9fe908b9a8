"""Swallowing: which shards a short one may take, and what it is then."""

from dataclasses import replace

import pytest

from httpmr.engine import behind, fingerprint, origins, shed, swallow, untouched
from httpmr.sources import Memory
from httpmr.state import ALONE, Outcome, Task

TASKS = [
    Task(
        "j",
        "map",
        (n,),
        fan_out=4,
        after=30 * n or None,
        until=30 * (n + 1),
        marks=(30 * n + 10, 30 * n + 20),
        marked=2,
        fingerprint=f"f{n}",
        stored=b"x" * 100,
    )
    for n in range(6)
]
FIRST = TASKS[0]


class Told(Memory):
    def fingerprint(self, after, until):
        return f"{after} to {until}"


def test_those_right_behind_it_in_order_and_no_more_than_asked_for():
    assert behind(FIRST, TASKS, 3) == TASKS[1:4]
    assert behind(TASKS[3], TASKS, 9) == TASKS[4:]
    assert behind(FIRST, TASKS, 0) == behind(FIRST, TASKS, -1) == []


@pytest.mark.parametrize(
    "fields",
    [{"epoch": 1}, {"notes": {"most": 5}}, {"shard": (ALONE, -3, -1)}, {"after": 61}],
    ids=lambda fields: next(iter(fields)),
)
def test_the_row_ends_before_one_that_was_claimed_noted_or_is_elsewhere(fields):
    if "shard" in fields:
        fields = fields | {"notes": {"place": ((2,), 0)}}
    tasks = sorted(
        [*TASKS[:2], replace(TASKS[2], **fields), *TASKS[3:]], key=lambda task: task.shard
    )
    assert behind(FIRST, tasks, 9) == [TASKS[1]]


def test_the_row_ends_before_one_that_is_missing():
    assert behind(FIRST, [*TASKS[:3], *TASKS[4:]], 9) == TASKS[1:3]


def test_it_stays_small_enough_to_store():
    heavy = [replace(task, stored=b"x" * 30_000) for task in TASKS]
    assert behind(heavy[0], heavy, 9) == [heavy[1]]


def test_only_map_shards_as_they_were_split_are_untouched():
    assert untouched(FIRST)
    for fields in ({"phase": "reduce"}, {"epoch": 1}, {"notes": {"origins": [(None, 30)]}}):
        assert not untouched(replace(FIRST, **fields))


def test_what_was_shed_before_there_was_swallowing_came_of_one_range():
    assert origins(replace(FIRST, notes={"origin": (None, 90)})) == [(None, 90)]


def test_the_range_is_the_whole_with_a_mark_where_shards_met():
    task = swallow(FIRST, TASKS[1:3])
    assert (task.shard, task.after, task.until) == ((0,), None, 90)
    assert task.marks == (10, 20, 30, 40, 50, 60, 70, 80) and task.marked == 8
    assert task.stored == FIRST.stored, "what its claim expects"
    weights = sum(one.marked + 1 for one in TASKS[:3])
    assert task.marked + 1 == weights, "progress counts by stretches"


@pytest.mark.parametrize(
    ("shards", "wide", "marks"), [(1, None, 2), (10, None, 29), (11, 2, 16), (32, 6, 15)]
)
def test_of_many_marks_it_keeps_as_many_as_a_shard_has_that_was_split(shards, wide, marks):
    tasks = [
        replace(
            FIRST,
            shard=(n,),
            after=30 * n or None,
            until=30 * (n + 1),
            marks=(30 * n + 10, 30 * n + 20),
        )
        for n in range(shards)
    ]
    task = swallow(tasks[0], tasks[1:])
    assert len(task.marks) == task.marked == marks
    assert task.marks == tuple(range(10 * (wide or 1), 30 * shards, 10 * (wide or 1)))
    assert task.notes.get("wide") == wide
    shed_from = shed(replace(task, slice=0), Outcome(marks=task.marks, notes=task.notes))
    if wide:
        assert shed_from.shed.notes["wide"] == shed_from.notes["wide"] == wide


def test_the_fingerprint_is_of_the_ranges_as_they_were_split():
    split = [replace(t, fingerprint=Told({}).fingerprint(t.after, t.until)) for t in TASKS]
    task = swallow(split[0], split[1:3])
    assert origins(task) == [(None, 30), (30, 60), (60, 90)]
    assert fingerprint(Told({}), task) == task.fingerprint
    upper = shed(replace(task, slice=1), Outcome(marks=task.marks[1:], notes=task.notes)).shed
    assert fingerprint(Told({}), upper) == upper.fingerprint == task.fingerprint
    assert fingerprint(Memory({}), task) is None
    assert swallow(FIRST, [replace(TASKS[1], fingerprint=None)]).fingerprint is None
