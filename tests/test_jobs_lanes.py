"""`max_lanes`: so many slices of a recipe at once, in all processes and of all its jobs."""

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
from faults import Clock, Killed, Mortal
from jobslib import Faulty, carried, dump, made, same, to_phase

from httpmr.budget import Budget
from httpmr.jobs import Address
from httpmr.ledger.places import waiting_key
from httpmr.stores import MemoryStore, SQLStore

ONE = Budget.records(1)


class During:
    """A mapper that does something else in the middle of each record, but not within that."""

    def __init__(self):
        self.act, self.inside = lambda: None, False

    def map(self, key, value):
        if not self.inside:
            self.inside = True
            self.act()
            self.inside = False
        return [(key, value)]


def lanes(most, store=None, **settings):
    """Two processes on one store that read the same recipe, and what the first does meanwhile."""
    mapper, store = During(), store or MemoryStore(clock=Clock())
    settings = {"max_lanes": most, "records": 20, "num_mappers": 4} | settings
    jobs = made(mapper.map, store=store, **settings)
    # Another store object, as in another process: nothing but what is stored is shared.
    return jobs, made(mapper.map, store=Faulty(store), **settings), mapper


def nested(jobs, mapper, job, depth):
    """Step while stepping, so many deep; return what each came to, the innermost first."""
    did = []

    def act():
        if depth > 1:
            mapper.inside = False
            did.extend(nested(jobs, mapper, job, depth - 1))

    mapper.act = act
    did.append(jobs.step(job.id, budget=Budget.records(1)).did)
    return did


@pytest.mark.parametrize("most", [1, 2, 3])
def test_so_many_slices_are_done_at_once_and_no_more(most):
    jobs, other, mapper = lanes(most)
    job = to_phase(jobs, jobs.start(), "map")
    did = nested(other, mapper, job, most + 1)
    assert did == ["busy"] + ["slice"] * most
    assert nested(jobs, mapper, job, most) == ["slice"] * most  # they ended: there is room


def test_without_it_there_is_no_end_and_no_record():
    jobs, other, mapper = lanes(None)
    job = to_phase(jobs, jobs.start(), "map")
    assert nested(other, mapper, job, 4) == ["slice"] * 4
    carried(jobs, job)
    assert not [key for key in dump(jobs.store) if b"lanes" in key]


def test_a_lane_that_finds_no_room_waits_where_it_is_and_does_nothing():
    jobs, other, mapper = lanes(1)
    job = to_phase(jobs, jobs.start(), "map")
    free, seen = Address("map", (1,), 0), []

    def act():
        before = dump(jobs.store)
        seen.extend((other.step(job.id), other.step(job.id, free)))
        after = dump(jobs.store)
        del after[waiting_key(job.id)]
        assert after == before  # no shard is asked to give anything away, either

    mapper.act = act
    jobs.step(job.id, Address("map", (0,), 0), ONE)
    assert [(step.did, step.next) for step in seen] == [("busy", None), ("busy", free)]
    mapper.act = lambda: None
    assert jobs.step(job.id, free, ONE).did == "slice"


def test_all_jobs_of_the_recipe_count_and_those_of_others_do_not():
    jobs, other, mapper = lanes(1)
    first, second = jobs.start(), jobs.start()
    beside = made(store=jobs.store, name="beside", max_lanes=1)
    third = beside.start()
    for job in (first, second):
        to_phase(jobs, job, "map")
    did = []
    mapper.act = lambda: did.extend((other.step(second.id).did, beside.step(third.id).did))
    jobs.step(first.id, budget=ONE)
    assert did == ["busy", "slice"]
    mapper.act = lambda: None
    assert other.step(second.id).did == "slice"


def test_two_that_want_the_last_place_do_not_both_get_it():
    """They take different shards, so that it is not the shard they meet at."""
    store = Faulty(MemoryStore(clock=Clock()))
    jobs, other, mapper = lanes(1, store)
    job = to_phase(jobs, jobs.start(), "map")
    did = []

    def between():
        # Between its look at the places and its claim another claims, and is at work.
        mapper.act = lambda: did.append(jobs_after.step(job.id, Address("map", (2,), 0)).did)
        did.append(other.step(job.id, Address("map", (1,), 0), ONE).did)

    jobs_after = made(mapper.map, store=store.store, records=20, num_mappers=4, max_lanes=1)
    store.plan({1: between})
    assert jobs.step(job.id, Address("map", (0,), 0)).did == "lost"
    assert did == ["busy", "slice"]


def test_places_that_were_taken_twice_in_the_same_order_are_not_the_same():
    """Who looked before sees that the record is another, though the tasks in it are the same."""
    clock = Clock()
    store = Faulty(MemoryStore(clock=clock))
    settings = {"max_lanes": 2, "num_mappers": 4, "records": 20}
    jobs = made(store=store, **settings)
    job = to_phase(jobs, jobs.start(), "map")

    def take_both():
        """Two begin a slice and die of it, so that their leases stay."""
        for n in (0, 1):
            with pytest.raises(Killed):
                dying = made(store=Mortal(store.store, at=2), **settings)
                dying.step(job.id, Address("map", (n,), 0))

    take_both()
    clock.pass_(100)
    store.plan({1: take_both})
    assert jobs.step(job.id, Address("map", (2,), 0)).did == "lost"
    assert jobs.step(job.id, Address("map", (2,), 0)).did == "busy"


def test_the_place_of_one_that_died_is_free_when_its_lease_is_over():
    clock = Clock()
    store = MemoryStore(clock=clock)
    jobs = made(store=store, max_lanes=1, num_mappers=4, records=20)
    job = to_phase(jobs, jobs.start(), "map")
    dying = made(store=Mortal(store, at=2), max_lanes=1, num_mappers=4, records=20)
    with pytest.raises(Killed):
        dying.step(job.id)
    assert jobs.step(job.id).did == "busy"
    clock.pass_(6.5)
    assert jobs.step(job.id).did == "slice"
    assert carried(jobs, job).state == "done"
    assert list(job.output()) == [(n, n) for n in range(20)]


def test_fewer_places_than_were_taken():
    jobs, _, mapper = lanes(3)
    fewer = made(mapper.map, store=jobs.store, records=20, num_mappers=4, max_lanes=1)
    job = to_phase(jobs, jobs.start(), "map")
    did = []

    def deep(left):
        def act():
            did.append(fewer.step(job.id).did)
            if left:
                mapper.inside, mapper.act = False, deep(left - 1)
                jobs.step(job.id, budget=Budget.records(1))

        return act

    mapper.act = deep(1)
    jobs.step(job.id, budget=ONE)
    assert did == ["busy", "busy"]
    mapper.act = lambda: None
    assert fewer.step(job.id).did == "slice"


@pytest.mark.parametrize("reducer", [None, lambda key, values: [(key, sum(values))]])
@pytest.mark.parametrize("most", [1, 3])
def test_a_job_comes_to_its_end_in_any_number_of_lanes(most, reducer):
    jobs = made(same, records=30, num_mappers=5, max_lanes=most, reducer=reducer)
    job = carried(jobs, jobs.start(), records=2)
    assert list(job.output()) == [(n, n) for n in range(30)]


def test_on_a_database_no_more_are_at_work_at_once_than_may_be(database_url):
    guard, at_work, most = Lock(), [], []

    def watched(key, value):
        with guard:
            at_work.append(key)
            most.append(len(at_work))
        # Others come here meanwhile, if they may.
        [SQLStore(database_url).now() for _ in range(3)]
        with guard:
            at_work.remove(key)
        return [(key % 3, value)]

    settings = {"store": SQLStore(database_url), "max_lanes": 2, "num_mappers": 8, "records": 48}
    jobs = made(watched, reducer=lambda key, values: [(key, sum(values))], **settings)
    job = jobs.start()

    def lane(_):
        did = []
        while (step := jobs.step(job.id, budget=Budget.records(2))).job.state == "running":
            did.append(step.did)
        return did

    with ThreadPoolExecutor(4) as pool:
        did = [each for lane in pool.map(lane, range(4)) for each in lane]
    assert max(most) <= 2
    assert "busy" in did and did.count("slice") > 24
    assert list(job.output()) == [(n, sum(range(n, 48, 3))) for n in range(3)]
