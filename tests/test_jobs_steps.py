"""One request's work: which slice it does, and what becomes of a slice that cannot be committed."""

import _thread
import os
import random
import signal
import threading
from collections import Counter

import pytest
from faults import Clock
from jobslib import ALL, Faulty, Into, carried, dump, made, to_phase, words

from httpmr import reducers
from httpmr.budget import Budget
from httpmr.errors import (
    Damaged,
    InputError,
    StoreFull,
    Unavailable,
    Uncertain,
    UnknownJob,
)
from httpmr.interfaces import Batch, Mapper
from httpmr.jobs import Address
from httpmr.shuffle import FAN_IN, Runs
from httpmr.sources import Memory
from httpmr.stores import MemoryStore

ONE = Budget.records(1)


def come_to(phase, store=None):
    """A job that goes through every phase, stepped to the one."""
    records = dict.fromkeys(range(FAN_IN + 2), "a b")
    settings = {"reducer": reducers.Identity(), "num_mappers": 1, "num_reducers": 1}
    jobs = made(words, records, store=store, **settings)
    job = jobs.start()
    while job.record.phase != phase:
        jobs.step(job.id, budget=ONE)
    return jobs, job


class TestWhichSlice:
    def test_a_lane_stays_on_its_shard_to_its_end(self):
        jobs = made(records=20)
        job = to_phase(jobs, jobs.start(), "map")
        at = Address("map", (1,), 0)
        for n in range(1, 20):
            step = jobs.step(job.id, at, ONE)
            assert step.did == "slice"
            if step.next.shard != (1,):
                break
            assert step.next == Address("map", (1,), n)
            at = step.next
        assert n > 5 and step.next == Address("map", (0,), 0)

    def test_another_number_than_the_present_one_is_stale_and_does_nothing(self):
        jobs = made(records=20)
        job = to_phase(jobs, jobs.start(), "map")
        jobs.step(job.id, Address("map", (1,), 0), ONE)
        before = dump(jobs.store)
        stale = [("map", (1,), 0), ("map", (1,), 2), ("map", (9,), 0), ("split", (0,), 0)]
        for at in stale:
            step = jobs.step(job.id, Address(*at))
            assert step.did == "stale" and step.next in (("map", (0,), 0), ("map", (1,), 1))
        assert dump(jobs.store) == before

    def test_a_shard_that_another_holds_is_busy(self):
        jobs = made(records=20)
        job = to_phase(jobs, jobs.start(), "map")
        first, second = jobs.ledger.tasks(job.record, "open")
        jobs.ledger.claim(first, 6)
        step = jobs.step(job.id, Address("map", (0,), 0))
        assert (step.did, step.next) == ("busy", Address("map", (1,), 0))
        jobs.ledger.claim(second, 6)
        step = jobs.step(job.id)
        assert (step.did, step.next) == ("busy", Address("map", (0,), 0))

    def test_a_lane_without_an_address_takes_any_free_one(self):
        jobs = made(records=200, num_mappers=50)
        job = to_phase(jobs, jobs.start(), "map")
        tasks = list(jobs.ledger.tasks(job.record, "open"))
        assert len(tasks) == 50
        for task in tasks[:49]:
            jobs.ledger.claim(task, 6)
        assert jobs.here(job.id) == Address("map", (49,), 0)
        assert jobs.step(job.id).did == "slice"

    def test_lanes_spread_over_all_shards(self):
        jobs = made(records=200, num_mappers=50, rng=random.Random(1))
        job = to_phase(jobs, jobs.start(), "map")
        chosen = Counter(jobs.here(job.id).shard for _ in range(1000))
        assert len(chosen) == 50 and max(chosen.values()) < 50

    def test_shards_get_on_together(self):
        jobs = made(records=1600, num_mappers=16, rng=random.Random(1))
        job = to_phase(jobs, jobs.start(), "map")
        for _ in range(800):
            jobs.step(job.id, budget=ONE)
        done = [task.records for task in jobs.ledger.tasks(job.record, "open")]
        assert sum(done) == 800 and min(done) > 42 and max(done) < 58

    def test_a_race_that_was_lost_does_nothing(self):
        store = Faulty(MemoryStore(clock=Clock()))
        jobs, other = made(store=store), made(store=store.store)
        job = to_phase(jobs, jobs.start(), "map")
        at = Address("map", (0,), 0)
        store.plan({1: lambda: other.step(job.id, at, ONE)})
        assert jobs.step(job.id, at).did == "lost"
        assert job.status()["records"] == 1

    def test_a_lease_that_was_taken_over_is_lost_at_the_commit(self):
        clock = Clock()
        store = Faulty(MemoryStore(clock=clock))
        jobs, other = made(store=store), made(store=store.store)
        job = to_phase(jobs, jobs.start(), "map")

        def overtake():
            clock.pass_(3600)
            carried(other, job)

        store.plan({2: overtake})
        step = jobs.step(job.id)
        assert (step.did, step.job.state, step.next) == ("lost", "done", None)
        assert dict(job.output()) == {n: n for n in range(10)}

    def test_a_job_deleted_under_a_slice(self):
        store = Faulty(MemoryStore(clock=Clock()))
        jobs, other = made(store=store), made(store=store.store)
        job = to_phase(jobs, jobs.start(), "map")
        store.plan({2: lambda: other.delete(job.id)})
        assert jobs.step(job.id).did == "lost"
        with pytest.raises(UnknownJob):
            jobs.step(job.id)

    def test_whoever_sees_that_a_phase_is_done_turns_the_page(self):
        store = Faulty(MemoryStore(clock=Clock()))
        jobs = made(store=store)
        job = jobs.start()
        store.plan({3: "unavailable"})  # after the claim and the commit of the split
        with pytest.raises(Unavailable):
            jobs.step(job.id)
        assert job.record.phase == "split" and not list(jobs.ledger.tasks(job.record, "open"))
        store.plan({})
        step = jobs.step(job.id)
        assert (step.did, step.job.phase) == ("slice", "map")


class TestLease:
    """A lease saves double work, and nothing else rests on it."""

    @pytest.mark.parametrize("seconds", [0.5, 2.0, 20.0])
    def test_it_lasts_a_bit_more_than_two_slices(self, seconds):
        clock, leases = Clock(), []

        def mapper(key, value):
            leases.extend(task.lease - clock() for task in jobs.ledger.tasks(job.record, "open"))
            return []

        jobs = made(mapper, clock=clock, num_mappers=1, records=1, slice_seconds=seconds)
        job = jobs.start()
        carried(jobs, job)
        assert leases == [2 * seconds + 2]

    @pytest.mark.parametrize("reducer", [None, reducers.Identity(), reducers.Count()])
    def test_nothing_in_the_background_keeps_it(self, reducer, monkeypatch):
        """No thread, timer or process is started, by which what has died would seem alive."""

        def start(*args, **kwargs):
            raise AssertionError("something is begun in the background")

        monkeypatch.setattr(_thread, "start_new_thread", start)
        monkeypatch.setattr(threading, "_start_new_thread", start)
        monkeypatch.setattr(os, "fork", start)
        monkeypatch.setattr(signal, "setitimer", start)
        with pytest.raises(AssertionError):
            threading.Thread(target=print).start()
        jobs = made(words, dict.fromkeys(range(9), "a b"), reducer=reducer)
        assert carried(jobs, jobs.start(), records=2).state == "done"


def test_what_is_kept_of_a_job_grows_with_its_shards_and_not_with_its_records():
    """Tasks, the job's record and marks; what is mapped goes to the sink."""

    def kept(records, shards):
        many = dict.fromkeys(range(records), "a")
        jobs = made(words, many, sink=Into(receipts=False), num_mappers=shards)
        job = jobs.start()
        while job.record.phase != "publish":
            jobs.step(job.id, budget=Budget.records(50))
        assert job.status()["records"] == records
        return dump(jobs.store)

    few, many, wide = kept(200, 2), kept(5000, 2), kept(5000, 20)
    assert len(few) == len(many) == len(wide) - 18
    assert sum(map(len, many.values())) < 1.5 * sum(map(len, few.values()))


class TestStoreTrouble:
    @pytest.mark.parametrize("phase", ["split", "map", "merge", "reduce", "publish", "cleanup"])
    @pytest.mark.parametrize("commit", [1, 2])
    @pytest.mark.parametrize("fault", ["unavailable", "lost", "unknown"])
    def test_wherever_it_is_away_nothing_is_lost(self, phase, commit, fault):
        clock = Clock()
        store = Faulty(MemoryStore(clock=clock))
        jobs, job = come_to(phase, store)
        store.plan({commit: fault})
        with pytest.raises(Unavailable if fault == "unavailable" else Uncertain):
            jobs.step(job.id, budget=ONE)
        store.plan({})
        if commit == 1:
            clock.pass_(60)  # who claimed it does not know
        else:
            assert jobs.step(job.id, budget=ONE).did in ("slice", "stale")  # given back, or done
        carried(jobs, job, 1)
        every = range(FAN_IN + 2)
        assert list(job.output()) == [("a", n) for n in every] + [("b", n) for n in every]
        assert job.counters == {"words": 2 * (FAN_IN + 2)}

    def test_a_full_one_pauses_with_the_reason(self):
        store = Faulty(MemoryStore(clock=Clock()))
        jobs = made(store=store)
        job = to_phase(jobs, jobs.start(), "map")
        store.plan({2: "full"})
        assert jobs.step(job.id).job.state == "paused"
        assert job.status()["error"] == "full, says the test"
        jobs.resume(job.id)
        assert carried(jobs, job).state == "done" and job.status()["records"] == 10

    def test_one_too_full_to_say_so_is_told_to_whoever_asks(self):
        clock = Clock()
        store = Faulty(MemoryStore(clock=clock))
        jobs = made(store=store)
        job = to_phase(jobs, jobs.start(), "map")
        store.plan(dict.fromkeys(range(2, 9), "full"))
        with pytest.raises(StoreFull):
            jobs.step(job.id)
        store.plan({})
        clock.pass_(60)
        assert carried(jobs, job).state == "done" and job.status()["records"] == 10

    def test_a_full_disk_under_the_sink_pauses_too(self):
        def take(pairs):
            raise StoreFull("no room for the parts")

        jobs = made(sink=Into(take))
        job = carried(jobs, jobs.start())
        assert (job.state, job.status()["error"]) == ("paused", "no room for the parts")

    @pytest.mark.parametrize("phase", ["merge", "reduce"])
    def test_a_damaged_block_fails_the_job(self, phase):
        jobs, job = come_to(phase)
        for key in list(Runs(jobs.store).keys(job.id))[::2]:
            batch = Batch()
            batch.put(key, b"1 flipped bit")
            jobs.store.commit(batch)
        step = jobs.step(job.id)
        assert (step.did, step.job.state, step.next) == ("slice", "failed", None)
        assert job.record.finished is not None
        assert "a stored block fails its checksum" in job.status()["error"]
        assert "delete the job and start it again" in job.status()["error"]

    def test_what_ends_the_process_gives_the_lease_back(self):
        class Interrupted(Mapper):
            def map(self, key, value):
                if self.calls:
                    self.calls -= 1
                    raise KeyboardInterrupt
                return [(key, value)]

        mapper = Interrupted()
        mapper.calls = 1
        jobs = made(mapper)
        job = to_phase(jobs, jobs.start(), "map")
        with pytest.raises(KeyboardInterrupt):
            jobs.step(job.id)
        assert all(task.lease == 0 for task in job.shards())
        assert carried(jobs, job).state == "done"


class TestKeysOfTheSource:
    def test_one_that_cannot_be_kept_pauses_and_names_the_source(self):
        class Wrong(Memory):
            def read(self, after, until):
                return iter([(object(), 1)])

        jobs = made(source=Wrong({1: 1}))
        job = carried(jobs, jobs.start())
        assert job.state == "paused"
        assert (
            "the source Wrong([(1, 1)]) gave a key that cannot be kept: a value of type "
            in (job.status()["error"])
        )

    @pytest.mark.parametrize("mapper", [lambda k, v: [], lambda k, v: 1 // 0])
    def test_also_where_it_is_not_the_first(self, mapper):
        class Wrong(Memory):
            def read(self, after, until):
                yield from super().read(after, until)
                yield object(), 1

        jobs = made(mapper, source=Wrong({1: 1}), max_bad_records=1)
        job = carried(jobs, jobs.start(), records=2)
        assert job.state == "paused"
        assert "gave a key that cannot be kept" in job.status()["error"]

    def test_the_record_before_it_is_innocent(self):
        class Wrong(Memory):
            def read(self, after, until):
                yield from super().read(after, until)
                yield object(), "bad"

        def mapper(key, value):
            if value == "bad":
                raise ValueError
            return [(key, value)]

        jobs = made(mapper, source=Wrong({1: 1}), max_bad_records=9)
        job = carried(jobs, jobs.start())
        assert "gave a key that cannot be kept" in job.status()["error"]
        assert job.bad_records == [] and list(job.output()) == [(1, 1)]

    @pytest.mark.parametrize("size", [200_000, 600_000])
    @pytest.mark.parametrize("records", [1, ALL])
    def test_one_larger_than_a_task_can_hold(self, size, records):
        class Long(Memory):
            def split(self, after, until, shards):
                return iter(())

        values = {"a": 1, "k" * size: 2, "l": 3}
        jobs = made(lambda key, value: [(value, 1)], source=Long(values), max_bad_records=9)
        job = carried(jobs, jobs.start(), records)
        if records == ALL:
            assert job.state == "done"  # none of it was kept
        else:
            assert job.state == "paused"
            assert f"gave a key of {size + 5:,} bytes, 'kkk" in job.status()["error"]

    def test_as_the_last_one_it_starts_nothing(self):
        for last in ("k" * 200_000, object()):
            jobs = made()
            jobs.recipe.source.last = lambda last=last: last
            with pytest.raises(InputError, match=r"the source Memory\(.*\) gave a key "):
                jobs.start()
            assert jobs.all() == []


def test_a_fault_of_the_machine_in_a_plug_in_is_not_the_operators():
    class Away(Memory):
        def split(self, after, until, shards):
            raise ConnectionResetError

    jobs = made(source=Away({1: 1}))
    job = jobs.start()
    with pytest.raises(Unavailable, match="met an error of its surroundings: ConnectionResetError"):
        jobs.step(job.id)
    assert job.state == "running"


def test_an_error_in_a_plug_in_pauses_with_the_phase():
    class Wrong(Memory):
        def split(self, after, until, shards):
            raise ZeroDivisionError("oops")

    jobs = made(source=Wrong({1: 1}))
    job = carried(jobs, jobs.start())
    assert job.status()["error"].startswith("the split phase failed: ZeroDivisionError: oops (test")


def test_a_sink_may_find_its_own_damage():
    sink = Into()

    def finish(job, receipts, budget):
        raise Damaged("a part is not what was written")

    sink.finish = finish
    jobs = made(sink=sink)
    assert carried(jobs, jobs.start()).state == "failed"
