"""What the simulated jobs are made of: a few records each, and every way a job can go.

A record is a line of words. Some words are poison: the mapper raises in the middle of the record,
or the process ends, or what it gives cannot be stored, until the trial's operator cures it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from httpmr import codec, counters, reducers
from httpmr.interfaces import Reducer, Sink
from httpmr.recipe import Recipe
from httpmr.sinks import JSONLines, Memory, Stored
from httpmr.sources import Memory as Records

from .faults import kill

POISON = {"raise", "exit", "object", "die"}
GROUP, DEADLY = "group", "deadly"  # the reducer raises for one, and dies of the other
PLAIN = {1: "a b", 2: "b c", 3: "a", 4: "c a"}


def mapped(trial):
    """Words to keys of records; each record is a point, and may take its time."""
    world = trial.world

    def words(key, line):
        world.point("map")
        counters.count("mapped")
        if trial.case.seconds:
            world.wait(trial.case.seconds(key))
        for word in line.split():
            counters.count("words")
            if not trial.cured and word in POISON:
                if word == "die":
                    kill(world, world.running)
                if word != "object":
                    raise (SystemExit if word == "exit" else ValueError)(f"{key} is poison")
                yield word, object()
            yield word, key

    return words


def places(trial, poison=GROUP):
    """Not commutative: the output shows the order in which values came."""
    world = trial.world

    def reduce(key, values):
        world.point("reduce")
        counters.count("groups")
        if key == DEADLY:
            kill(world, world.running)
        if key == poison and not trial.cured:
            raise ValueError("the group is poison")
        yield key, list(values)

    return reduce


def slow(trial):
    """A group takes longer than a lease, which must be renewed meanwhile."""

    def reduce(key, values):
        found = []
        for value in values:
            trial.world.wait(1.5)
            found.append(value)
        yield key, found

    return reduce


class Folded(Reducer):
    """The same, combined."""

    def __init__(self, trial):
        self.reduce_list = places(trial, GROUP if type(self) is Folded else None)

    def combine(self, key, values):
        found = []
        for value in values:
            found += value if isinstance(value, list) else [value]
        return found

    def reduce(self, key, values):
        return self.reduce_list(key, self.combine(key, values))


class Fussy(Folded):
    """Its combiner fails on a group, which is then left uncombined: nothing of it is lost."""

    def combine(self, key, values):
        values = super().combine(key, values)
        if key == GROUP and len(values) > 1:
            raise ValueError("the combiner fails")
        return values

    def reduce(self, key, values):
        return self.reduce_list(key, super().combine(key, values))


class Rows(Sink):
    """Rows by key, written before the commit and outside of it."""

    guarantee = "keyed"

    def __init__(self, trial):
        self.trial = trial

    def write(self, pairs, slice):
        for key, value in pairs:
            self.trial.world.point("write")
            self.trial.rows[key] = value


class RowsAtOnce(Rows):
    """Rows that nobody can come between: what a zombie is writing when its job is retried, a sink
    outside the store can neither refuse nor take back.
    """

    def write(self, pairs, slice):
        self.trial.rows.update(pairs)


def stored(trial, job):
    return codec.dumps(list(job.output()))


def kept(trial, job):
    return codec.dumps(trial.recipe.sink.pairs(job.id))


def rows(trial, job):
    return codec.dumps(sorted(trial.rows.items()))


def file(trial, job):
    return trial.path.read_bytes()


@dataclass(frozen=True, eq=False)
class Case:
    """A recipe and what goes with it. What is a function of the trial is called with it."""

    name: str
    records: dict = field(default_factory=lambda: PLAIN)
    reducer: Callable | None = places
    sink: Callable = lambda trial: Stored()
    output: Callable = stored  # (trial, job) -> bytes
    shards: int = 2
    partitions: int = 2
    allowed: int = 0  # max_bad_records
    cured: bool = False  # the operator cures the poison, and resumes; else skips
    retried: bool = False  # the operator cures it when the job is done, and retries
    seconds: Callable | None = None  # how long a record takes; budgets are in seconds then
    fan_in: int = 64
    long: int = 1000  # values that make a long group
    disk: bool = False

    @cached_property
    def poison(self):
        """The keys of the records and groups that may be put aside."""
        poisoned = (key for key, line in self.records.items() if POISON & set(line.split()))
        return {GROUP, DEADLY, *poisoned}

    def recipe(self, trial):
        return Recipe(
            name="s",
            source=Records(self.records),
            mapper=mapped(trial),
            reducer=self.reducer and self.reducer(trial),
            sink=self.sink(trial),
            num_mappers=self.shards,
            num_reducers=self.partitions,
            max_bad_records=self.allowed,
            slice_seconds=1.0,
            version="1",
        )


def summed(trial):
    return reducers.Sum()


def in_memory(trial):
    return Memory()


def in_table(trial):
    return trial.home.sink()


def rows_of_table(trial, job):
    return codec.dumps(trial.home.rows())


def lines(trial):
    return JSONLines(trial.path)


_LONG = {n: "a b"[: n % 3 + 1] for n in range(1, 7)}
_MANY = {n: "a b c"[n % 3 : n % 3 + 3] for n in range(1, 13)}
_BAD_OF_MANY = {**_MANY, 4: "a raise", 9: "b object"}
_BAD = {1: "a", 2: "b raise", 3: "b c", 4: "c", 5: "a object"}
_RAISE = {n: line.replace("object", "exit") for n, line in _BAD.items()}
_DEADLY = {1: "a", 2: "b c die", 3: "b", 4: "c a"}
_GROUP = {1: "a group", 2: "b group", 3: "b c"}

CASES = [
    Case("sum", reducer=summed),
    Case("order", partitions=1),
    Case("map only", reducer=None),
    Case("shed", _LONG, None, shards=1),
    Case("shed and reduce", _LONG, shards=1, partitions=1),
    Case("merge", _LONG, partitions=1, fan_in=2),
    Case("fold", _LONG, Folded, in_memory, kept, partitions=1, fan_in=2, long=2),
    Case("long", _LONG, Folded, partitions=1, shards=1, long=2),
    Case("joined", _LONG, None, in_memory, kept),
    Case("keyed", PLAIN, summed, Rows, rows),
    Case("staged", PLAIN, None, lines, file, disk=True),
    Case("staged and reduce", PLAIN, places, lines, file, disk=True),
    Case("poison aside", _BAD, partitions=1, allowed=2),
    Case("poison among others", _BAD, None, allowed=1),
    Case("poison skipped", _RAISE, None, in_memory, kept),
    Case("poison cured", _BAD, partitions=1, cured=True),
    Case("poison staged", _BAD, None, lines, file, disk=True, allowed=2),
    Case("retried", _BAD, partitions=1, allowed=2, retried=True),
    Case("retried map only", _BAD, None, allowed=2, retried=True),
    Case("retried keyed", _BAD, places, RowsAtOnce, rows, allowed=2, retried=True),
    Case("retried staged", _BAD, None, lines, file, disk=True, allowed=2, retried=True),
    Case("retried group", _GROUP, places, lines, file, disk=True, retried=True),
    Case("bad group", _GROUP),
    Case("bad group cured", _GROUP, Folded, partitions=1, long=2, cured=True),
    Case("bad combiner", {1: "a group group", 2: "group b", 3: "group group"}, Fussy),
    Case("deadly record", _DEADLY, partitions=1, allowed=1),
    Case("deadly record staged", _DEADLY, None, lines, file, disk=True, allowed=1),
    Case("deadly group", {1: "a deadly", 2: "b deadly", 3: "b c"}, partitions=1),
    Case("slow", PLAIN, None, seconds=lambda key: 30.0 if key == 2 else 0.4),
    Case("slow and reduce", PLAIN, summed, partitions=1, seconds=lambda key: 0.3),
    Case("slow group", _LONG, slow, shards=1, partitions=1, long=2, seconds=lambda key: 0.3),
    Case("swallowed", _MANY, shards=8, partitions=1, seconds=lambda key: 0.01),
    Case(
        "swallowed retried",
        _BAD_OF_MANY,
        None,
        lines,
        file,
        disk=True,
        shards=8,
        allowed=2,
        retried=True,
        seconds=lambda key: 0.01,
    ),
    Case("empty", {}),
]

# For sweeps, which put every fault at every call: as small as a job can be with all its phases.
_TINY = {1: "a b", 2: "b", 3: "a raise"}
TINY = [
    Case("tiny", _TINY, shards=1, partitions=1, allowed=1),
    Case("tiny map only", _TINY, None, in_memory, kept, shards=1),
    Case("tiny keyed", {1: "a b", 2: "b"}, summed, Rows, rows, shards=1, partitions=1),
    Case("tiny staged", {1: "a b", 2: "b"}, None, lines, file, shards=1, disk=True),
]
TABLE = Case("table", {1: "a", 2: "b"}, None, in_table, rows_of_table, shards=1)
"""For a database: plain inserts into a table beside the store's own."""

BY_NAME = {case.name: case for case in [*CASES, *TINY, TABLE]}
