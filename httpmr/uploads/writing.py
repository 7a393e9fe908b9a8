"""How an upload comes into the store, and how what is left of one goes.

What is being sent is loose until its last chunk is there. Then one commit gives it the name, and
makes loose what had the name before. Whoever removes what is loose takes it from who is sending it.
"""

from collections.abc import Iterator
from typing import Protocol

from httpmr import codec, keys
from httpmr.errors import Conflict, InputError, OverLimit, Unavailable, Uncertain
from httpmr.interfaces import Batch, OrderedStore
from httpmr.uploads import places
from httpmr.uploads.places import Upload

CHUNK = 256 * 1024
TOGETHER = 4
"""Chunks that one commit puts, and that are in memory at a time."""

STALE = 3600.0
"""Seconds without a new chunk after which an upload is given up."""

_PAGE = 100  # chunks that one commit removes


class Stream(Protocol):
    """What `put` takes: a file opened in binary mode, the body of a request."""

    def read(self, size: int, /) -> bytes: ...


class Writing:
    """An upload that is being written: `count` chunks are in the store, and loose."""

    def __init__(self, store: OrderedStore, id: str) -> None:
        self.store, self.id = store, id
        self.count = self.size = 0
        self.waiting: list[bytes] = []
        self.fence: bytes | None = None  # the loose record; None = there is none yet
        self.key = places.loose(id)

    def add(self, chunk: bytes) -> None:
        if len(self.waiting) == TOGETHER:
            batch = self._batch()
            fence = codec.dumps([self.store.now(), self.count + len(self.waiting)])
            batch.expect(self.key, self.fence)
            batch.put(self.key, fence)
            try:
                self.store.commit(batch)
            except Conflict as error:
                raise _given_up() from error
            self.count, self.waiting, self.fence = self.count + TOGETHER, [], fence
        self.waiting.append(chunk)
        self.size += len(chunk)

    def end(self, name: str) -> Upload:
        """Put the last chunks, and give all of them the name."""
        made = Upload(name, self.size, self.store.now(), self.id, CHUNK)
        key, stored = places.head(name), codec.dumps(list(made))
        while True:
            before = self.store.get([key]).get(key)
            batch = self._batch()
            batch.expect(key, before)
            batch.put(key, stored)
            if before is not None:
                loosen(batch, places.read(before))
            if self.fence is not None:
                batch.expect(self.key, self.fence)
                batch.delete(self.key)
            try:
                self.store.commit(batch)
            except Conflict as error:
                if self.fence != self.store.get([self.key]).get(self.key):
                    raise _given_up() from error
                continue  # another of this name came to its end
            except Uncertain:
                if self.store.get([key]).get(key) != stored:
                    raise
            return made

    def undo(self) -> None:
        """Remove what was put, if it has not got its name."""
        stored = self.store.get([self.key]).get(self.key)
        if stored is not None:
            clear(self.store, self.key, stored)

    def _batch(self) -> Batch:
        batch = Batch()
        for n, chunk in enumerate(self.waiting, self.count):
            batch.put(places.chunk(self.id, n), chunk)
        return batch


def chunks(name: str, stream: Stream, limit: int) -> Iterator[bytes]:
    """Yield what a stream gives in even chunks, however much it gives at a time."""
    held, size = bytearray(), 0
    while piece := stream.read(CHUNK):
        if isinstance(piece, str):
            raise InputError(f"the upload {name} gives text, not bytes: open it in binary mode")
        held += piece
        size += len(piece)
        if size > limit:
            message = f"the upload {name} has more than {limit:,} bytes: send less, or raise limit="
            raise OverLimit(message, name=name, limit=limit)
        while len(held) >= CHUNK:
            yield bytes(held[:CHUNK])
            del held[:CHUNK]
    if held:
        yield bytes(held)


def clear(store: OrderedStore, key: bytes, stored: bytes) -> None:
    """Remove loose chunks and what tells of them. Conflict if the record is not what it was.

    The first commit takes them from whoever is still sending: he meets a Conflict then.
    """
    id, (_, count) = keys.unpack(key)[1], codec.loads(stored)
    while True:
        batch = Batch()
        batch.expect(key, stored)
        left = max(0, count - _PAGE)
        for n in range(left, count):
            batch.delete(places.chunk(id, n))
        if left:
            stored = codec.dumps([0.0, left])
            batch.put(key, stored)
        else:
            batch.delete(key)
        store.commit(batch)
        if not left:
            return
        count = left


def loosen(batch: Batch, upload: Upload) -> None:
    """Let the chunks of an upload that has lost its name be swept, by anyone, at once."""
    batch.put(places.loose(upload.id), codec.dumps([0.0, -(-upload.size // upload.chunk)]))


def _given_up() -> Unavailable:
    return Unavailable(f"the upload stood still for {STALE:.0f} s and was given up: send it again")
