"""Records and groups that end the process, or mean to."""

import signal
import sys
from dataclasses import replace
from itertools import pairwise

import pytest
from faults import Clock
from slices import ALL, groups, map_task, mapped, put, recipe, run

from httpmr import reducers
from httpmr.budget import Budget
from httpmr.engine import run_slice, shed
from httpmr.errors import Conflict
from httpmr.interfaces import Source
from httpmr.sources import Memory
from httpmr.state import Task
from httpmr.stores import MemoryStore


class TestSystemExit:
    """In user code it is a bad record; in a signal's handler it is the end."""

    def test_a_mapper_that_leaves_is_a_bad_record_and_says_where(self):
        def leave(key, value):
            if key == 2:
                sys.exit("enough")
            return [(key, value)]

        outcome = mapped(leave, range(5))
        assert (outcome.cursor, outcome.bad.key, outcome.bad.kind) == (1, 2, "record")
        assert outcome.bad.message.startswith("SystemExit: enough (test_engine_poison.py, line")
        assert "in leave" in outcome.bad.traceback
        assert groups(outcome) == {0: [(0, [0]), (1, [1])]}

    def test_also_in_the_middle_of_what_it_yields(self):
        def leave(key, value):
            yield key, value
            raise SystemExit(3)

        assert mapped(leave).bad.message.startswith("SystemExit: 3 (")

    def test_a_partitioner_or_a_combiner_that_leaves(self):
        assert mapped(lambda k, v: [(k, v)], partitioner=lambda key, n: sys.exit()).bad.key == 0
        settings = {"reducer": reducers.Sum(), "combiner": lambda key, values: sys.exit()}
        outcome = mapped(lambda k, v: [("a", 1), ("a", 2)], **settings)
        assert (outcome.bad.key, outcome.bad.kind) == ("a", "group")

    def test_a_reducer_that_leaves(self):
        def leave(key, values):
            if key == "b":
                sys.exit()
            return [(key, list(values))]

        store = MemoryStore()
        put(store, [[("a", 1), ("b", 2)]])
        outcome = run(recipe(reducer=leave), Task("j", "reduce", (0,)), store)
        assert (outcome.pairs, outcome.bad.key) == ([("a", [1])], "b")

    @pytest.mark.parametrize("kind", ["function", "method", "object"])
    def test_a_signal_that_means_the_end_is_heeded(self, kind):
        class Handler:
            def method(self, *_):
                sys.exit(4)

            __call__ = method

        handlers = {"function": lambda *_: sys.exit(4), "method": Handler().method}
        handlers["object"] = Handler()

        def mapper(key, value):
            signal.raise_signal(signal.SIGUSR1)
            return [(key, value)]

        before = signal.signal(signal.SIGUSR1, handlers[kind])
        try:
            with pytest.raises(SystemExit) as end:
                mapped(mapper)
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert end.value.code == 4

    @pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit])
    def test_what_else_is_no_error_passes_through(self, error):
        def mapper(key, value):
            raise error

        with pytest.raises(error):
            mapped(mapper)


class TestCare:
    """What a slice notes before it begins something, where others died before it."""

    def slice(self, present, records=100, seconds=0.0, most=ALL):
        """A map slice over 0, 1, 2 ...: (outcome, what it noted)."""
        clock = Clock()
        noted = []

        def mapper(key, value):
            clock.pass_(seconds)
            return [(key, value)]

        made = recipe(mapper, Memory({n: n for n in range(records)}))
        budget = Budget(records=most, clock=clock)
        present = replace(present, until=records - 1)
        outcome = run_slice(
            made, present, MemoryStore(), budget, begin=lambda *n: noted.append((clock.now, *n))
        )
        return outcome, [one[1:] for one in noted], [one[0] for one in noted]

    def died(self, many, key, died=0, takeovers=2, **notes):
        """A task whose last request died of what it had noted."""
        return map_task(
            takeovers=takeovers, begun=(takeovers - 1, 12.0, died, many, key), notes=notes
        )

    def test_without_deaths_nothing_is_noted(self):
        outcome, noted, _ = self.slice(map_task())
        assert (outcome.records, outcome.notes, noted) == (100, {}, [])

    def test_after_one_what_is_begun_is_noted(self):
        outcome, noted, _ = self.slice(map_task(takeovers=1))
        assert noted[:4] == [(0, 1, 0), (0, 2, 1), (0, 4, 3), (0, 8, 7)]
        assert (outcome.records, outcome.done, outcome.notes) == (100, True, {"deaths": 1})

    @pytest.mark.parametrize("seconds", [0.0001, 0.003, 0.02])
    def test_but_not_much_more_often_than_ten_times_a_second(self, seconds):
        _, noted, when = self.slice(map_task(takeovers=1), records=5000, seconds=seconds)
        gaps = [two - one for one, two in pairwise(when)][12:]
        assert all(0.05 < gap < 0.3 for gap in gaps)
        assert len(noted) < 12 + 5000 * seconds / 0.08

    def test_a_slow_record_is_noted_alone(self):
        _, noted, _ = self.slice(map_task(takeovers=1), records=9, seconds=1.0)
        assert noted == [(0, 1, n) for n in range(9)]

    def test_what_is_behind_the_last_note_goes_one_by_one(self):
        outcome, noted, _ = self.slice(self.died(5, 20))
        assert noted[:5] == [(0, 1, 0), (0, 2, 1), (0, 4, 3), (0, 8, 7), (0, 16, 15)]
        assert noted[5:10] == [(0, 1, n) for n in range(20, 25)]
        assert noted[10:12] == [(0, 2, 25), (0, 4, 27)]
        assert (outcome.records, outcome.notes) == (100, {"deaths": 1})

    def test_that_goes_on_in_the_next_slice(self):
        outcome, _, _ = self.slice(self.died(5, 20), most=22)
        assert (outcome.cursor, outcome.notes) == (21, {"deaths": 2, "suspect": (0, 3)})
        task = map_task(cursor=21, notes=outcome.notes)
        outcome, noted, _ = self.slice(task, most=2)
        assert noted == [(0, 1, 22), (0, 1, 23)]
        assert outcome.notes == {"deaths": 2, "suspect": (0, 1)}
        task = map_task(cursor=23, notes=outcome.notes)
        outcome, noted, _ = self.slice(task)
        assert noted[:3] == [(0, 1, 24), (0, 2, 25), (0, 4, 27)]
        assert outcome.notes == {"deaths": 1}

    def test_what_goes_before_one_that_is_deadly_is_committed_first(self):
        outcome, _, _ = self.slice(self.died(1, 20, takeovers=3))
        assert (outcome.cursor, outcome.records, outcome.why) == (19, 20, "a suspect")
        assert (outcome.parked, outcome.done) == (None, False)
        assert outcome.notes == {"deaths": 3, "suspect": (1, 1, 20)}

    def test_then_it_is_passed_over(self):
        suspected = {"deaths": 3, "suspect": (1, 1, 20)}
        task = map_task(slice=7, cursor=19, pace=0.1, notes=suspected)
        task = replace(task, shard=(3, -2))
        outcome, noted, _ = self.slice(task)
        assert (outcome.cursor, outcome.records, outcome.blocks, noted) == (20, 0, [], [])
        assert outcome.notes == {"deaths": 1}
        parked = outcome.parked
        assert (parked.after, parked.until, parked.place) == (19, 20, ((3, -2), 7))
        assert (parked.alone, parked.pace) == (True, 0.8)

    def test_after_two_deaths_it_is_tried_once_more(self):
        outcome, noted, _ = self.slice(self.died(1, 0))
        assert noted[0] == (1, 1, 0)
        assert (outcome.records, outcome.notes) == (100, {"deaths": 1})

    def test_a_note_of_one_that_did_not_die_says_nothing(self):
        """It met an error of its surroundings, and gave its lease back."""
        task = map_task(takeovers=3, begun=(3, 12.0, 2, 1, 5))
        outcome, noted, _ = self.slice(task)
        assert noted[:3] == [(0, 1, 0), (0, 2, 1), (0, 4, 3)]
        assert outcome.records == 100

    def test_a_key_that_is_gone_is_not_waited_for(self):
        outcome, _, _ = self.slice(self.died(1, 20.5, takeovers=3))
        assert outcome.done

    @pytest.mark.parametrize("key", ["k" * 20_000, object()])
    def test_a_key_that_cannot_be_noted_is_not(self, key):
        noted = []
        records = [(1, "a"), (key, "b"), ("z", "c")]

        class Odd(Source):
            def read(self, after, until):
                return iter(records)

        made = recipe(lambda k, value: [(value, 1)], Odd())
        task = map_task(takeovers=1, until=None)
        outcome = run_slice(
            made, task, MemoryStore(), Budget(clock=Clock()), begin=lambda *n: noted.append(n)
        )
        assert groups(outcome) == {0: [("a", [1]), ("b", [1]), ("c", [1])]}
        assert noted == [(0, 1, 1)]

    def test_a_suspect_is_not_shed(self):
        task = map_task(marks=tuple(range(10, 90, 10)), marked=8, takeovers=1)
        outcome, _, _ = self.slice(task, most=15)
        assert shed(task, outcome).shed
        suspected = replace(outcome, notes={"deaths": 2, "suspect": (0, 8, 50)})
        assert shed(task, suspected).shed is None

    def test_a_lease_that_was_lost_meanwhile_ends_it(self):
        def lost(*noted):
            raise Conflict("taken over")

        for present in (map_task(takeovers=1), Task("j", "reduce", (0,), takeovers=1)):
            store = MemoryStore()
            put(store, [[("a", 1)]])
            with pytest.raises(Conflict):
                run_slice(recipe(reducer=reducers.Sum()), present, store, Budget(), begin=lost)
