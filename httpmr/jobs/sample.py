"""Try a recipe on a sample: some hundred records, mapped and reduced, and kept nowhere.

The records are spread over the whole source. What they emit goes through the engine itself, over
a store in memory, so that it is combined, sorted and reduced as in a real job; the sink gets
nothing. From how long that took, and how much it was, follows what the whole job would come to.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from httpmr import counters, keys
from httpmr.budget import Clock
from httpmr.counters import Counters
from httpmr.engine import blame
from httpmr.interfaces import Batch, Mapper, Pair, Reducer, Source
from httpmr.jobs.jobs import Jobs
from httpmr.jobs.tried import More, Parts, Tried, divided, mapped
from httpmr.recipe import Recipe
from httpmr.sinks.stored import Stored
from httpmr.sources import Memory
from httpmr.state import Plain
from httpmr.stores import MemoryStore

RESULTS = 1000
"""Results that are kept at most."""


@dataclass
class Sample:
    """What came of a sample.

    `records` in the order of the source; `results` in that of a real job's output; `bad`, the
    groups that failed, as Job.bad_records has them. For the whole source, about, and None where
    it takes too long to find out: `total` records; `seconds` of the user's own code in one
    process; `bytes` of what lies between map and reduce. `cut` says why
    that is not all of it, where it is not.
    """

    records: list[Tried]
    results: list[Pair]
    bad: list[Plain]
    counters: Counters
    total: int | None
    seconds: float | None
    bytes: int | None
    cut: str | None


def sample(
    recipe: Recipe,
    count: int = 200,
    seconds: float | None = None,
    clock: Clock = time.monotonic,
) -> Sample:
    """Try the recipe on at most `count` records, for about `seconds`, by default those of a slice.

    Nothing is written. Raises InputError where the source cannot be read.
    """
    most = recipe.slice_seconds if seconds is None else seconds
    began = clock()

    def within(share: float) -> bool:
        return clock() - began < share * most

    parts, whole = divided(recipe.source, lambda: within(1 / 8))
    records, ended, mapping = mapped(recipe, parts, count, lambda: within(1 / 2), clock)
    total, reading = _counted(recipe.source, parts, lambda: within(3 / 4), clock)
    made = _Reduced(recipe, records, clock)
    cut = made.run(lambda: within(1))
    reduced = cut is None
    times = total / len(records) if whole and total is not None and records else None
    if reduced and len(records) < count and not ended:
        cut = f"time was up after {len(records):,} records"
    return Sample(
        records,
        made.results() if reduced else [],
        made.bad() if reduced else [],
        made.job.counters,
        total if whole else None,
        None
        if times is None or total is None
        else total * reading + times * (mapping + made.seconds),
        None if times is None else round(times * made.store.between),
        cut,
    )


def _counted(source: Source, parts: Parts, more: More, clock: Clock) -> tuple[int | None, float]:
    """Return how many records there are, and the seconds it takes to read one.

    As many of the parts are counted as there is time for; None where that is not even one.
    """
    whole: list[int] = []
    read, began = 0, clock()
    for after, until in parts:
        number = 0
        for number, _ in enumerate(source.read(after, until), 1):
            if not number % 64 and not more():
                break
        else:
            whole.append(number)
        read += number
        if not more():
            break
    total = round(len(parts) * sum(whole) / len(whole)) if whole else None
    return total, (clock() - began) / max(read, 1)


class _Reduced:
    """A job over what the records emitted; records are its numbers."""

    def __init__(self, recipe: Recipe, records: list[Tried], clock: Clock) -> None:
        self.records = records
        self.reducer = _Timed(recipe.reducer, clock) if recipe.reducer else None
        self.store = _Weighing()
        numbered = replace(
            recipe,
            source=Memory({n: n for n, one in enumerate(records) if one.error is None}),
            mapper=_Emitted(records),
            reducer=self.reducer,
            combiner=recipe.combine,
            sink=Stored(),
            num_mappers=1,
            max_bad_records=len(records) + RESULTS,
            version="sample",
        )
        self.uncombined: list[Plain] = []
        self.jobs = Jobs(numbered, self.store)
        self.job = self.jobs.start()

    def run(self, more: More) -> str | None:
        """Carry it on while there is time, past what fails; return why that is not to its end."""
        while more():
            job = self.jobs.step(self.job.id).job
            if job.state == "done":
                return None
            error = job.error or {}
            if job.state == "paused" and "past" in error:
                if "cursor" not in error["past"]:  # a combiner's, which is not put aside
                    self.uncombined.append(error)
                self.jobs.skip(job.id)
            elif job.state != "running":
                return str(error["message"])
        return "time was up before all was reduced"

    @property
    def seconds(self) -> float:
        return self.reducer.seconds if self.reducer else 0.0

    def results(self) -> list[Pair]:
        return list(islice(self.job.output(), RESULTS))

    def bad(self) -> list[Plain]:
        """Return the groups that failed; records whose pairs could not be stored are told so."""
        groups = list(self.uncombined)
        for one in self.job.bad_records:
            if one["kind"] == "record":
                record = self.records[one["key"]]
                record.error, record.traceback = one["message"], one["traceback"]
            else:
                groups.append(one)
        return groups


class _Emitted(Mapper):
    """Gives what the records emitted; they are known by their numbers."""

    def __init__(self, records: list[Tried]) -> None:
        self.records = records

    def map(self, number: int, _: Any) -> list[Pair]:
        one = self.records[number]
        for name, n in one.counted.items():
            counters.count(name, n)
        return one.pairs


class _Timed(Reducer):
    """A reducer that notes how long it takes."""

    def __init__(self, reducer: Reducer, clock: Clock) -> None:
        self.reducer = reducer
        self.clock = clock
        self.seconds = 0.0

    def reduce(self, key: Any, values: Iterator[Any]) -> Iterable[Pair]:
        began = self.clock()
        try:
            pairs = self.reducer.reduce(key, values)
            return pairs if pairs.__class__ in blame.REFUSED else list(pairs)
        finally:
            self.seconds += self.clock() - began


class _Weighing(MemoryStore):
    """A store in memory that notes how many bytes of blocks went between map and reduce."""

    between = 0

    def commit(self, batch: Batch) -> None:
        super().commit(batch)
        for key, value in batch.puts.items():
            parts = keys.unpack(key)
            if parts[1:2] == ("block",):
                self.between += len(value)
