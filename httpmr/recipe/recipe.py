"""What a Master is made of: source, mapper, reducer, sink, and their settings.

A recipe is checked when it is made, so that a wrong one fails where it is written and not in
the middle of a job. It touches no file, no database and no store.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from httpmr import keys
from httpmr.errors import HttpmrError, ParameterError, RecipeError
from httpmr.interfaces import (
    By,
    Combine,
    MapMany,
    Mapper,
    Pair,
    Partitioner,
    Reducer,
    Sink,
    Source,
    Tally,
)
from httpmr.params import Parameters
from httpmr.recipe.parts import (
    Crc32Partitioner,
    FunctionMapper,
    FunctionPartitioner,
    FunctionReducer,
    for_many,
)

_PARTS = ("source", "mapper", "reducer", "sink")  # which may be functions of the parameters
_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

HOOKS = ("on_start", "on_done", "on_error", "on_stalled")

Hook = Callable[[Any], Any]

# What may be given for a part: itself, a function in its place, or a function of the parameters.
SourceGiven = Source | Callable[[Any], Source]
MapperGiven = Mapper | Callable[[Any, Any], Iterable[Pair]] | Callable[[Any], Any]
ReducerGiven = Reducer | Callable[[Any, Iterator[Any]], Iterable[Pair]] | Callable[[Any], Any]
SinkGiven = Sink | Callable[[Any], Sink]
PartitionerGiven = Partitioner | Callable[[Any, int], int]

MOST_SHARDS = 1000
MOST_PARTITIONS = 100
"""A slice leaves at least one block, of two entries, in each partition; a batch takes 400."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A checked recipe; RecipeError says what is wrong, and what would be right.

    `mapper`, `reducer`, `combiner` and `partitioner` may be plain functions. `reducer=None` makes
    a map-only job. A reducer that defines `combine` is its own combiner. `slice_seconds` is a
    ceiling; `keep` is how many finished jobs stay in the store. `version` says which code it is,
    instead of a fingerprint of it: a job that began with another one pauses. `max_lanes` is how
    many slices may be done at once, of all jobs and in all processes; None: as many as are asked.

    `on_start`, `on_done`, `on_error` (failed, or paused by what went wrong) and `on_stalled` (no
    driver for two minutes, once anyone looks) are functions of a Job: told once, or again if they
    fail. They run in a request, so they had better be quick.

    `sort_values` lets each key's values come to the reducer sorted: by themselves, if it is True,
    or by what it, a function of one value, returns: anything that could be a key. What is equal
    stays in the order of the input.

    `params` is a dataclass that says what a job is started with. Then the source, the mapper, the
    reducer and the sink may each be a function of its one argument, such an object; `of` makes the
    recipe of one job by them.
    """

    name: str
    source: Source
    mapper: Mapper
    sink: Sink
    reducer: Reducer | None = None
    combiner: Reducer | Combine | None = None
    partitioner: Partitioner = field(default_factory=Crc32Partitioner)
    num_mappers: int = 8
    num_reducers: int = 4
    slice_seconds: float = 2.0
    max_bad_records: int = 0
    keep: int = 10
    max_lanes: int | None = None
    sort_values: bool | By | None = None
    on_start: Hook | None = None
    on_done: Hook | None = None
    on_error: Hook | None = None
    on_stalled: Hook | None = None
    version: str | None = None
    params: type | None = None
    parameters: Parameters | None = field(default=None, init=False)
    deferred: tuple[str, ...] = field(default=(), init=False)
    map_many: MapMany | None = field(default=None, init=False)
    combine: Combine | None = field(default=None, init=False)
    tally: Tally | None = field(default=None, init=False)
    order: By | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not 1 <= len(self.name.encode()) <= 200:
            raise RecipeError(f"a recipe's name is a str of 1 to 200 bytes, not {self.name!r:.80}")
        if self.params is not None:
            object.__setattr__(self, "parameters", Parameters(self.params))
            object.__setattr__(self, "deferred", tuple(filter(self._is_deferred, _PARTS)))
        self._is_a("source", Source, "sources.TextFiles('books/*.txt')")
        self._is_a("sink", Sink, "sinks.Stored()")
        self._wrap("mapper", Mapper, FunctionMapper, "map")
        if self.mapper is None:
            raise RecipeError("a Master needs mapper=: an object with map(key, value)")
        object.__setattr__(self, "map_many", for_many(self.mapper, "map", "map_many"))
        self._wrap("reducer", Reducer, FunctionReducer, "reduce")
        self._wrap("partitioner", Partitioner, FunctionPartitioner, "partition")
        if self.partitioner is None:
            object.__setattr__(self, "partitioner", Crc32Partitioner())
        self._choose_combiner()
        self._choose_order()
        self._in_range("num_mappers", int, 1, MOST_SHARDS)
        self._in_range("num_reducers", int, 1, MOST_PARTITIONS)
        self._in_range("slice_seconds", (int, float), 0.01, 3600)
        self._in_range("max_bad_records", int, 0, 10**9)
        self._in_range("keep", int, 1, 10**6)
        if self.max_lanes is not None:
            self._in_range("max_lanes", int, 1, MOST_SHARDS)
        for name in HOOKS:
            hook = getattr(self, name)
            if hook is not None and not callable(hook):
                raise RecipeError(f"{name}= is a function of a Job, not {hook!r:.80}")
        if self.version is not None and not (isinstance(self.version, str) and self.version):
            raise RecipeError(f"version= is a str, such as '2', not {self.version!r:.80}")

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of a job, checked, as plain data; ParameterError for wrong ones."""
        if self.parameters is not None:
            return self.parameters.read(given)
        if given:
            raise ParameterError(
                f"the recipe {self.name} takes no parameters: {', '.join(given):.200}", fields={}
            )
        return {}

    @property
    def hooked(self) -> bool:
        """Whether there is a hook at all."""
        return any(getattr(self, name) is not None for name in HOOKS)

    def of(self, values: Mapping[str, Any]) -> "Recipe":
        """Return the recipe of a job with these parameters, as `read` gave them."""
        if self.parameters is None:
            return self
        made = self.parameters.made(values)
        parts = {name: self._called(name, made) for name in self.deferred}
        return replace(self, params=None, **parts)

    def learned(self, sample: Iterable[Any]) -> Any:
        """Return what the partitioner learns of a sample of keys, to be kept with the job."""
        learned = getattr(self.partitioner, "learned", None)
        return learned(sample, self.num_reducers) if self.reducer and learned else None

    def with_learned(self, known: Any) -> "Recipe":
        """Return the recipe of a job whose partitioner learned this of its keys."""
        if known is None:
            return self
        return replace(self, partitioner=self.partitioner.with_learned(known))

    def _called(self, name: str, made: Any) -> Any:
        try:
            return getattr(self, name)(made)
        except HttpmrError:
            raise
        except Exception as error:
            message = f"{name}=, a function of the parameters, raised {type(error).__name__}"
            raise RecipeError(f"{message}: {error}") from error

    def _is_deferred(self, name: str) -> bool:
        """Whether a part is a function of the parameters."""
        value = getattr(self, name)
        if not inspect.isroutine(value):
            return False
        try:
            needed = inspect.signature(value).parameters.values()
        except ValueError:  # of a function in C, not known
            return False
        return sum(one.default is one.empty and one.kind in _BY_PLACE for one in needed) == 1

    def _is_a(self, name: str, kind: type, example: str) -> None:
        if name in self.deferred:
            return
        value = getattr(self, name)
        if isinstance(value, type) and issubclass(value, kind):
            raise RecipeError(
                f"{name}= is the class {value.__name__}; pass one made of it: {example}"
            )
        if not isinstance(value, kind):
            raise RecipeError(
                f"{name}= must be a {kind.__name__}, such as {example}, not {value!r:.80}"
            )

    def _wrap(self, name: str, kind: type, function: Callable[[Any], Any], verb: str) -> None:
        if name in self.deferred:
            return
        value = getattr(self, name)
        if isinstance(value, type):
            raise RecipeError(f"{name}= is the class {value.__name__}; pass {value.__name__}()")
        method = getattr(value, verb, None)
        own = getattr(type(value), verb, None) is not getattr(kind, verb)
        if value is None or (callable(method) and own):  # it has the method, and that is enough
            return
        if method or not callable(value):
            raise RecipeError(f"{name}= needs a method {verb}, or be a function, not {value!r:.80}")
        object.__setattr__(self, name, function(value))

    def _choose_combiner(self) -> None:
        combiner = self.combiner
        if isinstance(combiner, type):
            name = combiner.__name__
            raise RecipeError(f"combiner= is the class {name}; pass {name}()")
        if combiner is None:
            combine = getattr(self.reducer, "combine", None)
        else:
            combine = getattr(combiner, "combine", combiner)
            if not callable(combine):
                raise RecipeError(
                    f"combiner= needs a method combine(key, values) that returns one value, or be "
                    f"such a function, not {combiner!r:.80}"
                )
        if combiner is not None and self.reducer is None:
            raise RecipeError("combiner= needs a reducer=: a map-only job groups nothing")
        object.__setattr__(self, "combine", combine)
        tally = for_many(combiner or self.reducer, "combine", "tally")
        object.__setattr__(self, "tally", tally)

    def _choose_order(self) -> None:
        by = self.sort_values
        if by is None or by is False:
            return
        if by is not True and not callable(by):
            raise RecipeError(
                f"sort_values= is True, or a function (value) -> what to sort by, not {by!r:.80}"
            )
        if self.reducer is None:
            raise RecipeError("sort_values= needs a reducer=: a map-only job groups nothing")
        if self.combine is not None:
            raise RecipeError(
                "sort_values= gives the reducer every value, and combine makes one of many: leave "
                "one of them out"
            )
        order = keys.pack if by is True else lambda value: keys.pack(by(value))
        object.__setattr__(self, "order", order)

    def _in_range(self, name: str, kind: Any, low: float, high: float) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
            raise RecipeError(f"{name}= must be {low} to {high:,}, not {value!r:.80}")
