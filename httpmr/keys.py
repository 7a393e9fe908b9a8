r"""Any key to bytes that sort as the key does, and back to an equal key.

A key is None, a number (int, float, Decimal, bool), str, bytes, date, datetime, UUID, or a tuple
of these. Keys that are equal in Python are one key, whatever their types:

    >>> pack(1) == pack(1.0) == pack(True) == pack(Decimal("1.00"))
    True

Keys of different types sort by type, in the order above (a naive datetime before an aware one);
keys of one type sort as in Python. No packed key is the beginning of another, so that tuples
compare element by element. A subclass (an enum, a namedtuple, a numpy float) is refused: it may
compare as it likes, and `codec` could not give it back.

The first byte is the type. Text and bytes end in two zero bytes, and a zero byte in them is
followed by a one. A tuple ends in one zero byte.

    >>> pack(None)
    b'\x10'
    >>> pack("ab\0c")
    b'\x90ab\x00\x01c\x00\x00'
    >>> pack(b"\xff")
    b'\xa0\xff\x00\x00'
    >>> pack(("a", (), None))
    b'\xe0\x90a\x00\x00\xe0\x00\x10\x00'

A number is the greatest double not above it, then 0, or 1 and the exact remainder: its decimal
exponent, then its digits. A negative number is its opposite with each bit turned over.

    >>> pack(1)
    b'\x80?\xf0\x00\x00\x00\x00\x00\x00\x00'
    >>> pack(-1)
    b'\x7f\xc0\x0f\xff\xff\xff\xff\xff\xff\xff'
    >>> pack(2**53 + 1)
    b'\x80C@\x00\x00\x00\x00\x00\x00\x01\x80\x00\x00\x00\x00\x00\x00\x001\x00'

Days count from the year 1. A datetime is the microseconds since the day before the year 1, an
aware one in UTC and with a 0. A time that a clock change repeats or skips is, to Python, equal to
no time in another zone, whatever its fold: it has 1, its zone and its local time instead of the 0.
(It sorts by the UTC of its first reading; Python has no consistent order for these few.)

    >>> pack(date(1, 1, 2))
    b'\xb0\x00\x00\x00\x02'
    >>> pack(datetime(1, 1, 1, microsecond=1))
    b'\xb8\x00\x00\x00\x14\x1d\xd7`\x01'
    >>> pack(datetime(1, 1, 1, 1, microsecond=1, tzinfo=timezone(timedelta(hours=1))))
    b'\xc0\x00\x00\x00\x14\x1d\xd7`\x01\x00'
    >>> pack(UUID(int=1))
    b'\xd0\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01'
"""

import math
import struct
import sys
from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta, timezone
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import Any, NoReturn
from uuid import UUID
from zoneinfo import ZoneInfo

from httpmr.errors import Damaged, Unstorable

DEEPEST = 32
"""How deep tuples may be nested."""

# The types in their order; _NEGATIVE is _POSITIVE with each bit turned over.
_NONE, _NEGATIVE, _POSITIVE, _STR, _BYTES = 0x10, 0x7F, 0x80, 0x90, 0xA0
_DATE, _NAIVE, _AWARE, _UUID, _TUPLE = 0xB0, 0xB8, 0xC0, 0xD0, 0xE0

_DOUBLE = struct.Struct(">Bdx")  # the pad byte says: no remainder
_REMAINDER = struct.Struct(">BdBQ")
_DAYS = struct.Struct(">BI")
_TICKS = struct.Struct(">BQ")
_TICK, _DAY = timedelta(microseconds=1), timedelta(days=1)
_FLIP = bytes(range(255, -1, -1))
_EXACT = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX)
_BIAS = 2**63  # makes decimal exponents positive
_SAFE = 2**53  # up to here each int is a double
_GREATEST = sys.float_info.max


def pack(key: Any) -> bytes:
    """Return bytes that sort as `key` does; equal bytes for equal keys, and only for those.

    `Unstorable` for NaN, which equals nothing, and for a key of any other type.
    """
    return _PACK.get(type(key), _refuse)(key)


def unpack(data: bytes) -> Any:
    """Return a key equal to the one that was packed; a whole number comes back as an int.

    (Above the greatest double it is a Decimal.) `Damaged` if `data` is no packed key.
    """
    try:
        key, end = _UNPACK[data[0]](data, 0)
        if end != len(data):
            raise ValueError(f"it should end at byte {end}, not {len(data)}")
    except (ArithmeticError, LookupError, TypeError, ValueError, struct.error) as error:
        raise Damaged(
            f"a packed key cannot be read back: {type(error).__name__}: {error}"
        ) from error
    return key


def span(prefix: tuple[Any, ...]) -> tuple[bytes, bytes]:
    r"""Return (start, stop): that half-open range holds exactly the tuples that begin so.

    >>> span(("job", 7)) == (pack(("job", 7))[:-1], pack(("job", 7))[:-1] + b"\xff")
    True
    """
    start = pack(prefix)[:-1]
    return start, start + b"\xff"


def kind(keys: Collection[Any]) -> type | None:
    """Return str, bytes or int if every key is exactly that, else None.

    Such keys need not be packed to be sorted: they sort as their packed bytes would.
    """
    kinds = set(map(type, keys))
    found = kinds.pop() if len(kinds) == 1 else None
    return found if found in (str, bytes, int) else None


def _refuse(key: Any) -> NoReturn:
    cls = type(key)
    plain = next((base.__name__ for base in cls.__mro__ if base in _PACK), None)
    remedy = f"make it a plain {plain}" if plain else "convert it to one of these"
    raise Unstorable(
        "a key is None, a number, str, bytes, date, datetime, UUID or a tuple of these,"
        f" not {cls.__module__}.{cls.__qualname__}: {remedy}",
        value=key,
    )


def _nan(key: float | Decimal) -> Unstorable:
    return Unstorable("NaN cannot be a key, for it equals nothing: emit None instead", value=key)


def _pack_int(key: int) -> bytes:
    if 0 <= key <= _SAFE:
        return _DOUBLE.pack(_POSITIVE, key)
    if -_SAFE <= key < 0:
        return _DOUBLE.pack(_POSITIVE, -key).translate(_FLIP)
    return _pack_decimal(Decimal(key))


def _pack_float(key: float) -> bytes:
    if key >= 0:
        return _DOUBLE.pack(_POSITIVE, key + 0.0)  # -0.0 + 0.0 is 0.0
    if key < 0:
        return _DOUBLE.pack(_POSITIVE, -key).translate(_FLIP)
    raise _nan(key)


def _pack_decimal(key: Decimal) -> bytes:
    if key.is_nan():
        raise _nan(key)
    size = key.copy_abs()
    near = float(size)
    if Decimal.from_float(near) > size:
        near = math.nextafter(near, 0.0)
    exact = Decimal.from_float(near)
    if exact == size:
        data = _DOUBLE.pack(_POSITIVE, near)
    else:
        # Beyond the doubles a number is its own remainder: the true one could have no end.
        rest = size if near in (0.0, _GREATEST) else _EXACT.subtract(size, exact)
        digits, _, _ = f"{rest:E}".partition("E")
        data = _REMAINDER.pack(_POSITIVE, near, 1, rest.adjusted() + _BIAS)
        data += digits.rstrip("0.").encode() + b"\0"
    return data.translate(_FLIP) if key < 0 else data


def _pack_str(key: str) -> bytes:
    return b"\x90%b\0\0" % key.encode("utf-8", "surrogatepass").replace(b"\0", b"\0\1")


def _pack_datetime(key: datetime) -> bytes:
    wall = key.replace(tzinfo=None) - datetime.min + _DAY
    offset = None if key.tzinfo is None else key.replace(fold=0).utcoffset()
    if offset is None:
        return _TICKS.pack(_NAIVE, wall // _TICK)
    data = _TICKS.pack(_AWARE, (wall - offset) // _TICK)
    if key.replace(fold=1).utcoffset() == offset:
        return data + b"\0"
    name = key.tzinfo.key if type(key.tzinfo) is ZoneInfo else None
    if name is None:
        raise Unstorable(
            f"a key at a clock change needs a zone with a name, not {type(key.tzinfo).__name__}:"
            " use zoneinfo.ZoneInfo(name), or key.astimezone(datetime.timezone.utc)",
            value=key,
        )
    return b"".join((data, b"\1", _pack_str(name), _TICKS.pack(_NAIVE, wall // _TICK)))


def _pack_tuple(key: tuple[Any, ...], depth: int = 1) -> bytes:
    if depth > DEEPEST:
        raise Unstorable(f"tuples more than {DEEPEST} deep cannot be a key: flatten it", value=key)
    parts = [b"\xe0"]
    for item in key:
        cls = type(item)
        parts.append(
            _pack_tuple(item, depth + 1) if cls is tuple else _PACK.get(cls, _refuse)(item)
        )
    parts.append(b"\0")
    return b"".join(parts)


_PACK: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda key: b"\x10",
    bool: _pack_int,
    int: _pack_int,
    float: _pack_float,
    Decimal: _pack_decimal,
    str: _pack_str,
    bytes: lambda key: b"\xa0%b\0\0" % key.replace(b"\0", b"\0\1"),
    date: lambda key: _DAYS.pack(_DATE, key.toordinal()),
    datetime: _pack_datetime,
    UUID: lambda key: b"\xd0" + key.bytes,
    tuple: _pack_tuple,
}

# Below, each function takes the data and where a key begins, and returns the key and its end.


def _unpack_positive(data: bytes, at: int) -> tuple[Any, int]:
    _, near = _DOUBLE.unpack_from(data, at)
    if not data[at + 9]:
        return int(near) if near.is_integer() else near, at + 10
    exponent = _REMAINDER.unpack_from(data, at)[3] - _BIAS
    end = data.index(0, at + 18)
    number: int | Decimal = Decimal(f"{data[at + 18 : end].decode()}E{exponent}")
    if 0.0 < near < _GREATEST:
        number = _EXACT.add(Decimal.from_float(near), number)
        if number == number.to_integral_value():
            number = int(number)
    return number, end + 1


def _unpack_negative(data: bytes, at: int) -> tuple[Any, int]:
    end = at + 10 if data[at + 9] == 255 else data.index(255, at + 18) + 1
    number, _ = _unpack_positive(data[at:end].translate(_FLIP), 0)
    return number.copy_negate() if type(number) is Decimal else -number, end


def _unpack_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    end = data.index(b"\0\0", at)
    return data[at + 1 : end].replace(b"\0\1", b"\0"), end + 2


def _unpack_str(data: bytes, at: int) -> tuple[str, int]:
    text, end = _unpack_bytes(data, at)
    return text.decode("utf-8", "surrogatepass"), end


def _unpack_naive(data: bytes, at: int) -> tuple[datetime, int]:
    since = _TICKS.unpack_from(data, at)[1] * _TICK - _DAY
    return datetime.min + since, at + 9


def _unpack_aware(data: bytes, at: int) -> tuple[datetime, int]:
    if data[at + 9]:
        name, end = _unpack_str(data, at + 10)
        wall, end = _unpack_naive(data, end)
        return wall.replace(tzinfo=ZoneInfo(name)), end
    since = _TICKS.unpack_from(data, at)[1] * _TICK - _DAY
    # Some instants are in the years 1 to 9999 only elsewhere than in UTC.
    east, west = since < timedelta(0), since > datetime.max - datetime.min
    offset = (_DAY - _TICK) * (east - west)
    return (datetime.min + (since + offset)).replace(tzinfo=timezone(offset)), at + 10


def _unpack_tuple(data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
    items, at = [], at + 1
    while code := data[at]:
        item, at = _UNPACK[code](data, at)
        items.append(item)
    return tuple(items), at + 1


_UNPACK: dict[int, Callable[[bytes, int], tuple[Any, int]]] = {
    _NONE: lambda data, at: (None, at + 1),
    _NEGATIVE: _unpack_negative,
    _POSITIVE: _unpack_positive,
    _STR: _unpack_str,
    _BYTES: _unpack_bytes,
    _DATE: lambda data, at: (date.fromordinal(_DAYS.unpack_from(data, at)[1]), at + 5),
    _NAIVE: _unpack_naive,
    _AWARE: _unpack_aware,
    _UUID: lambda data, at: (UUID(bytes=data[at + 1 : at + 17]), at + 17),
    _TUPLE: _unpack_tuple,
}
