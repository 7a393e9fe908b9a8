"""What a store knows of itself: its instance id, its secret, its format; made by the first user.

Every job id begins with the instance id, so that where several hosts each have a store of
their own, a request that came to the wrong one is seen to.
"""

from random import Random
from typing import TypedDict

from httpmr import codec, keys
from httpmr.errors import Conflict, FormatError, WrongStore
from httpmr.interfaces import Batch, OrderedStore

FORMAT = (1, 0)
"""[major, minor] of what is stored: an older minor is read, another major refused.

So is a newer minor: whoever does not know a field of a record would lose it in writing it again.
"""

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_META = keys.pack(("meta",))


def letters(rng: Random, count: int) -> str:
    """Return `count` random letters that can stand in a URL and be read aloud."""
    return "".join(rng.choice(_LETTERS) for _ in range(count))


class _Meta(TypedDict):
    instance: str
    secret: bytes
    format: list[int]


class Identity:
    """The meta record of one store, read once and kept."""

    def __init__(self, store: OrderedStore, rng: Random) -> None:
        self.store = store
        self.rng = rng
        self._kept: _Meta | None = None

    @property
    def _meta(self) -> _Meta:
        # No cached_property: before Python 3.12 all of them share one lock, so that where a store
        # is slow, every thread would wait for the one that reads it, whatever its own store.
        if self._kept is None:
            self._kept = self._read()
        return self._kept

    def _read(self) -> _Meta:
        while True:
            stored = self.store.get([_META]).get(_META)
            if stored is not None:
                return self._checked(codec.loads(stored))
            meta: _Meta = {
                "instance": letters(self.rng, 6),
                "secret": self.rng.randbytes(32),
                "format": list(FORMAT),
            }
            batch = Batch()
            batch.expect(_META, None)
            batch.put(_META, codec.dumps(meta))
            try:
                self.store.commit(batch)
            except Conflict:
                continue  # another process was first: its record is the one

    @staticmethod
    def _checked(meta: _Meta) -> _Meta:
        major, minor = meta["format"]
        if (major, minor) > FORMAT or major != FORMAT[0]:
            raise FormatError(
                f"the store is of format {major}.{minor}, and this httpmr reads up to "
                f"{FORMAT[0]}.{FORMAT[1]}: install the one that wrote it, or use a new store"
            )
        return meta

    @property
    def instance(self) -> str:
        """The store's id, six letters."""
        return self._meta["instance"]

    @property
    def secret(self) -> bytes:
        """32 random bytes, the same for every host that shares the store."""
        return self._meta["secret"]

    def job(self, now: float, newest: str | None) -> str:
        """Return the id of a new job, `newest` that of the one before.

        Ids sort by the time they were made, also where the clock stood still or went back.
        """
        moment = max(int(now * 1000), int(newest[7:18], 16) + 1 if newest else 0)
        return f"{self.instance}-{moment:011x}{letters(self.rng, 4)}"

    def check(self, id: str) -> None:
        """Raise WrongStore if the job id was made in another store than this."""
        instance, dash, _ = id.partition("-")
        another = dash and len(instance) == 6 and instance != self.instance
        if another and set(instance) <= set(_LETTERS):
            raise WrongStore(
                f"the job belongs to the store {instance}, and this host uses {self.instance}: let "
                "all hosts share one store"
            )
