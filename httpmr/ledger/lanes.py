"""At most so many slices of a recipe at once, in all processes and jobs together.

    ("lanes", recipe) -> [how many claims there were, the store keys of the tasks claimed last]

A claim puts its task there, and expects the record as it was when the leases of those in it were
looked at: of two that would take the last place one gets a Conflict. No place is given back. What
is done, or whose lease ran out, takes none any more, so that nobody's death keeps one for long.
The number makes each record another, also where the same tasks were claimed again meanwhile.
"""

from collections.abc import Callable
from typing import Any

from httpmr import codec, keys
from httpmr.interfaces import Batch, Join, OrderedStore
from httpmr.ledger.places import task_key
from httpmr.state import Task


class Lanes:
    """The places of one recipe, `most` of them; None = no end of them, and no record."""

    def __init__(self, store: OrderedStore, recipe: str, most: int | None) -> None:
        self.store = store
        self.most = most
        self.key = keys.pack(("lanes", recipe))

    def room(self) -> Callable[[Task], Join] | None:
        """Return what gives a task a place, as what joins its claim; None: all are taken."""
        if self.most is None:
            return lambda task: lambda batch: None
        stored = self.store.get([self.key]).get(self.key)
        known: list[Any] = [0] if stored is None else codec.loads(stored)
        claims, *last = known
        at_work = self._leased(last) if last else []
        if len(at_work) >= self.most:
            return None

        def place(task: Task) -> Join:
            def join(batch: Batch) -> None:
                batch.expect(self.key, stored)
                batch.put(self.key, codec.dumps([claims + 1, *at_work, task_key(task)]))

            return join

        return place

    def _leased(self, last: list[bytes]) -> list[bytes]:
        found = self.store.get(last)
        now = self.store.now()
        return [key for key in found if Task.read(found[key]).lease > now]
