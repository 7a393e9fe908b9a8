r"""Any value to bytes and back, exactly: a tuple stays a tuple, a bool a bool. No pickle.

What msgpack has itself it packs at its own speed: None, bool, int, float, str, bytes, list, dict.
Everything else is an extension with a value in it: the types in the table at the end, and the
registered ones; many of one type in a list are one extension. Values hold values, and any that
hash may be the keys of a dict.

    >>> loads(dumps({("a", 1): [Decimal("1.50"), {2, 1}, 2**64]}))
    {('a', 1): [Decimal('1.50'), {1, 2}, 18446744073709551616]}
    >>> dumps(["a", 1, (True,)])
    b'\x93\xa1a\x01\xd5\x00\x91\xc3'

Values that are equal and of the same types give the same bytes (a dict in the same order). Types
are taken exactly: a subclass is refused, for it would come back as what it is not.
"""

import math
from collections.abc import Callable, Collection
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from msgpack import ExtType, Packer, Unpacker, UnpackException, unpackb

from httpmr.codec import moments
from httpmr.errors import Damaged, HttpmrError, RecipeError, Unstorable, UserCodeError

T = TypeVar("T")
DEEPEST = 100
"""How deep values may be nested in each other. What is not a list or a dict counts twice."""

_NATIVE = {type(None), bool, int, float, str, bytes}
_KNOWN = {*_NATIVE, list, dict, set, frozenset}
_QUICK: dict[type, Any] = {str: "".join, **dict.fromkeys((int, float), lambda it: math.hypot(*it))}
_MANY = 32  # items; from here on the shortcuts for lists cost less than they save
_MALFORMED = UnpackException, ArithmeticError, AttributeError, LookupError, TypeError, ValueError
_SETS: dict[type, int] = {set: 2, frozenset: 3}
_types: dict[type, tuple[int, Callable[[Any], Any]]] = {}  # its code, and what packs it
_codes: dict[int, Callable[[Any], Any]] = {}  # what unpacks it


def dumps(value: Any) -> bytes:
    """Return the bytes of `value`; `Unstorable`, naming the type, if it has none."""
    try:
        return _pack(_encode(value, 0))
    except RecursionError:
        raise _too_deep(value) from None


def loads(data: bytes) -> Any:
    """Return the value whose bytes are `data`; `Damaged` if there is no such value.

    `UserCodeError` for what can be mended: a type that is not registered in this process, or
    whose `unpack` fails; a time zone that is not installed here.
    """
    try:
        return _readers[0](data)
    except _MALFORMED as error:
        message = f"a stored value cannot be read back: {type(error).__name__}: {error}"
        raise Damaged(message) from error


def register(cls: type[T], code: int, pack: Callable[[T], Any], unpack: Callable[[Any], T]) -> None:
    """Make objects that are exactly of type `cls` storable.

    `pack(obj)` returns a storable value, of which `unpack` makes an equal object. `code` is
    stored, so it stays the type's for ever: 64 to 127 are yours, 32 to 63 httpmr's own. Register
    a type where it is defined, so that each process that reads it knows it.
    """
    if not 32 <= code <= 127:
        raise RecipeError(f"{code} cannot be the codec's code of {_name(cls)}: take 64 to 127")

    def revive(content: Any) -> T:
        try:
            return unpack(content)
        except HttpmrError:
            raise
        except Exception as error:
            message = f"the unpack function registered for {_name(cls)} failed: {error!r}"
            raise UserCodeError(message) from error

    _add(cls, code, pack, revive)


def _add(cls: type[T], code: int, pack: Callable[[T], Any], unpack: Callable[[Any], T]) -> None:
    if code in _codes:
        raise RecipeError(f"the codec's code {code} is taken: register {_name(cls)} with another")
    if cls in _KNOWN or cls in _types:
        raise RecipeError(f"{_name(cls)} is known to the codec already: register it only once")
    _types[cls] = code, pack
    _codes[code] = unpack


# Encoding makes of a value what the packer takes as it is. The type of each item is asked here,
# since the packer's own hook would never see a bytearray, a memoryview or an ExtType.


def _encode(value: Any, depth: int) -> Any:
    cls = type(value)
    if cls in _NATIVE:
        return value
    if depth >= DEEPEST:
        raise _too_deep(value)
    if cls is list:
        return _encode_list(value, depth)
    if cls is dict:
        return _encode_dict(value, depth)
    if cls in _SETS:
        return _extension(_SETS[cls], _in_order(value, depth))
    if cls not in _types:
        raise _refusal(value)
    code, pack = _types[cls]
    return _extension(code, _encode(pack(value), depth + 1))


def _encode_list(items: list[Any], depth: int) -> Any:
    if _native(items):
        return items
    cls = type(items[0])
    if len(items) >= _MANY and cls in _types and set(map(type, items)) == {cls}:
        code, pack = _types[cls]
        contents = list(map(pack, items))
        width = len(contents[0]) if code < 32 and type(contents[0]) is list else 0
        in_columns = width > 0 and set(map(len, contents)) == {width}
        if in_columns:  # each of one type, mostly, and so packed at full speed
            contents = [[content[i] for content in contents] for i in range(width)]
        return _extension(_ALIKE, [code, in_columns, _encode(contents, depth + 1)])
    return [_encode(item, depth + 1) for item in items]


def _native(items: list[Any]) -> bool:
    """Whether the packer may have a list's items as they are."""
    if _flat(items):
        return True
    types = set(map(type, items))
    if types == {list} and (len(items) < _MANY or sum(map(len, items)) > _MANY * len(items)):
        return all(map(_flat, items))
    if types == {list}:
        types = set(map(type, chain.from_iterable(items)))
    elif types == {dict}:
        types = set(map(type, chain(*items, *map(dict.values, items))))
    return types <= _NATIVE


def _flat(items: list[Any]) -> bool:
    if len(items) >= _MANY:
        # What joins is text, and what has a length in space is numbers: three times as fast as
        # to look at the types. What only passes for them comes back to _other.
        try:
            _QUICK[type(items[0])](items)
            return True
        except Exception:
            pass
    return _NATIVE.issuperset(map(type, items))


def _encode_dict(value: dict[Any, Any], depth: int) -> Any:
    named = _NATIVE.issuperset(map(type, value))
    if named and _NATIVE.issuperset(map(type, value.values())):
        return value
    if named and len(value) < _MANY:
        return {key: _encode(item, depth + 1) for key, item in value.items()}
    columns = list(value), list(value.values())
    return _extension(_DICT, [_encode(column, depth + 1) for column in columns])


def _in_order(members: Collection[Any], depth: int) -> list[Any]:
    types = set(map(type, members))
    if len(types) == 1 and types <= {str, bytes, int}:
        return sorted(members)
    return sorted([_encode(member, depth + 1) for member in members], key=_pack)


def _extension(code: int, content: Any) -> ExtType:
    return ExtType(code, _pack(content))


def _pack(encoded: Any) -> bytes:
    try:
        packed: bytes = Packer(strict_types=True, default=_other).pack(encoded)
    except UnicodeEncodeError:  # a lone surrogate; to allow it halves the speed of all text
        packer = Packer(strict_types=True, default=_other, unicode_errors="surrogatepass")
        packed = packer.pack(encoded)
    return packed


def _other(value: Any) -> Any:
    if type(value) is int:  # of more than 64 bits
        size = value.bit_length() // 8 + 1
        return _extension(_INT, value.to_bytes(size, "big", signed=True))
    return _encode(value, 0)


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}".removeprefix("builtins.")


def _refusal(value: Any) -> Unstorable:
    cls = type(value)
    known = (base.__name__ for base in cls.__mro__ if base in _KNOWN or base in _types)
    plain = next(known, "dict, tuple or str")
    return Unstorable(
        f"a value of type {_name(cls)} cannot be stored: make it a plain {plain}, or"
        f" httpmr.codec.register({cls.__name__}, 64, pack, unpack) where it is defined",
        value=value,
    )


def _too_deep(value: Any) -> Unstorable:
    return Unstorable(
        f"a value nested more than {DEEPEST} deep, or in itself, cannot be stored: flatten it",
        value=value,
    )


# Decoding


def _decode(depth: int, code: int, data: bytes) -> Any:
    return _maker(code)(_readers[depth + 1](data))


def _maker(code: int) -> Callable[[Any], Any]:
    if code in _codes:
        return _codes[code]
    if code < 32:
        raise ValueError(f"{code} is no code of the codec's own")
    raise UserCodeError(
        f"a stored value is of a type registered with code {code}, which is unknown here:"
        " import the module that registers it"
    )


def _alike(content: list[Any]) -> list[Any]:
    code, in_columns, contents = content
    return list(map(_maker(code), zip(*contents, strict=True) if in_columns else contents))


def _unpack_deep(data: bytes, **options: Any) -> Any:
    """Like unpackb, which takes 40 KiB of the C stack, with 64 of which small threads crash."""
    unpacker = Unpacker(max_buffer_size=len(data), read_size=1, **options)
    unpacker.feed(data)
    value = unpacker.unpack()
    if unpacker.tell() != len(data):
        raise ValueError("it should end earlier")
    return value


# How to read what is in 0, 1, 2 ... extensions; what comes through _other may pass DEEPEST.
_readers = [
    partial(
        unpackb if depth < 4 else _unpack_deep,
        ext_hook=partial(_decode, depth),
        strict_map_key=False,
        unicode_errors="surrogatepass",
    )
    for depth in range(2 * DEEPEST)
]


# The codes are stored: they stay as they are for ever.
_ALIKE, _DICT, _INT = 1, 4, 5
_codes[_ALIKE] = _alike
_codes[_SETS[set]], _codes[_SETS[frozenset]] = set, frozenset
_codes[_DICT] = lambda columns: dict(zip(*columns, strict=True))
_codes[_INT] = lambda data: int.from_bytes(data, "big", signed=True)
_add(tuple, 0, list, tuple)
_add(Decimal, 6, str, Decimal)
_add(complex, 7, lambda number: [number.real, number.imag], lambda parts: complex(*parts))
_add(date, 8, date.isoformat, date.fromisoformat)
_add(time, 9, moments.clock, partial(moments.unclock, time))
_add(datetime, 10, moments.clock, partial(moments.unclock, datetime))
_add(timedelta, 11, lambda t: [t.days, t.seconds, t.microseconds], lambda t: timedelta(*t))
_add(timezone, 12, moments.offset, lambda parts: timezone(timedelta(*parts[0]), *parts[1:]))
_add(ZoneInfo, 13, moments.zone_key, moments.zone)
_add(UUID, 14, lambda uuid: uuid.bytes, lambda data: UUID(bytes=data))
_add(bytearray, 15, bytes, lambda data: bytearray(memoryview(data)))
