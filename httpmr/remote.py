"""Files by URL, through fsspec: which there are, what is known of them, and what its errors mean.

What stands in a file, and what is done with it, is not known here. fsspec is asked for where a URL
is used, and never before: who reads from disks alone needs none. Its file systems are looked up
anew for each use, because those of a process are of no use to its forks; fsspec keeps them.
"""

import errno
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from httpmr.errors import HttpmrError, RecipeError, StoreFull, Unavailable

Options = Mapping[str, Any] | None

_MARKS = ("etag", "content-md5", "md5", "md5hash", "crc32c", "digest", "generation", "version_id")
_TIMES = (
    "last-modified",
    "lastmodified",
    "last_modified",
    "mtime",
    "updated",
    "modified",
    "created",
)

_SKIP = 128 * 1024
_GONE = (404, 410)

# What code raises that is wrong itself, or was asked for what it cannot do.
_MISTAKES = (ValueError, TypeError, LookupError, AttributeError, ImportError, NotImplementedError)


class Facts(NamedTuple):
    """What a file system says of a file; None = it does not."""

    size: int | None
    """Bytes."""

    mark: str | None
    """What changes if the content does: an etag, or when it was written."""

    ranges: bool = True
    """Whether it can be read from the middle."""


def is_url(path: str) -> bool:
    """Tell a URL, as `s3://bucket/name`, from a path."""
    return "://" in path


def check(owner: str, url: str) -> None:
    """Raise RecipeError unless there is what reads such URLs. It does not connect."""
    scheme = url.split("://")[0].rpartition("::")[2]
    try:
        import fsspec

        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        remedy = 'pip install "httpmr[files]", and what fsspec names for this scheme'
        raise RecipeError(f"{owner}: no {scheme}:// without more ({error}): {remedy}") from error
    except ValueError as error:
        raise RecipeError(f"{owner}: {scheme}:// is no URL that fsspec knows: mend it") from error
    if re.search("://[^/@]*:[^/@]*@", url):
        remedy = "give it as options={...}, which no page shows"
        raise RecipeError(f"{owner}: a URL with a password would be seen in keys: {remedy}")


class Place(NamedTuple):
    """A URL taken apart: the file system, the path in it, and what makes URLs of its paths."""

    files: Any
    path: str
    prefix: str

    def url(self, path: str) -> str:
        """Return the URL of a path in the same file system."""
        return self.prefix + path


def place(url: str, options: Options) -> Place:
    """Take a URL apart. Raises what fsspec does: call it within `meaning`."""
    from fsspec.core import url_to_fs

    files, path = url_to_fs(url, **(options or {}))
    if url.endswith(path):
        return Place(files, path, url[: len(url) - len(path)])
    # It was put in order, as `..` is; the file system knows its own first words.
    return Place(files, path, files.unstrip_protocol(path).removesuffix(path))


def matches(pattern: str, options: Options) -> list[str]:
    """Return the URLs of the files that a URL with `*` or `[...]` matches, looked up anew."""
    files, path, _ = found = place(pattern, options)
    files.invalidate_cache()
    # In the path of an http:// URL, a question mark is one.
    if any(sign in path for sign in ("*[" if "://" in path else "*[?")):
        names = files.glob(path, detail=True)
        names = [name for name, info in names.items() if info.get("type") != "directory"]
        if names:
            return [found.url(name) for name in names]
    try:
        info = files.info(path)
    except FileNotFoundError as error:
        if _hidden(error):
            raise
        return []
    return [] if info.get("type") == "directory" else [pattern]


def facts(url: str, options: Options, fresh: bool = False) -> Facts:
    """Return what is known of a file. `fresh`: not from what `matches` listed before."""
    files, path, _ = place(url, options)
    if fresh:
        files.invalidate_cache()
    info = files.info(path)
    told = {name.lower(): value for name, value in info.items() if value is not None}
    marks = [str(told[name]) for name in _MARKS if name in told]
    if not marks:
        marks = [str(told[name]) for name in _TIMES if name in told]
    mark = " ".join([str(told.get("size", "")), *marks])
    size = told.get("size")
    return Facts(size, mark, info.get("partial", True) and size is not None)


def opened(url: str, options: Options, block: int) -> Any:
    """Open a file to read; what is fetched at once is about `block` bytes, where that counts."""
    files, path, _ = place(url, options)
    file = files.open(path, "rb", block_size=block)
    if isinstance(file, io.BytesIO):  # in memory, all who open it are given the same one
        return io.BytesIO(file.getvalue())
    streams = not file.seekable() or getattr(file, "size", 0) is None
    return _Forward(files, path, file) if streams else file


class _Forward(io.RawIOBase):
    """What a server gives from the beginning on alone: to seek is to read, or to begin anew."""

    def __init__(self, files: Any, path: str, file: Any) -> None:
        self._files, self._path, self._file = files, path, file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        to = offset + self._at if whence == io.SEEK_CUR else offset
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation("the server gives no ranges: copy the file first")
        if to < self._at:
            self._file.close()
            self._file, self._at = self._files.open(self._path, "rb", block_size=0), 0
        while self._at < to and self.read(min(_SKIP, to - self._at)):
            pass
        return self._at

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def meaning(url: str, refused: type[HttpmrError], remedy: str) -> Iterator[None]:
    """Say what errors in the block mean: `refused` for what stays, Unavailable for what passes."""
    try:
        yield
    except HttpmrError:
        raise
    except Exception as error:
        raise _meant(error, url, refused, remedy) from error


def _hidden(error: Exception) -> Exception | None:
    """Return what stands behind an error: over HTTP, whatever happened is a file not found."""
    cause = error.__cause__
    if not isinstance(error, FileNotFoundError) or not isinstance(cause, Exception):
        return None
    away = type(cause).__module__.startswith("aiohttp") or isinstance(cause, TimeoutError)
    return cause if away and getattr(cause, "status", 0) not in _GONE else None


def _meant(error: Exception, url: str, refused: type[HttpmrError], remedy: str) -> HttpmrError:
    error = _hidden(error) or error
    why = " ".join(str(error).split())[:200] or type(error).__name__
    status = getattr(error, "status", None)  # of an answer over HTTP
    if isinstance(error, FileNotFoundError) or status in _GONE:
        return refused(f"{url} is not there: {remedy}", path=url)
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(f"{url} cannot be written, for there is no room left ({why}): make some")
    denied = isinstance(error, PermissionError) or "Credentials" in type(error).__name__
    denied = denied or (
        isinstance(status, int) and 400 <= status < 500 and status not in (408, 429)
    )
    if denied or isinstance(error, (*_MISTAKES, IsADirectoryError, NotADirectoryError)):
        return refused(f"{url} cannot be used ({why}): {remedy}", path=url)
    return Unavailable(f"{url} cannot be used now ({why}): try again")
