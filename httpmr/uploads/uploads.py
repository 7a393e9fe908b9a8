"""Files that users sent, in the store: kept, found and read on every host that shares it.

What stands in a file, and how it is packed, is not known here.
"""

import fnmatch
import io
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, NamedTuple

from httpmr import codec, keys
from httpmr.errors import Conflict, InputError, RecipeError, StoreError
from httpmr.interfaces import Batch, OrderedStore
from httpmr.uploads import places
from httpmr.uploads.places import Upload
from httpmr.uploads.reading import File
from httpmr.uploads.writing import STALE, Stream, Writing, chunks, clear, loosen

LIMIT = 100 * 1024 * 1024


class Uploaded(NamedTuple):
    """What the sources of files take for a path: a pattern of names, and where they are."""

    uploads: "Uploads"
    pattern: str

    def __fspath__(self) -> str:
        return self.pattern


class Uploads:
    """The uploads in a store, each under its name. Every method may raise what the store raises."""

    def __init__(self, store: OrderedStore, *, rng: random.Random | None = None) -> None:
        if not isinstance(store, OrderedStore):
            take = "a store, as httpmr.stores.open('sqlite:///httpmr.db')"
            raise RecipeError(f"Uploads takes {take}, not {store!r:.80}")
        self.store = store
        self._rng = rng or random.SystemRandom()

    def put(self, name: str, stream: Stream, limit: int = LIMIT) -> Upload:
        """Keep what `stream` gives, at most `limit` bytes, under `name`; return the Upload.

        It takes the place of what had the name, at once and when it is whole; where it is cut off,
        or fails, that stays. Of two at the same time, that stays which ends last. Raises InputError
        for a name that cannot be one, OverLimit beyond the limit, and what the stream raises.
        """
        places.head(name)
        now = self.store.now()
        writing = Writing(self.store, f"{int(now * 1000):011x}{self._rng.randbytes(4).hex()}")
        try:
            for chunk in chunks(name, stream, limit):
                writing.add(chunk)
            made = writing.end(name)
        except Exception:
            with suppress(StoreError):  # else it is swept when it is stale
                writing.undo()
            raise
        with suppress(StoreError):
            self.sweep()
        return made

    def delete(self, name: str) -> bool:
        """Remove an upload; return whether there was one."""
        key = places.head(name)
        while (stored := self.store.get([key]).get(key)) is not None:
            batch = Batch()
            batch.expect(key, stored)
            batch.delete(key)
            loosen(batch, places.read(stored))
            try:
                self.store.commit(batch)
            except Conflict:
                continue
            with suppress(StoreError):
                self.sweep()
            return True
        return False

    def names(self) -> list[str]:
        """Return the names of all uploads, sorted."""
        return [upload.name for upload in self._all()]

    def find(self, name: str) -> Upload:
        """Return the upload of that name; InputError where there is none."""
        key = places.head(name)
        stored = self.store.get([key]).get(key)
        if stored is None:
            raise InputError(f"there is no upload {name!r:.80}: send it, or mend the name")
        return places.read(stored)

    def open(self, upload: Upload | str) -> IO[bytes]:
        """Open an upload, or the one of a name, to read; it can be entered anywhere.

        Reading raises InputError once it was replaced or deleted.
        """
        if isinstance(upload, str):
            upload = self.find(upload)
        return io.BufferedReader(File(self.store, upload))

    def path(self, pattern: str) -> Uploaded:
        """Return what the sources of files take for a path: the uploads of that name or pattern.

        It has `*`, `?` and `[...]`. Nothing is looked up before it is read.
        """
        if not isinstance(pattern, str) or not pattern:
            raise RecipeError(f"path takes a name, or a pattern as '*.csv', not {pattern!r:.80}")
        return Uploaded(self, pattern)

    def sweep(self) -> None:
        """Remove the chunks that no name has: those of what was replaced, deleted, or given up.

        `put` and `delete` do it. It may be cut off, and run at several places at once.
        """
        given_up = self.store.now() - STALE
        for key, stored in self.store.scan(*keys.span(("loose",))):
            if codec.loads(stored)[0] < given_up:
                with suppress(Conflict):  # it is being sent after all, or swept elsewhere
                    clear(self.store, key, stored)

    # What the sources of files need

    def matches(self, pattern: str) -> list[str]:
        """Return the paths of the uploads that a pattern matches."""
        with suppress(InputError):
            return [self.find(pattern).path]
        return [upload.path for upload in self._all() if fnmatch.fnmatchcase(upload.name, pattern)]

    def at(self, path: str) -> Upload:
        """Return the upload of a path; InputError where that very file is no longer there."""
        id, _, name = path.partition("/")
        key = places.head(name)
        stored = self.store.get([key]).get(key)
        if stored is None or (upload := places.read(stored)).id != id:
            raise places.replaced(path)
        return upload

    def _all(self) -> Iterator[Upload]:
        for _, stored in self.store.scan(*keys.span(("uploads",))):
            yield places.read(stored)

    def __repr__(self) -> str:
        return f"Uploads({self.store!r})"
