"""Output as one file, staged in parts and published whole. What stands in it is not known here.

Each slice's output is a part of its own, named by shard, number and epoch, in a folder beside
the file. Its receipt is committed with the slice; `finish` puts the parts of committed receipts
together and moves the result into place, so that a reader sees the old file or the new one.
Where a job is retried each round has a folder of its own, so that a request which stood still
since the round before, and then removes what it published, takes nothing of the next with it.
All machines that serve the job need one shared disk for that folder.
"""

import errno
import hashlib
import os
import shutil
from contextlib import AbstractContextManager, suppress
from uuid import uuid4
from zlib import crc32

from httpmr.budget import Budget
from httpmr.errors import Damaged, OutputError
from httpmr.interfaces import Slice
from httpmr.sinks import disk
from httpmr.sinks.names import part_name, round_of

Receipt = tuple[str, int, int]


class OneFile:
    """One file of a disk. `head` is what it begins with, `owner` the name of its sink."""

    def __init__(self, path: str, head: bytes, owner: str) -> None:
        self.path = os.path.abspath(path)  # for chdir must not change which file it is
        self.head = head
        self.owner = owner

    def parts(self) -> list[str]:
        """Return the path, once it is published."""
        return [self.path] if os.path.isfile(self.path) else []

    def check(self) -> None:
        """Raise OutputError if the file could not be put where it belongs."""
        folder = os.path.dirname(self.path)
        if not os.path.isdir(folder):
            raise OutputError(f"no directory {folder} to write {self!r} in: make it first")
        if os.path.isdir(self.path):
            raise OutputError(f"{self.path} is a directory: name a file in it")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{folder} cannot be written to: let this process write there")

    def write(self, content: bytes, slice: Slice) -> Receipt:
        """Stage the part of one slice; the receipt is its (name, bytes, crc32)."""
        folder = self._folder(slice.job, slice.round)
        name = part_name(slice)
        with self._disk():
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
                disk.sync(file)
            disk.sync_folder(folder)
            disk.sync_folder(os.path.dirname(self.path))
        return name, len(content), crc32(content)

    def finish(self, job: str, receipts: list[Receipt], budget: Budget) -> bool:
        """Put the parts together, as many as the budget allows; at the end publish the file.

        It may be cut anywhere, run again, and run twice at once: whoever writes into the file
        that grows writes the same bytes at the same place, and what is moved away is looked at
        before it is shown.
        """
        last = max((round_of(name) for name, _, _ in receipts), default=0)
        folder = self._folder(job, last)
        # If the receipts are others, it must be another file that grows.
        digest = hashlib.sha256(repr(receipts).encode()).hexdigest()[:16]
        whole = os.path.join(folder, f"whole.{digest}")
        with self._disk():
            if not receipts:
                os.makedirs(folder, exist_ok=True)
            try:
                if not self._gather(job, whole, receipts, budget):
                    return False
                if not self._moved(whole, receipts) and not self._published(receipts):
                    return False
            except FileNotFoundError as error:
                # One that was faster, or was cut before it could say so, published it.
                if not self._published(receipts):
                    raise OutputError(
                        f"{error.filename} is missing: all machines that serve the job need one "
                        f"shared disk at {os.path.dirname(self.path)}"
                    ) from error
            disk.sync_folder(os.path.dirname(self.path))
            for round in range(last + 1):  # what zombies staged goes too
                shutil.rmtree(self._folder(job, round), ignore_errors=True)
        return True

    def _gather(self, job: str, whole: str, receipts: list[Receipt], budget: Budget) -> bool:
        """Append parts to the file that grows; its size tells how far that has come."""
        with open(os.open(whole, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            kept = self._kept(job, receipts)
            at = 0
            parts: list[tuple[str | None, int, int]] = [(None, len(self.head), 0), *receipts]
            for name, length, crc in parts:
                at += length
                if size >= at:
                    continue
                part = self.head if name is None else self._part(job, name, length, crc, kept)
                size = max(size, at - length)
                file.seek(size)
                file.write(part[size - at + length :])
                size = at
                if name is not None and not budget.more() and name != receipts[-1][0]:
                    disk.sync(file)
                    return False
            disk.sync(file)
        return True

    def _moved(self, whole: str, receipts: list[Receipt]) -> bool:
        """Move the file that grew into place; tell whether that was all of it.

        Since it was gathered, another may have published it, and one after that have begun a new
        one. Under a name that nobody else knows, what it is does not change any more.
        """
        own = f"{whole}.{uuid4().hex}"
        os.replace(whole, own)
        with open(own, "r+b") as file:
            complete = file.seek(0, os.SEEK_END) == len(self.head) + sum(r[1] for r in receipts)
            disk.sync(file)
        if complete:
            os.replace(own, self.path)
        else:
            os.remove(own)
        return complete

    def _part(self, job: str, name: str, length: int, crc: int, kept: dict[str, int]) -> bytes:
        path = os.path.join(self._folder(job, round_of(name)), name)
        if name in kept:
            with open(self.path, "rb") as file:
                file.seek(kept[name])
                part = file.read(length)
            if crc32(part) != crc:  # this has been published meanwhile, or something else has
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            return part
        with open(path, "rb") as file:
            part = file.read()
        if len(part) != length or crc32(part) != crc:
            raise Damaged(f"part {name} of {self.path} is not what was written: start a new job")
        return part

    def _kept(self, job: str, receipts: list[Receipt]) -> dict[str, int]:
        """Return where in the published file the parts are that are staged no more.

        So it is when a job is retried: it publishes again, with further parts among the old ones.
        """
        here: set[str] = set()
        for round in {round_of(name) for name, _, _ in receipts}:
            with suppress(FileNotFoundError):
                here.update(os.listdir(self._folder(job, round)))
        at = len(self.head)
        kept: dict[str, int] = {}
        for name, length, _ in receipts:
            if name not in here:
                kept[name] = at
                at += length
        return kept if kept and self._size() == at else {}

    def _size(self) -> int | None:
        return os.path.getsize(self.path) if os.path.isfile(self.path) else None

    def _published(self, receipts: list[Receipt]) -> bool:
        """Whether the file is there and has in it what the receipts say."""
        try:
            with open(self.path, "rb") as file:
                if file.read(len(self.head)) != self.head:
                    return False
                parts = all(crc32(file.read(length)) == crc for _, length, crc in receipts)
                return parts and not file.read(1)
        except FileNotFoundError:
            return False

    def check_retry(self, job: str, receipts: list[Receipt], anew: bool) -> None:
        """Raise OutputError where what is new could not be put among what was published."""
        lengths = [receipt[1] for receipt in receipts]
        if not anew and self._size() != len(self.head) + sum(lengths):
            raise OutputError(
                f"{self.path} is not what the job published, so that nothing can be put between: "
                "start a new job"
            )

    def _folder(self, job: str, round: int) -> str:
        return f"{self.path}.{job}.parts" + (f".{round}" if round else "")

    def _disk(self) -> AbstractContextManager[None]:
        return disk.meaning(self.path, repr(self))

    def __repr__(self) -> str:
        return f"{self.owner}({self.path!r})"
