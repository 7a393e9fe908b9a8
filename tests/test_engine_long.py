"""Long groups: folded over several slices where there is a combiner, else done whole."""

from itertools import pairwise

import pytest
from faults import Clock
from slices import ALL, Gone, lines, put, put_giant, recipe, run

from httpmr import codec, counters, reducers
from httpmr.budget import Budget
from httpmr.engine import long, run_slice
from httpmr.errors import Conflict, Damaged, Unavailable
from httpmr.interfaces import Batch
from httpmr.shuffle import Runs
from httpmr.state import Task
from httpmr.stores import MemoryStore


class Listed:
    """A reducer whose output shows the order of the values, and how often it is asked."""

    def __init__(self):
        self.reduced = []

    def combine(self, key, values):
        found = []
        for value in values:
            found += value if isinstance(value, list) else [value]
        return found

    def reduce(self, key, values):
        self.reduced.append(key)
        yield key, self.combine(key, values)


class Counting(MemoryStore):
    """A store that counts the blocks that are read."""

    blocks = 0

    def get(self, keys_):
        self.blocks += 1
        return super().get(keys_)


def task(**fields):
    return Task("j", "reduce", (0,), **fields)


def carried(made, store, budget, present=None):
    """Reduce to the end, each slice from what the one before would have stored; yield each."""
    present = present or task()
    for _ in range(100_000):
        outcome = run_slice(made, present, store, budget)
        yield outcome
        if outcome.done or outcome.bad:
            return
        kept = codec.loads(codec.dumps([outcome.cursor, outcome.notes]))
        present = task(cursor=kept[0], notes=kept[1])
    raise AssertionError("it goes on for ever")


def chunks(number):
    """A budget of so many groups or chunks, which take no time."""
    return Budget(records=number, clock=Clock())


def output(slices):
    return [pair for outcome in slices for pair in outcome.pairs]


def numbers(store, counts, runs=3):
    """Runs that hold so many numbers of each key, dealt out in turn."""
    values = [(key, n) for key, count in counts.items() for n in range(count)]
    put(store, [values[n::runs] for n in range(runs)])


@pytest.fixture
def of_several(monkeypatch):
    """Every group of several values is a long one."""
    monkeypatch.setattr(long, "LONG", 2)


class TestFolded:
    @pytest.mark.parametrize("records", [1, 2, 3, 7, 50, ALL])
    def test_the_result_is_the_same_whichever_slices_there_were(self, records, of_several):
        store = MemoryStore()
        numbers(store, {"a": 1, "b": 40, "c": 3, "d": 0, "e": 200, "f": 1})
        whole = run(recipe(reducer=Listed().reduce), task(), store).pairs
        made = recipe(reducer=Listed())
        slices = list(carried(made, store, chunks(records)))
        assert output(slices) == whole
        assert sum(outcome.records for outcome in slices) == 5
        assert made.reducer.reduced == ["a", "b", "c", "e", "f"]
        progress = [outcome.progress for outcome in slices]
        assert progress == sorted(progress)
        assert len(slices) >= min(15, 15 // records)

    def test_many_blocks_in_several_runs(self):
        store = Counting()
        put_giant(store, runs=3, each=20_000, pad="x" * 10)
        blocks = len(list(Runs(store).entries("j", 0, 0)))
        assert blocks > 10
        made = recipe(reducer=reducers.Count())
        slices = list(carried(made, store, chunks(7)))
        assert output(slices) == [("a", 3), ("k", 60_000), ("z", 3)]
        assert len(slices) == 13
        # A slice opens the runs' first blocks and the one it goes on in, not all it has done.
        assert store.blocks < blocks + 8 * len(slices)

    def test_progress_within_a_group(self):
        store = MemoryStore()
        put_giant(store)
        slices = list(carried(recipe(reducer=reducers.Count()), store, chunks(7)))
        within = [one.progress for one in slices if one.cursor[1] is not None]
        assert within == sorted(set(within)) and len(within) == 11
        assert within[0] < 0.2 and within[-1] > 0.5

    @pytest.mark.parametrize(("each", "most"), [(0.0001, 6), (0.001, 54), (0.3, 501)])
    def test_a_slice_ends_in_time_however_slow_the_combiner_is(self, each, most):
        clock = Clock()

        def combine(key, values):
            total = 0
            for value in values:
                clock.pass_(each)
                total += value
            return total

        count = 1500 if each == 0.3 else 100_000
        store = MemoryStore()
        numbers(store, {"k": count})
        took, slices, began = [], [], clock.now
        made = recipe(reducer=reducers.Sum(), combiner=combine)
        for outcome in carried(made, store, Budget(seconds=2.0, clock=clock)):
            took.append(clock.now - began)
            slices.append(outcome)
            began = clock.now
        assert output(slices) == [("k", count * (count - 1) // 2)]
        assert max(took) <= 2.0 and min(took[:-2]) > 1.3
        assert len(slices) <= most

    def test_what_was_combined_cannot_swallow_what_the_store_does(self):
        store = Gone()
        put_giant(store)

        def careless(key, values):
            try:
                return sum(1 for _ in values)
            except Exception:
                return -1

        store.at = 4
        made = recipe(reducer=reducers.Sum(), combiner=careless)
        outcome = run(made, task(), store)
        assert [key for key, _ in outcome.pairs] == ["a"]
        assert (outcome.cursor, outcome.why) == (("a", None), "the store is away")
        store.at = 4
        with pytest.raises(Unavailable):
            run(made, task(cursor=("a", None)), store)
        store.at = None
        batch = Batch()
        batch.put(list(Runs(store).keys("j"))[4], b"broken")
        store.commit(batch)
        with pytest.raises(Damaged):
            run(made, task(), store)

    def test_an_error_of_its_surroundings_is_not_the_combiners_fault(self):
        def combine(key, values):
            raise ConnectionResetError

        store = MemoryStore()
        numbers(store, {"a": 1, "k": 5000})
        made = recipe(reducer=reducers.Sum(), combiner=combine)
        outcome = run(made, task(), store)
        assert (outcome.pairs, outcome.bad) == ([("a", 0)], None)
        with pytest.raises(Unavailable, match="ConnectionResetError"):
            run(made, task(cursor=("a", None)), store)

    @pytest.mark.parametrize("given", [None, object()])
    def test_a_combiner_that_fails_pauses_and_can_be_skipped(self, given):
        def combine(key, values):
            values = list(values)
            if max(values) > 2000:
                if given:
                    return given
                raise ValueError("too high")
            return max(values)

        store = MemoryStore()
        numbers(store, {"a": 1, "k": 5000, "z": 1}, runs=1)
        made = recipe(reducer=reducers.Max(), combiner=combine)
        *_, outcome = slices = list(carried(made, store, chunks(4)))
        assert outcome.bad.key == "k" and outcome.bad.kind == "group"
        if given:
            assert "combine" in outcome.bad.message
            assert "gave what cannot be stored" in lines(outcome.bad.message)
        else:
            assert outcome.bad.message.startswith("ValueError: too high (test_engine_long.py")
        assert "cursor" not in outcome.past
        # What was combined before stands for its values still.
        skipped = task(cursor=outcome.cursor, **outcome.past)
        slices += carried(made, store, chunks(4), skipped)
        assert output(slices) == [("a", 0), ("k", 4999), ("z", 0)]

    def test_what_the_combiner_counts_is_not_counted(self):
        class Sum(reducers.Sum):
            def combine(self, key, values):
                counters.count("combined")
                return super().combine(key, values)

            def reduce(self, key, values):
                counters.count("reduced")
                yield key, sum(values)

        store = MemoryStore()
        numbers(store, {"k": 2000})
        slices = list(carried(recipe(reducer=Sum()), store, chunks(1)))
        assert len(slices) > 5
        assert [one.counters for one in slices if one.counters] == [{"reduced": 1}]

    def test_what_is_too_large_to_keep_is_reduced_in_one_slice_after_all(self):
        store = MemoryStore()
        values = [("k", [n, "x" * 100]) for n in range(5000)]
        put(store, [[("a", 1), *values], [("k", 1), ("z", 1)]])
        clock = Clock()
        made = recipe(reducer=Listed())

        def combine(key, values):
            clock.pass_(0.3)
            return Listed().combine(key, values)

        made = recipe(reducer=Listed(), combiner=combine)
        slices = list(carried(made, store, Budget(seconds=2.0, clock=clock)))
        assert made.reducer.reduced == ["a", "k", "z"]
        [pair] = [pair for pair in output(slices) if pair[0] == "k"]
        assert pair[1] == [*(part for _, value in values for part in value), 1]

    def test_a_combiner_that_is_gone_leaves_what_it_did(self):
        store = MemoryStore()
        numbers(store, {"k": 5000})
        begun = run(recipe(reducer=reducers.Sum()), task(), store, 3)
        assert begun.cursor[1] > 3
        made = recipe(reducer=lambda key, values: [(key, sum(values))])
        rest = run(made, task(cursor=begun.cursor), store)
        assert rest.pairs == [("k", sum(range(5000)))]

    def test_a_refused_output_is_not_blamed_on_the_group_that_was_begun(self):
        def reduce(key, values):
            return [(key, sum(values))] if key == "z" else ["no pair"]

        store = MemoryStore()
        numbers(store, {"a": 1, "z": 5000})
        made = recipe(reducer=reduce, combiner=reducers.Sum().combine)
        outcome = run(made, task(), store, 3)
        assert (outcome.bad, outcome.cursor, outcome.notes) == (None, None, {"most": 1})
        outcome = run(made, task(notes=outcome.notes), store, 3)
        assert (outcome.bad.key, outcome.past["cursor"]) == ("a", ("a", None))
        begun = run(made, task(cursor=("a", None)), store, 3).cursor
        assert begun[0] == "z"
        outcome = run(made, task(cursor=begun, notes={"most": 1}), store, 3)
        assert (outcome.cursor[0], outcome.notes) == ("z", {"most": 1})

    def test_where_a_request_died_even_a_short_list_is_folded(self):
        store = MemoryStore()
        numbers(store, {"a": 1, "k": 5, "z": 2}, runs=1)
        made = recipe(reducer=Listed())
        assert run(made, task(), store, 2).cursor == ("k", None)
        outcome = run(made, task(takeovers=1), store, 2)
        assert outcome.cursor == ("k", 2, [0, 1])
        rest = output(carried(made, store, chunks(2), task(cursor=outcome.cursor)))
        assert rest == [("k", [0, 1, 2, 3, 4]), ("z", [0, 1])]


class TestWhole:
    """Without a combiner."""

    def walked(self, clock, seconds, deaths=0, hold=lambda: None, counts=None, after=None):
        """A slice of 2 s in which each value of "k" takes so many seconds."""

        def reduce(key, values):
            number = 0
            for _ in values:
                clock.pass_(seconds if key == "k" else 0)
                number += 1
            return [(key, number)]

        store = MemoryStore()
        numbers(store, counts or {"k": 5000})
        budget = Budget(seconds=2.0, clock=clock)
        return run_slice(recipe(reducer=reduce), task(takeovers=deaths), store, budget, hold)

    @pytest.mark.parametrize("deaths", [0, 2])
    def test_where_nothing_kills_it_a_group_takes_what_it_takes(self, deaths):
        clock = Clock()
        began = clock.now
        outcome = self.walked(clock, 0.01, deaths)
        assert (outcome.pairs, outcome.bad) == ([("k", 5000)], None)
        assert clock.now - began > 49

    def test_after_some_deaths_it_stops_in_time_and_says_what_can_be_done(self):
        clock = Clock()
        began = clock.now
        outcome = self.walked(clock, 0.01, deaths=3)
        assert clock.now - began <= 2.0
        assert (outcome.pairs, outcome.records, outcome.cursor) == ([], 0, None)
        assert (outcome.bad.key, outcome.bad.kind, outcome.alone) == ("k", "group", True)
        assert outcome.past == {"cursor": ("k", None)}
        message = lines(outcome.bad.message)
        assert message.startswith("GroupTooLarge: the last 3 requests died")
        assert "of at most 5,000 values" in message
        assert "define combine(key, values)" in message and "httpmr run" in message

    def test_not_a_group_that_is_done_in_time(self):
        outcome = self.walked(Clock(), 0.0001, deaths=3)
        assert (outcome.pairs, outcome.done) == ([("k", 5000)], True)

    def test_what_went_before_it_is_committed_first(self):
        outcome = self.walked(Clock(), 0.01, deaths=3, counts={"a": 1, "k": 5000})
        assert (outcome.pairs, outcome.cursor) == ([("a", 1)], ("a", None))
        assert (outcome.bad, outcome.why, outcome.done) == (None, "seconds", False)

    def test_a_reducer_cannot_swallow_it(self):
        clock = Clock()

        def careless(key, values):
            try:
                for _ in values:
                    clock.pass_(0.01)
            except Exception:
                pass
            return [(key, "all of them")]

        store = MemoryStore()
        numbers(store, {"k": 5000})
        budget = Budget(seconds=2.0, clock=clock)
        outcome = run_slice(recipe(reducer=careless), task(takeovers=3), store, budget)
        assert outcome.bad.message.startswith("GroupTooLarge")

    def test_a_group_whose_partial_is_too_large_is_stopped_too(self):
        clock = Clock()

        def combine(key, values):
            for _ in values:
                clock.pass_(0.01)
            return "x" * 200_000

        made = recipe(reducer=lambda key, values: [(key, len(list(values)))], combiner=combine)
        store = MemoryStore()
        numbers(store, {"k": 5000})
        budget = Budget(seconds=2.0, clock=clock)
        outcome = run_slice(made, task(takeovers=3), store, budget)
        assert outcome.bad.message.startswith("GroupTooLarge")
        assert "let combine give less: what it gave is too large" in lines(outcome.bad.message)

    def test_its_lease_is_looked_after_meanwhile(self):
        clock = Clock()
        held = []
        self.walked(clock, 0.01, hold=lambda: held.append(clock.now))
        gaps = [two - one for one, two in pairwise(held)]
        assert len(held) > 100 and max(gaps) < 0.5

    def test_a_lease_that_is_lost_ends_it(self):
        def lost():
            raise Conflict("taken over")

        with pytest.raises(Conflict):
            self.walked(Clock(), 0.01, hold=lost)
