"""The map phase: what a slice holds, how much of it, and what its source may do."""

from dataclasses import replace

import pytest
from faults import Clock
from slices import Broken, groups, lines, map_task, mapped, recipe, run

import httpmr
from httpmr import codec, counters, reducers
from httpmr.budget import Budget
from httpmr.engine import run_slice
from httpmr.engine.scale import ENOUGH, Scale
from httpmr.errors import InputError, Unavailable
from httpmr.interfaces import Reducer, Source
from httpmr.sources import Memory
from httpmr.stores import MemoryStore


class TestMap:
    def test_pairs_are_grouped_partitioned_and_sorted(self):
        def words(key, line):
            return ((word, key) for word in line.split())

        def partition(key, n):
            return int(key == "b")

        outcome = mapped(words, ["b a", "c b a"], fan_out=2, partitioner=partition)
        assert groups(outcome) == {0: [("a", [0, 1]), ("c", [1])], 1: [("b", [0, 1])]}
        assert (outcome.done, outcome.records, outcome.cursor) == (True, 2, 1)

    def test_it_reads_on_from_the_cursor_to_the_end_of_the_range(self):
        outcome = run(recipe(), map_task(cursor=3, until=7))
        assert groups(outcome) == {0: [(n, [n]) for n in (4, 5, 6, 7)]}
        outcome = run(recipe(), map_task(after=3, until=None))
        assert groups(outcome)[0][0] == (4, [4]) and outcome.cursor == 9

    def test_it_stops_when_the_budget_says_so(self):
        outcome = run(recipe(), map_task(), records=4)
        assert (outcome.cursor, outcome.records, outcome.done) == (3, 4, False)
        assert outcome.why == "records"

    def test_marks_are_passed_and_tell_the_progress(self):
        task = map_task(marks=(2, 5), marked=2)
        outcome = run(recipe(), task, records=4)
        assert (outcome.cursor, outcome.marks, outcome.progress) == (3, (5,), pytest.approx(1 / 3))
        outcome = run(recipe(), task, records=3)
        assert (outcome.cursor, outcome.marks) == (2, (2, 5))
        assert run(recipe(), task).marks == ()

    def test_a_mark_need_not_be_a_record(self):
        task = map_task(until=None, marks=(2.5, 100), marked=2)
        outcome = run(recipe(), task)
        assert groups(outcome)[0] == [(n, [n]) for n in range(10)]
        assert (outcome.cursor, outcome.done) == (100, True)

    def test_an_empty_range_is_done_at_once(self):
        outcome = run(recipe(source=Memory({})), map_task(until=None))
        assert (outcome.done, outcome.records, outcome.blocks) == (True, 0, [])

    def test_counts_are_those_of_the_records_that_went_well(self):
        def mapper(key, value):
            httpmr.counters.count("began")
            if key == 2:
                raise ValueError("no")
            return [(key, value)]

        outcome = mapped(mapper, range(5))
        assert outcome.counters == {"began": 2}
        assert (outcome.cursor, outcome.bad.key, outcome.alone) == (1, 2, False)
        assert outcome.past == {"cursor": 2, "marks": ()}

    @pytest.mark.parametrize("count", [2, 3000])
    def test_few_values_wait_to_be_combined_and_few_times_each(self, count):
        """Of few groups soon, of many not all over again for a few more values."""
        asked = []

        def combine(key, values):
            values = list(values)
            asked.append(len(values))
            return sum(values)

        def mapper(key, value):
            return [(f"k{n % count}", 1) for n in range(key * 500, key * 500 + 500)]

        settings = {"reducer": reducers.Identity(), "combiner": combine}
        outcome = mapped(mapper, range(200), **settings)
        assert sum(sum(values) for _, values in groups(outcome)[0]) == 200 * 500
        assert sum(asked) < 100_000 * 1.3, "what was combined already is taken up seldom"
        assert max(asked) * count < 4 * max(4096, 8 * count)

    def test_what_a_combiner_counts_is_not_counted(self):
        """It runs as often as it likes; a counter of it could not be exact."""

        def combine(key, values):
            counters.count("combined")
            return sum(values)

        def mapper(key, value):
            counters.count("mapped")
            return [("k", 1)] * 30_000

        outcome = mapped(mapper, range(8), reducer=reducers.Sum(), combiner=combine)
        assert groups(outcome) == {0: [("k", [240_000])]}
        assert outcome.counters == {"mapped": 8}

    def test_a_map_only_slice_keeps_pairs_as_they_came(self):
        def mapper(key, value):
            return [(key, value), [key, "again"]]

        outcome = mapped(mapper, "ab", fan_out=0)
        assert outcome.pairs == [(0, "a"), [0, "again"], (1, "b"), [1, "again"]]
        assert outcome.blocks == ()

    def test_a_map_only_sink_may_take_what_cannot_be_stored(self):
        """Whether it does must not depend on which values happened to be looked at."""
        pairs = [(n, object()) for n in range(100)]
        outcome = mapped(lambda key, value: pairs, fan_out=0)
        assert outcome.pairs == pairs

    def test_equal_keys_are_one_in_the_form_first_emitted(self):
        outcome = mapped(lambda key, value: [(True, 1), (1.0, 2), (1, 3)])
        [(key, values)] = groups(outcome)[0]
        assert key is True and values == [1, 2, 3]


class TestSourceTrouble:
    def read(self, error, records=()):
        return run(recipe(source=Broken(error, records)), map_task())

    def test_an_input_error_pauses_with_its_message_after_what_went_well(self):
        outcome = self.read(InputError("row 3 has no key"), [1, 2])
        assert outcome.pause == "row 3 has no key"
        assert (outcome.cursor, outcome.records, outcome.bad) == (2, 2, None)
        assert groups(outcome) == {0: [(1, [1]), (2, [2])]}

    def test_anything_else_pauses_too_and_names_the_source(self):
        outcome = self.read(ZeroDivisionError("oops"), [1])
        assert outcome.pause.startswith("the source Broken() failed: ZeroDivisionError: oops (")

    @pytest.mark.parametrize("error", [Unavailable("away"), ConnectionResetError("reset")])
    def test_a_source_that_is_away_is_tried_again(self, error):
        outcome = self.read(error, [1, 2])
        assert (outcome.pause, outcome.records, outcome.why) == (None, 2, "the source is away")
        with pytest.raises(Unavailable):
            self.read(error)

    @pytest.mark.parametrize(
        ("records", "why"),
        [
            ([(None, 1)], "gave None as a key: give each record a key of its own"),
            ([(1, 1), (None, 1)], "gave None as a key"),
            ([(0, 1)], "gave the key 0 again: it must go on after that one"),
            ([(object, 1)], "gave a key that cannot be kept: a value of type type"),
            ([("k" * 100_000, 1)], "gave a key of 100,005 bytes, 'kkkkk"),
            ([1], "failed: TypeError: cannot unpack"),
        ],
    )
    def test_records_that_would_never_end_pause(self, records, why):
        class Wrong(Source):
            def read(self, after, until):
                return iter(records)

        outcome = run(recipe(source=Wrong()), map_task(cursor=0))
        assert why in lines(outcome.pause)
        assert "Wrong()" in outcome.pause

    def test_a_changed_fingerprint_stops_the_shard(self):
        class Printed(Memory):
            print = "new"

            def fingerprint(self, after, until):
                if isinstance(self.print, Exception):
                    raise self.print
                return self.print

        source = Printed({1: 1})
        outcome = run(recipe(source=source), replace(map_task(fingerprint="old"), shard=(3, -1)))
        assert "the input of shard 3--1 is not what it was when the job began (Printed" in (
            outcome.pause
        )
        assert outcome.records == 0
        source.print = "old"
        assert run(recipe(source=source), map_task(fingerprint="old")).pause is None
        source.read = lambda *range: [setattr(source, "print", "newer"), (1, 1)][1:]
        outcome = run(recipe(source=source), map_task(fingerprint="old"))
        assert "is not what it was" in outcome.pause and outcome.cursor is None
        source.print = InputError("gone")
        assert run(recipe(source=source), map_task(fingerprint="old")).pause == "gone"


class TestCombine:
    def test_a_combiner_that_raises_pauses_with_its_group(self):
        def combine(key, values):
            raise ValueError(f"cannot combine {key}")

        outcome = mapped(
            lambda k, v: [("a", 1), ("b", 1), ("b", 2)], reducer=reducers.Sum(), combiner=combine
        )
        assert (outcome.bad.key, outcome.bad.kind) == ("b", "group")
        assert outcome.bad.message.startswith("ValueError: cannot combine b")
        assert outcome.past == {"notes": {"uncombined": ["b"]}}
        assert (outcome.cursor, outcome.records, outcome.blocks) == (None, 0, ())

    def test_a_group_that_was_skipped_is_left_uncombined(self):
        def combine(key, values):
            if key == "b":
                raise ValueError
            return sum(values)

        pairs = [("a", 1), ("b", 1), ("b", 2), ("a", 5)]
        settings = {"reducer": reducers.Sum(), "combiner": combine}
        outcome = mapped(lambda k, v: pairs, notes={"uncombined": ["b"]}, **settings)
        assert groups(outcome) == {0: [("a", [6]), ("b", [1, 2])]}
        assert outcome.notes == {"uncombined": ["b"]}

    def test_a_single_value_is_left_alone(self):
        outcome = mapped(
            lambda k, v: [("a", 1)], reducer=reducers.Sum(), combiner=lambda k, v: 1 // 0
        )
        assert outcome.bad is None

    def test_what_a_combiner_gives_must_be_storable(self):
        outcome = mapped(
            lambda k, v: [("a", 1), ("a", 2)],
            reducer=reducers.Sum(),
            combiner=lambda k, v: object(),
        )
        assert "a value of type object cannot be stored" in outcome.bad.message


class TestTally:
    """What a reducer can add up many pairs at a time comes to the same."""

    def test_numbers_of_other_types_may_come_late(self):
        values = [1] * 2500 + [0.5, 0.25] + [1] * 2500
        outcome = mapped(lambda k, v: [(k % 2, v)], values, reducer=reducers.Sum())
        assert groups(outcome) == {0: [(0, [2500.5]), (1, [2500.25])]}

    def test_keys_keep_the_form_first_emitted(self):
        emitted = [(1, 1), (2.0, 1), (1.0, 1), (2, 0.5)]
        outcome = mapped(lambda k, v: [v] * 400, emitted, reducer=reducers.Sum())
        assert repr(groups(outcome)) == "{0: [(1, [800]), (2.0, [600.0])]}"

    def test_a_key_that_cannot_be_one_is_told_as_ever(self):
        outcome = mapped(lambda k, v: [([], 1)], reducer=reducers.Sum())
        assert "a key of type list cannot be a key: []" in outcome.bad.message

    def test_one_that_raises_is_told_as_it_is(self):
        class Joined(Reducer):
            def combine(self, key, values):
                return "".join(values)

            def tally(self, totals, pairs):
                for key, value in pairs:
                    totals[key] = totals.get(key, "") + value
                return True

            def reduce(self, key, values):
                yield key, self.combine(key, values)

        outcome = mapped(lambda k, v: [("a", v)], ["x", "y"], reducer=Joined())
        assert groups(outcome) == {0: [("a", ["xy"])]}
        outcome = mapped(lambda k, v: [("a", v)], [1], reducer=Joined())
        assert outcome.bad.message.startswith("TypeError: can only concatenate str")
        assert (outcome.bad.key, outcome.alone) == (0, True)

    def test_a_combiner_of_ones_own_is_asked_instead(self):
        outcome = mapped(
            lambda k, v: [("a", 1)] * 3,
            reducer=reducers.Sum(),
            combiner=lambda k, v: 10 * sum(v),
        )
        assert groups(outcome) == {0: [("a", [30])]}


class TestScale:
    def test_it_stops_well_before_a_commit_would_be_too_large(self):
        outcome = mapped(lambda k, v: [(k, b"x" * 100_000)], range(1000))
        assert outcome.why == "size"
        assert ENOUGH < outcome.records * 100_000 < ENOUGH * 5 / 4

    def test_also_where_the_first_few_are_as_large_as_a_store_takes(self):
        outcome = mapped(lambda k, v: [(k, b"x" * 500_000)], range(1000))
        assert outcome.records * 500_000 < ENOUGH * 5 / 4

    def test_a_key_weighs_once_however_many_values_it_has(self):
        """Blocks have it once, so that a slice may hold more, and there are fewer runs."""
        long = "k" * 1000
        outcome = mapped(lambda k, v: [(long, v)] * 1000, range(100))
        assert (outcome.why, outcome.records) == ("end", 100)
        outcome = mapped(lambda k, v: [(f"{long}{k},{n}", 1) for n in range(1000)], range(100))
        assert outcome.why == "size"
        assert ENOUGH < outcome.records * 1_000_000 < ENOUGH * 5 / 4

    @pytest.mark.parametrize(("value", "size"), [(1, 8), ((1, 2), 24), ([], 24), ({}, 24)])
    def test_a_small_value_weighs_more_than_it_takes_packed(self, value, size):
        outcome = mapped(lambda k, v: [("k", value)] * 10_000, range(100))
        assert outcome.why == "size"
        assert ENOUGH < outcome.records * 10_000 * size < ENOUGH * 5 / 4

    @pytest.mark.parametrize("pairs", [True, False])
    def test_few_long_lists_weigh_what_they_hold(self, pairs):
        """As in an index, where a sample of the words has none of the most frequent ones."""
        lists = [["some title"] * (50_000 if n == 333 else 1) for n in range(1000)]
        scale = Scale()
        scale.add([("k", held) for held in lists] if pairs else lists)
        assert 0.5 < scale.bytes / len(codec.dumps(lists)) < 1.5

    @pytest.mark.parametrize("odd", [None, 1.5, "text", {}])
    @pytest.mark.parametrize("pairs", [True, False])
    def test_however_few_among_lists_are_none(self, pairs, odd):
        lists = [["some title"] * 90 for _ in range(1000)]
        lists[1] = odd  # where no sample is taken
        scale = Scale()
        scale.add([("k", held) for held in lists] if pairs else lists)
        assert 0.5 < scale.bytes / len(codec.dumps(lists)) < 1.5
        scale.add([("k", ["some title"]), *lists])
        assert 1.5 < scale.bytes / len(codec.dumps(lists)) < 2.5

    def test_chunks_grow_where_values_are_small(self):
        scale = Scale()
        for _ in range(10):
            scale.add([("k", 1)] * scale.chunk)
        assert scale.chunk == 1000 and not scale.full
        scale.add([])
        assert scale.bytes < 500_000

    def test_combining_makes_room_again(self):
        outcome = mapped(
            lambda k, v: [(n % 7, "x" * 1000) for n in range(5000)],
            range(4),
            reducer=reducers.Max(),
        )
        assert outcome.done and outcome.records == 4


def test_a_slice_begins_its_budget():
    """A budget that was used before, or made long ago, counts from the slice's beginning."""
    clock = Clock()
    budget = Budget(seconds=1.0, clock=clock)
    clock.pass_(100)
    outcome = run_slice(recipe(), map_task(), MemoryStore(), budget)
    assert outcome.records == 10


def test_the_same_slice_done_again_comes_to_the_same():
    def words(key, line):
        return ((word, key) for word in line.split())

    outcomes = [mapped(words, ["b a", "c b a"], fan_out=2) for _ in range(2)]
    assert outcomes[0] == outcomes[1]
