"""The replicas of a recipe: who they are, what each was last heard of, and which slice it has.

    ("replica", recipe, name) -> a Replica

One small record for each, so that their number alone is what they take. What a slice is, and what
a replica may do with it, is not known here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from httpmr import codec, keys
from httpmr.errors import Conflict, Unfit
from httpmr.interfaces import Batch, Join, OrderedStore
from httpmr.state import Plain, Record, replace

STATES = ("ready", "mapping", "reducing", "waiting", "gone")
"""What a replica says it is: up, in a slice of map, or of merge or reduce, without one, ending."""

ORDERS = ("drain", "drop")
"""What an operator lets it be told: to finish its slice and end; to end, its slice being lost."""

SILENT = 20.0
"""Seconds without a word after which it counts as gone, if its leases are not longer."""

FORGOTTEN = 86_400.0
"""Seconds without a word after which its record goes."""

Leased = tuple[str, str, tuple[int, ...], int, int]
"""A slice that was leased: its job, phase, shard and number, and the epoch of the lease."""


@dataclass(frozen=True)
class Replica(Record):
    """What is known of one. Times are Unix seconds by the store's clock."""

    name: str
    since: float
    heard: float = 0.0
    state: str = "ready"
    leased: Leased | None = None  # what it was given last; whether it still has that, its task says
    order: str = ""
    # By its own account, since it was started.
    slices: int = 0
    records: int = 0
    errors: int = 0

    def gone(self, now: float, lease: float) -> bool:
        """Whether it said so, or was not heard of for longer than two leases take."""
        return self.state == "gone" or now - self.heard > max(SILENT, 2 * lease)


class Replicas:
    """The replicas of one recipe in one store."""

    def __init__(self, store: OrderedStore, recipe: str) -> None:
        self.store = store
        self.recipe = recipe

    def key(self, name: str) -> bytes:
        """Return where in the store the replica stands."""
        return keys.pack(("replica", self.recipe, name))

    def read(self, name: str, *others: bytes) -> tuple[Replica, dict[bytes, bytes]]:
        """Return the replica, a new one if it was never heard of; and what `others` hold, as one.

        A new one is stored when it is put.
        """
        key = self.key(name)
        found = self.store.get([key, *others])
        stored = found.pop(key, None)
        if stored is None:
            return Replica(name, since=self.store.now()), found
        return Replica.read(stored), found

    def all(self) -> list[Replica]:
        """Return all that are remembered, in the order of their names."""
        return [replica for _, replica in self._all()]

    def _all(self) -> Iterator[tuple[bytes, Replica]]:
        for key, stored in self.store.scan(*keys.span(("replica", self.recipe))):
            yield key, Replica.read(stored)

    def heard(self, replica: Replica, **fields: Any) -> tuple[Replica, Join]:
        """Return it as it is now that it was heard of, and what puts it so into a batch.

        The batch then expects it as it was read. With a new one go those long forgotten.
        """
        now = self.store.now()
        fresh = replace(replica, heard=now, **fields)
        stored = codec.dumps(fresh.plain())

        def join(batch: Batch) -> None:
            batch.expect(self.key(replica.name), replica.stored)
            batch.put(self.key(replica.name), stored)

        return replace(fresh, stored=stored), join

    def put(self, name: str, change: Callable[[Replica], Plain]) -> Replica:
        """Put the replica with what `change` gives of it, heard of now."""
        while True:
            replica, _ = self.read(name)
            fresh, join = self.heard(replica, **change(replica))
            batch = Batch()
            join(batch)
            try:
                self.store.commit(batch)
            except Conflict:
                continue
            if replica.stored is None:
                self._forget()
            return fresh

    def order(self, name: str, order: str) -> Replica:
        """Let a replica be told to `drain` or `drop` when it is heard of next; return it.

        What is dropped stays so. Unfit where there is no such replica.
        """
        while True:
            replica, _ = self.read(name)
            if replica.stored is None:
                raise Unfit(f"there is no replica {name}: it was never here, or long ago")
            if replica.order in (order, "drop"):
                return replica
            batch, stored = Batch(), codec.dumps(replace(replica, order=order).plain())
            batch.expect(self.key(name), replica.stored)
            batch.put(self.key(name), stored)
            try:
                self.store.commit(batch)
            except Conflict:
                continue
            return replace(replica, order=order, stored=stored)

    def _forget(self) -> None:
        """Remove those that were not heard of for long; any one that comes back is put anew."""
        now = self.store.now()
        for key, replica in list(self._all()):
            if now - replica.heard > FORGOTTEN * (30 if replica.order == "drop" else 1):
                batch = Batch()
                batch.expect(key, replica.stored)
                batch.delete(key)
                try:
                    self.store.commit(batch)
                except Conflict:
                    continue
