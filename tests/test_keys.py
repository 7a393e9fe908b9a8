"""Packed keys sort as keys do, are equal where keys are, and come back as equal keys."""

import doctest
import enum
import math
from collections import namedtuple
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Context, Decimal, FloatOperation, Inexact, localcontext
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpmr import keys
from httpmr.errors import Damaged, Unstorable
from httpmr.keys import kind, pack, span, unpack

EXACT = Context(prec=2000)


def beside(number):
    """A double, what is just above and below it, in each type, and their opposites."""
    exact = Decimal(number)
    step = Decimal("1E-400") if not number else exact.copy_abs() * Decimal("1E-20")
    some = [number, math.nextafter(number, math.inf), math.nextafter(number, -math.inf)]
    some += [exact, EXACT.add(exact, step), EXACT.subtract(exact, step)]
    some += [int(number), int(number) + 1, int(number) - 1]
    return [*some, *(one.copy_negate() if type(one) is Decimal else -one for one in some)]


@st.composite
def decimals(draw):
    digits = tuple(map(int, str(draw(st.integers(0, 10**50)))))
    exponent = draw(st.integers(-30, 30) | st.integers(-(10**17), 10**17))
    return Decimal((draw(st.integers(0, 1)), digits, exponent))


doubles = st.floats(allow_nan=False, allow_infinity=False)
edges = [0.0, 1.0, 0.1, 5e-324, 2.3e-308, 2.0**53, 2.0**63, 2.0**64, 1e22, 1.7976931348623157e308]
edges = [near for edge in edges for near in beside(edge)]
edges += [math.inf, -math.inf, Decimal("Infinity"), Decimal("-Infinity"), True, False]
edges += [2**1024, -(2**1024), 10**400, Decimal("1E+400"), Decimal("1E+400").next_plus()]
edges += [Decimal("1E+999999999999999999"), Decimal("-1E-1999999999999999997"), Decimal("-0E+3")]
integers = st.integers() | st.integers(-(2**1100), 2**1100)
numbers = integers | doubles | decimals() | st.decimals(allow_nan=False) | st.sampled_from(edges)
texts = st.text(st.characters(exclude_categories=[])) | st.text("\0\1\2a\uffff\ud800\U00010000")
octets = st.binary() | st.lists(st.sampled_from([0, 1, 2, 254, 255])).map(bytes)
offsets = st.timedeltas(timedelta(microseconds=1 - 86_400_000_000), timedelta(hours=23))
moments = st.datetimes(timezones=offsets.map(timezone) | st.just(UTC))
moments |= st.builds(
    datetime.replace, st.sampled_from([datetime.min, datetime.max]), tzinfo=offsets.map(timezone)
)
few = st.sampled_from([0, 1, -1, 0.5, True])
families = {
    "numbers": numbers,
    "text": texts,
    "bytes": octets,
    "dates": st.dates(),
    "naive": st.datetimes(),
    "aware": moments,
    "uuids": st.uuids(),
    "pairs": st.tuples(st.text("\0\1a"), numbers) | st.tuples(st.text("\0\1a")) | st.just(()),
    "nested": st.lists(st.lists(few, max_size=3).map(tuple), max_size=3).map(tuple),
}
leaves = st.one_of(st.none(), *families.values()).filter(lambda key: type(key) is not tuple)
anything = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3).map(tuple))


@pytest.mark.parametrize("family", families)
def test_keys_sort_as_their_packed_bytes(family):
    @given(st.lists(families[family]))
    def check(some):
        assert sorted(some) == sorted(some, key=pack)

    check()


@given(doubles.map(beside))
def test_numbers_beside_each_other_sort_by_value_whatever_their_type(some):
    assert sorted(some) == sorted(some, key=pack)
    for one in some:
        assert [one == other for other in some] == [pack(one) == pack(other) for other in some]


@given(st.lists(anything, max_size=20))
def test_keys_are_equal_exactly_where_their_packed_bytes_are(some):
    some += edges[::7]
    packed = [pack(key) for key in some]
    for a, one in zip(some, packed, strict=True):
        for b, other in zip(some, packed, strict=True):
            assert (one == other) == (a == b)
            assert one == other or not one.startswith(other)


@given(anything)
def test_an_equal_key_comes_back(key):
    assert unpack(pack(key)) == key


@given(integers)
def test_an_int_comes_back_as_an_int_up_to_the_greatest_double(number):
    back = unpack(pack(number))
    assert back == number
    assert type(back) is int or abs(number) > 1.7976931348623157e308


def test_equal_numbers_are_one_key():
    assert len({pack(one) for one in (1, 1.0, True, Decimal(1), Decimal("1.000"))}) == 1
    assert len({pack(none) for none in (0, 0.0, -0.0, False, Decimal("-0E+9"))}) == 1
    assert pack(10**5000) == pack(Decimal("1E+5000")) != pack(10**5000 + 1)
    assert pack(math.inf) == pack(Decimal("Infinity")) > pack(Decimal("9E+999999999"))
    assert pack(0.1) != pack(Decimal("0.1"))


def test_types_have_a_fixed_order():
    order = [None, -math.inf, 5, "", b"", date.min, datetime.min]
    order += [datetime.min.replace(tzinfo=UTC), UUID(int=0), ()]
    assert sorted(order, key=pack) == order


def test_numbers_do_not_depend_on_the_decimal_context():
    some = [Decimal("1.00000000000000000000000000000000000001"), Decimal("-0.1"), -(2**70) - 1, 0.1]
    packed = [pack(number) for number in some]
    with localcontext(prec=1, traps=[Inexact, FloatOperation], capitals=0):
        assert [pack(number) for number in some] == packed
        assert [unpack(data) for data in packed] == some


class OldZone(tzinfo):
    """A zone that knows no fold and has no name."""

    def utcoffset(self, moment):
        return timedelta(hours=2)


class NewZone(OldZone):
    """A zone with a repeated hour each night."""

    def utcoffset(self, moment):
        return timedelta(hours=2 if moment.hour != 2 or moment.fold else 3)


class NoZone(OldZone):
    def utcoffset(self, moment):
        return None


@pytest.fixture(scope="module")
def around_clock_changes():
    """Every 15 minutes around changes of an hour, of half an hour, of a whole day."""
    changes = {
        "America/New_York": [datetime(2024, 3, 10, 2), datetime(2024, 11, 3, 1)],
        "Europe/Dublin": [datetime(2024, 3, 31, 1), datetime(2024, 10, 27, 1)],
        "Australia/Lord_Howe": [datetime(2024, 4, 7, 1, 30), datetime(2024, 10, 6, 2)],
        "Pacific/Apia": [datetime(2011, 12, 29, 23), datetime(2011, 12, 30, 23)],
    }
    found = []
    for name, walls in changes.items():
        try:
            zone = ZoneInfo(name)
        except ZoneInfoNotFoundError:
            pytest.skip("there are no time zones on this machine")
        for wall in walls:
            for quarter in range(-5, 9):
                first = (wall + quarter * timedelta(minutes=15)).replace(tzinfo=zone)
                for one in (first, first.replace(fold=1)):
                    found += [one, one.astimezone(UTC), one.astimezone(timezone(timedelta(1) / 8))]
    return found


def test_times_at_a_clock_change_are_equal_where_python_says_so(around_clock_changes):
    packed = [(one, pack(one)) for one in around_clock_changes]
    for a, one in packed:
        assert unpack(one) == a
        for b, other in packed:
            assert (one == other) == (a == b), (a, b)
            assert one == other or not one.startswith(other)


def test_times_beside_a_clock_change_sort_by_instant(around_clock_changes):
    plain = [
        one
        for one in around_clock_changes
        if one.utcoffset() == one.replace(fold=1 - one.fold).utcoffset()
    ]
    assert 20 < len(plain) < len(around_clock_changes)
    assert sorted(plain, key=pack) == sorted(plain, key=lambda one: one.astimezone(UTC))


def test_zones_without_names():
    noon = datetime(2024, 1, 1, 12, tzinfo=NewZone())
    assert pack(noon) == pack(noon.replace(tzinfo=OldZone())) == pack(noon.astimezone(UTC))
    assert pack(noon.replace(tzinfo=NoZone())) == pack(noon.replace(tzinfo=None))
    with pytest.raises(Unstorable, match=r"not NewZone: use zoneinfo.ZoneInfo\(name\)"):
        pack(noon.replace(hour=2))


Point = namedtuple("Point", "x y")
Level = enum.IntEnum("Level", ["LOW"])


class Word(str):
    pass


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        (Word("a"), "not test_keys.Word: make it a plain str"),
        (Level.LOW, "not test_keys.Level: make it a plain int"),
        (Point(1, 2), "not test_keys.Point: make it a plain tuple"),
        (("a", [1]), "not builtins.list: convert it to one of these"),
        (bytearray(b"a"), "not builtins.bytearray: convert it to one of these"),
        (math.nan, "NaN cannot be a key"),
        (Decimal("NaN"), "NaN cannot be a key"),
        ((1, Decimal("-sNaN7")), "NaN cannot be a key"),
    ],
)
def test_a_refusal_says_what_to_do(key, remedy):
    with pytest.raises(Unstorable) as caught:
        pack(key)
    assert remedy in str(caught.value)
    assert "\n" not in str(caught.value)
    assert hasattr(caught.value, "value")


def test_tuples_too_deep_are_refused():
    key = ()
    for _ in range(keys.DEEPEST - 1):
        key = (key,)
    assert unpack(pack(key)) == key
    for _ in range(10_000):
        key = (key,)
    with pytest.raises(Unstorable, match="flatten it"):
        pack(key)


@given(anything.map(pack), st.data())
def test_what_is_no_packed_key_is_damaged(data, draw):
    end = draw.draw(st.integers(0, len(data) - 1))
    for broken in (data[:end], data + b"\0", b"", b"\x01" + data):
        with pytest.raises(Damaged):
            unpack(broken)


@given(st.binary())
def test_bytes_from_anywhere_are_a_key_or_damaged(data):
    try:
        unpack(data)
    except Damaged as error:
        assert "\n" not in str(error)


parts = st.sampled_from(["", "a", "a\0", 0, 1, -1, 2**60 + 1, None, (), ("a",), b"a\xff"])
tuples = st.lists(parts, max_size=4).map(tuple)


@given(tuples, tuples)
def test_a_span_holds_the_tuples_that_begin_with_its_prefix(prefix, key):
    for one in (key, prefix, prefix + key, (prefix, *key)):
        start, stop = span(prefix)
        assert (start <= pack(one) < stop) == (pack(one[: len(prefix)]) == pack(prefix))


def test_kind_is_what_sorts_natively():
    assert kind(["a", "b"]) is str
    assert kind([b"a"]) is bytes
    assert kind(iter([1, 2])) is int
    assert [kind(some) for some in ([], [1, True], [1.0], ["a", b"a"], [None], [()])] == [None] * 6


def test_the_golden_bytes():
    failed, tried = doctest.testmod(keys)
    assert not failed
    assert tried > 12
