"""Whose fault it is: what user code gives that is no pairs, cannot be stored, or raises."""

import errno
import sqlite3
from collections import Counter
from contextlib import closing

import pytest
from slices import groups, lines, map_task, mapped

from httpmr import counters, reducers
from httpmr.engine import blame
from httpmr.errors import InputError, Unavailable
from httpmr.interfaces import Mapper


class Words(Mapper):
    def __init__(self, given):
        self.given = given

    def map(self, key, value):
        return self.given


class TestWhatIsNoPairs:
    """Each teaches what to give instead, and where."""

    @pytest.mark.parametrize("fan_out", [0, 1])
    @pytest.mark.parametrize(
        ("given", "shown"),
        [
            (None, "gave None;"),
            ("text", "gave the str 'text';"),
            (b"text", "gave the bytes b'text';"),
            ({"a": 1}, "gave a dict of 1: {'a': 1};"),
            (("a", 1), "gave a lone pair ('a', 1);"),
            (("a", 1, 2), "gave the tuple ('a', 1, 2);"),
            ([1, 2, 3], "gave the int 1;"),
            (["ab"], "gave the str 'ab';"),
            ([("a", 1), ("a", 1, 2)], "gave the tuple ('a', 1, 2);"),
            ([("a", 1), None], "gave None;"),
            ([{"a": 1}], "gave a dict of 1: {'a': 1};"),
        ],
    )
    def test_the_message_teaches(self, given, shown, fan_out):
        outcome = mapped(Words(given), fan_out=fan_out)
        message = lines(outcome.bad.message)
        assert message.startswith("NotPairs: Words.map (test_engine_blame.py, line ")
        assert shown in message and "yield (key, value) pairs, or return a list" in message
        assert outcome.alone and outcome.bad.key == 0 and outcome.past["cursor"] == 0

    def test_what_is_no_iterable_says_python(self):
        assert mapped(Words(5)).bad.message == "TypeError: 'int' object is not iterable"

    def test_any_iterable_of_pairs_will_do(self):
        for given in (zip("ab", "cd", strict=True), Counter("ab").items(), iter([["a", 1]])):
            assert mapped(Words(given)).bad is None

    def test_a_function_is_named_too(self):
        def lone(key, value):
            return key, value

        assert "TestWhatIsNoPairs.test_a_function_is_named_too.<locals>.lone" in (
            mapped(lone).bad.message
        )

    def test_so_is_what_was_made_by_a_library(self):
        assert "an object of partial" in str(
            blame.not_pairs(__import__("functools").partial(int), 1)
        )

    def test_a_long_value_is_cut(self):
        assert len(mapped(Words("x" * 10_000)).bad.message) < 300


def over_and_over(mapper, values, **settings):
    """Run the slice as a ledger would: again with fewer records, until one is to blame."""
    notes, slices = {}, 0
    while True:
        slices += 1
        outcome = mapped(mapper, values, notes=notes, **settings)
        if outcome.bad or outcome.records:
            return outcome, slices
        assert outcome.cursor is None and outcome.why == "refused"
        notes = outcome.notes


class TestUnstorable:
    @pytest.mark.parametrize(
        ("pair", "why"),
        [
            (("k", object()), "a value of type object cannot be stored"),
            (("k", {1: print}), "a value of type builtin_function_or_method cannot be stored"),
            ((float("nan"), 1), "NaN cannot be a key"),
            (((1, float("nan")), 1), "NaN cannot be a key"),
            (([1], 1), "a key of type list cannot be a key: [1]; use None, a number"),
            (({}, 1), "a key of type dict cannot be a key"),
            ((frozenset(), 1), "not builtins.frozenset"),
        ],
    )
    def test_it_is_put_down_to_its_record_by_name(self, pair, why):
        outcome = mapped(Words([("fine", 1), pair]))
        assert outcome.alone and outcome.bad.key == 0
        message = lines(outcome.bad.message)
        assert message.startswith("Unstorable: Words.map (test_engine_blame.py, line ")
        assert why in message

    def test_of_several_records_the_one_is_found(self):
        def mapper(key, value):
            return [(key, object() if key == 5 else 1)]

        outcome, slices = over_and_over(mapper, range(64))
        assert 1 <= outcome.records <= 5 and slices < 8
        assert groups(outcome)[0][0] == (0, [1])

    def test_the_first_record_is_to_blame_alone(self):
        def mapper(key, value):
            return [(key, object() if key == 0 else 1)]

        outcome, _ = over_and_over(mapper, range(64))
        assert (outcome.bad.key, outcome.alone, outcome.records) == (0, True, 0)
        assert outcome.past == {"cursor": 0, "marks": ()}

    def test_slices_grow_back(self):
        outcome = mapped(lambda key, value: [], range(100), notes={"most": 2, "other": 1})
        assert outcome.records == 2 and outcome.notes == {"most": 8, "other": 1}
        outcome = mapped(lambda key, value: [], range(100), notes={"most": 10_000, "other": 1})
        assert outcome.notes == {"other": 1}

    def test_a_partitioner_out_of_range(self):
        for wrong in (4, -1, None, "0", True, 0.0):
            outcome = mapped(lambda k, v: [(k, v)], fan_out=4, partitioner=lambda k, n, w=wrong: w)
            assert (
                f"the partitioner gave {wrong!r} for the key 0; it must give a whole number "
                in (outcome.bad.message)
            )

    def test_a_partitioner_that_raises(self):
        outcome = mapped(lambda k, v: [(k, v)], partitioner=lambda k, n: 1 // 0)
        assert outcome.bad.message.startswith("ZeroDivisionError: ")
        assert outcome.alone

    def test_a_key_whose_comparison_raises(self):
        class Odd:
            def __hash__(self):
                return 1

            def __eq__(self, other):
                raise RuntimeError("do not compare me")

        outcome = mapped(Words([(Odd(), 1), (Odd(), 2)]))
        assert outcome.bad.message.startswith("RuntimeError: do not compare me")

    def test_a_key_whose_hash_raises(self):
        class Odd(str):
            def __hash__(self):
                raise ValueError("do not hash me")

        outcome = mapped(Words([("a", 1), (Odd(), 1)]))
        assert outcome.bad.message.startswith("ValueError: do not hash me")

    def test_a_value_larger_than_a_store_takes(self):
        import random

        noise = random.Random(1).randbytes(700_000)
        outcome = mapped(Words([("big", noise)]))
        assert "a value of the key 'big' takes 7" in outcome.bad.message


class TestBlame:
    def raising(self, error, values=range(3), at=1, **settings):
        def mapper(key, value):
            if key == at:
                raise error
            return [(key, value)]

        return mapped(mapper, values, **settings)

    def test_an_exception_is_told_in_one_line_with_its_place(self):
        bad = self.raising(ValueError("no\nsecond line")).bad
        assert lines(bad.message).startswith("ValueError: no (test_engine_blame.py, line ")
        assert "second line" in bad.traceback
        assert "in mapper" in bad.traceback and "map.py" not in bad.traceback

    def test_without_a_message_the_type_is_told(self):
        assert self.raising(KeyError()).bad.message.startswith("KeyError (test_engine_blame.py")

    def test_a_huge_message_does_not_pass_what_a_store_takes(self):
        bad = self.raising(ValueError("x" * 3_000_000)).bad
        assert len(bad.message) < 2000 and len(bad.traceback) < 30_000
        assert bad.traceback.startswith("Traceback") and "test_engine_blame.py" in bad.message

    def test_a_message_that_cannot_be_made(self):
        class Mute(Exception):
            def __str__(self):
                raise RuntimeError

        assert self.raising(Mute()).bad.message.startswith("Mute: its message cannot be shown")

    def test_a_generator_that_raises_in_the_middle_leaves_nothing(self):
        def mapper(key, value):
            counters.count("n")
            yield key, value
            if key == 1:
                raise ValueError("late")

        outcome = mapped(mapper, range(3))
        assert groups(outcome) == {0: [(0, [0])]} and outcome.counters == {"n": 1}

    def test_an_error_by_the_hundredth_recursion(self):
        def mapper(key, value):
            return mapper(key, value)

        bad = mapped(mapper).bad
        assert bad.message.startswith("RecursionError") and len(bad.traceback) < 30_000

    PASSING = (
        ConnectionResetError("reset"),
        TimeoutError("slow"),
        BrokenPipeError(),
        OSError(errno.ENOSPC, "disk full"),
        OSError(errno.ENETUNREACH, "no network"),
        Unavailable("away"),
        type("OperationalError", (Exception,), {})("some driver's"),
        type("Timeout", (Exception,), {"__module__": "google.appengine.api"})("App Engine's"),
    )

    @pytest.mark.parametrize("error", PASSING, ids=lambda e: type(e).__name__)
    def test_the_surroundings_are_never_a_records_fault(self, error):
        outcome = self.raising(error)
        assert outcome.bad is None and outcome.pause is None
        assert (outcome.records, outcome.cursor, outcome.done) == (1, 0, False)
        with pytest.raises(Unavailable):
            self.raising(error, at=0)

    @pytest.mark.parametrize("error", PASSING, ids=lambda e: type(e).__name__)
    def test_nor_where_a_partitioner_or_a_combiner_meets_them(self, error):
        def fail(*args):
            raise error

        with pytest.raises(Unavailable):
            mapped(lambda k, v: [(1, 1), (1, 2)], range(3), partitioner=fail)
        with pytest.raises(Unavailable):
            mapped(lambda k, v: [(1, 1), (1, 2)], range(3), reducer=reducers.Sum(), combiner=fail)

    def test_a_database_that_is_well_and_a_query_that_is_wrong(self):
        def mapper(key, value):
            with closing(sqlite3.connect(":memory:")) as connection:
                connection.execute("SELECT * FROM missing")

        bad = mapped(mapper).bad
        assert bad.message.startswith("OperationalError: no such table: missing")

    def test_a_datastore_that_is_well_and_a_value_that_is_wrong(self):
        kind = type("BadValueError", (Exception,), {"__module__": "google.appengine.api"})
        assert self.raising(kind("no such property")).bad.key == 1

    def test_what_stops_a_slice_leaves_its_task_where_it_was(self):
        task = map_task(cursor=3, marks=(5, 7), notes={"most": 2})
        for outcome in (blame.paused(task, "why"), blame.failed(task, "why")):
            assert "why" in (outcome.pause, outcome.fail)
            assert (outcome.cursor, outcome.marks, outcome.notes) == (3, (5, 7), {"most": 2})
            assert not (outcome.done or outcome.records or outcome.bad)

    def test_a_file_that_is_not_there_is_the_records_fault(self):
        outcome = self.raising(FileNotFoundError(errno.ENOENT, "no such file"))
        assert outcome.bad.key == 1

    def test_an_input_error_of_user_code_is_not_the_sources(self):
        assert self.raising(InputError("mine")).bad.message.startswith("InputError: mine")

    def test_what_ends_the_process_ends_it(self):
        with pytest.raises(KeyboardInterrupt):
            self.raising(KeyboardInterrupt())
