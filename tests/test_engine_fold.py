"""The merge phase: folded runs hold the same groups in the same order."""

import random

import pytest
from faults import Clock
from slices import ALL, Gone, commit, put, put_giant, recipe, run

from httpmr import codec, keys, reducers
from httpmr.budget import Budget
from httpmr.engine import index, run_slice
from httpmr.engine.scale import ENOUGH
from httpmr.errors import Damaged, Unavailable
from httpmr.interfaces import Batch, Reducer
from httpmr.shuffle import FAN_IN, Runs
from httpmr.state import Task
from httpmr.stores import MemoryStore


class TestMerge:
    def fold(self, store, records=ALL, made=None, **fields):
        """Fold to the end; return (the last outcome, how many slices it took)."""
        made = made or recipe(reducer=reducers.Identity())
        task = Task("j", "merge", (0,), **fields)
        for slices in range(1, 10_000):
            outcome = run(made, task, store, records)
            assert len(outcome.blocks) < 200
            if outcome.bad or outcome.pause:
                return outcome, slices
            commit(store, "j", outcome.blocks)
            if outcome.done:
                return outcome, slices
            kept = codec.loads(codec.dumps([outcome.cursor, outcome.level, outcome.notes]))
            task = Task("j", "merge", (0,), cursor=kept[0], level=kept[1], notes=kept[2])
        raise AssertionError("it goes on for ever")

    def whole(self, store, level=0):
        return [(key, list(values)) for key, values in Runs(store).groups("j", 0, level)]

    def entries(self, store, outcome):
        task = Task("j", "reduce", (0,), level=outcome.level, notes=outcome.notes)
        return list(index(Runs(store), task))

    def left(self, store, outcome):
        """What is to be reduced when the merge phase is over."""
        groups = Runs(store).merged("j", self.entries(store, outcome))
        return [(key, list(values)) for key, values in groups]

    def test_few_runs_are_left_as_they_are(self):
        store = MemoryStore()
        put(store, [[("a", n)] for n in range(FAN_IN)])
        outcome, slices = self.fold(store)
        assert (outcome.level, outcome.blocks, slices) == (0, [], 1)

    def test_no_runs_at_all(self):
        outcome, slices = self.fold(MemoryStore())
        assert (outcome.done, outcome.level, slices) == (True, 0, 1)

    @pytest.mark.parametrize("records", [1, 2, 7, ALL])
    @pytest.mark.parametrize("count", [FAN_IN + 1, 2 * FAN_IN, 3 * FAN_IN + 5])
    def test_folded_runs_hold_the_same_groups_in_the_same_order(self, count, records):
        store = MemoryStore()
        put(store, [[(n % 5, (n, i)) for i in range(n % 4)] + [("k", n)] for n in range(count)])
        before = self.whole(store)
        outcome, _ = self.fold(store, records)
        assert outcome.level == 1
        assert self.whole(store, 1) == before
        runs = {entry.run for entry in Runs(store).entries("j", 0, 1)}
        assert runs == {((0,), n) for n in range(0, count, FAN_IN)}

    @pytest.mark.parametrize("records", [1, 7, ALL])
    def test_sorted_values_stay_sorted(self, records):
        count = 2 * FAN_IN + 3
        slices = [[("k", (i, n)) for i in range(n % 3)] + [("m", (7, n))] for n in range(count)]
        store = MemoryStore()
        put(store, slices)
        before = [(key, sorted(values)) for key, values in self.whole(store)]
        self.fold(store, records, recipe(reducer=reducers.Identity(), sort_values=True))
        groups = Runs(store, by=keys.pack).groups("j", 0, 1)
        assert [(key, list(values)) for key, values in groups] == before

    @pytest.mark.parametrize("records", [1, 7, ALL])
    @pytest.mark.parametrize(
        ("count", "bound", "folded"),
        [
            (FAN_IN + 1, FAN_IN + 1, 2),
            (FAN_IN + 1, FAN_IN + 3, 4),  # some slices left no run in this partition
            (FAN_IN + 30, FAN_IN + 30, 31),
            (2 * FAN_IN, 2 * FAN_IN, FAN_IN + 2),
            (FAN_IN, FAN_IN + 20, 21),
            (30, FAN_IN + 40, 0),
            (3, FAN_IN + 40, 0),
        ],
    )
    def test_only_so_many_are_folded_as_must_be(self, count, bound, folded, records):
        store = MemoryStore()
        put(store, [[(n % 5, (n, i)) for i in range(n % 4)] + [("k", n)] for n in range(count)])
        before = self.whole(store)
        outcome, _ = self.fold(store, records, notes={"over": bound - FAN_IN})
        assert self.left(store, outcome) == before
        last = Runs(store).entries("j", 0, 0)
        assert len({entry.run for entry in last}) == count  # until cleanup
        rest = outcome.notes.get("rest")
        assert rest == (((0,), folded) if folded else None)
        runs = {entry.run for entry in self.entries(store, outcome)}
        assert len(runs) <= FAN_IN and outcome.level == bool(folded)

    def test_many_levels_leave_a_rest_of_the_last_but_one(self):
        count = FAN_IN**2 + FAN_IN
        store = MemoryStore()
        put(store, [[(n % 3, n)] for n in range(count)])
        before = self.whole(store)
        outcome, _ = self.fold(store, notes={"over": count - FAN_IN})
        assert outcome.level == 2 and outcome.notes["rest"] == ((0,), 2 * FAN_IN)
        assert self.left(store, outcome) == before
        assert len({entry.run for entry in self.entries(store, outcome)}) == FAN_IN

    def test_no_group_without_a_value_is_written(self):
        """Where a slice ended with the last value of a group, the next goes on behind it."""
        store = MemoryStore()
        put(store, [[("a", n)] * (4 if n < 2 else 0) + [(f"k{n}", n)] for n in range(FAN_IN + 1)])
        before = self.whole(store)
        outcome, slices = self.fold(store, notes={"over": 1, "most": 8})
        assert slices > 1 and self.left(store, outcome) == before
        assert all(entry.groups <= entry.values for entry in self.entries(store, outcome))

    def test_what_an_older_version_began_is_folded_as_it_did(self):
        store = MemoryStore()
        put(store, [[("k", n)] for n in range(FAN_IN + 1)])
        outcome, _ = self.fold(store, notes={"since": None, "n": 0})
        assert "rest" not in outcome.notes and "over" not in outcome.notes
        assert {entry.run for entry in self.entries(store, outcome)} == {((0,), 0), ((0,), FAN_IN)}

    def test_very_many_runs_take_two_levels(self):
        store = MemoryStore()
        put(store, [[(n % 3, n)] for n in range(FAN_IN**2 + 1)])
        before = self.whole(store)
        outcome, slices = self.fold(store)
        assert outcome.level == 2 and slices < 10
        assert self.whole(store, 2) == before

    def test_a_giant_group_is_folded_over_several_slices(self):
        """And each goes on within the group where the one before stopped."""
        store = MemoryStore()
        big = [("k", (r, n, "x" * 2000)) for r in range(2) for n in range(5000)]
        put(store, [big[:5000], big[5000:], *[[("k", n), ("z", n)] for n in range(FAN_IN)]])
        before = self.whole(store)
        _, slices = self.fold(store)
        assert slices >= 4
        assert self.whole(store, 1) == before

    def test_with_a_combiner_each_group_becomes_one_value(self):
        store = MemoryStore()
        put(store, [[("a", 1), ("b", n)] for n in range(FAN_IN + 6)])
        self.fold(store, made=recipe(reducer=reducers.Sum()))
        sums = [sum(range(FAN_IN)), sum(range(FAN_IN, FAN_IN + 6))]
        assert self.whole(store, 1) == [("a", [FAN_IN, 6]), ("b", sums)]

    @pytest.mark.parametrize("combiner", [True, False])
    def test_a_slice_ends_in_time_within_a_giant_group(self, combiner):
        clock = Clock()

        class Slow(MemoryStore):
            def get(self, keys_):
                clock.pass_(0.02 * len(keys_))
                return super().get(keys_)

        store = Slow()
        put_giant(store, FAN_IN + 1, 1000, pad="x" * 500)
        before = self.whole(store)
        reducer = reducers.Count() if combiner else reducers.Identity()
        took, present = [], Task("j", "merge", (0,))
        while True:
            began = clock.now
            budget = Budget(seconds=5.0, clock=clock)
            outcome = run_slice(recipe(reducer=reducer), present, store, budget)
            took.append(clock.now - began)
            if outcome.done:
                break
            commit(store, "j", outcome.blocks)
            place = {name: getattr(outcome, name) for name in ("cursor", "level", "notes")}
            present = Task("j", "merge", (0,), **place)
        assert max(took) <= 5.0 and len(took) >= 4
        after = self.whole(store, 1)
        if combiner:
            before = [(key, len(values)) for key, values in before]
            after = [(key, reducer.combine(key, values).n) for key, values in after]
        assert after == before

    def test_a_damaged_block_is_not_the_combiners_fault(self):
        store = MemoryStore()
        put_giant(store, FAN_IN + 1, 300, pad="x" * 1000)
        batch = Batch()
        batch.put(list(Runs(store).keys("j"))[4], b"broken")
        store.commit(batch)
        with pytest.raises(Damaged):
            run(recipe(reducer=reducers.Count()), Task("j", "merge", (0,)), store)

    def test_large_combined_values_are_not_taken_twice(self):
        class Longest(Reducer):
            def reduce(self, key, values):
                yield key, max(values, key=len)

            def combine(self, key, values):
                return "".join(values)

        store = MemoryStore()
        put(store, [[(k, "x" * 7000) for k in range(30)] for n in range(FAN_IN + 1)])
        self.fold(store, made=recipe(reducer=Longest()))
        assert [(k, [len(v) for v in values]) for k, values in self.whole(store, 1)] == [
            (k, [7000 * FAN_IN, 7000]) for k in range(30)
        ]

    def test_a_combiner_that_raises_pauses_and_can_be_skipped(self):
        store = MemoryStore()
        put(store, [[("a", 1), ("b", n)] for n in range(FAN_IN + 6)])

        def combine(key, values):
            if key == "b":
                raise ValueError("not b")
            return sum(values)

        made = recipe(reducer=reducers.Sum(), combiner=combine)
        outcome, _ = self.fold(store, made=made)
        assert (outcome.bad.key, outcome.bad.kind, outcome.blocks) == ("b", "group", ())
        self.fold(store, made=made, **outcome.past)
        assert self.whole(store, 1) == [("a", [FAN_IN, 6]), ("b", list(range(FAN_IN + 6)))]

    def test_many_small_folds_stop_before_a_batch_has_too_many_entries(self):
        store = MemoryStore()
        put(store, [[(n, n)] for n in range(FAN_IN * 120)])
        outcome = run(recipe(reducer=reducers.Identity()), Task("j", "merge", (0,)), store)
        assert (len(outcome.blocks), outcome.why) == (100, "size")

    def test_large_groups_stop_it_before_a_batch_is_too_large(self):
        store = MemoryStore()
        noise = random.Random(1).randbytes(100_000)
        put(store, [[(n, noise)] for n in range(FAN_IN + 6)])
        outcome = run(recipe(reducer=reducers.Identity()), Task("j", "merge", (0,)), store)
        assert outcome.why == "size"
        assert ENOUGH < sum(len(placed.block.data) for placed in outcome.blocks) < ENOUGH * 5 / 4

    def test_after_a_refused_commit_it_takes_fewer_values(self):
        store = MemoryStore()
        put(store, [[("a", n)] * 10 for n in range(FAN_IN + 6)])
        before = self.whole(store)
        made = recipe(reducer=reducers.Identity())
        outcome = run(made, Task("j", "merge", (0,), notes={"most": 5}), store)
        assert (outcome.records, outcome.notes["most"], outcome.cursor) == (5, 20, ("a", 5))
        self.fold(store, notes={"most": 1})
        assert self.whole(store, 1) == before

    @pytest.mark.parametrize("swallow", [False, True])
    def test_a_store_that_goes_away_in_a_combiner_cannot_be_swallowed(self, swallow):
        store = Gone()
        put_giant(store, FAN_IN + 1, 300, pad="x" * 1000)

        def combine(key, values):
            try:
                return sum(1 for _ in values)
            except Exception:
                if swallow:
                    return 0
                raise RuntimeError("something failed") from None

        store.at = 70
        made = recipe(reducer=reducers.Sum(), combiner=combine)
        with pytest.raises(Unavailable):
            run(made, Task("j", "merge", (0,)), store)
