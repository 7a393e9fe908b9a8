"""JSON lines: one JSON value to a line."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

from httpmr.errors import InputError
from httpmr.interfaces import Records
from httpmr.remote import Options
from httpmr.sources.textfiles import TextFiles


class JSONLines(TextFiles):
    """The values of files with one JSON value to a line: ((path, byte offset), value).

    Blank lines are passed over. Files are split inside, as text files are.
    """

    def __init__(
        self, *patterns: str | os.PathLike[str], encoding: str = "utf-8", options: Options = None
    ) -> None:
        super().__init__(*patterns, encoding=encoding, options=options)

    def read_many(self, after: Any, until: Any) -> Iterator[Records]:
        loads = json.JSONDecoder().decode
        for keys, lines in super().read_many(after, until):
            try:
                values, error = list(map(loads, lines)), None
            except (ValueError, RecursionError):  # or blank; which line it is, is found in this way
                keys, values, error = _one_by_one(keys, lines, loads)
            yield keys, values
            if error:
                raise error


def _one_by_one(
    keys: list[tuple[str, int]], lines: list[str], loads: Callable[[str], Any]
) -> tuple[list[Any], list[Any], InputError | None]:
    """Return the keys and values of lines, up to the first that has none, and its error or None."""
    found: Records = [], []
    for key, line in zip(keys, lines, strict=True):
        if key[1] == 0:
            line = line.removeprefix("\ufeff")
        if not line or line.isspace():
            continue
        try:
            found[1].append(loads(line))
        except (ValueError, RecursionError) as error:
            return *found, _malformed(key, line, error)
        found[0].append(key)
    return *found, None


def _malformed(key: tuple[str, int], line: str, error: Exception) -> InputError:
    path, offset = key
    shown = line if len(line) <= 60 else line[:57] + "..."
    remedy = "mend the line and start a new job"
    why = str(error)
    if isinstance(error, json.JSONDecodeError):
        why = f"{error.msg} at column {error.colno}"
    message = f"{path}: the line at byte {offset} is not JSON ({why}): {shown!r}: {remedy}"
    return InputError(message, path=path, offset=offset)
