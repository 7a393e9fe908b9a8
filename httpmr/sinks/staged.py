"""Output as one file, staged in parts and published whole: what the file sinks share.

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
from contextlib import contextmanager, suppress
from zlib import crc32

from httpmr.errors import Damaged, OutputError, RecipeError, StoreFull, Unavailable
from httpmr.interfaces import Sink

_FULL = (errno.ENOSPC, errno.EDQUOT)
_PASSING = (errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE)


class Staged(Sink):
    """One file of lines. Subclasses define `line`, and `head` where the file begins with one."""

    guarantee = "staged"

    head = b""
    """What the file begins with."""

    def __init__(self, path):
        name = type(self).__name__
        if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
            raise RecipeError(f"{name} takes the path of a file, not {path!r:.80}")
        if not os.path.basename(os.fspath(path)):
            raise RecipeError(f"{name} takes the path of a file, and {path!r} ends in none")
        self.path = os.path.abspath(path)  # for chdir must not change which file it is

    def line(self, key, value):
        """Return the line of one pair, as bytes. ValueError or TypeError says why it has none."""
        raise NotImplementedError

    def check(self, store):
        """Raise OutputError if the file could not be put where it belongs."""
        folder = os.path.dirname(self.path)
        if not os.path.isdir(folder):
            raise OutputError(f"no directory {folder} to write {self!r} in: make it first")
        if os.path.isdir(self.path):
            raise OutputError(f"{self.path} is a directory: name a file in it")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{folder} cannot be written to: let this process write there")

    def write(self, pairs, slice):
        """Stage the part of one slice; the receipt is its (name, bytes, crc32)."""
        content = b"".join(self._lines(pairs))
        folder = self._folder(slice.job, slice.round)
        name = f"{'_'.join(map(str, slice.shard))}.{slice.number}.{slice.epoch}"
        name += f".{slice.round}" if slice.round else ""
        with self._disk():
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
                _sync(file)
            _sync_folder(folder)
            _sync_folder(os.path.dirname(self.path))
        return name, len(content), crc32(content)

    def _lines(self, pairs):
        for key, value in pairs:
            try:
                yield self.line(key, value)
            except (ValueError, TypeError, RecursionError) as error:
                message = f"{type(self).__name__} cannot write the output of key {key!r:.80}"
                raise OutputError(f"{message}: {error}", key=key) from error

    def finish(self, job, receipts, budget):
        """Put the parts together, as many as the budget allows; at the end publish the file.

        It may be cut anywhere, run again, and run twice at once: whoever writes into the file
        that grows writes the same bytes at the same place, and moving it away succeeds once.
        """
        receipts = [tuple(receipt) for receipt in receipts if receipt is not None]
        last = max((_round(name) for name, _, _ in receipts), default=0)
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
                os.replace(whole, self.path)
            except FileNotFoundError as error:
                # One that was faster, or was cut before it could say so, published it.
                if not self._published(receipts):
                    raise OutputError(
                        f"{error.filename} is missing: all machines that serve the job need one "
                        f"shared disk at {os.path.dirname(self.path)}"
                    ) from error
            _sync_folder(os.path.dirname(self.path))
            for round in range(last + 1):  # what zombies staged goes too
                shutil.rmtree(self._folder(job, round), ignore_errors=True)
        return True

    def _gather(self, job, whole, receipts, budget):
        """Append parts to the file that grows; its size tells how far that has come."""
        with open(os.open(whole, os.O_RDWR | os.O_CREAT, 0o666), "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            kept = self._kept(job, receipts)
            at = 0
            for name, length, crc in [(None, len(self.head), 0), *receipts]:
                at += length
                if size >= at:
                    continue
                part = self.head if name is None else self._part(job, name, length, crc, kept)
                size = max(size, at - length)
                file.seek(size)
                file.write(part[size - at + length :])
                size = at
                if name is not None and not budget.more() and name != receipts[-1][0]:
                    _sync(file)
                    return False
            _sync(file)
        return True

    def _part(self, job, name, length, crc, kept):
        path = os.path.join(self._folder(job, _round(name)), name)
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

    def _kept(self, job, receipts):
        """Return where in the published file the parts are that are staged no more.

        So it is when a job is retried: it publishes again, with further parts among the old ones.
        """
        here = set()
        for round in {_round(name) for name, _, _ in receipts}:
            with suppress(FileNotFoundError):
                here.update(os.listdir(self._folder(job, round)))
        at, kept = len(self.head), {}
        for name, length, _ in receipts:
            if name not in here:
                kept[name] = at
                at += length
        return kept if kept and self._size() == at else {}

    def _size(self):
        return os.path.getsize(self.path) if os.path.isfile(self.path) else None

    def _published(self, receipts):
        """Whether the file is there and has in it what the receipts say."""
        try:
            with open(self.path, "rb") as file:
                if file.read(len(self.head)) != self.head:
                    return False
                parts = all(crc32(file.read(length)) == crc for _, length, crc in receipts)
                return parts and not file.read(1)
        except FileNotFoundError:
            return False

    def check_retry(self, job, receipts, anew):
        """Raise OutputError where what is new could not be put among what was published."""
        lengths = [receipt[1] for receipt in receipts if receipt is not None]
        if not anew and self._size() != len(self.head) + sum(lengths):
            raise OutputError(
                f"{self.path} is not what the job published, so that nothing can be put between: "
                "start a new job"
            )

    def _folder(self, job, round):
        return f"{self.path}.{job}.parts" + (f".{round}" if round else "")

    @contextmanager
    def _disk(self):
        """Say what errors of the disk mean: none of them is a record's fault."""
        try:
            yield
        except OSError as error:
            reason = f"{error.strerror or error}: {error.filename or self.path}"
            if error.errno in _FULL:
                raise StoreFull(f"the disk has no room left ({reason}): make some") from error
            if error.errno in _PASSING:
                raise Unavailable(f"the disk cannot be used now ({reason})") from error
            raise OutputError(f"{self!r} cannot be written ({reason})") from error

    def __repr__(self):
        return f"{type(self).__name__}({self.path!r})"


def _round(name):
    """The round of a job in which a part was written."""
    _, _, _, *round = name.split(".")
    return int(round[0]) if round else 0


def _sync(file):
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder):
    """Make sure that the names in a folder outlast a power cut, where that can be asked for."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
