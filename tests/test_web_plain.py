"""Keys and values as JSON and as text."""

import doctest
import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpmr.web import plain as module
from httpmr.web.plain import parse, plain, text

scalars = (
    st.none()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.dates()
    | st.datetimes()
    | st.uuids()
    | st.decimals(allow_nan=False)
)
keys = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6)


@given(keys)
def test_a_key_survives_being_text(key):
    assert parse(text(key)) == key


@given(keys)
def test_a_key_is_valid_json(key):
    json.loads(json.dumps(plain(key), allow_nan=False))


@pytest.mark.parametrize(
    "word",
    ["true", "false", "null", "NaN", "Infinity", "-Infinity", "", "a b", '"', "{", "[1", "é"],
)
def test_what_is_not_json_of_a_key_is_the_word_itself(word):
    assert parse(word) == word and text(word) == word


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("5", 5),
        ("-5.5", -5.5),
        ('"5"', "5"),
        ('["a", [1, null]]', ("a", (1, None))),
        ('{"$date": "2008-12-01"}', date(2008, 12, 1)),
        ('{"$datetime": "2008-12-01T10:00:00+00:00"}', datetime(2008, 12, 1, 10, tzinfo=UTC)),
        ('{"$uuid": "12345678123456781234567812345678"}', UUID("12345678" * 4)),
        ('{"$bytes": "AP8="}', b"\x00\xff"),
        ('{"$decimal": "0.10"}', Decimal("0.1")),
        ('{"$none": 0}', None),
        ('{"$float": "inf"}', float("inf")),
    ],
)
def test_text_of_each_type(said, key):
    assert parse(said) == key
    assert type(parse(said)) is type(key)


@pytest.mark.parametrize(
    "said",
    ['{"$date": "soon"}', '{"$date": 5}', '{"a": 1}', "{}", '{"$bytes": "?"}', '{"$eval": "1"}',
     '{"$complex": {}}', '{"$decimal": [1]}', '{"$date": "2008-12-01", "b": 1}', '[{"$uuid": ""}]'],
)  # fmt: skip
def test_an_object_that_names_no_key_is_refused_in_one_line(said):
    with pytest.raises(ValueError) as refused:
        parse(said)
    assert "\n" not in str(refused.value)


def test_deep_nesting_is_a_word():
    said = "[" * 20_000
    assert parse(said) == said


def test_values_of_every_type_are_json():
    value = {
        "list": [1, (2, None), True],
        "set": {3, 1},
        "day": date(2008, 12, 1),
        "more": {1: time(10), ("a",): timedelta(1, 2, 3)},
        "nan": float("nan"),
        "z": 1j,
    }
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == {
        "list": [1, [2, None], True],
        "set": {"$set": [1, 3]},
        "day": {"$date": "2008-12-01"},
        "more": {"$dict": [[1, {"$time": "10:00:00"}], [["a"], {"$timedelta": [1, 2, 3]}]]},
        "nan": {"$float": "nan"},
        "z": {"$complex": [0.0, 1.0]},
    }


def test_the_examples():
    assert doctest.testmod(module).failed == 0
