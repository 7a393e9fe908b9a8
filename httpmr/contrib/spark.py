"""The same recipe on Apache Spark: its source, mapper, combiner, partitioner, reducer and sink.

Spark keeps the work and does again what was lost, its shuffle is between map and reduce, and no
store is used. Keys go through it packed, with their place in the input, so that groups, and the
values in them, come in the order that they have here; a group streams. What is counted and put
aside goes through the same shuffle, so it counts once, however often Spark runs a task.
"""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, count, groupby, pairwise
from operator import itemgetter
from typing import Any
from uuid import uuid4

from pyspark import RDD, SparkContext, StorageLevel, TaskContext
from pyspark.serializers import CloudPickleSerializer

from httpmr import counters, keys
from httpmr.budget import Budget
from httpmr.engine import blame
from httpmr.errors import JobError, RecipeError
from httpmr.interfaces import Pair, Slice
from httpmr.jobs.tried import emitted, tried
from httpmr.recipe import Recipe
from httpmr.sinks import Stored
from httpmr.stores import MemoryStore

HELD = 100_000
"""Pairs that a task holds at most before it combines them."""

WRITTEN = 1000
"""Pairs that a sink is given at once."""

_PICKLE = CloudPickleSerializer()
_META, _DATA = 0, 1  # what is counted and put aside comes before all groups of a partition


_recipes: dict[str, Recipe] = {}  # of the job that this worker is at: there are many tasks


@dataclass
class Result:
    """What came of it: counters, the records that were put aside, and the output, if it is ours."""

    counters: counters.Counters
    bad_records: list[dict[str, Any]]
    pairs: "RDD[Any] | None" = field(default=None, repr=False)

    def output(self) -> Iterator[Pair]:
        """Yield (key, value) in key order, a partition at a time; JobError where a sink has it."""
        if self.pairs is None:
            raise JobError("the output is not here: it went to the sink")
        for _, pair in self.pairs.sortByKey().toLocalIterator():
            yield pair


def run(master: Any, context: SparkContext, **params: Any) -> Result:
    """Run the recipe of a Master on a SparkContext, with these parameters.

    `master` is a Master, or a function that returns it: then each worker calls that, for a
    database's connections, say, cannot be sent. Raises JobError where more records fail than the
    recipe allows, or a group does; RecipeError where something cannot be sent, or the sink can
    write but into a store's own commit.
    """
    load = master if callable(master) and not hasattr(master, "recipe") else None
    recipe = (load() if load else master).recipe
    values = recipe.read(params)
    recipe = recipe.of(values)
    kept = isinstance(recipe.sink, Stored)
    store = MemoryStore()
    if not kept and recipe.sink.joins(store):
        raise RecipeError(f"{recipe.sink!r:.200} writes in a store's own commit: not from Spark")
    recipe.sink.check(store)
    learned = recipe.learned(emitted(recipe, time.monotonic))
    job = f"spark-{int(1000 * time.time()):011x}{uuid4().hex[:4]}"
    work = _Work(job, load or _sent(recipe), values if load else None, learned, os.getcwd())
    ranges = _ranges(recipe)
    shards = context.parallelize(ranges, len(ranges)).mapPartitionsWithIndex(work.mapped)
    if recipe.reducer:
        shards = shards.repartitionAndSortWithinPartitions(
            recipe.num_reducers, itemgetter(0), True, itemgetter(slice(1, None))
        ).mapPartitionsWithIndex(work.reduced)
    shards = shards.mapPartitionsWithIndex(work.kept if kept else work.written)
    if kept:
        shards = shards.persist(StorageLevel.DISK_ONLY)
    notes = shards.filter(_is_note).values().collect()
    result = _result(recipe, notes)
    if kept:
        result.pairs = shards.filter(_is_pair)
    else:
        given = sorted(what for kind, what in notes if kind == "receipt")
        while not recipe.sink.finish(job, [receipt for _, receipt in given], Budget()):
            pass
    return result


def _sent(recipe: Recipe) -> bytes:
    try:
        data: bytes = _PICKLE.dumps(recipe)
        return data
    except Exception as error:
        raise RecipeError(
            f"the recipe {recipe.name} cannot be sent to Spark's workers ({error}); give a "
            "function that returns its Master"
        ) from error


def _ranges(recipe: Recipe) -> list[tuple[Any, Any]]:
    """Return the ranges of the source's shards, in order: about as many as there are mappers."""
    last = recipe.source.last()
    marks = list(recipe.source.split(None, last, recipe.num_mappers))
    step = max(1, len(marks) // recipe.num_mappers)
    return list(pairwise([None, *marks[step - 1 : -1 : step], last]))


def _is_note(item: Any) -> bool:
    return item[0] is None


def _is_pair(item: Any) -> bool:
    return item[0] is not None


def _result(recipe: Recipe, notes: list[tuple[str, Any]]) -> Result:
    """Return the Result without its output. Raises JobError where too much failed."""
    counted: counters.Counters = {}
    for kind, what in notes:
        if kind == "counters":
            counted = counters.add(counted, what)
    bad = [what for kind, what in notes if kind == "bad"]
    allowed = recipe.max_bad_records
    fatal = [one for one in bad if one["kind"] == "group"] or bad[allowed:]
    if fatal:
        one = fatal[0]
        raise JobError(f"{one['kind']} {one['key']!r:.80}: {one['message']}")
    return Result(counted, bad)


@dataclass
class _Work:
    """What a worker does. It is sent to each; the recipe is opened there, once."""

    job: str
    source: Callable[[], Any] | bytes  # of the recipe: what returns its Master, or itself
    params: dict[str, Any] | None
    learned: Any
    folder: str

    @property
    def recipe(self) -> Recipe:
        if self.job not in _recipes:
            _recipes.clear()
            _recipes[self.job] = self._opened()
        return _recipes[self.job]

    def _opened(self) -> Recipe:
        if isinstance(self.source, bytes):
            recipe: Recipe = _PICKLE.loads(self.source)
        else:
            if os.path.isdir(self.folder):
                os.chdir(self.folder)  # where paths of the driver's lead to the same
            recipe = self.source().recipe.of(self.params)
        return recipe.with_learned(self.learned)

    # Map

    def mapped(self, shard: int, ranges: Iterable[tuple[Any, Any]]) -> Iterator[Any]:
        """Yield ((partition, what, key, order, shard, n), (key, value)) for what is emitted."""
        recipe, numbers = self.recipe, count()
        counted: counters.Counters = {}
        held: dict[Any, list[Any]] = defaultdict(list)
        for after, until in ranges:
            size = 0
            for key, value in recipe.source.read(after, until):
                one = tried(recipe.mapper.map, key, value)
                try:
                    placed = [(self._place(pair[0], pair[1]), pair) for pair in one.pairs]
                except blame.FAULTS as error:
                    one.error = blame.told(error)
                    one.pairs = placed = []
                if one.error:
                    bad = {"key": key, "message": one.error, "kind": "record"}
                    yield self._note(shard, numbers, "bad", bad | {"traceback": one.traceback})
                    continue
                counted = counters.add(counted, one.counted)
                if recipe.combine is None:
                    for place, pair in placed:
                        yield (*place, shard, next(numbers)), pair
                    continue
                for _, (pair_key, pair_value) in placed:
                    held[pair_key].append(pair_value)
                size += len(placed)
                if size > HELD:
                    held = defaultdict(list, {k: [self._one(k, v)] for k, v in held.items()})
                    size = len(held) if len(held) < HELD / 2 else 0
        for key, values in held.items():
            yield (*self._place(key), shard, next(numbers)), (key, self._one(key, values))
        if counted:
            yield self._note(shard, numbers, "counters", counted)

    def _place(self, key: Any, value: Any = None) -> tuple[Any, ...]:
        recipe = self.recipe
        if recipe.reducer is None:
            return 0, _DATA, b"", b""
        number = recipe.partitioner.partition(key, recipe.num_reducers)
        order = recipe.order(value) if recipe.order else b""
        return number, _DATA, keys.pack(key), order

    def _one(self, key: Any, values: list[Any]) -> Any:
        assert self.recipe.combine is not None
        with counters.collecting():  # how often a combiner runs is nobody's business
            return values[0] if len(values) == 1 else self.recipe.combine(key, iter(values))

    @staticmethod
    def _note(shard: int, numbers: Iterator[int], kind: str, what: Any) -> Any:
        return (0, _META, b"", b"", shard, next(numbers)), (kind, what)

    # Reduce

    def reduced(self, partition: int, items: Iterable[Any]) -> Iterator[Any]:
        """Yield the same for what the groups give; what was noted comes through as it is."""
        numbers = count()
        counted: counters.Counters = {}
        reducer = self.recipe.reducer
        assert reducer is not None
        for (kind, _), group in groupby(items, lambda item: item[0][1:3]):
            if kind == _META:
                yield from group
                continue
            pairs = (pair for _, pair in group)
            key, first = next(pairs)
            values = chain((first,), (value for _, value in pairs))
            one = tried(reducer.reduce, key, values)
            if one.error:
                bad = {"key": key, "message": one.error, "kind": "group"}
                yield self._note(partition, numbers, "bad", bad | {"traceback": one.traceback})
                continue
            counted = counters.add(counted, one.counted)
            for pair in one.pairs:
                yield (partition, _DATA, b"", b"", partition, next(numbers)), pair
        if counted:
            yield self._note(partition, numbers, "counters", counted)

    # Output

    def kept(self, partition: int, items: Iterable[Any]) -> Iterator[Any]:
        """Yield (what pairs are sorted by, pair), and (None, note)."""
        for place, pair in items:
            if place[1] == _META:
                yield None, pair
            else:
                yield (keys.pack(pair[0]), partition, place[-1]), pair

    def written(self, partition: int, items: Iterable[Any]) -> Iterator[Any]:
        """Give pairs to the sink, and yield (None, note), its receipts among them."""
        context = TaskContext.get()
        epoch = 1 + (context.taskAttemptId() if context else 0)
        pairs: list[Pair] = []
        numbers = count()

        def write() -> Any:
            place = Slice(self.job, (partition,), next(numbers), epoch)
            return None, ("receipt", (place[1:3], self.recipe.sink.write(pairs, place)))

        for place, pair in items:
            if place[1] == _META:
                yield None, pair
                continue
            pairs.append(pair)
            if len(pairs) == WRITTEN:
                yield write()
                pairs = []
        if pairs:
            yield write()
