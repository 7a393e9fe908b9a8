"""The split phase, and which phase follows which."""

from dataclasses import replace
from itertools import pairwise

import pytest
from faults import Clock
from slices import ALL, Broken, lines, recipe, run

from httpmr import codec
from httpmr.budget import Budget
from httpmr.engine import first, following, run_slice
from httpmr.engine.split import MARKS, ranges
from httpmr.errors import InputError
from httpmr.interfaces import Source
from httpmr.shuffle import FAN_IN
from httpmr.sources import Memory
from httpmr.state import Job, Task
from httpmr.stores import MemoryStore


class TestSplit:
    def split(self, source, records=ALL, **fields):
        job = Job("j", "e", {}, shards=2, partitions=1, last=99)
        task = Task("j", "split", (0,), **{"fan_out": 2, "until": 99} | fields)
        store = MemoryStore()
        for slices in range(1, 1000):
            outcome = run(recipe(source=source), task, store, records)
            task = Task("j", "split", (0,), fan_out=2, until=99, cursor=outcome.cursor)
            task = Task.of({**task.plain(), "notes": codec.loads(codec.dumps(outcome.notes))})
            if outcome.done or outcome.pause:
                return outcome, following(job, [task]) if outcome.done else None, slices
        raise AssertionError("it goes on for ever")

    def test_ranges_join_and_cover_everything(self):
        for count in range(40):
            for shards in range(1, 9):
                dealt = ranges(list(range(count)), "last", shards)
                assert len(dealt) == min(shards, count + 1)
                assert dealt[0][0] is None and dealt[-1][1] == "last"
                assert all(one[1] == two[0] for one, two in pairwise(dealt))
                assert all(len(marks) <= MARKS for *_, marks in dealt)

    def test_the_map_phase_covers_the_source(self):
        _, (phase, tasks), _ = self.split(Memory({n: n for n in range(100)}))
        assert phase == "map"
        assert [(t.shard, t.fan_out) for t in tasks] == [((0,), 1), ((1,), 1)]
        assert tasks[0].after is None and tasks[-1].until == 99
        assert tasks[0].until == tasks[1].after
        assert all(0 < task.marked == len(task.marks) <= MARKS for task in tasks)

    def test_a_slice_at_a_time_gives_the_same(self):
        source = Memory({n: n for n in range(100)})
        _, whole, _ = self.split(source)
        _, cut_up, slices = self.split(source, records=1)
        assert whole == cut_up and slices > 10

    def test_a_slow_source_is_split_in_slices_that_end_in_time(self):
        clock = Clock()

        class Slow(Memory):
            def split(self, after, until, shards):
                for key in super().split(after, until, shards):
                    clock.pass_(0.3)
                    yield key

            def fingerprint(self, after, until):
                clock.pass_(0.4)
                return f"{after}-{until}"

        source = Slow({n: n for n in range(100)})
        _, whole, _ = self.split(source)
        took, present = [], Task("j", "split", (0,), fan_out=2, until=99)
        while True:
            began = clock.now
            budget = Budget(seconds=2.0, clock=clock)
            outcome = run_slice(recipe(source=source), present, MemoryStore(), budget)
            took.append(clock.now - began)
            present = replace(present, cursor=outcome.cursor, notes=outcome.notes)
            if outcome.done:
                break
        assert max(took) <= 2.0 and len(took) > 5
        job = Job("j", "e", {}, shards=2, partitions=1, last=99)
        assert following(job, [present]) == whole

    def test_many_keys_are_thinned_evenly(self):
        class Fine(Source):
            read = None

            def split(self, after, until, shards):
                return iter(range(0 if after is None else after + 1, 100_000))

        Fine.__abstractmethods__ = frozenset()
        outcome, (_, tasks), _ = self.split(Fine(), records=30_000)
        assert len(outcome.notes["keys"]) <= 2 * 2 * MARKS
        assert abs(tasks[0].until - 50_000) < 5_000

    def test_large_keys_are_thinned_too_for_a_task_is_one_stored_value(self):
        class Long(Source):
            read = None

            def split(self, after, until, shards):
                begin = 0 if after is None else int(after[:4]) + 1
                return (f"{n:04}" + "k" * 30_000 for n in range(begin, 40))

        Long.__abstractmethods__ = frozenset()
        outcome, (_, tasks), _ = self.split(Long())
        assert len(codec.dumps(outcome.notes)) < 300_000
        assert all(len(codec.dumps(task.plain())) < 300_000 for task in tasks)

    def test_fingerprints_are_taken_of_each_shard(self):
        class Printed(Memory):
            def fingerprint(self, after, until):
                return f"{after}-{until}"

        _, (_, tasks), _ = self.split(Printed({n: n for n in range(100)}), records=1)
        assert [t.fingerprint for t in tasks] == [f"{t.after}-{t.until}" for t in tasks]

    def test_a_source_that_cannot_be_read_pauses(self):
        outcome, *_ = self.split(Broken(InputError("no such table"), [1, 2]))
        assert outcome.pause == "no such table" and outcome.cursor == 2

    @pytest.mark.parametrize(("keys", "why"), [([None], "None as a key"), ([5, 5], "5 again")])
    def test_keys_that_do_not_go_on_pause_instead_of_going_round(self, keys, why):
        class Wrong(Source):
            read = None

            def split(self, after, until, shards):
                return iter(keys)

        Wrong.__abstractmethods__ = frozenset()
        outcome, *_ = self.split(Wrong())
        assert why in lines(outcome.pause)

    def test_an_empty_source_is_one_shard(self):
        _, (_, [task]), _ = self.split(Memory({}))
        assert (task.after, task.until, task.marks) == (None, 99, ())


class TestFollowing:
    def job(self, phase, **fields):
        return Job("j", "e", {}, shards=1, partitions=2, phase=phase, **fields)

    def test_the_first_task_is_the_split(self):
        task = first(Job("j", "e", {}, shards=7, partitions=1, last="z"))
        assert (task.phase, task.fan_out, task.until) == ("split", 7, "z")

    def test_few_runs_need_no_merge(self):
        done = [Task("j", "map", (0,), slice=FAN_IN)]
        assert following(self.job("map"), done)[0] == "reduce"
        done.append(Task("j", "map", (1,), slice=1))
        phase, tasks = following(self.job("map"), done)
        assert (phase, [t.shard for t in tasks]) == ("merge", [(0,), (1,)])
        assert [t.notes for t in tasks] == [{"over": 1}] * 2  # so many runs too many, at most

    def test_reduce_reads_the_level_that_merge_came_to(self):
        done = [Task("j", "merge", (0,), level=2), Task("j", "merge", (1,), level=1)]
        phase, tasks = following(self.job("merge"), done)
        assert (phase, [t.level for t in tasks]) == ("reduce", [2, 1])

    def test_and_the_rest_of_the_level_below_where_merge_left_one(self):
        notes = {"since": None, "n": 0, "over": 0, "rest": ((1,), 3)}
        done = [Task("j", "merge", (0,), level=1, notes=notes), Task("j", "merge", (1,), level=1)]
        _, tasks = following(self.job("merge"), done)
        assert [t.notes for t in tasks] == [{"rest": ((1,), 3)}, {}]

    def test_a_map_only_job_has_neither(self):
        job = Job("j", "e", {}, shards=1, partitions=0, phase="map")
        assert following(job, [Task("j", "map", (0,), slice=999)])[0] == "publish"

    def test_the_rest(self):
        assert following(self.job("reduce"), [])[0] == "publish"
        phase, [task] = following(self.job("publish"), [])
        assert (phase, task.notes) == ("cleanup", {"keep": False})
        assert following(self.job("publish", bad_records=1), [])[1][0].notes == {"keep": True}
        assert following(self.job("cleanup"), []) == (None, [])
