"""Records are read and mapped many at a time, as if they were one by one."""

import random
from dataclasses import replace

import pytest
from faults import Clock
from hypothesis import given, settings
from hypothesis import strategies as st
from slices import Broken, groups, map_task, mapped, recipe

import httpmr
from httpmr import reducers
from httpmr.budget import Budget
from httpmr.engine import run_slice
from httpmr.engine.ahead import Ahead
from httpmr.engine.gather import Groups
from httpmr.errors import InputError
from httpmr.sources import Memory
from httpmr.stores import MemoryStore

MANY = 1000


def taken(source, most):
    """What is taken so many at a time, and how it ended."""
    ahead, records = Ahead(source, None, None), []
    try:
        while (some := ahead.take(most)).keys:
            assert len(some.keys) <= most
            pairs = list(some.pairs)
            assert [key for key, _ in pairs] == some.keys
            records += pairs
    except Exception as error:
        return records, error
    return records, None


@pytest.mark.parametrize("most", [1, 3, 100])
class TestAhead:
    def test_it_takes_all(self, most):
        source = Memory({n: str(n) for n in range(10)})
        assert taken(source, most) == ([(n, str(n)) for n in range(10)], None)

    def test_what_reading_raises_comes_after_what_was_read(self, most):
        error = OSError("the disk")
        assert taken(Broken(error, range(5)), most) == ([(n, n) for n in range(5)], error)

    @pytest.mark.parametrize("wrong", [(None, 1), 7, (1, 2, 3)])
    def test_a_record_that_is_none_comes_after_those_before_it(self, most, wrong):
        class Wrong(Memory):
            def read(self, after, until):
                yield from [(1, 1), (2, 2), wrong, (3, 3)]

        records, error = taken(Wrong({}), most)
        assert records == [(1, 1), (2, 2)]
        assert isinstance(error, InputError if wrong == (None, 1) else (TypeError, ValueError))


class Listed(Memory):
    """Gives lists of keys and values; `wrong` after them."""

    def __init__(self, *lists, wrong=None):
        super().__init__({})
        self.lists, self.wrong = lists, wrong

    def read(self, after, until):
        raise AssertionError("it has lists")

    def read_many(self, after, until):
        yield from self.lists
        if self.wrong:
            raise self.wrong


@pytest.mark.parametrize("most", [1, 2, 100])
class TestAheadByLists:
    def test_it_takes_all_and_no_empty_ones_for_the_end(self, most):
        source = Listed(([], []), ([1, 2, 3], "abc"), ([], []), ([4], "d"))
        assert taken(source, most) == ([(1, "a"), (2, "b"), (3, "c"), (4, "d")], None)

    def test_what_reading_raises_comes_after_what_was_read(self, most):
        error = OSError("the disk")
        assert taken(Listed(([1, 2, 3], "abc"), wrong=error), most) == (
            [(1, "a"), (2, "b"), (3, "c")],
            error,
        )

    @pytest.mark.parametrize("lists", [([3, None, 4], "cde"), ([3, 4], "c")])
    def test_lists_that_are_unsound_come_after_those_before_them(self, most, lists):
        records, error = taken(Listed(([1, 2], "ab"), lists), most)
        assert records == [(1, "a"), (2, "b"), (3, "c")][: len(records)] and len(records) >= 2
        assert isinstance(error, (InputError, ValueError))

    def test_more_are_taken_each_time(self, most):
        ahead, found = Ahead(Listed((list(range(9)), "abcdefghi"), ([9], "j")), None, None), []
        while (some := ahead.take(most)).keys:
            found += some.pairs
            most += 3
        assert found == list(enumerate("abcdefghij"))

    def test_a_subclass_that_changes_read_alone_has_none(self, most):
        class Other(Listed):
            def read(self, after, until):
                yield 7, "seven"

        assert taken(Other(([1], "a")), most) == ([(7, "seven")], None)


class TestManyAtATime:
    @settings(max_examples=40)
    @given(st.sets(st.integers(0, MANY - 1), max_size=3), st.randoms())
    def test_the_first_that_fails_ends_the_slice_before_it(self, failing, rng):
        """Whatever it emitted before it failed, and those that ran before, again."""

        def mapper(key, value):
            httpmr.count("began")
            for n in range(rng.randrange(3)):
                yield key, n
            if key in failing:
                raise ValueError("no")
            yield key, "whole"

        outcome = mapped(mapper, range(MANY))
        first = min(failing, default=MANY)
        assert outcome.records == outcome.counters.get("began", 0) == first
        assert outcome.cursor == (first - 1 if first else None)
        assert [k for k, values in groups(outcome).get(0, []) if values[-1] == "whole"] == [
            *range(first)
        ]
        assert (outcome.bad.key if failing else outcome.bad) == (first if failing else None)

    def test_a_mapper_that_raises_stop_iteration_fails(self):
        """Else it would look as if there were no records left."""

        def mapper(key, value):
            if key == 700:
                raise StopIteration
            return [(key, value)]

        outcome = mapped(mapper, range(MANY))
        assert (outcome.records, outcome.bad.key, outcome.done) == (700, 700, False)
        assert "the mapper raised StopIteration" in outcome.bad.message

    @pytest.mark.parametrize("given", [None, "ab", b"ab", ("a", 1), {("a", 1): 2}])
    def test_what_is_no_iterable_of_pairs_is_found_among_many(self, given):
        outcome = mapped(lambda k, v: given if k == 500 else [(k, v)], range(MANY))
        assert (outcome.records, outcome.bad.key) == (500, 500)
        assert "yield (key, value) pairs" in outcome.bad.message

    def test_slow_records_after_many_quick_ones_end_the_slice_in_time(self):
        clock = Clock()

        def mapper(key, value):
            clock.pass_(0.3 if key >= 600 else 0.000_001)
            return [(key, value)]

        source = Memory({n: n for n in range(MANY)})
        budget = Budget(seconds=2.0, clock=clock)
        began = clock.now
        outcome = run_slice(recipe(mapper, source), map_task(until=MANY - 1), MemoryStore(), budget)
        assert 600 < outcome.records <= 606 and outcome.why == "seconds"
        assert clock.now - began <= 2.0
        assert outcome.cursor == outcome.records - 1

    def test_records_that_emit_much_do_not_pile_up(self, monkeypatch):
        clock, added = Clock(), []

        def mapper(key, value):
            clock.pass_(0.002 if key >= 500 else 0.0)
            return [(n % 7, 1) for n in range(20_000)] if key >= 500 else []

        def add(self, pairs):
            added.append(len(pairs))
            return of_groups(self, pairs)

        of_groups = Groups.add
        monkeypatch.setattr(Groups, "add", add)
        budget = Budget(seconds=60.0, clock=clock)
        made = recipe(mapper, Memory({n: n for n in range(530)}), reducer=reducers.Sum())
        outcome = run_slice(made, map_task(until=529), MemoryStore(), budget)
        assert outcome.done and outcome.records == 530
        assert sum(v for _, [v] in groups(outcome)[0]) == sum(added) == 30 * 20_000
        assert max(added) == 20_000

    def test_reading_ahead_costs_no_time_where_reading_is_slow(self):
        clock = Clock()

        class Slow(Memory):
            def read(self, after, until):
                for record in super().read(after, until):
                    clock.pass_(0.1)
                    yield record

        source = Slow({n: n for n in range(MANY)})
        made = recipe(source=source)
        budget = Budget(seconds=2.0, clock=clock)
        began = clock.now
        outcome = run_slice(made, map_task(until=MANY - 1), MemoryStore(), budget)
        assert 15 <= outcome.records <= 20
        assert clock.now - began <= 2.2


class Squares(httpmr.Mapper):
    """Maps many at once; keeps how many it was given each time."""

    def __init__(self, many=lambda key: None):
        self.many = many
        self.calls = []

    def map(self, key, value):
        httpmr.count("alone")
        yield key % 3, key * key

    def map_many(self, records):
        records = list(records)
        self.calls.append(len(records))
        httpmr.count("together", len(records))
        for key, _ in records:
            self.many(key)
        return [(key % 3, key * key) for key, _ in records]


class TestMapMany:
    def test_it_is_given_more_and_more_and_gives_the_same(self):
        mapper = Squares()
        outcome = mapped(mapper, range(5 * MANY))
        plain = mapped(lambda key, value: [(key % 3, key * key)], range(5 * MANY))
        assert groups(outcome) == groups(plain) and outcome.records == 5 * MANY
        assert mapper.calls[0] < 8 and max(mapper.calls) > 256
        assert outcome.counters == {"alone": 1, "together": 5 * MANY - 1}

    @pytest.mark.parametrize("error", [ValueError, StopIteration, SystemExit])
    def test_where_it_fails_each_is_mapped_alone(self, error):
        def fails(key):
            if key == 40:
                raise error

        mapper = Squares(fails)
        outcome = mapped(mapper, range(100))
        plain = mapped(lambda key, value: [(key % 3, key * key)], range(100))
        assert groups(outcome) == groups(plain) and outcome.done
        together = sum(mapper.calls[:-1])
        assert 0 < together < 40, "and no more in this slice"
        assert outcome.counters == {"alone": 100 - together, "together": together}

    def test_a_record_that_neither_can_map_is_the_one_to_blame(self):
        class Broken(Squares):
            def map(self, key, value):
                self.many(key)
                yield key % 3, key * key

        def fails(key):
            if key == 70:
                raise ValueError("seventy")

        outcome = mapped(Broken(fails), range(100))
        assert (outcome.records, outcome.bad.key) == (70, 70)
        assert "seventy" in outcome.bad.message

    @pytest.mark.parametrize("given", [None, {(0, 1): 2}, ["ab"]])
    def test_what_is_no_pairs_is_not_taken_for_some(self, given):
        class Wrong(Squares):
            def map_many(self, records):
                return given

        made = recipe(Wrong(), Memory({n: n for n in range(9)}))
        task, found = map_task(until=8), []
        while not task.done:
            outcome = run_slice(made, task, MemoryStore(), Budget())
            found += [key for key, _ in groups(outcome).get(0, [])] * outcome.records
            task = replace(task, cursor=outcome.cursor, notes=outcome.notes, done=outcome.done)
        assert set(found) == {0, 1, 2}, "what map gives is what counts"

    def test_a_budget_of_records_is_kept_to(self):
        mapper = Squares()
        source = Memory({n: n for n in range(MANY)})
        store, made = MemoryStore(), recipe(mapper, source)
        outcome = run_slice(made, map_task(until=MANY - 1), store, Budget.records(98))
        assert (outcome.records, outcome.why) == (98, "records")
        assert outcome.counters == {"alone": 1, "together": 97}

    def test_slow_ones_are_given_to_it_a_few_at_a_time(self):
        clock = Clock()
        mapper = Squares(lambda key: clock.pass_(0.003))
        source = Memory({n: n for n in range(MANY)})
        budget = Budget(seconds=1.0, clock=clock)
        made = recipe(mapper, source)
        run_slice(made, map_task(until=MANY - 1), MemoryStore(), budget)
        assert max(mapper.calls) <= 16, "no more than a small part of a slice"

    def test_what_it_does_not_look_at_is_mapped_to_nothing(self):
        class Lazy(Squares):
            def map_many(self, records):
                key, _ = next(records)
                return [(0, key)]

        outcome = mapped(Lazy(), range(100))
        assert outcome.done and outcome.records == 100
        found = [value for _, values in groups(outcome)[0] for value in values]
        assert found[:2] == [0, 1] and len(found) < 100

    def test_a_source_that_fails_meanwhile_is_not_the_mappers_fault(self):
        mapper, error = Squares(), OSError("the disk")
        outcome = run_slice(
            recipe(mapper, Broken(error, range(700))), map_task(), MemoryStore(), Budget()
        )
        assert outcome.records == 700 and not outcome.bad and "the disk" in outcome.pause
        assert sum(mapper.calls) == 699

    def test_a_subclass_that_changes_map_alone_has_none(self):
        class Cubes(Squares):
            def map(self, key, value):
                yield key % 3, key**3

        outcome = mapped(Cubes(), range(10))
        assert groups(outcome) == groups(mapped(lambda k, v: [(k % 3, k**3)], range(10)))


def test_how_many_are_read_ahead_changes_nothing():
    rng = random.Random(1)
    values = [rng.randrange(50) for _ in range(MANY)]

    def mapper(key, value):
        return [(value, key)] * (value % 3)

    whole = mapped(mapper, values, notes={})
    pieces, cursor, store = [], None, MemoryStore()
    made = recipe(mapper, Memory(dict(enumerate(values))))
    while cursor != MANY - 1:
        outcome = run_slice(
            made,
            map_task(until=MANY - 1, cursor=cursor),
            store,
            Budget.records(rng.randrange(1, 99)),
        )
        cursor = outcome.cursor
        pieces += [(k, v) for k, held in groups(outcome).get(0, []) for v in held]
    assert sorted(pieces) == [(k, v) for k, held in groups(whole)[0] for v in held]
