"""Files as sources: which there are, where they are split, and how they are opened.

A record's key is (path, byte offset of its beginning), so keys ascend as the files do, sorted by
path, and as the bytes in each. What a record is, is not known here.
"""

import glob
import gzip
import io
import os
import zlib
from contextlib import contextmanager
from hashlib import blake2b
from itertools import chain
from pathlib import Path

from httpmr.errors import InputError, RecipeError, Unavailable
from httpmr.interfaces import Source

END = 2**63 - 1
"""An offset that no file reaches."""

BUFFER = 128 * 1024


class Files(Source):
    """The files that some patterns match, as one line of bytes from the first to the last.

    A pattern is a path or a glob, `**` allowed; each must match a file. Files are looked up when
    they are read, never before. Those that end in `.gz` are unpacked, with offsets into the text.
    They must stay as they are while a job runs, on a disk that all machines share. A subclass
    reads `ranges(after, until)`, and sets `inside = False` if it cannot begin inside a file.
    """

    inside = True

    def __init__(self, *patterns):
        if not patterns:
            raise RecipeError(f"{type(self).__name__} needs a path or a pattern, as 'books/*.txt'")
        for pattern in patterns:
            if not isinstance(pattern, (str, os.PathLike)) or not os.fspath(pattern):
                name = type(self).__name__
                raise RecipeError(f"{name} takes paths or patterns, not {pattern!r}")
        self.patterns = tuple(os.fspath(pattern) for pattern in patterns)

    def paths(self):
        """Return the paths of all files, sorted, each file once. Raises InputError."""
        found = {}
        for pattern in self.patterns:
            if os.path.isfile(pattern):
                matches = [pattern]
            else:
                matches = [m for m in glob.glob(pattern, recursive=True) if os.path.isfile(m)]
            if not matches:
                raise InputError(_nothing(pattern), pattern=pattern)
            for path in matches:
                found.setdefault(Path(path).absolute(), path)
        return sorted(found.values())

    def ranges(self, after, until):
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
                    raise InputError(_gone(bound), path=bound)
        for path in paths:
            if (low[0] is None or low[0] <= path) and (high[0] is None or path <= high[0]):
                yield (
                    path,
                    low[1] if path == low[0] else -1,
                    high[1] if path == high[0] else END,
                )

    def last(self):
        path = self.paths()[-1]
        return path, END if _packed(path) else _stat(path).st_size - 1

    def split(self, after, until, shards):
        files = []
        for path, _, high in self.ranges(None, until):
            size = _stat(path).st_size
            files.append((path, size if _packed(path) else min(size, high + 1)))
        # Counted from the first byte of all, so that a split that goes on keeps its steps.
        step = max(1, sum(size for _, size in files) // shards)
        begin, mark, due = 0, step, False
        for path, size in files:
            keys = [(path, -1)] if due else []
            due = not self.inside or _packed(path)
            marks = range(mark, begin + size, step)
            if not due:
                keys = chain(keys, ((path, mark - begin) for mark in marks))
            for key in keys:
                if (after is None or after < key) and (until is None or key < until):
                    yield key
            due = due and bool(marks)
            begin, mark = begin + size, mark + len(marks) * step

    def fingerprint(self, after, until):
        digest = blake2b(digest_size=16)
        for path, _, _ in self.ranges(after, until):
            stat = _stat(path)
            digest.update(os.fsencode(path) + b"\0%d %d\n" % (stat.st_size, stat.st_mtime_ns))
        return digest.hexdigest()

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(map(repr, self.patterns))})"


@contextmanager
def opened(path, span=BUFFER):
    """Open a file to read some `span` bytes of; what goes wrong in the block is an InputError."""
    buffer = min(BUFFER, max(io.DEFAULT_BUFFER_SIZE, span))
    try:
        with open(path, "rb", buffering=buffer) as file:
            if _packed(path):
                # Without a buffer of its own, a gzip file gives lines ten times slower.
                with io.BufferedReader(gzip.GzipFile(fileobj=file), buffer) as text:
                    yield text
            else:
                yield file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        message = f"{path} is not a whole gzip file ({error}): write it again, start a new job"
        raise InputError(message, path=path) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _packed(path):
    return path.endswith(".gz")


def _stat(path):
    try:
        return os.stat(path)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path, error):
    if isinstance(error, FileNotFoundError):
        return InputError(_gone(path), path=path)
    if isinstance(error, (PermissionError, IsADirectoryError, NotADirectoryError)):
        return InputError(f"{path} cannot be read: {error.strerror}", path=path)
    return Unavailable(f"{path} cannot be read now ({error.strerror or error}): try again")


def _gone(path):
    return f"{path} is gone: put it back, or start a new job (it was looked for in {os.getcwd()})"


def _nothing(pattern):
    if os.path.isdir(pattern):
        return f"{pattern} is a directory: name the files, as {os.path.join(pattern, '*')!r}"
    parts = Path(pattern).parts
    plain = 0
    while plain < len(parts) - 1 and not glob.has_magic(parts[plain]):
        plain += 1
    directory = os.path.abspath(os.path.join(*parts[:plain])) if plain else os.getcwd()
    where = "" if os.path.isdir(directory) else ", which is no directory"
    return f"no file matches {pattern!r} (looked in {directory}{where}): mend the pattern"
