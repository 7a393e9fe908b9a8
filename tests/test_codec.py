"""Values come back exactly as they were, or are refused with a message that teaches."""

import dataclasses
import doctest
import enum
import math
import struct
import threading
from collections import Counter, OrderedDict, defaultdict, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from io import BytesIO
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpmr import codec
from httpmr.codec import codec as module
from httpmr.codec import dumps, loads, register
from httpmr.errors import Damaged, HttpmrError, RecipeError, Unstorable, UserCodeError


def exactly(value):
    """Something that is equal only for values that no one could tell apart."""
    cls = type(value)
    if cls in (list, tuple):
        return cls, [exactly(item) for item in value]
    if cls is dict:
        return cls, [(exactly(key), exactly(item)) for key, item in value.items()]
    if cls in (set, frozenset):
        return cls, sorted(repr(exactly(item)) for item in value)
    if cls is float:
        return cls, struct.pack("d", value)
    if cls is complex:
        return cls, exactly(value.real), exactly(value.imag)
    if cls is Decimal:
        return cls, value.as_tuple()
    if cls in (datetime, time):
        return cls, value.replace(tzinfo=None), value.fold, exactly(value.tzinfo)
    if cls is timezone:
        return cls, repr(value)
    return cls, value


def same(value):
    back = loads(dumps(value))
    assert exactly(back) == exactly(value)
    return back


texts = st.text(st.characters(exclude_categories=[]), max_size=8)
decimals = st.decimals() | st.builds(
    lambda sign, digits, exponent: Decimal((sign, digits, exponent)),
    st.integers(0, 1),
    st.lists(st.integers(0, 9), max_size=40).map(tuple),
    st.integers(-999_999, 999_999) | st.sampled_from(["n", "F"]),
)
offsets = st.timedeltas(timedelta(microseconds=1 - 86_400_000_000), timedelta(hours=23))
zones = st.none() | st.builds(timezone, offsets) | st.builds(timezone, offsets, st.text())
leaves = [
    st.sampled_from([None, True, False, 0, 1, -1, 1.0, -0.0, math.nan, math.inf, "", b""]),
    st.integers(-(2**70), 2**70),
    st.floats(),
    texts,
    st.binary(max_size=4),
    decimals.filter(lambda number: not number.is_snan()),
    st.dates(),
    st.builds(datetime.replace, st.datetimes(), tzinfo=zones, fold=st.integers(0, 1)),
    st.builds(time.replace, st.times(), tzinfo=zones, fold=st.integers(0, 1)),
    st.timedeltas(),
    st.uuids(),
    st.complex_numbers(),
    zones,
]


@st.composite
def keys(draw, deep=2):
    """Whatever hashes."""
    which = draw(st.integers(0, len(leaves) + 1 if deep else len(leaves) - 1))
    if which < len(leaves):
        return draw(leaves[which])
    inner = st.lists(keys(deep - 1), max_size=3)
    return draw(inner.map(tuple) if which == len(leaves) else inner.map(frozenset))


@st.composite
def values(draw, deep=3):
    """Whatever can be stored."""
    inner = values(deep - 1) if deep else keys()
    containers = [
        keys(),
        st.binary().map(bytearray) | st.just(Decimal("sNaN12")),
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(keys(), inner, max_size=3),
        st.sets(keys(), max_size=3),
    ]
    return draw(containers[draw(st.integers(0, 5 if deep else 1))])


@given(values())
def test_a_value_comes_back_exactly(value):
    same(value)


@given(st.lists(values(), min_size=1, max_size=5), st.sampled_from([31, 32, 33, 100]))
def test_many_values_come_back_exactly(some, number):
    # Long lists take other ways through the codec than short ones.
    items = (some * number)[:number]
    same(items)
    same(tuple(items))
    same([(n, item) for n, item in enumerate(items)])
    same([[item] for item in items])
    same([{"item": item} for item in items])
    same(dict(enumerate(items)))
    same({(n,): item for n, item in enumerate(items)})


@pytest.mark.parametrize(
    "items",
    [
        [()] * 40,
        [(), (1,)] * 40,
        [((1, 2), n) for n in range(40)],
        [((n,) * (n % 3), [n]) for n in range(40)],
        [[n, True, 1.0, 2**80] for n in range(40)],
        [*range(40), True, 2.0, Decimal(3), 2**64, -(2**63) - 1, 10**400],
        [1.5, *[Decimal("0.10")] * 40],
        ["a"] * 40 + [b"a"],
        ["a", "\ud800"] * 40,
        [datetime(2024, 1, n % 28 + 1, tzinfo=UTC) for n in range(40)],
        [datetime(2024, 1, 1), *[datetime(2024, 1, 1, tzinfo=UTC)] * 40],
        [frozenset({n}) for n in range(40)],
        [{(n,): {n}} for n in range(40)],
        [None, *[(1, 2)] * 40],
        [complex(-0.0, math.nan)] * 40,
        [UUID(int=n) for n in range(40)],
    ],
    ids=lambda items: repr(items)[:40],
)
def test_long_lists_keep_every_type(items):
    same(items)


def test_equal_values_of_the_same_types_give_equal_bytes():
    words = [f"word{n}" for n in range(50)]
    for members in (words, [(word, 1) for word in words], [1, "a", 2.5, None, (b"",), 2**70]):
        there, back = set(members), set()
        for member in reversed(members):
            back |= {member, *range(1000)}  # which makes its order another one
        back -= set(range(1000)) - there
        assert there == back
        assert dumps(there) == dumps(back)
        assert dumps([frozenset(there)]) == dumps([frozenset(back)])


def test_a_time_keeps_its_zone_and_fold():
    try:
        zone = ZoneInfo("Europe/Paris")
    except ZoneInfoNotFoundError:
        pytest.skip("there are no time zones on this machine")
    for fold in (0, 1):
        moment = datetime(2024, 10, 27, 2, 30, 0, 7, tzinfo=zone, fold=fold)
        back = same(moment)
        assert back.tzinfo is zone
        assert back.utcoffset() == moment.utcoffset()
        same(time(2, 30, tzinfo=zone, fold=fold))
    assert same(datetime(2024, 1, 1, tzinfo=UTC)).tzinfo is UTC


def test_a_zone_without_a_name_is_refused():
    file = b"TZif" + bytes(16) + struct.pack(">6L", 0, 0, 0, 0, 1, 4) + bytes(6) + b"UTC\0"
    nameless = ZoneInfo.from_file(BytesIO(file))
    with pytest.raises(Unstorable, match="use ZoneInfo"):
        dumps(datetime(2024, 1, 1, tzinfo=nameless))


def test_a_zone_that_is_not_installed_is_no_damage():
    data = msgpack.packb(msgpack.ExtType(13, msgpack.packb("No/Where")))
    with pytest.raises(UserCodeError, match="pip install tzdata"):
        loads(data)


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Word(str):
    pass


class Money(float):
    pass


class Elsewhere(tzinfo):
    def utcoffset(self, moment):
        return timedelta(0)


Level = enum.IntEnum("Level", ["LOW"])
Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        (Word("a"), "test_codec.Word cannot be stored: make it a plain str"),
        (Money(1), "test_codec.Money cannot be stored: make it a plain float"),
        (Level.LOW, "test_codec.Level cannot be stored: make it a plain int"),
        (Pair(1, 2), "test_codec.Pair cannot be stored: make it a plain tuple"),
        (Counter("a"), "collections.Counter cannot be stored: make it a plain dict"),
        (OrderedDict(a=1), "make it a plain dict"),
        (defaultdict(int), "make it a plain dict"),
        (Point(1, 2), "httpmr.codec.register(Point, 64, pack, unpack)"),
        (Fraction(1, 2), "register(Fraction, 64"),
        (memoryview(b"a"), "a value of type memoryview cannot be stored"),
        (range(3), "type range"),
        ((n for n in ()), "type generator"),
        (msgpack.ExtType(0, b"\x90"), "msgpack.ext.ExtType"),
        (msgpack.Timestamp(1), "msgpack.ext.Timestamp"),
        (datetime(2024, 1, 1, tzinfo=Elsewhere()), "test_codec.Elsewhere"),
        (len, "builtin_function_or_method"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_refusal_names_the_type_and_what_to_do(value, remedy):
    places = [value, [value], [1, value], {"a": value}, (value,), {"a": [{"b": value}]}]
    places += [["a"] * 40 + [value], [1] * 40 + [value], [value] * 40, [[1]] * 40 + [[value]]]
    places += [
        [{"a": 1}, {"a": value}],
        [(1, 2)] * 40 + [(1, value)],
        dict.fromkeys(range(40), value),
    ]
    if getattr(type(value), "__hash__", None) and not isinstance(value, dict):
        places += [{value: 1}, {value}, frozenset({(1, value)}), [{"a": 1}, {value: 1}]]
    for place in places:
        with pytest.raises(Unstorable) as caught:
            dumps(place)
        assert remedy in str(caught.value)
        assert "\n" not in str(caught.value)
        assert hasattr(caught.value, "value")


def nested(depth, wrap):
    value = 1
    for _ in range(depth):
        value = wrap(value)
    return value


wraps = {
    "list": lambda value: [value],
    "tuple": lambda value: (value,),
    "dict": lambda value: {"a": value},
    "alike": lambda value: [(1,)] * 40 + [(value,)],
    "frozenset": lambda value: frozenset({value, 0}),
    "mixed": lambda value: [{"a": (value,)}],
    "two": lambda value: [value, value],
}


@pytest.mark.parametrize("wrap", wraps)
def test_what_is_nested_too_deep_is_refused(wrap):
    same(nested(10, wraps[wrap]))
    # A frozenset's hash looks at all that is in it.
    for depth in (codec.DEEPEST + 2, 200 if wrap == "frozenset" else 20_000):
        with pytest.raises(Unstorable, match="nested more than 100 deep"):
            dumps(nested(depth, wraps[wrap]))


def test_what_is_nested_in_itself_is_refused():
    cycle, both, mapping = [], [1], {}
    cycle.append(cycle)
    both += [(both, mapping)] * 40
    mapping["a"] = (mapping, both)
    for value in (cycle, both, mapping, (cycle,), {"a": cycle}):
        with pytest.raises(Unstorable, match="in itself"):
            dumps(value)


def test_deep_tuples_are_read_also_where_the_stack_is_small():
    value = nested(codec.DEEPEST // 2, lambda value: (value,))
    data, found = dumps(value), []
    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=lambda: found.append(loads(data)))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert found == [value]


@given(values().map(dumps), st.data())
def test_a_part_of_a_value_is_damaged(data, draw):
    end = draw.draw(st.integers(0, len(data) - 1))
    for broken in (data[:end], data + b"\0", b"\xc1" + data, b"", b"\xc7\xff\x1e" + bytes(255)):
        with pytest.raises(Damaged) as caught:
            loads(broken)
        assert "\n" not in str(caught.value)


contents = st.binary(max_size=12) | values().map(dumps)


@given(st.lists(st.tuples(st.integers(0, 127), contents), min_size=1, max_size=3), st.binary())
def test_bytes_from_anywhere_are_a_value_or_an_error_of_ours(extensions, data):
    for code, content in extensions:
        data = msgpack.packb([msgpack.ExtType(code, content), msgpack.ExtType(1, data)])
        try:
            loads(data)
        except HttpmrError as error:
            assert type(error) in (Damaged, UserCodeError)
            assert "\n" not in str(error)


def test_extensions_nested_without_end_are_damaged():
    data = msgpack.packb(1)
    for _ in range(2000):
        data = msgpack.packb(msgpack.ExtType(0, data))
    with pytest.raises(Damaged):
        loads(data)


@pytest.fixture
def registry(monkeypatch):
    """Registrations last for one test."""
    monkeypatch.setattr(module, "_types", dict(module._types))
    monkeypatch.setattr(module, "_codes", dict(module._codes))


def test_a_registered_type_comes_back(registry):
    register(Point, 64, dataclasses.astuple, lambda content: Point(*content))
    register(Word, 65, str.__str__, Word)
    register(Money, 127, float, Money)
    point, money = Point(1, (2, [Word("a")])), Money(1.5)
    for value in (point, {"a": [point]}, [point] * 40, ["a", Word("b")] * 40, [1.5, money] * 40):
        back = same(value)
        assert repr(back) == repr(value)
    assert type(loads(dumps(["a"] * 40 + [Word("b")]))[-1]) is Word
    assert type(loads(dumps([1] * 40 + [money]))[-1]) is Money
    with pytest.raises(Unstorable, match="Pair"):
        dumps(Point(1, Pair(1, 2)))


def test_a_type_that_packs_as_itself_is_refused(registry):
    register(Point, 64, lambda point: (point,), None)
    with pytest.raises(Unstorable, match="in itself"):
        dumps(Point(1, 2))


def test_a_code_or_a_type_is_registered_only_once(registry):
    register(Point, 64, dataclasses.astuple, lambda content: Point(*content))
    for cls, code in ((Word, 64), (Point, 65), (dict, 66), (tuple, 66), (set, 66), (bool, 66)):
        with pytest.raises(RecipeError, match="register"):
            register(cls, code, None, None)
    for code in (-1, 0, 31, 128):
        with pytest.raises(RecipeError, match="take 64 to 127"):
            register(Word, code, None, None)
    assert loads(dumps(Point(1, 2))) == Point(1, 2)


def test_a_type_unknown_in_this_process_is_no_damage(registry):
    register(Point, 64, dataclasses.astuple, lambda content: Point(*content))
    one, many = dumps(Point(1, 2)), dumps([Point(1, 2)] * 40)
    del module._codes[64]
    for data in (one, many):
        with pytest.raises(UserCodeError, match=r"code 64.*import the module"):
            loads(data)


def test_an_unpack_that_fails_is_named(registry):
    register(Point, 64, dataclasses.astuple, lambda content: Point(**content))
    with pytest.raises(UserCodeError, match=r"registered for test_codec\.Point failed"):
        loads(dumps(Point(1, 2)))


def test_plain_values_are_what_msgpack_makes_of_them():
    for value in (["a"] * 50, [1.5] * 50, {"a": [1, None, b"x"]}, [[1], ["a"]], "é"):
        assert dumps(value) == msgpack.packb(value)


STORED = [
    ("\ud800", b"\xa3\xed\xa0\x80"),
    ((1,), b"\xd5\x00\x91\x01"),
    ([(1,)] * 32, b"\xc7\x27\x01\x93\x00\xc3\x91\xdc\x00\x20" + b"\x01" * 32),
    ([(1,), *[()] * 31], b"\xc7\x27\x01\x93\x00\xc2\xdc\x00\x20\x91\x01" + b"\x90" * 31),
    ({2, 1}, b"\xc7\x03\x02\x92\x01\x02"),
    (frozenset("a"), b"\xc7\x03\x03\x91\xa1a"),
    ({(): 1}, b"\xc7\x07\x04\x92\x91\xd4\x00\x90\x91\x01"),
    (-(2**64), b"\xc7\x0b\x05\xc4\x09\xff" + bytes(8)),
    (Decimal("-1.50"), b"\xc7\x06\x06\xa5-1.50"),
    (2j, b"\xc7\x13\x07\x92\xcb" + bytes(8) + b"\xcb\x40" + bytes(7)),
    (date(2024, 1, 2), b"\xc7\x0b\x08\xaa2024-01-02"),
    (time(1, 2, 3, fold=1), b"\xc7\x0c\x09\x93\xa801:02:03\x01\xc0"),
    (datetime(2024, 1, 2), b"\xc7\x17\x0a\x93\xb32024-01-02T00:00:00\x00\xc0"),
    (timedelta(1, 2, 3), b"\xd6\x0b\x93\x01\x02\x03"),
    (UTC, b"\xc7\x05\x0c\x91\x93\x00\x00\x00"),
    (timezone(timedelta(0), "Z"), b"\xc7\x07\x0c\x92\x93\x00\x00\x00\xa1Z"),
    (UUID(int=1), b"\xc7\x12\x0e\xc4\x10" + bytes(15) + b"\x01"),
    (bytearray(b"a"), b"\xc7\x03\x0f\xc4\x01a"),
]


@pytest.mark.parametrize(("value", "stored"), STORED, ids=lambda it: type(it).__name__)
def test_the_stored_bytes_stay_what_they_are(value, stored):
    assert dumps(value) == stored
    same(value)


def test_the_doctests():
    failed, tried = doctest.testmod(module)
    assert not failed
    assert tried
