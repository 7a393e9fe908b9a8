"""Files as sources: which there are, and where they are split.

A record's key is (path, byte offset of its beginning), so keys ascend as the files do, sorted by
path, and as the bytes in each. What a record is, is not known here, nor how a file is opened.
"""

import glob
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import IO, Any

from httpmr import remote
from httpmr.errors import InputError, RecipeError
from httpmr.interfaces import Source
from httpmr.remote import Facts, Options
from httpmr.sources import opening
from httpmr.sources.opening import BUFFER, Where
from httpmr.uploads import Uploaded, Uploads

END = 2**63 - 1
"""An offset that no file reaches."""


class Files(Source):
    """The files that some patterns match, as one line of bytes from the first to the last.

    A pattern is a path, a glob with `**` allowed, or the URL of either, as `s3://bucket/*.txt`,
    for which `options` are what fsspec takes beside it: keys, an endpoint; or all are what
    `Uploads.path` gave, for files in a store. Each must match a file. Files are looked up when
    they are read, never before. Those that end in `.gz` or `.zst` are unpacked, with offsets into
    the text; those in a `.zip` are its members, and `archive.zip/*.csv` some of them. They must
    stay as they are while a job runs, where all machines can read them. A subclass reads
    `ranges(after, until)` with `opened`, and sets `inside = False` if it cannot begin inside a
    file.
    """

    inside = True

    def __init__(self, *patterns: str | os.PathLike[str], options: Options = None) -> None:
        if not patterns:
            raise RecipeError(f"{type(self).__name__} needs a path or a pattern, as 'books/*.txt'")
        for pattern in patterns:
            if not isinstance(pattern, (str, os.PathLike)) or not os.fspath(pattern):
                name = type(self).__name__
                raise RecipeError(f"{name} takes paths or patterns, not {pattern!r}")
        self.patterns = tuple(os.fspath(pattern) for pattern in patterns)
        self.options: Where = options
        uploads = [pattern.uploads for pattern in patterns if isinstance(pattern, Uploaded)]
        if uploads:
            if len(uploads) < len(patterns) or len({of.store for of in uploads}) > 1 or options:
                told = "takes uploads of one store, or other files: read each alone, and Chain them"
                raise RecipeError(f"{type(self).__name__} {told}")
            self.options = uploads[0]
            return
        for pattern in filter(remote.is_url, self.patterns):
            remote.check(type(self).__name__, pattern)

    def paths(self) -> list[str]:
        """Return the paths of all files, sorted, each file once. Raises InputError."""
        found: dict[Any, str] = {}
        for pattern in self.patterns:
            matches = opening.matches(pattern, self.options)
            if not matches:
                raise InputError(_nothing(pattern, self.options), pattern=pattern)
            for path in matches:
                same = path if remote.is_url(path) else Path(path).absolute()
                found.setdefault(same, path)
        return sorted(found.values())

    def opened(self, path: str, span: int = BUFFER) -> AbstractContextManager[IO[bytes]]:
        """Open a file to read some `span` bytes of; what goes wrong in it is an InputError."""
        return opening.opened(path, span, self.options)

    def facts(self, paths: list[str]) -> Iterator[Facts]:
        """Yield what is known of each file, now."""
        # Several were looked up just now, and one alone perhaps not.
        return opening.facts(paths, self.options, fresh=len(paths) == 1)

    def ranges(self, after: Any, until: Any) -> Iterator[tuple[str, int, int]]:
        """Yield (path, low, high) for each file with records in low < offset <= high.

        Raises InputError where the file of a bound is gone.
        """
        low = (None, -1) if after is None else after
        high = (None, END) if until is None else until
        if low[0] is not None and low[0] == high[0]:
            paths = [low[0]]
        else:
            paths = self.paths()
            for bound in (low[0], high[0]):
                if bound is not None and bound not in paths:
                    raise opening.gone(bound, self.options)
        for path in paths:
            if (low[0] is None or low[0] <= path) and (high[0] is None or path <= high[0]):
                yield (
                    path,
                    low[1] if path == low[0] else -1,
                    high[1] if path == high[0] else END,
                )

    def last(self) -> tuple[str, int]:
        path = self.paths()[-1]
        [told] = self.facts([path])
        return path, (told.size or 0) - 1 if told.ranges else END

    def split(self, after: Any, until: Any, shards: int) -> Iterator[tuple[str, int]]:
        files = []
        wanted = list(self.ranges(None, until))
        every = self.facts([path for path, _, _ in wanted])
        for (path, _, high), told in zip(wanted, every, strict=True):
            size = told.size or 0
            files.append((path, min(size, high + 1) if told.ranges else size, told.ranges))
        # Counted from the first byte of all, so that a split that goes on keeps its steps.
        step = max(1, sum(size for _, size, _ in files) // shards)
        begin, mark, due = 0, step, False
        for path, size, ranges in files:
            keys: Iterable[tuple[str, int]] = [(path, -1)] if due else []
            due = not self.inside or not ranges
            marks = range(mark, begin + size, step)
            if not due:
                keys = chain(keys, ((path, mark - begin) for mark in marks))
            for key in keys:
                if (after is None or after < key) and (until is None or key < until):
                    yield key
            due = due and bool(marks)
            begin, mark = begin + size, mark + len(marks) * step

    def fingerprint(self, after: Any, until: Any) -> str:
        digest = blake2b(digest_size=16)
        paths = [path for path, _, _ in self.ranges(after, until)]
        for path, told in zip(paths, self.facts(paths), strict=True):
            digest.update(os.fsencode(path) + f"\0{told.mark}\n".encode())
        return digest.hexdigest()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.patterns))})"


def _nothing(pattern: str, of: Where) -> str:
    if isinstance(of, Uploads):
        return f"no upload matches {pattern!r}: send one and start a new job, or mend the name"
    if remote.is_url(pattern):
        return f"no file matches {pattern!r}: mend the URL, or put the file there"
    if ".zip/" in pattern:
        return f"no file, and no member of an archive, matches {pattern!r}: mend the pattern"
    if os.path.isdir(pattern):
        return f"{pattern} is a directory: name the files, as {os.path.join(pattern, '*')!r}"
    parts = Path(pattern).parts
    plain = 0
    while plain < len(parts) - 1 and not glob.has_magic(parts[plain]):
        plain += 1
    directory = os.path.abspath(os.path.join(*parts[:plain])) if plain else os.getcwd()
    where = "" if os.path.isdir(directory) else ", which is no directory"
    return f"no file matches {pattern!r} (looked in {directory}{where}): mend the pattern"
