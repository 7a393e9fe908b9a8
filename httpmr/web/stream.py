"""Keys and values written out piece by piece, however many there are: CSV, JSON lines, JSON.

What the rows are and where they come from is not known here.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from httpmr.interfaces import Pair
from httpmr.web.plain import plain

CHUNK = 64 * 1024
FORMULA = (*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")  # also as wide as a Chinese letter


class Rows(Protocol):
    """Pairs, and, when these are gone through, the key after which there are more, or None."""

    next: Any

    def __iter__(self) -> Iterator[Pair]: ...


def as_csv(rows: Iterable[Pair]) -> Iterator[str]:
    """Lines of key,value; what a spreadsheet would take for a formula begins with an apostrophe."""
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(("key", "value"))
    for row in rows:
        writer.writerow([_cell(part) for part in row])
        yield line.getvalue()
        line.seek(line.truncate(0))
    yield line.getvalue()


def _cell(value: Any) -> Any:
    if type(value) in (int, float):
        return value
    said = value if type(value) is str else json.dumps(plain(value), ensure_ascii=False)
    return f"'{said}" if said.startswith(FORMULA) else said


def as_lines(rows: Iterable[Pair]) -> Iterator[str]:
    """A line of JSON for each row: [key, value]."""
    for row in rows:
        yield json.dumps([plain(part) for part in row]) + "\n"


def as_page(page: Rows) -> Iterator[str]:
    """{"rows": [[key, value], ...], "next": key or null}; `page.next` is known after the rows."""
    yield '{"rows": ['
    yield from _items([plain(part) for part in row] for row in page)
    yield f'], "next": {json.dumps(plain(page.next))}}}'


def as_values(key: Any, values: Iterable[Any]) -> Iterator[str]:
    """{"key": key, "values": [value, ...]}."""
    yield f'{{"key": {json.dumps(plain(key))}, "values": ['
    yield from _items(map(plain, values))
    yield "]}"


def _items(values: Iterable[Any]) -> Iterator[str]:
    comma = ""
    for value in values:
        yield comma + json.dumps(value)
        comma = ", "


def chunks(pieces: Iterable[str]) -> Iterator[bytes]:
    """Yield the pieces as bytes, many of them together, for each goes over the wire by itself."""
    some: list[str] = []
    size = 0
    for piece in pieces:
        some.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield _bytes(some)
            some, size = [], 0
    yield _bytes(some)


def _bytes(pieces: list[str]) -> bytes:
    return "".join(pieces).encode("utf-8", "backslashreplace")
