"""An upload as a file that can be entered anywhere, at the cost of one chunk."""

import io
from typing import Any

from httpmr.interfaces import OrderedStore
from httpmr.uploads import places
from httpmr.uploads.places import Upload


class File(io.RawIOBase):
    """The bytes of an upload; one chunk of it is in memory at a time."""

    def __init__(self, store: OrderedStore, upload: Upload) -> None:
        self._store, self._upload = store, upload
        self._at = 0
        self._held: tuple[int, bytes] = -1, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._upload.size}[whence]
        self._at = max(0, begin + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._upload.size:
            return 0
        n, skipped = divmod(self._at, self._upload.chunk)
        if n != self._held[0]:
            self._held = n, self._fetched(n)
        piece = self._held[1][skipped : skipped + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _fetched(self, n: int) -> bytes:
        key = places.chunk(self._upload.id, n)
        chunk = self._store.get([key]).get(key)
        if chunk is None:
            raise places.replaced(self._upload.path)
        return chunk
