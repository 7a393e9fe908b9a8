"""A recipe's job in memory, whole and then cut up: what comes of it must be the same.

Where it is not, user code gives something else for the same record or group when it runs again, or
its combiner depends on which values come together. No sink is written, and no store touched.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any, NoReturn, Protocol

from httpmr import codec, keys
from httpmr.budget import Budget
from httpmr.interfaces import Batch, MapMany, Mapper, OrderedStore, Pair
from httpmr.jobs import Job, Jobs
from httpmr.recipe import Recipe
from httpmr.sinks import Stored
from httpmr.stores import MemoryStore

_LEASE = 10_000.0  # longer than any
_STEPS = 1_000_000


class WithRecipe(Protocol):
    """A Master."""

    @property
    def recipe(self) -> Recipe: ...


def run(master: WithRecipe, *, seed: int = 0, **params: Any) -> Job:
    """Run the recipe of a Master in memory, whole and cut up; return the job of the whole run.

    Cut up is: in one shard instead of many; after every record and every group, the shards in
    random order by `seed`; killed at one commit in three, before it took effect or after; and by
    the mapper's `map_many`, if it has one, for each record alone.
    `params` are the recipe's, if it has any.

    Raises AssertionError where the job does not get done, or where what is cut up comes to another
    output, other counters or other bad records; it names the first key that differs.

        def test_my_job():
            job = httpmr.testing.run(application)
            assert job.get("tyger") == [4]
    """
    recipe = master.recipe.of(master.recipe.read(params))
    recipe = replace(recipe, sink=Stored(), version="test", max_lanes=None)
    whole = _carried(recipe, random.Random(seed), Budget)
    cuts: list[tuple[str, Recipe, Callable[[], Budget], bool]] = [
        ("in one shard", replace(recipe, num_mappers=1), Budget, False),
        ("after every record", recipe, lambda: Budget.records(1), False),
        ("by being killed again and again", recipe, lambda: Budget.records(1), True),
    ]
    if recipe.map_many:  # first, for it says more of what is wrong
        alone = replace(recipe, mapper=_Many(recipe.map_many))
        cuts.insert(0, ("by map_many", alone, Budget, False))
    for how, made, budget, mortal in cuts:
        _compare(whole, _carried(made, random.Random(seed), budget, mortal), how)
    return whole


def _carried(
    recipe: Recipe, rng: random.Random, budget: Callable[[], Budget], mortal: bool = False
) -> Job:
    clock = _Clock()
    store = MemoryStore(clock=clock)
    jobs = Jobs(recipe, _Mortal(store, rng) if mortal else store, rng=rng)
    id = Jobs(recipe, store, rng=rng).start().id
    for _ in range(_STEPS):
        try:
            step = jobs.step(id, budget=budget())
        except _Killed:
            clock.now += _LEASE  # so that what it had leased is free
            continue
        if step.job.state != "running":
            break
    job = Jobs(recipe, store, rng=rng).find(id)
    assert job.state == "done", f"the job is {job.state}: {job.status()['error']}"
    return job


def _compare(whole: Job, cut: Job, how: str) -> None:
    remedy = "what user code gives must depend on nothing but what it is given"
    for one, other in zip_longest(whole.output(), cut.output()):
        if codec.dumps(one) != codec.dumps(other):
            raise AssertionError(
                f"cut {how}, the job gives {_shown(other)} instead of {_shown(one)}: {remedy}"
            )
    for what in ("counters", "bad_records"):
        one, other = (_told(getattr(job, what)) for job in (whole, cut))
        if one != other:
            raise AssertionError(f"cut {how}, its {what} are {other} instead of {one}: {remedy}")


def _told(found: Any) -> Any:
    """Counters, whatever their order; of bad records, which and why."""
    if isinstance(found, dict):
        return dict(sorted(found.items()))
    return [(bad["key"], bad["message"]) for bad in found]


def _shown(pair: Pair | None) -> str:
    return "nothing more" if pair is None else f"{pair[0]!r:.100}: {pair[1]!r:.200}"


class _Many(Mapper):
    """Maps each record by what else maps many at once."""

    def __init__(self, map_many: MapMany) -> None:
        self.by = map_many

    def map(self, key: Any, value: Any) -> Iterable[Pair]:
        return self.by(iter([(key, value)]))


class _Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class _Killed(BaseException):
    """The process is gone."""


class Through(OrderedStore):
    """A store as it is seen through something: all is asked of `store`."""

    def __init__(self, store: OrderedStore) -> None:
        self.store = store
        self.database, self.durable = store.database, store.durable

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        return self.store.get(keys)

    def scan(
        self, start: bytes, stop: bytes, *, limit: int | None = None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        return self.store.scan(start, stop, limit=limit, reverse=reverse)

    def now(self) -> float:
        return self.store.now()

    def commit(self, batch: Batch) -> None:
        self.store.commit(batch)


class _Mortal(Through):
    """A store whose process dies at one commit in three: before it takes effect, or after.

    After two deaths at a shard the next slice of it gets done: of three at one group it would have
    to be thought that the group kills.
    """

    def __init__(self, store: OrderedStore, rng: random.Random) -> None:
        super().__init__(store)
        self.rng = rng
        self.deaths: Counter[bytes] = Counter()  # at each shard, since it was spared

    def commit(self, batch: Batch) -> None:
        shard = next((key for key in batch.expected if keys.unpack(key)[2:3] == ("open",)), b"")
        fate = self.rng.random()
        if self.deaths[shard] >= 2:
            # A slice takes a claim, what is noted where requests died, and its commit; or two.
            self.deaths[shard] = (self.deaths[shard] + 1) % 8
            fate = 0.5
        if fate < 1 / 6:
            self._die(shard)
        super().commit(batch)
        if fate > 5 / 6:
            self._die(shard)

    def _die(self, shard: bytes) -> NoReturn:
        self.deaths[shard] += 1
        raise _Killed
