"""Records in memory."""

from itertools import pairwise

import pytest

from httpmr.errors import InputError, RecipeError
from httpmr.sources import Memory
from httpmr.testing.sources import SourceSuite

RECORDS = [(n * 3, f"value {n}") for n in range(100)]


class TestPairs(SourceSuite):
    @pytest.fixture
    def source(self):
        return Memory(iter(RECORDS))

    @pytest.fixture
    def expected(self):
        return RECORDS


class TestMappingOfManyTypes(SourceSuite):
    @pytest.fixture
    def source(self):
        kinds = [{f"key {n}": n, n: n, n + 0.5: n, (n, "x"): n, b"%d" % n: n} for n in range(20)]
        return Memory({key: value for kind in reversed(kinds) for key, value in kind.items()})


def test_a_mapping_is_sorted():
    assert list(Memory({"b": 1, "a": 2, 3: 4}).read(None, None)) == [(3, 4), ("a", 2), ("b", 1)]


def test_an_empty_one_has_nothing():
    source = Memory({})
    assert (list(source.read(None, None)), source.last()) == ([], None)
    assert list(source.split(None, None, 8)) == []


def test_steps_are_even():
    source = Memory((n, n) for n in range(16_000))
    marks = list(source.split(None, source.last(), 160))
    assert {b - a for a, b in pairwise(marks)} == {100}


def test_bounds_need_not_be_keys_of_records():
    source = Memory(RECORDS)
    assert [key for key, _ in source.read(1, 7.5)] == [3, 6]


@pytest.mark.parametrize(
    "records, told",
    [
        ([("b", 1), ("a", 2)], r"keys 'b' and 'a' .*sort the pairs"),
        ([(1, 1), (2, 2), (2.0, 3)], r"keys 2 and 2\.0 twice.*key of its own"),
        ([(None, 1)], r"None is no record's key"),
        ([(float("nan"), 1)], r"(?i)nan"),
        ([({}, 1)], r"dict"),
    ],
    ids=["backwards", "twice", "none", "nan", "unhashable"],
)
def test_records_without_a_key_in_order_are_refused(records, told):
    records = [(key, value) for key, value in records]
    with pytest.raises(InputError, match=told) as caught:
        Memory(records)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("records", ["text", 5, [1, 2], [("a", 1, 2)]])
def test_what_is_no_records_is_refused(records):
    with pytest.raises(RecipeError, match=r"give a mapping, or an iterable of \(key, value\)"):
        Memory(records)


def test_shows_its_first_records():
    assert repr(Memory({"a": 1})) == "Memory([('a', 1)])"
    assert repr(Memory(RECORDS)).endswith(", ...])")
