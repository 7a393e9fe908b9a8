"""What the tests of the engine make slices of, and look at what they came to with."""

from httpmr.budget import Budget
from httpmr.engine import run_slice
from httpmr.errors import Unavailable
from httpmr.interfaces import Batch, Source
from httpmr.recipe import Recipe
from httpmr.shuffle import Runs, cut, ordered
from httpmr.shuffle.runs import Placed
from httpmr.sinks.stored import Stored
from httpmr.sources import Memory
from httpmr.state import Task
from httpmr.stores import MemoryStore

ALL = 10_000


def recipe(mapper=lambda key, value: [(key, value)], source=None, **settings):
    source = Memory({n: n for n in range(10)}) if source is None else source
    return Recipe(name="e", source=source, mapper=mapper, **{"sink": Stored()} | settings)


def run(made, task, store=None, records=ALL, **options):
    return run_slice(made, task, store or MemoryStore(), Budget.records(records), **options)


def map_task(**fields):
    return Task("j", "map", (0,), **{"fan_out": 1, "until": 9} | fields)


def mapped(mapper, values=("value",), records=ALL, fan_out=1, notes=None, **settings):
    """One map slice over records with these values, under the keys 0, 1, 2 ..."""
    made = recipe(mapper, Memory(dict(enumerate(values))), **settings)
    task = map_task(until=len(values) - 1, fan_out=fan_out, notes=notes or {})
    return run(made, task, records=records)


def groups(outcome):
    """What an outcome holds for the shuffle: {partition: [(key, values)]}."""
    found = {}
    for placed in outcome.blocks:
        store = MemoryStore()
        commit(store, "j", [placed._replace(n=0)])
        read = Runs(store).groups("j", placed.partition, placed.level)
        found.setdefault(placed.partition, []).extend((k, list(v)) for k, v in read)
    return found


def output(outcome):
    """The pairs of an outcome, packed or not."""
    return outcome.pairs or [(k, v) for k, vs in groups(outcome).get(0, []) for v in vs]


def commit(store, job, blocks):
    batch = Batch()
    Runs(store).put(batch, job, blocks)
    store.commit(batch)


def put(store, runs, partition=0, level=0):
    """Put runs of pairs, each as if of a slice of shard 0."""
    for number, pairs in enumerate(runs):
        held = {}
        for key, value in pairs:
            held.setdefault(key, []).append(value)
        made = cut(ordered(held))
        blocks = [Placed(partition, level, (0,), number, n, block) for n, block in enumerate(made)]
        commit(store, "j", blocks)


def lines(text):
    assert "\n" not in text
    return text


class Broken(Source):
    """A source that reads `records` and then raises."""

    def __init__(self, error, records=()):
        self.error, self.records = error, records

    def read(self, after, until):
        yield from ((n, n) for n in self.records if after is None or n > after)
        raise self.error

    def split(self, after, until, shards):
        yield from (n for n in self.records if after is None or n > after)
        raise self.error


class Gone(MemoryStore):
    """A store that is away when more than `at` further blocks are asked for."""

    at = None

    def get(self, keys_):
        if self.at is not None:
            self.at -= len(keys_)
            if self.at < 0:
                raise Unavailable("away")
        return super().get(keys_)


def put_giant(store, runs=3, each=20_000, pad=""):
    """Runs of which each has several blocks of the group "k"."""
    values = [[("k", (r, n, pad)) for n in range(each)] for r in range(runs)]
    put(store, [[("a", r), *values[r], ("z", r)] for r in range(runs)])
