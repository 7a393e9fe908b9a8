"""Parameters: read from forms, flags and JSON in one place, with a message for each wrong one."""

import dataclasses
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpmr import codec
from httpmr.errors import ParameterError, RecipeError
from httpmr.params import LONGEST, MASK, Parameters


class Speed(Enum):
    SLOW = 1
    FAST = 2


@dataclasses.dataclass
class Everything:
    """A bit of everything.

    since: the first day
    """

    since: date
    at: datetime = datetime(2013, 1, 1, 12, 30)
    carrier: Literal["UA", "AA"] = "UA"
    speed: Speed = Speed.FAST
    limit: int = 10
    ratio: float = 0.5
    price: Decimal = Decimal("1.10")
    dry: bool = False
    title: str = dataclasses.field(default="", metadata={"help": "on top", "textarea": True})
    token: str = dataclasses.field(default="", metadata={"secret": True})
    top: int | None = None
    tags: str = dataclasses.field(default_factory=lambda: "a,b")


EVERY = Parameters(Everything)
DAY = {"since": "2013-02-03"}


def read(**given):
    return EVERY.read(DAY | given)


def wrong(given):
    with pytest.raises(ParameterError) as caught:
        EVERY.read(given)
    return caught.value.fields


def test_what_is_not_given_is_by_default():
    assert EVERY.read(DAY) == {
        "since": date(2013, 2, 3),
        "at": datetime(2013, 1, 1, 12, 30),
        "carrier": "UA",
        "speed": "FAST",
        "limit": 10,
        "ratio": 0.5,
        "price": Decimal("1.10"),
        "dry": False,
        "title": "",
        "token": "",
        "top": None,
        "tags": "a,b",
    }


def test_texts_json_values_and_values_themselves_are_read_alike():
    texts = {
        "at": "2013-01-02T03:04",
        "carrier": "AA",
        "speed": "SLOW",
        "limit": "7",
        "ratio": "0.25",
    }
    texts |= {"price": "2.50", "dry": "on", "title": "two\nlines", "top": "3"}
    values = {"at": datetime(2013, 1, 2, 3, 4), "carrier": "AA", "speed": Speed.SLOW, "limit": 7}
    values |= {
        "ratio": 0.25,
        "price": Decimal("2.50"),
        "dry": True,
        "title": "two\nlines",
        "top": 3,
    }
    assert read(**texts) == read(**values)
    assert read(limit=7.0)["limit"] == 7 and type(read(limit=7.0)["limit"]) is int
    assert read(since=date(2013, 2, 3)) == EVERY.read(DAY)
    assert read(top="")["top"] is read(top=None)["top"] is None


def test_the_dataclass_is_made_of_them():
    made = EVERY.made(read(speed="SLOW"))
    assert made == Everything(since=date(2013, 2, 3), speed=Speed.SLOW)


@given(
    st.fixed_dictionaries(
        {"since": st.dates()},
        optional={
            "at": st.datetimes(),
            "limit": st.integers(),
            "ratio": st.floats(allow_nan=False, allow_infinity=False),
            "price": st.decimals(allow_nan=False, allow_infinity=False),
            "dry": st.booleans(),
            "title": st.text(),
        },
    )
)
def test_what_is_read_can_be_stored_and_read_again(given_):
    values = EVERY.read(given_)
    stored = codec.loads(codec.dumps(values))
    assert stored == values
    assert EVERY.made(stored) == Everything(**given_)
    shown = {
        field.name: field.text(values[field.name]) for field in EVERY.fields if field.name != "at"
    }
    assert EVERY.read(shown | {"at": values["at"]}) == values


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("since", "soon"),
        ("since", 20130101),
        ("at", "noon"),
        ("carrier", "XX"),
        ("carrier", ["UA"]),
        ("speed", "WARP"),
        ("limit", "1.5"),
        ("limit", True),
        ("limit", "9" * 5000),
        ("ratio", "nan"),
        ("ratio", "inf"),
        ("ratio", 10**400),
        ("price", "NaN"),
        ("price", "cheap"),
        ("dry", "perhaps"),
        ("dry", 2),
        ("title", 5),
        ("title", "x" * (LONGEST + 1)),
        ("title", None),
        ("top", "many"),
        ("limit", ""),
        ("limit", {}),
    ],
)
def test_what_is_wrong_is_said_of_each_field(name, value):
    fields = wrong(DAY | {name: value})
    assert fields.keys() == {name}
    assert ", not " in fields[name] and len(fields[name]) < 200


def test_all_that_is_wrong_is_said_at_once():
    assert wrong({"limit": "x", "colour": "red"}) == {
        "since": "is required",
        "limit": "a whole number, not 'x'",
        "colour": "no such parameter; there are since, at, carrier, speed, limit, ratio, price, "
        "dry, title, token, top, tags",
    }
    assert wrong({"since": ""}) == {"since": "is required"}


def test_a_box_that_is_not_checked_is_not_sent():
    @dataclasses.dataclass
    class Box:
        dry: bool = True

    assert Parameters(Box).sent({}) == {"dry": False}
    assert Parameters(Box).sent({"dry": "on"}) == {"dry": True}
    assert Parameters(Box).read({}) == {"dry": True}


def test_secrets_are_shown_nowhere():
    values = read(token="hunter2")
    assert values["token"] == "hunter2"
    assert EVERY.shown(values)["token"] == MASK and EVERY.shown(read())["token"] == ""
    [token] = [field for field in EVERY.fields if field.secret]
    assert token.input == "password" and token.text("hunter2") == ""

    @dataclasses.dataclass
    class Number:
        pin: int = dataclasses.field(metadata={"secret": True})

    with pytest.raises(ParameterError) as caught:
        Parameters(Number).read({"pin": "abcd"})
    assert "abcd" not in str(caught.value)


def test_a_form_knows_what_it_needs():
    inputs = {field.name: field.input for field in EVERY.fields}
    assert inputs == {
        "since": "date",
        "at": "datetime-local",
        "carrier": "choice",
        "speed": "choice",
        "limit": "number",
        "ratio": "number",
        "price": "number",
        "dry": "checkbox",
        "title": "textarea",
        "token": "password",
        "top": "number",
        "tags": "text",
    }
    since, carrier, title = (EVERY.fields[n] for n in (0, 2, 8))
    assert since.required and not carrier.required
    assert (since.help, title.help) == ("the first day", "on top")
    assert carrier.choices == ("UA", "AA")


def test_the_dataclass_may_refuse_too():
    @dataclasses.dataclass
    class Between:
        low: int = 1
        high: int = 2

        def __post_init__(self):
            if self.low > self.high:
                raise ValueError("low is above high")

    with pytest.raises(ParameterError, match="low is above high"):
        Parameters(Between).read({"low": 3})


def test_what_no_form_can_give_is_told_when_the_recipe_is_made():
    @dataclasses.dataclass
    class Odd:
        where: list

    with pytest.raises(RecipeError, match="Odd: where is of a type no form gives"):
        Parameters(Odd)
    with pytest.raises(RecipeError, match="is a dataclass, not"):
        Parameters(dict)
