"""Folders that parts are put in, of a disk or by URL: the few verbs that it takes.

Names are below the folder, with `/`. To put a file is atomic: it is there whole, or not at all; on
a disk it outlasts a power cut, and of a URL that is the server's to promise.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import get_ident
from typing import Any

from httpmr import remote
from httpmr.errors import OutputError
from httpmr.remote import Options
from httpmr.sinks import disk


class DiskFolder:
    """A folder of a disk that all machines share."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path) + "/"

    def check(self, shown: str) -> None:
        """Raise OutputError if nothing could be written here."""
        parent = self.path if os.path.isdir(self.path) else os.path.dirname(self.path[:-1])
        if not os.path.isdir(parent):
            raise OutputError(f"no directory {parent} to write {shown} in: make it first")
        if os.path.lexists(self.path[:-1]) and not os.path.isdir(self.path):
            raise OutputError(f"{self.path[:-1]} is a file: name a folder, or remove it")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise OutputError(f"{parent} cannot be written to: let this process write there")

    def put(self, name: str, content: bytes) -> None:
        """Write a file whole."""
        path = self.path + name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(f"{path}.{os.getpid()}.{get_ident()}.new", "wb") as file:
            file.write(content)
            disk.sync(file)
        os.replace(file.name, path)
        folder = os.path.dirname(path)
        while len(folder) >= len(self.path) - 1:  # each may be new
            disk.sync_folder(folder)
            folder = os.path.dirname(folder)

    def get(self, name: str) -> bytes | None:
        """Return what is in a file; None = there is none."""
        with suppress(FileNotFoundError), open(self.path + name, "rb") as file:
            return file.read()
        return None

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Return the size of each file that is directly in a folder."""
        found = {}
        with suppress(FileNotFoundError), os.scandir(self.path + folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # another request gave it its name meanwhile
                    if entry.is_file():
                        found[entry.name] = entry.stat().st_size
        return found

    def publish(self, name: str, as_name: str) -> None:
        """Let a file be seen under another name. FileNotFoundError: it is not there."""
        os.replace(self.path + name, self.path + as_name)
        disk.sync_folder(os.path.dirname(self.path + as_name))

    def drop(self, name: str) -> None:
        """Remove a file, if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(self.path + name)

    def clear(self, folder: str) -> None:
        """Remove a folder and all in it, as far as that goes."""
        shutil.rmtree(self.path + folder, ignore_errors=True)

    def meaning(self, shown: str) -> AbstractContextManager[None]:
        """Return a block in which errors are said as what they mean."""
        return disk.meaning(self.path, shown)


class RemoteFolder:
    """A folder by URL. To publish is to copy, which the server does by itself where it can."""

    def __init__(self, url: str, options: Options) -> None:
        self.path = url
        self.options = options

    def check(self, shown: str) -> None:
        """Raise what stands against writing here, by trying it."""
        with self.meaning(shown):
            self.put("_staged/check", b"")
            self.drop("_staged/check")

    def put(self, name: str, content: bytes) -> None:
        """Write a file whole."""
        files, path = self._at(name)
        try:
            files.pipe_file(path, content)
        except FileNotFoundError:
            # Where folders are things of their own; never what is above, which may be a bucket.
            for end in (at for at, letter in enumerate(f"/{name}") if letter == "/"):
                with suppress(FileExistsError):
                    files.mkdir(self._at(name[: max(0, end - 1)])[1], create_parents=False)
            files.pipe_file(path, content)

    def get(self, name: str) -> bytes | None:
        """Return what is in a file; None = there is none."""
        files, path = self._at(name)
        try:
            return bytes(files.cat_file(path))
        except FileNotFoundError:
            return None

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Return the size of each file that is directly in a folder."""
        files, path = self._at(folder)
        try:
            listed = files.ls(path.rstrip("/"), detail=True)
        except FileNotFoundError:
            return {}
        found = [info for info in listed if info["type"] == "file"]
        return {info["name"].rpartition("/")[2]: info["size"] for info in found}

    def publish(self, name: str, as_name: str) -> None:
        """Let a file be seen under another name. FileNotFoundError: it is not there."""
        files, path = self._at(name)
        to = self._at(as_name)[1]
        try:
            files.cp_file(path, to)
        except NotImplementedError:
            files.pipe_file(to, files.cat_file(path))

    def drop(self, name: str) -> None:
        """Remove a file, if it is there."""
        files, path = self._at(name)
        with suppress(FileNotFoundError):
            files.rm_file(path)

    def clear(self, folder: str) -> None:
        """Remove a folder and all in it, as far as that goes."""
        files, path = self._at(folder)
        with suppress(OSError):
            files.rm(path, recursive=True)

    @contextmanager
    def meaning(self, shown: str) -> Iterator[None]:
        """Say what errors in the block mean."""
        with remote.meaning(self.path, OutputError, f"see that {shown} may be written"):
            yield

    def _at(self, name: str) -> tuple[Any, str]:
        files, path, _ = remote.place(self.path + name, self.options)
        files.invalidate_cache()
        return files, path


def folder(path: str, options: Options) -> DiskFolder | RemoteFolder:
    """Return the folder of a path or a URL."""
    return RemoteFolder(path, options) if remote.is_url(path) else DiskFolder(path)
