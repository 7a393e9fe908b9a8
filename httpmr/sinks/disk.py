"""What writing to a disk takes: that it lasts, and what its errors mean."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from httpmr.errors import OutputError, StoreFull, Unavailable

_FULL = (errno.ENOSPC, errno.EDQUOT)
_PASSING = (errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE)


@contextmanager
def meaning(path: str, shown: str) -> Iterator[None]:
    """Say what errors of the disk mean: none of them is a record's fault."""
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror or error}: {error.filename or path}"
        if error.errno in _FULL:
            raise StoreFull(f"the disk has no room left ({reason}): make some") from error
        if error.errno in _PASSING:
            raise Unavailable(f"the disk cannot be used now ({reason})") from error
        raise OutputError(f"{shown} cannot be written ({reason})") from error


def sync(file: IO[bytes]) -> None:
    """Make sure that what was written outlasts a power cut."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: str) -> None:
    """Make sure that the names in a folder outlast a power cut, where that can be asked for."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
