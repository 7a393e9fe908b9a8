"""Parquet files, by row groups. pyarrow reads them; how a file is opened is not known here."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from httpmr.errors import InputError, RecipeError
from httpmr.interfaces import Pair
from httpmr.remote import Options
from httpmr.sources.files import END, Files
from httpmr.sources.opening import packed

ROWS = 1024
"""Rows that are made Python values at once."""


class Parquet(Files):
    """The rows of Parquet files: ((path, number of the row), row as a dict of plain values).

    `columns` are those to read (None: all), and others are not fetched. Rows are as pyarrow gives
    them: int, float, str, bytes, bool, Decimal, date, time, datetime, timedelta, None, and lists
    and dicts of these; nanoseconds are cut to microseconds. Files are split between row groups;
    a row group's columns are in memory at a time, and a slice begins its own from the beginning.
    """

    def __init__(
        self,
        *patterns: str | os.PathLike[str],
        columns: Sequence[str] | None = None,
        options: Options = None,
    ) -> None:
        super().__init__(*patterns, options=options)
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise RecipeError('Parquet needs pyarrow: pip install "httpmr[parquet]"') from error
        if columns is not None:
            named = isinstance(columns, (list, tuple)) and columns
            if not named or not all(isinstance(name, str) for name in columns):
                raise RecipeError(f"Parquet: columns is a list of names, not {columns!r:.80}")
            columns = list(columns)
        self.columns = columns

    def read(self, after: Any, until: Any) -> Iterator[Pair]:
        for path, low, high in self.ranges(after, until):
            with self._file(path) as file:
                begin = 0
                for group in range(file.num_row_groups):
                    end = begin + file.metadata.row_group(group).num_rows
                    if begin > high:
                        break
                    if end > low + 1:
                        first, stop = max(0, low + 1 - begin), min(end, high + 1) - begin
                        rows = self._rows(file, group, first, stop)
                        for number, row in enumerate(rows, begin + first):
                            yield (path, number), row
                    begin = end

    def _rows(self, file: Any, group: int, first: int, stop: int) -> Iterator[dict[str, Any]]:
        """Yield the rows of a group from the first to the one before `stop`."""
        table = _micro(file.read_row_group(group, columns=self.columns))
        while first < stop:
            some = table.slice(first, min(ROWS, stop - first)).to_pylist()
            yield from some
            first += len(some)

    def last(self) -> Any:
        path = self.paths()[-1]
        with self._file(path) as file:
            return path, file.metadata.num_rows - 1

    def split(self, after: Any, until: Any, shards: int) -> Iterator[Any]:
        """Yield the ends of row groups, in even steps of rows."""
        ends, total = [], 0
        for path, _, _ in self.ranges(None, until):
            with self._file(path) as file:
                row = -1
                for group in range(file.num_row_groups):
                    rows = file.metadata.row_group(group).num_rows
                    row, total = row + rows, total + rows
                    ends.append((path, row, total))
        # Counted from the first row of all, so that a split that goes on keeps its steps.
        step = due = max(1, total // shards)
        for path, row, passed in ends:
            if passed >= due:
                due = passed - passed % step + step
                key = path, row
                if (after is None or after < key) and (until is None or key < until):
                    yield key

    @contextmanager
    def _file(self, path: str) -> Iterator[Any]:
        import pyarrow
        import pyarrow.parquet

        if packed(path):
            remedy = "unpack it, for Parquet is compressed inside"
            raise InputError(f"{path} is packed, and not read from its end: {remedy}", path=path)
        with self.opened(path, END) as opened:
            try:
                with pyarrow.parquet.ParquetFile(opened) as file:
                    self._check(path, file.schema_arrow.names)
                    yield file
            except (pyarrow.ArrowException, ValueError, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise  # of the disk or the network
                why = " ".join(str(error).split())[:200]
                message = f"{path} is not a whole Parquet file ({why}): write it again"
                raise InputError(f"{message}, start a new job", path=path) from error

    def _check(self, path: str, there: list[str]) -> None:
        missing = [name for name in self.columns or () if name not in there]
        if missing:
            message = f"{path} has no column {missing[0]!r}, but {', '.join(there)}: mend columns="
            raise InputError(message, path=path)

    def __repr__(self) -> str:
        options = "" if self.columns is None else f", columns={self.columns!r}"
        return f"{super().__repr__()[:-1]}{options})"


def _micro(table: Any) -> Any:
    """Cut nanoseconds, which Python's own times lack, from the columns that have them."""
    import pyarrow

    for number, field in enumerate(table.schema):
        kind = field.type
        if pyarrow.types.is_timestamp(kind) and kind.unit == "ns":
            kind = pyarrow.timestamp("us", kind.tz)
        elif pyarrow.types.is_duration(kind) and kind.unit == "ns":
            kind = pyarrow.duration("us")
        elif pyarrow.types.is_time64(kind) and kind.unit == "ns":
            kind = pyarrow.time64("us")
        else:
            continue
        column = table.column(number).cast(kind, safe=False)
        table = table.set_column(number, field.name, column)
    return table
