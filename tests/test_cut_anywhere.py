"""Cut it anywhere, the answer is the same: every slice size, and a death at every commit."""

import random

import pytest
from faults import Clock, Killed, Mortal

import httpmr.counters
from httpmr import codec, keys, reducers
from httpmr.budget import Budget
from httpmr.engine import long
from httpmr.errors import UnknownJob
from httpmr.interfaces import Mapper, Reducer
from httpmr.jobs import Jobs
from httpmr.recipe import Recipe
from httpmr.sinks.stored import Stored
from httpmr.sources.memory import Memory
from httpmr.stores import MemoryStore, SQLStore

WORDS = ["a", "b", "c", "d", "the", "of", "and", "to", "1", "2"]
LINES = {n: " ".join(random.Random(n).choices(WORDS, k=n % 7)) for n in range(24)}


class Words(Mapper):
    def map(self, key, line):
        httpmr.counters.count("lines")
        for position, word in enumerate(line.split()):
            httpmr.counters.count("words")
            # Floats whose sum depends on the order, were it not exact; ints among the keys.
            yield (int(word) if word.isdigit() else word), 0.1 * (key - 20) + position


def places(key, values):
    """Not commutative: the output shows the order in which the values came."""
    yield key, list(values)


class Places(Reducer):
    """The same, combined. What reaches `reduce` is folded there, for a few values are many."""

    def combine(self, key, values):
        found = []
        for value in values:
            found += value if isinstance(value, list) else [value]
        return found

    def reduce(self, key, values):
        yield key, self.combine(key, values)


@pytest.fixture(autouse=True)
def a_few_values_are_many(monkeypatch):
    monkeypatch.setattr(long, "LONG", 2)


RECIPES = {
    "combined": {"reducer": reducers.Sum()},
    "folded": {"reducer": Places()},
    "in order": {"reducer": places},
    "map only": {},
}


def recipe(kind, **settings):
    return Recipe(
        name="cut",
        source=Memory(LINES),
        mapper=Words(),
        sink=Stored(),
        num_mappers=2,
        num_reducers=2,
        **(RECIPES[kind] | settings),
    )


@pytest.fixture(params=["memory", "sqlite"])
def new_store(request, tmp_path):
    """Makes fresh stores with a clock of the test's own; `each` says how close to cut jobs there.

    A store in SQLite does what one in memory does, as the suite of stores proves, but takes five
    times as long: there each fourth place does.
    """
    made = []

    def new(clock):
        if request.param == "memory":
            return MemoryStore(clock=clock)
        made.append(SQLStore(f"sqlite:///{tmp_path / f'{len(made)}.db'}", clock=clock))
        return made[-1]

    new.each = 1 if request.param == "memory" else 4
    yield new
    for store in made:
        store.close()


def carried(jobs, id, records, clock):
    """Step the job to its end; a busy lane waits by letting the clock run."""
    for _ in range(100_000):
        step = jobs.step(id, budget=Budget.records(records))
        if step.job.state != "running":
            return jobs.find(id)
        if step.did == "busy":
            clock.pass_(60)
    raise AssertionError("the job goes on for ever")


def result(job):
    assert job.state == "done", job.record.error
    return codec.dumps([list(job.output()), job.counters, job.status()["records"]])


def uncut(kind):
    clock = Clock()
    jobs = Jobs(recipe(kind), MemoryStore(clock=clock))
    return result(carried(jobs, jobs.start().id, 10_000, clock))


def test_the_uncut_result_is_what_plain_python_says():
    clock = Clock()
    jobs = Jobs(recipe("in order"), MemoryStore(clock=clock))
    job = carried(jobs, jobs.start().id, 10_000, clock)
    expected = {}
    for key, line in LINES.items():
        for position, word in enumerate(line.split()):
            word = int(word) if word.isdigit() else word
            expected.setdefault(word, []).append(0.1 * (key - 20) + position)
    assert dict(job.output()) == expected
    assert job.counters == {"lines": 24, "words": sum(len(x.split()) for x in LINES.values())}
    assert result(job) == uncut("folded")


@pytest.mark.parametrize("kind", RECIPES)
def test_every_slice_size_gives_the_same(kind, new_store):
    expected = uncut(kind)
    clock = Clock()
    for records in range(1, 26, new_store.each):
        jobs = Jobs(recipe(kind), new_store(clock))
        assert result(carried(jobs, jobs.start().id, records, clock)) == expected, records


@pytest.mark.parametrize("kind", RECIPES)
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_death_at_every_commit_gives_the_same(kind, before, new_store):
    expected = uncut(kind)
    clock = Clock()
    at = 0
    while True:
        at += new_store.each
        store = new_store(clock)
        mortal = Mortal(store, at, before)
        jobs = Jobs(recipe(kind), mortal)
        id = None
        try:
            id = jobs.start().id
            carried(jobs, id, 7, clock)
        except Killed:
            pass
        jobs = Jobs(recipe(kind), store)
        if id is None:
            # It died while it started the job: there is one that is whole, or none.
            found = jobs.all()
            id = found[0].id if found else jobs.start().id
        assert result(carried(jobs, id, 7, clock)) == expected, at
        assert len(jobs.all()) == 1
        if not mortal.dead:
            break
    assert at > 20


def test_many_runs_are_folded_and_give_the_same(new_store):
    """With a slice for each record there are more runs than one merge opens."""
    lines = {n: f"w{n % 50} w{n % 3}" for n in range(100)}
    clock = Clock()
    results = []
    for records in (1, 1000):
        made = Recipe(
            name="runs",
            source=Memory(lines),
            mapper=lambda key, line: [(word, key) for word in line.split()],
            reducer=places,
            sink=Stored(),
            num_reducers=1,
        )
        jobs = Jobs(made, new_store(clock))
        phases = set()
        id = jobs.start().id
        while (step := jobs.step(id, budget=Budget.records(records))).job.state == "running":
            phases.add(step.job.phase)
        assert ("merge" in phases) == (records == 1)
        results.append(result(jobs.find(id)))
    assert results[0] == results[1]


def test_a_zombie_leaves_nothing(new_store):
    """A slice whose lease was taken over while it was paused commits nothing at all."""
    clock = Clock()
    store = new_store(clock)
    jobs = Jobs(recipe("in order"), store)
    id = jobs.start().id

    def overtake():
        """Another request takes the slice over in the middle of this one, and all the rest."""
        clock.pass_(3600)
        carried(jobs, id, 5, clock)

    while jobs.find(id).record.phase != "map":
        jobs.step(id)
    slow = Budget(seconds=1.0, clock=_Interrupted(overtake))
    step = jobs.step(id, budget=slow)
    assert step.did == "lost"
    assert result(jobs.find(id)) == uncut("in order")


class _Interrupted:
    """A clock whose third reading takes a very long time."""

    def __init__(self, call):
        self.call, self.readings = call, 0

    def __call__(self):
        self.readings += 1
        if self.readings == 3:
            self.call()
        return 0.0


def test_a_deleted_job_leaves_nothing_behind(new_store):
    clock = Clock()
    store = new_store(clock)
    jobs = Jobs(recipe("combined"), store)
    kept = jobs.start()
    job = jobs.start()
    for _ in range(5):
        jobs.step(job.id, budget=Budget.records(3))
    jobs.delete(job.id)
    with pytest.raises(UnknownJob):
        jobs.step(job.id)
    for _ in range(5):  # each later request that commits sweeps a page
        jobs.step(kept.id, budget=Budget.records(1))
    found = [keys.unpack(key) for key, _ in store.scan(b"", b"\xff") if job.id.encode() in key]
    assert found == [("deleted", "cut", job.id)]  # that it was, and who did it
