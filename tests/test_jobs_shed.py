"""Idle lanes take a share of a long shard, and nothing is lost, doubled or put out of order."""

import random

import pytest
from faults import Clock
from jobslib import made

from httpmr.budget import Budget
from httpmr.ledger import want, wanted
from httpmr.sources import Memory, TextFiles
from httpmr.stores import MemoryStore, SQLStore

RECORDS = 300


def keyed(key, value):
    return [(key % 7, key)]


def in_order(key, values):
    yield key, list(values)


EXPECTED = [(digit, list(range(digit, RECORDS, 7))) for digit in range(7)]


def hot(store, clock, **settings):
    """Jobs whose map phase is one long shard."""
    settings = {
        "mapper": keyed,
        "reducer": in_order,
        "num_mappers": 1,
        "num_reducers": 1,
    } | settings
    return made(records=RECORDS, store=store, clock=clock, **settings)


@pytest.fixture(params=["memory", "sqlite"])
def store(request, clock, sqlite_url):
    if request.param == "memory":
        yield MemoryStore(clock=clock)
        return
    store = SQLStore(sqlite_url, clock=clock)
    yield store
    store.close()


@pytest.fixture
def clock():
    return Clock()


def to_map(jobs):
    job = jobs.start()
    while job.record.phase != "map":
        jobs.step(job.id)
    return job


def test_a_lane_that_finds_nothing_free_is_given_half(store, clock):
    jobs = hot(store, clock)
    job = to_map(jobs)
    (only,) = job.shards()
    held = jobs.ledger.claim(only, 60)
    assert jobs.step(job.id).did == "busy"
    assert wanted(jobs.store, job.record)
    jobs.ledger.release(held)
    jobs.step(job.id, budget=Budget.records(5))
    assert [task.shard for task in job.shards()] == [(0,), (0, -1)]
    assert not wanted(jobs.store, job.record), "one mark, one share"
    jobs.step(job.id, budget=Budget.records(5))
    assert len(job.shards()) == 2


def test_nothing_is_shed_where_nobody_wants_it(store, clock):
    jobs = hot(store, clock)
    job = to_map(jobs)
    while jobs.step(job.id, budget=Budget.records(3)).job.phase == "map":
        assert [task.shard for task in job.shards()] == [(0,)]


@pytest.mark.parametrize("seed", range(12))
def test_however_it_is_shared_the_answer_is_the_same(clock, seed):
    """Lanes at random, some of which hold shards or die with them."""
    rng = random.Random(seed)
    jobs = hot(MemoryStore(clock=clock), clock, rng=rng)
    job = to_map(jobs)
    progress, most = 0.0, 1
    while job.state == "running":
        if rng.random() < 0.3 and (open_ := list(jobs.ledger.tasks(job.record, "open"))):
            held = jobs.ledger.claim(rng.choice(open_), rng.choice([5, 50]))
            if held and rng.random() < 0.5:
                jobs.ledger.release(held)
        jobs.step(job.id, budget=Budget.records(rng.randrange(1, 9)))
        if rng.random() < 0.2:
            clock.pass_(rng.choice([1, 100]))
        most = max(most, len(job.shards()))
        now = job.status()["progress"]
        assert now >= progress - 1e-9, "what is done is never undone"
        progress = now
    assert most > 1, "nothing was shared"
    assert list(job.output()) == EXPECTED
    assert job.status()["records"] == RECORDS


def test_a_file_that_changes_is_seen_by_what_was_shed(tmp_path, clock):
    path = tmp_path / "a.txt"
    path.write_text("line\n" * 500)
    store = MemoryStore(clock=clock)
    jobs = hot(store, clock, source=TextFiles(str(path)), mapper=lambda key, line: [(1, key[1])])
    job = to_map(jobs)
    want(jobs.store, job.record)
    jobs.step(job.id, budget=Budget.records(5))
    jobs.ledger.claim(job.shards()[0], 60)  # what was shed is next
    jobs.step(job.id, budget=Budget.records(5))  # the same file as before
    assert job.state == "running"
    path.write_text("other\n" * 500)
    jobs.step(job.id)
    assert job.state == "paused"
    assert "not what it was" in job.status()["error"]


def test_the_mark_goes_with_the_job(clock):
    store = MemoryStore(clock=clock)
    jobs = hot(store, clock, source=Memory({1: 1}))
    job = to_map(jobs)
    want(jobs.store, job.record)
    while jobs.step(job.id).job.state == "running":
        pass
    assert not wanted(jobs.store, job.record)
