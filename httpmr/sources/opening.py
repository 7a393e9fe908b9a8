"""How a file is found and opened, wherever it is and however it is packed.

A path is one of a disk, a URL, that of an upload, or a member of a zip archive, as
`months.zip/2008/may.csv`; what ends in `.gz` or `.zst` is unpacked. What stands in a file, lines
or else, is not known here.
"""

import fnmatch
import glob
import gzip
import io
import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any

from httpmr import remote
from httpmr.errors import InputError
from httpmr.remote import Facts, Options
from httpmr.sources import damage
from httpmr.sources.damage import ZIP, member, zstd
from httpmr.uploads import Uploads, replaced

Where = Options | Uploads
"""What is known beside a path: the options of a URL; or the uploads that all paths are of."""

BUFFER = 128 * 1024
BLOCK = 4 * 1024 * 1024
"""Bytes fetched at once over a network, at most: an answer takes its time, however small."""


def packed(path: str) -> bool:
    """Tell whether a file can only be read from its beginning."""
    return path.endswith((".gz", ".zst")) or member(path)[1] is not None


# Finding


def matches(pattern: str, where: Where = None) -> list[str]:
    """Return the paths of the files that a pattern matches; of an archive, those of its members.

    Raises InputError where an archive cannot be read, Unavailable where a network is away.
    """
    found = _files(pattern, where)
    if not found and ZIP + "/" in pattern:
        archive, _, inner = pattern.partition(ZIP + "/")
        archives = [path for path in _files(archive + ZIP, where) if path.endswith(ZIP)]
        return [path for name in archives for path in _members(name, inner, where)]
    return [
        inner
        for path in found
        for inner in (_members(path, "*", where) if path.endswith(ZIP) else [path])
    ]


def _files(pattern: str, where: Where) -> list[str]:
    if isinstance(where, Uploads):
        return where.matches(pattern)
    if remote.is_url(pattern):
        with remote.meaning(pattern, InputError, "mend the URL, or its options="):
            return remote.matches(pattern, where)
    if os.path.isfile(pattern):
        return [pattern]
    return [path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path)]


def _members(archive: str, pattern: str, where: Where) -> list[str]:
    """Return the members that a pattern matches; like any `*`, it leaves out what is hidden."""
    with damage.meaning(archive), _archive(archive, where) as opened:
        names = {info.filename for info in opened.infolist() if not info.is_dir()}
    if pattern in names:
        return [f"{archive}/{pattern}"]
    found = [name for name in names if fnmatch.fnmatchcase(name, pattern) and not _hidden(name)]
    for name in found:
        if name.endswith(ZIP):
            raise InputError(f"{archive}/{name} is an archive in an archive: unpack {archive}")
    return [f"{archive}/{name}" for name in found]


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def gone(path: str, where: Where = None) -> InputError:
    """Return the error for a file that was there when the job began."""
    if isinstance(where, Uploads):
        return replaced(path)
    return InputError(damage.gone(path), path=path)


# Looking


def facts(paths: Iterable[str], where: Where = None, fresh: bool = False) -> Iterator[Facts]:
    """Yield what is known of each file: of what is packed, its size as it is stored.

    `fresh`: not from what was listed when they were found.
    """
    with ExitStack() as stack:
        last: str | None = None
        for path in paths:
            archive, name = member(path)
            if name is None:
                yield _facts(path, where, fresh)
                continue
            with damage.meaning(path):
                if archive != last:
                    stack.close()
                    directory = stack.enter_context(_archive(archive, where))
                    last = archive
                try:
                    info = directory.getinfo(name)
                except KeyError:
                    raise InputError(damage.gone(path), path=path) from None
            yield Facts(info.compress_size, f"{info.file_size} {info.CRC}", False)


def _facts(path: str, where: Where, fresh: bool) -> Facts:
    if isinstance(where, Uploads):
        upload = where.at(path)
        return Facts(upload.size, upload.id, not packed(path))
    if remote.is_url(path):
        with remote.meaning(path, InputError, damage.BACK):
            found = remote.facts(path, where, fresh)
            return found._replace(ranges=found.ranges and not packed(path))
    try:
        stat = os.stat(path)
    except OSError as error:
        raise damage.unreadable(path, error) from error
    return Facts(stat.st_size, f"{stat.st_size} {stat.st_mtime_ns}", not packed(path))


# Opening


@contextmanager
def opened(path: str, span: int = BUFFER, where: Where = None) -> Iterator[IO[bytes]]:
    """Open a file to read some `span` bytes of; what goes wrong in the block is an InputError.

    In a packed file a position is one in its content, and to seek is to read from the beginning.
    """
    buffer = min(BUFFER, max(io.DEFAULT_BUFFER_SIZE, span))
    with damage.meaning(path), ExitStack() as stack:
        archive, name = member(path) if ZIP in path else (path, None)
        if name is None:
            file: Any = stack.enter_context(_stored(path, buffer, span, where))
        else:
            directory = stack.enter_context(_archive(archive, where))
            try:
                file = stack.enter_context(directory.open(name))
            except KeyError:
                raise InputError(damage.gone(path), path=path) from None
        if path.endswith(".gz"):
            file = stack.enter_context(gzip.GzipFile(fileobj=file))
        elif path.endswith(".zst"):
            file = stack.enter_context(zstd.ZstdFile(file))
        if not isinstance(file, (io.BufferedReader, io.BytesIO)):
            # Without a buffer of its own, what Python unpacks gives lines ten times slower.
            file = stack.enter_context(io.BufferedReader(file, buffer))
        yield file


def _stored(path: str, buffer: int, span: int, where: Where) -> Any:
    """Open the bytes of a file as they are stored."""
    if isinstance(where, Uploads):
        return where.open(where.at(path))
    if not remote.is_url(path):
        return open(path, "rb", buffering=buffer)
    return remote.opened(path, where, min(BLOCK, max(BUFFER, span)))


@contextmanager
def _archive(path: str, where: Where) -> Iterator[zipfile.ZipFile]:
    with _stored(path, BUFFER, BUFFER, where) as file, zipfile.ZipFile(file) as archive:
        yield archive
