"""A job as its owner sees it: state, progress, counters, bad records, and its output.

Every attribute but `found` reads the store afresh: others may carry the job on meanwhile.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from httpmr import keys
from httpmr.counters import Counters
from httpmr.errors import JobError, UnknownJob
from httpmr.interfaces import Pair
from httpmr.jobs import status as told
from httpmr.ledger import Ledger
from httpmr.recipe import Recipe
from httpmr.shuffle import output
from httpmr.shuffle.reading import Entry
from httpmr.sinks.stored import Stored
from httpmr.state import PHASES, Plain, Task, tail
from httpmr.state import Job as Record


class Job:
    """A handle on one job. `id` is its name in URLs, `recipe` the name of its recipe.

    `found` is its record as it was when the handle was made. In a hook, `event` says what is told,
    "start", "done", "error" or "stalled", and `mark` is the same when that is told again.
    """

    def __init__(
        self, recipe: Recipe, ledger: Ledger, found: Record, event: str = "", mark: str = ""
    ) -> None:
        self.id = found.id
        self.found = found
        self.recipe = recipe.name
        self.event = event
        self.mark = mark
        self._made = recipe
        self._ledger = ledger

    @property
    def record(self) -> Record:
        """The job's record as it is now; UnknownJob if it was deleted."""
        record = self._ledger.job(self.recipe, self.id)
        if record is None:
            raise UnknownJob(f"there is no job {self.id} of the recipe {self.recipe}")
        return record

    @property
    def state(self) -> str:
        """One of running, paused, done, failed, cancelled."""
        return self.record.state

    @property
    def counters(self) -> Counters:
        """What user code counted with `httpmr.count` in the slices committed so far."""
        record = self.record
        return told.counted(record, self._tasks(record))

    @property
    def bad_records(self) -> list[Plain]:
        """The records and groups put aside, in input order.

        Each has key, message, traceback, kind ("record" or "group"), phase, shard and slice.
        """
        return list(self._ledger.bad(self.record))

    def shards(self) -> list[Task]:
        """Return the tasks of the present phase in order, those that are done among them."""
        return self._tasks(self.record)

    def history(self) -> tuple[Record, dict[str, list[Task]]]:
        """Return the job's record and the tasks of each phase so far, read once."""
        record = self.record
        phases = PHASES[: PHASES.index(record.phase) + 1]
        return record, {phase: self._tasks(replace(record, phase=phase)) for phase in phases}

    def status(self, keys: bool = True) -> told.Status:
        """Return where the job stands, as plain data; `keys=False`: the error names none."""
        record = self.record
        return told.status(record, self._tasks(record), keys)

    def output(self, after: Any = None, until: Any = None) -> Iterator[Pair]:
        """Yield (key, value) of stored output in key order, after < key <= until; None = open.

        JobError where the output went to another sink, which keeps it.
        """
        for key, values in self.groups(after, until):
            for value in values:
                yield key, value

    def groups(self, after: Any = None, until: Any = None) -> Iterator[tuple[Any, Iterable[Any]]]:
        """Yield (key, iterable of its values) as `output` does, each key once."""
        entries = self._stored()
        stop = None if until is None else keys.pack(until)
        place = None if after is None else (after, None)
        for key, values in output(self._ledger.store).merged(self.id, entries, place):
            if stop is not None and keys.pack(key) > stop:
                return
            yield key, values

    def places(self, begin: tuple[Any, int] | None = None) -> Iterator[tuple[Any, int, Any]]:
        """Yield (key, n, value), n counted from 0 for each key; from the place (key, n) on."""
        key, skipped = begin or (None, 0)
        entries = self._stored()
        for found, values in output(self._ledger.store).merged(self.id, entries, begin):
            first = skipped if begin is not None and keys.pack(found) == keys.pack(key) else 0
            begin = None
            for n, value in enumerate(values, first):
                yield found, n, value

    def lasts(self) -> list[Any]:
        """Return the last keys of the stored output's blocks, in order, each once."""
        found = {keys.pack(entry.last): entry.last for entry in self._stored()}
        return [found[order] for order in sorted(found)]

    def get(self, key: Any) -> list[Any]:
        """Return the values stored under one output key; none where there is no such key."""
        return list(self.values(key))

    def values(self, key: Any) -> Iterator[Any]:
        """Yield the values stored under one output key, however many, as they are read."""
        at = keys.pack(key)
        near = [
            entry
            for entry in self._stored()
            if keys.pack(entry.first) <= at <= keys.pack(entry.last)
        ]
        for found, values in output(self._ledger.store).merged(self.id, near, (key, 0)):
            if keys.pack(found) == at:
                yield from values
            return

    def _stored(self) -> Iterable[Entry]:
        """The index of the stored output; what a retry gives anew is seen when it is whole."""
        record = self.record
        sink = self._made.of(record.params).sink
        if not isinstance(sink, Stored):
            raise JobError(f"the output is not in the store: it went to {sink!r:.200}")
        entries = output(self._ledger.store).entries(self.id, 0, 0)
        if not (record.round and record.partitions):
            return entries
        shown = tail(record.shown)
        return (entry for entry in entries if entry.run[0][1:] == shown)

    def _tasks(self, record: Record) -> list[Task]:
        """The tasks of the present phase; one that moves from open to done meanwhile, once."""
        tasks = {task.shard: task for task in self._ledger.tasks(record, "open")}
        tasks |= {task.shard: task for task in self._ledger.tasks(record, "done")}
        return [tasks[shard] for shard in sorted(tasks)]

    def __repr__(self) -> str:
        return f"<httpmr.Job {self.id} of {self.recipe}>"
