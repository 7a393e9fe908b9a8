"""Keys and values as JSON, and keys as the text of a URL or a table cell.

Numbers, strings, lists and None are themselves, a tuple is an array, every other type is an
object that names it: `{"$date": "2008-12-01"}`. As text, a key is JSON too, but a string that
cannot be taken for JSON goes without quotes:

    >>> [text("word"), text("10"), text(10), text(("a", 1))]
    ['word', '"10"', '10', '["a", 1]']
    >>> [parse("word"), parse('"10"'), parse("10"), parse('["a", 1]'), parse("true")]
    ['word', '10', 10, ('a', 1), 'true']
"""

import base64
import json
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

# type: (its name, to JSON, from JSON)
_TYPES = {
    bytes: (
        "$bytes",
        lambda b: base64.b64encode(b).decode(),
        lambda s: base64.b64decode(s, None, True),
    ),
    date: ("$date", date.isoformat, date.fromisoformat),
    datetime: ("$datetime", datetime.isoformat, datetime.fromisoformat),
    time: ("$time", time.isoformat, time.fromisoformat),
    timedelta: (
        "$timedelta",
        lambda d: [d.days, d.seconds, d.microseconds],
        lambda p: timedelta(*p),
    ),
    UUID: ("$uuid", str, UUID),
    Decimal: ("$decimal", str, Decimal),
    complex: ("$complex", lambda c: [c.real, c.imag], lambda p: complex(*p)),
}
_NAMES = {name: read for name, _, read in _TYPES.values()} | {
    "$float": float,
    "$none": lambda _: None,
}


def plain(value):
    """Return what `json.dumps` writes as the JSON of a key or a value."""
    kind = type(value)
    if kind in (str, int, bool) or value is None:
        return value
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if kind in (tuple, list):
        return [plain(item) for item in value]
    if kind is dict:
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: plain(item) for key, item in value.items()}
        return {"$dict": [[plain(key), plain(item)] for key, item in value.items()]}
    if kind in (set, frozenset):
        return {f"${kind.__name__}": sorted(map(plain, value), key=repr)}
    if kind in _TYPES:
        name, write, _ = _TYPES[kind]
        return {name: write(value)}
    return {f"${kind.__name__}": repr(value)}


def text(key) -> str:
    """Return the text that `parse` reads as an equal key."""
    if type(key) is str:
        return json.dumps(key, ensure_ascii=False) if _looks_json(key) else key
    if key is None or type(key) is bool:
        return '{"$none": 0}' if key is None else str(int(key))
    return json.dumps(plain(key), ensure_ascii=False)


def parse(text: str):
    """Return the key a text stands for. ValueError, in one line, if it stands for none."""
    return _key(json.loads(text)) if _looks_json(text) else text


def _looks_json(text):
    """Whether a text is JSON of a kind that keys have; `true`, `null` and `NaN` are words."""
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return found is not None and type(found) is not bool


def _refuse(name):
    raise ValueError(name)


def _key(found):
    if type(found) is list:
        return tuple(map(_key, found))
    if type(found) is not dict:
        return found
    [name, inner] = next(iter(found.items()), (None, None))
    if len(found) != 1 or name not in _NAMES:
        raise ValueError(f"{json.dumps(found)[:100]} is no key; a string that looks so is quoted")
    try:
        return _NAMES[name](inner)
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"{json.dumps(found)[:100]} is no key: {error}") from None
