"""Who found nothing to do: noted for others to see, and seldom."""

import pytest
from faults import Clock
from jobslib import ALL, made, to_phase

from httpmr.budget import Budget
from httpmr.ledger import Ledger, waiting, waits
from httpmr.ledger.places import waiting_key
from httpmr.ledger.waiting import AGAIN
from httpmr.state import Job, Task, replace
from httpmr.stores import MemoryStore


class Counting(MemoryStore):
    commits = 0

    def commit(self, batch):
        super().commit(batch)
        self.commits += 1


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    return Counting(clock=clock)


@pytest.fixture
def job(store):
    made = Job(id="j", recipe="r", params={}, shards=1, partitions=1, phase="map")
    return Ledger(store).create(made, Task("j", "map", (0,)))


def test_each_driver_is_noted_and_for_a_while_only_once(store, clock, job):
    began, before = clock.now, store.commits
    for _ in range(9):
        for driver in ("wget 1", "curl 2"):
            waits(store, job, driver)
    assert waiting(store, "j") == {"wget 1": began, "curl 2": began}
    assert store.commits - before == 2
    clock.pass_(AGAIN)
    waits(store, job, "wget 1")
    assert waiting(store, "j") == {"wget 1": began + AGAIN, "curl 2": began}


def test_who_has_left_is_forgotten_and_there_are_never_many(store, clock, job):
    for n in range(100):
        waits(store, job, f"wget {n}")
    assert len(waiting(store, "j")) == 20
    clock.pass_(61)
    waits(store, job, "curl 1")
    assert waiting(store, "j") == {"curl 1": clock.now}


def test_the_phase_that_removes_what_is_noted_notes_nothing(store, job):
    waits(store, replace(job, phase="cleanup"), "wget 1")
    assert waiting(store, "j") == {}


def test_of_two_at_once_one_is_noted_and_neither_fails(store, job):
    def meanwhile():
        del store.now
        waits(store, job, "curl 2")
        return store.now()

    store.now = meanwhile
    waits(store, job, "wget 1")
    assert waiting(store, "j").keys() == {"curl 2"}


def test_nothing_is_noted_of_a_job_that_was_deleted(store, job):
    Ledger(store).remove(job)
    waits(store, job, "wget 1")
    assert waiting(store, "j") == {}


@pytest.mark.parametrize("phase", ["map", "reduce"])
def test_a_lane_that_is_told_busy_is_seen_and_nothing_of_it_is_left(clock, phase):
    jobs = made(clock=clock, num_mappers=1, num_reducers=1, reducer=lambda k, v: [(k, 1)])
    job = to_phase(jobs, jobs.start(), phase)
    [task] = jobs.ledger.tasks(job.record, "open")
    held = jobs.ledger.claim(task, 60, "wget 1")
    assert jobs.step(job.id, driver="curl 2").did == "busy"
    assert waiting(jobs.store, job.id) == {"curl 2": clock.now}
    jobs.ledger.release(held)
    while job.state == "running":
        jobs.step(job.id, budget=Budget.records(ALL))
    assert not jobs.store.get([waiting_key(job.id)])
