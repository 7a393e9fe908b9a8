"""Many short shards are done in slices as long as others, and the output is the same."""

import random

import pytest
from faults import Clock
from jobslib import made, to_phase

from httpmr import reducers
from httpmr.budget import Budget
from httpmr.jobs.step import Address
from httpmr.ledger import want
from httpmr.sources import TextFiles
from httpmr.stores import MemoryStore, SQLStore

RECORDS, SHARDS = 320, 32
SECONDS = 0.005  # for a record: 0.05 for a shard, so that a slice of 2 s has room for all


class Host:
    """Jobs whose records take time by a clock of the test's own."""

    def __init__(self, store=None, seconds=SECONDS, **settings):
        self.clock, self.seconds = Clock(), seconds
        self.store = store(self.clock) if store else MemoryStore(clock=self.clock)
        settings = {"records": RECORDS, "num_mappers": SHARDS, "slice_seconds": 2.0} | settings
        self.settings = {"mapper": self.map, "reducer": self.in_order, "num_reducers": 1} | settings
        self.jobs = self.process()
        self.job = to_phase(self.jobs, self.jobs.start(), "map")

    def map(self, key, value):
        self.clock.pass_(self.seconds)
        return [(key % 7 if isinstance(key, int) else value[0], key)]

    def in_order(self, key, values):
        yield key, list(values)

    def process(self, seed=1):
        jobs = made(store=self.store, rng=random.Random(seed), **self.settings)
        jobs.stepper({}).clock = self.clock
        return jobs

    def slices(self, *processes):
        """Step the map phase to its end, by each process in turn; return the number of slices."""
        done = 0
        for number in range(1000):
            if self.job.record.phase != "map":
                return done
            jobs = processes[number % len(processes)] if processes else self.jobs
            done += jobs.step(self.job.id).did == "slice"
        raise AssertionError("the map phase goes on for ever")


EXPECTED = [(digit, list(range(digit, RECORDS, 7))) for digit in range(7)]


def ended(host):
    while host.job.state == "running":
        host.jobs.step(host.job.id)
    return list(host.job.output())


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_many_short_shards_are_few_slices_and_the_same_output(kind, sqlite_url):
    host = Host(None if kind == "memory" else lambda clock: SQLStore(sqlite_url, clock=clock))
    assert 5 < host.slices() < SHARDS / 2
    assert ended(host) == EXPECTED
    assert host.job.status()["records"] == RECORDS


def test_the_first_slice_of_a_process_takes_one_for_it_cannot_know():
    host = Host()
    host.jobs.step(host.job.id)
    assert len(host.job.shards()) == SHARDS
    host.jobs.step(host.job.id)
    assert len(host.job.shards()) < SHARDS
    before = len(host.job.shards())
    host.process().step(host.job.id)
    assert len(host.job.shards()) == before


def test_shards_as_long_as_a_slice_stay_alone():
    host = Host(seconds=0.12)  # 1.2 for a shard
    assert host.slices() == SHARDS
    assert ended(host) == EXPECTED


def test_a_slice_is_filled_and_not_more():
    host = Host(seconds=0.02)  # 0.2 for a shard
    host.jobs.step(host.job.id)
    began = host.clock.now
    host.jobs.step(host.job.id)
    assert 0.9 < host.clock.now - began < 1.9


def test_slices_begin_at_multiples_so_that_few_short_ones_are_left_between():
    host = Host(seconds=0.03, num_mappers=80, records=800)  # 0.3 for a shard: four in a slice
    assert host.slices() < 80 / 4 + 5
    assert ended(host) == [(digit, list(range(digit, 800, 7))) for digit in range(7)]


def test_lanes_spread_where_each_takes_but_one():
    host = Host()
    host.jobs.step(host.job.id)
    free = [task for task in host.job.shards() if not task.done]
    stepper = host.jobs.stepper({})

    def offered():
        return {stepper.here(host.job.record).shard for _ in range(50)}

    assert len(offered()) == 2, "where sixteen, of thirty-two, would begin"
    for task in free[::2]:
        host.jobs.ledger.claim(task, 60)
    assert len(offered()) > 4


def test_lanes_leave_each_other_their_share():
    host = Host()
    one, two = host.process(1), host.process(2)
    one.step(host.job.id)
    held = host.jobs.ledger.claim(host.job.shards()[-1], 60)
    free = sum(not task.done and not task.lease for task in host.job.shards())
    one.step(host.job.id)
    left = sum(not task.done and not task.lease for task in host.job.shards())
    assert free - left <= free // 4 + 1, "half of what is a lane's share, of two"
    host.jobs.ledger.release(held)
    assert host.slices(one, two) < SHARDS / 2
    assert ended(host) == EXPECTED


def test_nothing_is_swallowed_where_there_is_less_than_two_shards_for_each_lane():
    host = Host()
    host.jobs.step(host.job.id)
    *held, first, second = [task for task in host.job.shards() if not task.done]
    for task in held:
        host.jobs.ledger.claim(task, 60)
    host.jobs.stepper({}).claim(host.job.record, Address("map", first.shard, 0), "")
    free = [task.shard for task in host.job.shards() if not task.done and not task.lease]
    assert free == [second.shard]
    host.clock.pass_(60)
    host.slices()
    assert ended(host) == EXPECTED


def test_nothing_is_swallowed_where_a_lane_waits():
    host = Host()
    want(host.store, host.job.record)
    host.slices()
    assert ended(host) == EXPECTED
    assert host.job.record.slices == SHARDS + 4  # split, reduce, publish, cleanup


def test_who_gives_a_budget_gets_the_shard_alone():
    host = Host()
    for _ in range(10):
        host.jobs.step(host.job.id, budget=Budget.records(1000))
    assert len(host.job.shards()) == SHARDS


def test_one_that_was_claimed_meanwhile_is_not_swallowed():
    host = Host()
    host.jobs.step(host.job.id)
    commit = host.store.commit

    def late(batch):
        host.store.commit = commit
        for task in host.job.shards():  # another lane is quicker by a moment
            if not task.done:
                host.jobs.ledger.claim(task, 0.5)
        return commit(batch)

    host.store.commit = late
    assert host.jobs.step(host.job.id).did == "lost"
    host.clock.pass_(60)
    host.slices()
    assert ended(host) == EXPECTED


def test_a_change_of_any_file_that_was_swallowed_is_seen(tmp_path):
    for n in range(20):
        (tmp_path / f"{n:02}.txt").write_text("a line\n" * 100)
    source = TextFiles(f"{tmp_path}/*.txt")
    host = Host(source=source, reducer=reducers.Count(), num_mappers=20, seconds=0.0005)
    host.jobs.step(host.job.id)
    task = host.jobs.stepper({}).claim(host.job.record, None, "").task
    assert len(task.notes["origins"]) > 1
    _, last = task.notes["origins"][-1]
    host.clock.pass_(60)  # whoever claimed it is dead
    path = tmp_path / last[0]
    path.write_text(path.read_text() + "a line more\n")
    while host.job.state == "running":
        host.jobs.step(host.job.id)
    assert host.job.state == "paused"
    assert "is not what it was when the job began" in host.job.record.error["message"]
    assert host.job.record.error["shard"] == task.shard
