"""JSON lines: one JSON value to a line."""

import json
import os
from collections.abc import Iterator
from typing import Any

from httpmr.errors import InputError
from httpmr.interfaces import Pair
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

    def read(self, after: Any, until: Any) -> Iterator[Pair]:
        loads = json.JSONDecoder().decode
        for key, line in super().read(after, until):
            if key[1] == 0:
                line = line.removeprefix("\ufeff")
            if not line or line.isspace():
                continue
            try:
                value = loads(line)
            except (ValueError, RecursionError) as error:
                raise _malformed(key, line, error) from error
            yield key, value


def _malformed(key: tuple[str, int], line: str, error: Exception) -> InputError:
    path, offset = key
    shown = line if len(line) <= 60 else line[:57] + "..."
    remedy = "mend the line and start a new job"
    why = str(error)
    if isinstance(error, json.JSONDecodeError):
        why = f"{error.msg} at column {error.colno}"
    message = f"{path}: the line at byte {offset} is not JSON ({why}): {shown!r}: {remedy}"
    return InputError(message, path=path, offset=offset)
