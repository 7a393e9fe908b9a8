"""What is wrong with a file that cannot be read: gone, damaged, in the way, or away.

Here is also told which part of a path is an archive, for its name belongs into the message.
"""

import gzip
import os
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from httpmr import remote
from httpmr.errors import HttpmrError, InputError, Unavailable

if sys.version_info >= (3, 14):
    from compression import zstd as zstd
else:
    from backports import zstd as zstd

BACK = "put it back, or start a new job"
ZIP = ".zip"

_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, zstd.ZstdError, zipfile.BadZipFile)
_KINDS = {".gz": "gzip", ".zst": "zstd"}


def member(path: str) -> tuple[str, str | None]:
    """Take a path apart into that of an archive and the name in it; None = it is in none."""
    at = path.find(ZIP + "/")
    while at >= 0:
        archive = path[: at + len(ZIP)]
        if remote.is_url(path) or not os.path.isdir(archive):
            return archive, path[at + len(ZIP) + 1 :]
        at = path.find(ZIP + "/", at + 1)
    return path, None


@contextmanager
def meaning(path: str) -> Iterator[None]:
    """Say what errors in the block mean: InputError, or Unavailable for what passes by itself."""
    try:
        yield
    except HttpmrError:
        raise
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    except Exception as error:
        inside = path.endswith(ZIP) or member(path)[1] is not None
        if inside and type(error) in (NotImplementedError, RuntimeError):
            remedy = "pack it by deflate, without a password"
            raise InputError(f"{path} cannot be unpacked ({error}): {remedy}", path=path) from error
        if remote.is_url(path):
            with remote.meaning(path, InputError, BACK):
                raise
        if isinstance(error, OSError):
            raise unreadable(path, error) from error
        raise


def _damaged(path: str, error: Exception) -> InputError:
    archive, _ = member(path)
    kind = _KINDS.get(os.path.splitext(path)[1], "zip")
    if isinstance(error, zipfile.BadZipFile):
        kind = "zip"
        if "CRC" not in str(error):  # it is not this member alone
            path = archive
    why = str(error) or type(error).__name__
    message = f"{path} is not a whole {kind} file ({why}): write it again, start a new job"
    return InputError(message, path=path)


def unreadable(path: str, error: OSError) -> HttpmrError:
    """Return what to raise for a file of a disk that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return InputError(gone(path), path=path)
    if isinstance(error, (PermissionError, IsADirectoryError, NotADirectoryError)):
        return InputError(f"{path} cannot be read: {error.strerror}", path=path)
    return Unavailable(f"{path} cannot be read now ({error.strerror or error}): try again")


def gone(path: str) -> str:
    """Say of a file that was there that it is there no more."""
    where = "" if remote.is_url(path) else f" (it was looked for in {os.getcwd()})"
    return f"{path} is gone: {BACK}{where}"
