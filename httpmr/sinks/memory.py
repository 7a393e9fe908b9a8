"""Output kept in this process, where a test or a notebook can look at it."""

from httpmr.errors import OutputError
from httpmr.interfaces import Sink

_NAME = "httpmr.sinks.Memory"


class Memory(Sink):
    """Exactly once, in the memory of a `MemoryStore`: gone when the process ends.

    `results` is the newest job's output as a dict, `pairs(job)` that of any job as a list.
    """

    guarantee = "exactly once"

    def __init__(self):
        self._database = {}
        self._newest = None

    @property
    def results(self):
        """The newest job's output as a dict {key: value}; of a key's several values the last."""
        return dict(self.pairs())

    def pairs(self, job=None):
        """Return the (key, value) pairs of a job (None: the newest), by shard and slice."""
        job = self._newest if job is None else job
        slices = self._database.get((_NAME, job), {})
        return [pair for place in sorted(slices) for pair in slices[place]]

    def joins(self, store):
        """Only a store in this process's memory can be joined."""
        return isinstance(store.database, dict)

    def check(self, store):
        """Raise OutputError for any other store."""
        if not self.joins(store):
            raise OutputError(
                f"the Memory sink is seen by one process alone, and {store!r} by many: "
                "use store=MemoryStore(), or another sink"
            )

    def join(self, pairs, slice, batch):
        """Keep the pairs with the slice's commit."""
        place, pairs = (slice.shard, slice.number), tuple(pairs)

        def keep(database):
            # Replaced, not changed: where the commit fails, the store puts back what was there.
            name = (_NAME, slice.job)
            database[name] = {**database.get(name, {}), place: pairs}
            self._database, self._newest = database, slice.job

        batch.sql(keep)

    def finish(self, job, receipts, budget):
        """Let `results` be this job's, also where it has none."""
        self._newest = job
        return True
