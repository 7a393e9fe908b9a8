"""Output kept in this process, where a test or a notebook can look at it."""

from collections.abc import Iterable, Sequence
from typing import Any

from httpmr.budget import Budget
from httpmr.errors import OutputError
from httpmr.interfaces import Batch, OrderedStore, Pair, Sink, Slice

_NAME = "httpmr.sinks.Memory"


class Memory(Sink):
    """Exactly once, in the memory of a `MemoryStore`: gone when the process ends.

    `results` is the newest job's output as a dict, `pairs(job)` that of any job as a list.
    """

    guarantee = "exactly once"

    def __init__(self) -> None:
        self._database: dict[Any, Any] = {}
        self._newest: str | None = None

    @property
    def results(self) -> dict[Any, Any]:
        """The newest job's output as a dict {key: value}; of a key's several values the last."""
        return dict(self.pairs())

    def pairs(self, job: str | None = None) -> list[Pair]:
        """Return the (key, value) pairs of a job (None: the newest), by shard and slice."""
        job = self._newest if job is None else job
        slices = self._database.get((_NAME, job), {})
        return [pair for place in sorted(slices) for pair in slices[place]]

    def joins(self, store: OrderedStore) -> bool:
        """Only a store in this process's memory can be joined."""
        return isinstance(store.database, dict)

    def check(self, store: OrderedStore) -> None:
        """Raise OutputError for any other store."""
        if not self.joins(store):
            raise OutputError(
                f"the Memory sink is seen by one process alone, and {store!r} by many: "
                "use store=MemoryStore(), or another sink"
            )

    def join(self, pairs: Sequence[Pair], slice: Slice, batch: Batch) -> None:
        """Keep the pairs with the slice's commit."""
        place, pairs = (slice.shard, slice.number), tuple(pairs)

        def keep(database: dict[Any, Any]) -> None:
            # Replaced, not changed: where the commit fails, the store puts back what was there.
            name = (_NAME, slice.job)
            database[name] = {**database.get(name, {}), place: pairs}
            self._database, self._newest = database, slice.job

        batch.sql(keep)

    def finish(self, job: str, receipts: Iterable[Any], budget: Budget) -> bool:
        """Let `results` be this job's, also where it has none."""
        self._newest = job
        return True
