"""What the tests of the jobs make them of, carry them on with, and how stores go wrong."""

from faults import Clock

from httpmr import counters
from httpmr.budget import Budget
from httpmr.errors import Conflict, StoreFull, Unavailable, Uncertain
from httpmr.interfaces import Sink
from httpmr.jobs import Jobs
from httpmr.recipe import Recipe
from httpmr.sinks import Stored
from httpmr.sources import Memory
from httpmr.stores import MemoryStore
from httpmr.testing.cut import Through

ALL = 10_000


def same(key, value):
    return [(key, value)]


def words(key, line):
    for word in line.split():
        counters.count("words")
        yield word, key


def made(mapper=same, records=10, store=None, clock=None, rng=None, **settings):
    """The Jobs of a recipe over the records 0, 1, 2 ..., or those given."""
    if "source" not in settings:
        given = {n: n for n in range(records)} if isinstance(records, int) else records
        settings["source"] = Memory(given)
    recipe = Recipe(mapper=mapper, **{"name": "r", "sink": Stored(), "num_mappers": 2} | settings)
    return Jobs(recipe, store or MemoryStore(clock=clock or Clock()), rng=rng)


def carried(jobs, job, records=ALL):
    """Step a job until it does not run; return it."""
    for _ in range(10_000):
        if jobs.step(job.id, budget=Budget.records(records)).job.state != "running":
            return job
    raise AssertionError("the job goes on for ever")


def to_phase(jobs, job, phase):
    """Step a job until it comes to the phase."""
    while job.record.phase != phase:
        assert jobs.step(job.id).job.state == "running"
    return job


def dump(store):
    return dict(store.scan(b"", b"\xff"))


class Faulty(Through):
    """A store that goes wrong as it is told: `faults` is {number of the commit to come: what}.

    "unavailable", "full", "conflict": nothing happens. "lost": it does not happen, and nobody
    knows. "unknown": it does, and nobody knows. A function is called before the commit.
    """

    def __init__(self, store, faults=None):
        super().__init__(store)
        self.plan(faults or {})

    def plan(self, faults):
        self.commits, self.faults = 0, faults

    def commit(self, batch):
        self.commits += 1
        fault = self.faults.get(self.commits)
        if callable(fault):
            fault()
        refusals = {"unavailable": Unavailable, "full": StoreFull, "conflict": Conflict}
        if fault in refusals:
            raise refusals[fault](f"{fault}, says the test")
        if fault != "lost":
            self.store.commit(batch)
        if fault in ("lost", "unknown"):
            raise Uncertain("the connection was lost")


class Into(Sink):
    """A sink of the tests' own: `take(pairs)` may raise, and what it is given is kept."""

    def __init__(self, take=lambda pairs: None, receipts=True):
        self.take, self.receipts = take, receipts
        self.written, self.finished = [], None

    def write(self, pairs, slice):
        self.take(pairs)
        self.written.append((slice, pairs))
        return [slice.shard, slice.number, slice.epoch] if self.receipts else None

    def finish(self, job, receipts, budget):
        self.finished = list(receipts)
        return True
