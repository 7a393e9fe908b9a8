"""Files of comma-separated values, with names for the columns."""

import codecs
import csv
import os
from collections.abc import Iterable, Iterator
from typing import IO, Any, Literal, Self

from httpmr.errors import HttpmrError, InputError, RecipeError
from httpmr.interfaces import Pair
from httpmr.remote import Options
from httpmr.sources.files import Files
from httpmr.sources.textfiles import check_encoding, undecodable


class CSVFiles(Files):
    """The rows of CSV files: ((path, byte offset of the row), row as a dict of str).

    `header=True`: the first row of each file names its columns; or a list of the names, where the
    files have no such row. A byte order mark and blank lines are passed over; a row that has not
    as many values as there are names is an error.

    A file is never split: whether a line begins a row or goes on with a quoted value, only the
    lines before it can tell. Many files make many shards.
    """

    inside = False

    def __init__(
        self,
        *patterns: str | os.PathLike[str],
        header: Literal[True] | list[str] | tuple[str, ...] = True,
        delimiter: str = ",",
        encoding: str = "utf-8",
        options: Options = None,
    ) -> None:
        super().__init__(*patterns, options=options)
        check_encoding("CSVFiles", encoding)
        if header is not True:
            if not isinstance(header, (list, tuple)) or not header:
                raise RecipeError(f"CSVFiles: header is True or a list of names, not {header!r}")
            header = _names(header, RecipeError, "CSVFiles")
        if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
            raise RecipeError(f"CSVFiles: delimiter is one character, as ';', not {delimiter!r}")
        self.header: Literal[True] | list[str] = header
        self.delimiter = delimiter
        self.encoding = encoding

    def read(self, after: Any, until: Any) -> Iterator[Pair]:
        for path, low, high in self.ranges(after, until):
            with self.opened(path) as file:
                yield from self._rows(_Lines(self, path, file), low, high)

    def _rows(self, lines: "_Lines", low: int, high: int) -> Iterator[Pair]:
        path = lines.path
        rows = csv.reader(lines, delimiter=self.delimiter, strict=True)
        names, offset = self.header, lines.offset
        try:
            if names is True:
                names = _names(next(filter(None, rows), []), InputError, path)
            if low >= lines.offset:
                lines.seek(low)
                next(rows, None)  # the row at `low` is done
            offset = lines.offset
            while offset <= high and (row := next(rows, None)) is not None:
                if len(row) == len(names):
                    yield (path, offset), dict(zip(names, row, strict=True))
                elif row:
                    what = f"{len(row)} values for {len(names)} columns"
                    raise lines.wrong(offset, what)
                offset = lines.offset
        except csv.Error as error:
            if "field limit" in str(error):
                remedy = "close a quote that is open, or raise csv.field_size_limit()"
                raise lines.wrong(offset, str(error), remedy) from error
            raise lines.wrong(offset, str(error)) from error

    def __repr__(self) -> str:
        options = "" if self.header is True else f", header={self.header!r}"
        if self.delimiter != ",":
            options += f", delimiter={self.delimiter!r}"
        if self.encoding != "utf-8":
            options += f", encoding={self.encoding!r}"
        return f"{super().__repr__()[:-1]}{options})"


class _Lines:
    """The lines of a file as text, and the offset of the next: csv.reader takes no line early."""

    def __init__(self, source: CSVFiles, path: str, file: IO[bytes]) -> None:
        self.source = source
        self.path = path
        self.file = file
        mark = codecs.BOM_UTF8
        marked = codecs.lookup(source.encoding).name.startswith("utf-8") and file.read(3) == mark
        self.seek(len(mark) if marked else 0)

    def seek(self, offset: int) -> None:
        self.offset = self.file.seek(offset)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = next(self.file)
        try:
            text = line.decode(self.source.encoding)
        except UnicodeDecodeError as error:
            raise undecodable(self.source, self.path, self.offset, error) from error
        self.offset += len(line)
        return text

    def wrong(
        self, offset: int, what: str, remedy: str = "mend the file and start a new job"
    ) -> InputError:
        """Return the InputError for the row at `offset`, with the number of its line."""
        self.seek(0)
        number, left = 1, offset
        while left and (piece := self.file.read(min(left, 1 << 20))):
            number, left = number + piece.count(b"\n"), left - len(piece)
        message = f"{self.path}: the row at line {number}, byte {offset}: {what}: {remedy}"
        return InputError(message, path=self.path, offset=offset, line=number)


def _names(given: Iterable[Any], error: type[HttpmrError], where: str) -> list[str]:
    names = list(given)
    if not all(isinstance(name, str) for name in names):
        raise error(f"{where}: names of columns are str, not {names!r}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise error(f"{where}: two columns are called {twice[0]!r}: give header=[...] other names")
    return names
