"""The lines of text files.

A split may be at any byte: `TextFiles` goes on with the first line that begins after it, so that
each line is read by exactly one shard.
"""

import codecs
import os
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, repeat
from typing import IO, Any

from httpmr.errors import InputError, RecipeError
from httpmr.interfaces import Pair, Records
from httpmr.remote import Options
from httpmr.sources.files import Files
from httpmr.sources.lists import each, parts

FIRST_READ, READ = 4096, 32 * 1024
"""Bytes read at once: few at first, for a slice may end soon, then what a cache may hold."""

_TOGETHER = {"utf-8", "ascii", "iso8859-1"}
"""Encodings in which text is its lines' text joined, wherever it is cut into lines."""

_ERRORS = {"strict", "ignore", "replace", "backslashreplace", "surrogateescape"}


class TextFiles(Files):
    """The lines of text files: ((path, byte offset), line without its end).

    A line ends with a newline, or a carriage return and a newline, and with nothing else.
    """

    def __init__(
        self,
        *patterns: str | os.PathLike[str],
        encoding: str = "utf-8",
        errors: str = "strict",
        options: Options = None,
    ) -> None:
        super().__init__(*patterns, options=options)
        check_encoding(type(self).__name__, encoding, errors)
        self.encoding = encoding
        self.errors = errors
        self.together = codecs.lookup(encoding).name in _TOGETHER and errors in _ERRORS

    def read(self, after: Any, until: Any) -> Iterator[Pair]:
        return each(self.read_many(after, until))

    def read_many(self, after: Any, until: Any) -> Iterator[Records]:
        for path, low, high in self.ranges(after, until):
            with self.opened(path, high - low) as file:
                offset = _beginning(file, low, high)
                size = FIRST_READ
                while offset <= high and (lines := file.readlines(min(size, high - offset + 1))):
                    # What one record costs before any user code runs: in C, for it is much.
                    offsets = list(accumulate(map(len, lines), initial=offset))
                    offset = offsets.pop()
                    if offset > high:
                        kept = bisect_right(offsets, high)
                        del offsets[kept:], lines[kept:]
                    texts, error = self._decoded(path, offsets, lines)
                    del texts[len(offsets) :], offsets[len(texts) :]
                    for here in parts(len(texts)):
                        yield list(zip(repeat(path), offsets[here])), texts[here]
                    if error:  # raised here, so that the file is closed
                        raise error
                    size = min(4 * size, READ)

    def _decoded(
        self, path: str, offsets: list[int], lines: list[bytes]
    ) -> tuple[list[str], InputError | None]:
        """Return the text of each line, up to the first that has none, and its error or None."""
        if self.together:
            try:
                # Before it is decoded: what is ignored may bring a "\r" and a "\n" together.
                whole = b"".join(lines)
                if b"\r" in whole:
                    whole = whole.replace(b"\r\n", b"\n")
                return whole.decode(self.encoding, self.errors).split("\n"), None
            except UnicodeDecodeError:  # which line it is, is found in this way
                pass
        texts: list[str] = []
        for offset, line in zip(offsets, lines, strict=True):
            try:
                bare = line.removesuffix(b"\r\n").removesuffix(b"\n")
                texts.append(bare.decode(self.encoding, self.errors))
            except UnicodeDecodeError as error:
                return texts, undecodable(self, path, offset, error)
        return texts, None

    def __repr__(self) -> str:
        options = ""
        if self.encoding != "utf-8":
            options += f", encoding={self.encoding!r}"
        if self.errors != "strict":
            options += f", errors={self.errors!r}"
        return f"{super().__repr__()[:-1]}{options})"


def _beginning(file: IO[bytes], low: int, high: int) -> int:
    """Seek to the first line that begins after `low`; return its offset, or one above `high`."""
    if low < 0:
        return 0
    file.seek(low)
    # Never past `high`: a shard inside one huge line must not read the line to its end.
    skipped = file.readline(max(0, high - low))
    return low + len(skipped) if skipped.endswith(b"\n") else high + 1


def check_encoding(name: str, encoding: str, errors: str = "strict") -> None:
    """Raise RecipeError unless lines of text in `encoding` end at a byte 10."""
    try:
        codecs.lookup_error(errors)
        if b"\n".decode(encoding) == "\n":
            return
    except LookupError as error:
        raise RecipeError(f"{name}: {error}: see the standard encodings of Python") from error
    except (UnicodeError, TypeError, AttributeError):
        pass
    remedy = "convert the files, say to utf-8"
    raise RecipeError(f"{name} cannot split {encoding!r} into lines at a byte: {remedy}")


def undecodable(source: Any, path: str, offset: int, error: UnicodeDecodeError) -> InputError:
    """Return the InputError for a line at `offset` that cannot be decoded."""
    offset += error.start
    remedy = f"{type(source).__name__}(..., encoding=...) says what it is"
    message = f"{path}: byte {offset} is not {source.encoding} ({error.reason}): {remedy}"
    return InputError(message, path=path, offset=offset)
