"""Keys and values as JSON or as a line, and keys as the text of a URL or a table cell.

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
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID

# What would break a line, move the cursor or could not be encoded.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

DEEPEST = 20  # tuples in tuples, in a key that a request gives

_WRITTEN: dict[type, tuple[str, Callable[[Any], Any]]] = {
    bytes: ("$bytes", lambda raw: base64.b64encode(raw).decode()),
    date: ("$date", date.isoformat),
    datetime: ("$datetime", datetime.isoformat),
    time: ("$time", time.isoformat),
    timedelta: ("$timedelta", lambda span: [span.days, span.seconds, span.microseconds]),
    UUID: ("$uuid", str),
    Decimal: ("$decimal", str),
    complex: ("$complex", lambda z: [z.real, z.imag]),
}
_READ: dict[str, Callable[[Any], Any]] = {  # what can be a key
    "$bytes": lambda said: base64.b64decode(said, validate=True),
    "$date": date.fromisoformat,
    "$datetime": datetime.fromisoformat,
    "$uuid": UUID,
    "$decimal": Decimal,
    "$float": float,
    "$none": lambda _: None,
}


def plain(value: Any) -> Any:
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
    if kind in _WRITTEN:
        name, write = _WRITTEN[kind]
        return {name: write(value)}
    return {f"${kind.__name__}": repr(value)}


def pair(key: Any, value: Any) -> str:
    """Return a pair as a line: what is not a plain string is written as JSON.

    >>> pair("word", 3), pair(("a", 1), "two\\nlines")
    ('word\\t3', '["a", 1]\\t"two\\\\nlines"')
    """
    return f"{_cell(key)}\t{_cell(value)}"


def _cell(value: Any) -> str:
    if type(value) is str and not UNPRINTABLE.search(value):
        return value
    text = json.dumps(plain(value), ensure_ascii=False)
    return json.dumps(plain(value)) if UNPRINTABLE.search(text) else text


def text(key: Any) -> str:
    """Return the text that `parse` reads as an equal key."""
    if type(key) is str and not _looks_json(key) and _encodes(key):
        return key
    if key is None or type(key) is bool:
        return '{"$none": 0}' if key is None else str(int(key))
    said = json.dumps(plain(key), ensure_ascii=False)
    return said if _encodes(said) else json.dumps(plain(key))


def _encodes(text: str) -> bool:
    """Whether a text can stand in a URL: a lone surrogate cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parse(text: str) -> Any:
    """Return the key a text stands for. ValueError, in one line, if it stands for none."""
    return _key(json.loads(text)) if _looks_json(text) else text


def _looks_json(text: str) -> bool:
    """Whether a text is JSON of a kind that keys have; `true`, `null` and `NaN` are words."""
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return found is not None and type(found) is not bool


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _key(found: Any, depth: int = 0) -> Any:
    if type(found) is list:
        if depth == DEEPEST:
            raise ValueError(f"a key's tuples go at most {DEEPEST} deep")
        return tuple(_key(item, depth + 1) for item in found)
    if type(found) is not dict:
        return found
    [name, inner] = next(iter(found.items()), (None, None))
    if len(found) != 1 or name not in _READ:
        raise ValueError(f"{json.dumps(found)[:100]} is no key; a string that looks so is quoted")
    try:
        return _READ[name](inner)
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"{json.dumps(found)[:100]} is no key: {error}") from None
