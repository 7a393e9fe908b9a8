"""Output as a folder of Parquet files. pyarrow writes them."""

import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

from httpmr.errors import OutputError, RecipeError
from httpmr.interfaces import Pair
from httpmr.remote import Options
from httpmr.sinks.columns import names, spread
from httpmr.sinks.staged import Staged


class Parquet(Staged):
    """A folder of Parquet files, one for each slice, with the columns and types of `columns`.

    `columns` is a dict of names and of Arrow's types or their names, as {"word": "string",
    "count": "int64"}: given, so that all files have the same. The parts of a tuple key come first,
    then the value: whole where one column is left, else a tuple or list by position, or a dict by
    the names of the columns. A pair that does not fit is an OutputError that names its key.
    `path` and `options` are as those of `JSONLines`, and `path` ends in `/`.
    """

    suffix = ".parquet"

    def __init__(
        self, path: str | os.PathLike[str], columns: Mapping[str, Any], options: Options = None
    ) -> None:
        try:
            import pyarrow
        except ImportError as error:
            raise RecipeError('Parquet needs pyarrow: pip install "httpmr[parquet]"') from error
        if not isinstance(columns, Mapping):
            message = 'Parquet: columns is a dict of names and types, as {"word": "string"}'
            raise RecipeError(f"{message}, not {columns!r:.80}")
        self._names = names("Parquet", "columns", tuple(columns))
        try:
            self.schema = pyarrow.schema(list(columns.items()))
        except (ValueError, TypeError, pyarrow.ArrowException) as error:
            remedy = "see the names of types in Arrow's type_for_alias"
            raise RecipeError(f"Parquet: {error}: {remedy}") from error
        if not str(path).endswith("/"):
            remedy = f"name a folder for them, as {str(path) + '/'!r}"
            raise RecipeError(f"Parquet writes parts, files of their own: {remedy}")
        super().__init__(path, options)

    def content(self, pairs: Sequence[Pair]) -> bytes:
        """Return the part of a slice, as a Parquet file of its own."""
        import pyarrow.parquet

        if not pairs:
            return b""
        file = io.BytesIO()
        pyarrow.parquet.write_table(self._table(pairs), file, compression="zstd")
        return file.getvalue()

    def _table(self, pairs: Sequence[Pair]) -> Any:
        import pyarrow

        try:
            rows = [self._row(key, value) for key, value in pairs]
            return pyarrow.Table.from_pylist(rows, self.schema)
        except (ValueError, TypeError, OverflowError, pyarrow.ArrowException) as error:
            if len(pairs) > 1:  # one of them is to blame: it is found, and told
                half = len(pairs) // 2
                self._table(pairs[:half])
                self._table(pairs[half:])
            key = pairs[0][0]
            why = " ".join(str(error).split())[:200]
            message = f"Parquet cannot write the output of key {key!r:.80}: {why}"
            raise OutputError(message, key=key) from error

    def _row(self, key: Any, value: Any) -> dict[str, Any]:
        parts = key if isinstance(key, tuple) else (key,)
        left = self._names[len(parts) :]
        cells = [*parts, *([value] if len(left) == 1 else spread("value", left, value))]
        if len(cells) != len(self._names):
            raise ValueError(f"it makes {len(cells)} cells for the columns {list(self._names)}")
        return dict(zip(self._names, cells, strict=True))

    def __repr__(self) -> str:
        return f"Parquet({self.path!r}, columns={list(self._names)})"
