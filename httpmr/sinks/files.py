"""Output as JSON lines or CSV: one file, or a folder of part files."""

import csv
import json
import os
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from httpmr.errors import RecipeError
from httpmr.remote import Options
from httpmr.sinks.columns import names, spread
from httpmr.sinks.staged import Staged


class JSONLines(Staged):
    """One JSON array `[key, value]` to a line, in UTF-8, in the order of the shards.

    `path` is that of a file, or, ending in `/`, the path or URL of a folder of part files; to a
    URL, `options` are what fsspec takes beside it.

    Tuples are arrays. What JSON lacks becomes a string: Decimal and UUID as str() shows them,
    date, time and datetime in ISO format, bytes in base64; a timedelta its number of seconds, a
    set a sorted array. NaN, infinities and other types are an OutputError that names the key.
    """

    suffix = ".jsonl"

    def line(self, key: Any, value: Any) -> bytes:
        try:
            return b"%b\n" % as_json([key, value]).encode()
        except UnicodeEncodeError:  # a lone surrogate, which UTF-8 lacks and JSON can escape
            return json.dumps([key, value], default=_plain, allow_nan=False).encode() + b"\n"


class CSVFile(Staged):
    """CSV (RFC 4180, UTF-8) with the columns `header`, in the order of the shards.

    `path` and `options` are as those of `JSONLines`; each file begins with the header.

    The parts of a tuple key come first, then the value: whole where one column is left, else a
    tuple or list by position, or a dict by the names of the columns. None is an empty cell; lists
    and dicts inside a cell are JSON, and other types are written as `JSONLines` does. A pair with
    more or fewer parts than columns is an OutputError. Cells that begin a formula are not escaped.
    """

    suffix = ".csv"

    def __init__(
        self, path: str | os.PathLike[str], header: Sequence[str], options: Options = None
    ) -> None:
        if isinstance(header, str):
            message = "CSVFile: header is a tuple of names, as ('word', 'count')"
            raise RecipeError(f"{message}, not {header!r:.80}")
        self.header = names("CSVFile", "header", header)
        self.head = _csv(self.header)
        super().__init__(path, options)

    def line(self, key: Any, value: Any) -> bytes:
        parts = key if isinstance(key, tuple) else (key,)
        left = self.header[len(parts) :]
        cells = [*parts, *([value] if len(left) == 1 else spread("value", left, value))]
        if len(cells) != len(self.header):
            raise ValueError(f"it makes {len(cells)} cells for the columns {list(self.header)}")
        return _csv([_cell(cell) for cell in cells])

    def __repr__(self) -> str:
        return f"CSVFile({self.path!r}, header={self.header!r})"


def _plain(value: Any) -> Any:
    """Return what stands in JSON for a value of a type that JSON lacks."""
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    if isinstance(value, (date, time)):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=as_json)  # for a set has no order that lasts
    raise TypeError(f"there is no JSON for the type {type(value).__name__}")


as_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_plain).encode


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float)):
        return value
    if not isinstance(value, (tuple, list, dict)):
        value = _plain(value)
    return value if isinstance(value, (str, float)) else as_json(value)


class _Line:
    """What csv.writer writes to: it gives the line back."""

    write = staticmethod(str.encode)


# Lines end in CR LF, for csv quotes only the line ends that it writes itself.
_csv: Callable[[Iterable[Any]], bytes] = csv.writer(_Line).writerow
