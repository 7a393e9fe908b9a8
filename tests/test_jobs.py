"""Jobs: started, found, run to the end; and what sources they run over."""

import os
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import pytest
from faults import Clock
from jobslib import Faulty, carried, dump, made, same, to_phase, words

from httpmr import codec, keys, reducers
from httpmr.budget import Budget
from httpmr.errors import (
    FormatError,
    InputError,
    JobError,
    OutputError,
    RecipeError,
    Unavailable,
    Uncertain,
    UnknownJob,
    WrongStore,
)
from httpmr.interfaces import Batch, Sink, Source
from httpmr.jobs import Address, Jobs, local
from httpmr.jobs.identity import FORMAT
from httpmr.ledger import want
from httpmr.sources import Memory
from httpmr.state import Job as Record
from httpmr.state import Task
from httpmr.stores import MemoryStore, SQLStore


class TestStart:
    def test_nothing_is_touched_before_it_is_needed(self):
        jobs = made()
        assert dump(jobs.store) == {}
        jobs.start()
        assert dump(jobs.store)

    def test_a_job_bears_the_stores_name(self):
        jobs = made()
        job = jobs.start()
        assert job.id.startswith(f"{jobs.instance}-") and len(jobs.instance) == 6
        assert job.state == "running" and job.recipe == "r"
        assert repr(job) == f"<httpmr.Job {job.id} of r>"

    def test_the_instance_and_the_secret_are_the_same_for_all_who_share_the_store(self):
        one = made()
        other = made(store=one.store)
        assert (one.instance, one.secret) == (other.instance, other.secret)
        assert len(one.secret) == 32
        assert made().secret != one.secret

    def test_of_two_first_users_one_makes_them(self):
        store = MemoryStore()
        other = made(store=store)
        jobs = made(store=Faulty(store, {1: lambda: other.instance}))
        assert jobs.instance == other.instance

    def test_a_store_that_is_slow_lets_those_who_have_another_go_on(self):
        class Slow(MemoryStore):
            def get(self, keys):
                asked.set()
                assert let_go.wait(60)
                return super().get(keys)

        asked, let_go = Event(), Event()
        with ThreadPoolExecutor(1) as threads:
            first = threads.submit(lambda: made(store=Slow()).instance)
            assert asked.wait(60)
            with ThreadPoolExecutor(1) as others:
                other = others.submit(lambda: made().instance)
                try:
                    assert len(other.result(timeout=60)) == 6
                finally:
                    let_go.set()
            assert first.result() != other.result()

    def test_a_secret_that_is_given_wins(self):
        recipe = made().recipe
        assert Jobs(recipe, MemoryStore(), secret="own").secret == b"own"
        assert Jobs(recipe, MemoryStore(), secret=b"own").secret == b"own"

    @pytest.mark.parametrize("format", [[2, 0], [1, 99], [0, 9]])
    def test_a_store_of_a_newer_format_is_refused(self, format):
        store = MemoryStore()
        batch = Batch()
        batch.put(keys.pack(("meta",)), codec.dumps({"format": format, "instance": "abcdef"}))
        store.commit(batch)
        with pytest.raises(FormatError, match=r"and this httpmr reads up to 1\.0"):
            made(store=store).start()

    def test_one_of_an_older_minor_format_is_read(self, monkeypatch):
        store = MemoryStore(clock=Clock())
        job = made(store=store).start()
        monkeypatch.setattr("httpmr.jobs.identity.FORMAT", (FORMAT[0], FORMAT[1] + 1))
        newer = made(store=store)
        assert carried(newer, newer.find(job.id)).state == "done"

    def test_parameters_are_refused_while_recipes_take_none(self):
        with pytest.raises(RecipeError, match="the recipe r takes no parameters: since, until"):
            made().start({"since": 1, "until": 2})

    def test_a_source_or_a_sink_that_cannot_be_used_starts_nothing(self):
        class NoSource(Source):
            read = None

            def last(self):
                raise InputError("no table words")

        class NoSink(Sink):
            def check(self, store):
                raise OutputError("no table counts")

        NoSource.__abstractmethods__ = frozenset()
        for wrong, error in [
            ({"source": NoSource()}, InputError),
            ({"sink": NoSink()}, OutputError),
        ]:
            jobs = made(**wrong)
            with pytest.raises(error):
                jobs.start()
            assert jobs.all() == []

    def test_an_answer_that_was_lost_is_looked_up(self):
        store = Faulty(MemoryStore())
        jobs = made(store=store)
        assert jobs.instance
        store.plan({1: "unknown"})
        assert jobs.start().state == "running"
        store.plan({1: "lost"})
        with pytest.raises(Uncertain):
            jobs.start()
        assert len(jobs.all()) == 1

    def test_tidying_up_does_not_fail_a_start(self):
        """Else whoever asked would ask again, and have two jobs."""
        store = Faulty(MemoryStore())
        jobs = made(store=store, keep=1)
        for _ in range(2):
            jobs.cancel(jobs.start().id)
        store.plan({2: "unavailable"})
        assert jobs.start().state == "running"


class TestFind:
    def test_what_is_not_there(self):
        jobs = made()
        for id in ("nonsense", "", f"{jobs.instance}-0123", "ab-cd", "ABCDEF-1"):
            with pytest.raises(UnknownJob):
                jobs.find(id)

    def test_what_another_store_made(self):
        jobs, other = made(), made()
        job = other.start()
        with pytest.raises(WrongStore, match=f"belongs to the store {other.instance}, and this"):
            jobs.find(job.id)

    def test_another_recipes_job_is_not_this_ones(self):
        jobs = made()
        other = made(store=jobs.store, name="other")
        with pytest.raises(UnknownJob):
            jobs.find(other.start().id)
        assert jobs.all() == []

    def test_all_are_listed_newest_first_also_where_the_clock_stands_still_or_goes_back(self):
        clock = Clock()
        jobs = made(clock=clock)
        started = [jobs.start() for _ in range(5)]
        clock.pass_(-3600)
        started += [jobs.start() for _ in range(2)]
        assert [job.id for job in jobs.all()] == [job.id for job in reversed(started)]

    def test_pages(self):
        jobs = made()
        ids = [jobs.start().id for _ in range(7)][::-1]
        assert [job.id for job in jobs.all(limit=3)] == ids[:3]
        assert [job.id for job in jobs.all(limit=3, before=ids[2])] == ids[3:6]
        assert [job.id for job in jobs.all(before=ids[5])] == ids[6:]

    def test_the_latest_is_the_newest_that_is_done(self):
        jobs = made()
        assert jobs.latest() is None
        done = [carried(jobs, jobs.start()) for _ in range(2)]
        jobs.start()
        jobs.cancel(jobs.start().id)
        assert jobs.latest().id == done[1].id


class TestRun:
    def test_to_the_end_in_this_process(self):
        seen = []
        jobs = made()
        job = jobs.run(progress=seen.append)
        assert job.state == "done" and dict(job.output()) == {n: n for n in range(10)}
        assert seen and seen[0]["job"] == job.id

    def test_it_goes_on_with_a_job_that_was_begun(self):
        jobs = made()
        job = to_phase(jobs, jobs.start(), "map")
        assert jobs.run(job=job) is job and job.state == "done"
        assert len(jobs.all()) == 1

    def test_it_stops_where_the_job_pauses(self):
        def mapper(key, value):
            raise ValueError

        assert made(mapper).run().state == "paused"

    @pytest.mark.parametrize("processes", [0, -1, 1.5, "2", None])
    def test_processes_are_a_number(self, processes):
        jobs = made()
        with pytest.raises(RecipeError, match="processes must be a whole number from 1, not"):
            jobs.run(processes)
        assert jobs.all() == []

    def test_several_processes_need_a_store_they_share(self):
        jobs = made()
        with pytest.raises(RecipeError, match=r"cannot share MemoryStore\(\), which one process"):
            jobs.run(2)
        assert jobs.all() == []

    def test_several_processes_on_one_job(self, sqlite_url):
        seen = []
        store = SQLStore(sqlite_url)
        records = dict.fromkeys(range(60), "a b c")
        jobs = made(words, records, store=store, reducer=reducers.Count(), num_mappers=6)
        job = jobs.run(2, progress=seen.append)
        assert job.state == "done"
        assert dict(job.output()) == {"a": 60, "b": 60, "c": 60}
        assert job.counters == {"words": 180}
        assert seen
        store.close()

    def test_if_every_process_dies_nothing_is_lost(self, sqlite_url):
        parent = os.getpid()

        def deadly(key, value):
            if os.getpid() != parent:
                os._exit(1)
            return [(key, value)]

        clock = Clock()
        jobs = made(deadly, store=SQLStore(sqlite_url, clock=clock))
        with pytest.raises(JobError, match=r"ended before job .* codes 1, 1; nothing is lost"):
            jobs.run(2)
        clock.pass_(60)
        [job] = jobs.all()
        assert jobs.run(job=job).state == "done"
        assert dict(job.output()) == {n: n for n in range(10)}
        jobs.store.close()

    def test_a_system_without_fork(self, sqlite_url, monkeypatch):
        monkeypatch.setattr(local.multiprocessing, "get_all_start_methods", lambda: ["spawn"])
        jobs = made(store=SQLStore(sqlite_url))
        with pytest.raises(RecipeError, match="several processes need fork, which this system"):
            jobs.run(2)

    def test_a_busy_lane_waits_and_a_store_that_is_away_is_given_a_minute(self):
        clock, slept = Clock(), []

        def sleep(seconds):
            slept.append(seconds)
            clock.pass_(seconds)
            if len(slept) == 5:
                store.plan({})

        store = Faulty(MemoryStore(clock=clock))
        jobs = made(store=store)
        job = jobs.start()
        store.plan(dict.fromkeys(range(1, 99), "unavailable"))
        local.work(jobs, job.id, sleep=sleep, clock=clock)
        assert job.state == "done" and slept == [0.05, 0.1, 0.2, 0.4, 0.8]

        job = to_phase(jobs, jobs.start(), "map")
        for task in jobs.ledger.tasks(job.record, "open"):
            jobs.ledger.claim(task, 6)
        del slept[:]
        local.work(jobs, job.id, sleep=sleep, clock=clock)
        assert job.state == "done" and sum(slept) == pytest.approx(6, abs=0.1)

        job = jobs.start()
        store.plan(dict.fromkeys(range(1, 999), "unavailable"))
        began = clock.now
        slept += [0] * 9
        with pytest.raises(Unavailable):
            local.work(jobs, job.id, sleep=sleep, clock=clock)
        assert 60 < clock.now - began < 70


class TestSource:
    def test_an_unbounded_one(self):
        class Open(Memory):
            def last(self):
                return None

        jobs = made(source=Open({n: n for n in range(30)}), num_mappers=3)
        job = carried(jobs, jobs.start(), records=4)
        assert job.record.last is None
        assert dict(job.output()) == {n: n for n in range(30)}

    def test_records_that_come_later_are_not_the_jobs(self):
        jobs = made(records=10)
        job = to_phase(jobs, jobs.start(), "map")
        jobs.recipe.source.__init__({n: n for n in range(20)})
        assert dict(carried(jobs, job).output()) == {n: n for n in range(10)}

    @pytest.mark.parametrize("shards", [1, 3])
    def test_its_order_is_its_own_and_its_keys_are_never_compared(self, shards):
        """As a database's collation orders in its own way."""
        mixed = ["a", "B", 3, "b", "A", (1, "x"), 2, "C", b"c", "c", 1, "D", "d"]

        class Own(Source):
            def read(self, after, until):
                yield from ((key, n) for n, key in enumerate(self.between(after, until)))

            def between(self, after, until):
                first = 0 if after is None else mixed.index(after) + 1
                return mixed[first : mixed.index(until) + 1]

            def last(self):
                return mixed[-1]

            def split(self, after, until, shards):
                return iter(self.between(after, until)[:-1])

        jobs = made(lambda key, n: [(repr(key), 1)], source=Own(), num_mappers=shards)
        job = to_phase(jobs, jobs.start(), "map")
        assert len(job.shards()) == shards
        want(jobs.store, job.record)  # so that a long shard gives half of its rest away
        while job.record.phase == "map":
            jobs.step(job.id, budget=Budget.records(1))
        done = list(jobs.ledger.tasks(replace(job.record, phase="map"), "done"))
        assert len(done) == shards + 1
        assert list(carried(jobs, job).output()) == sorted((repr(key), 1) for key in mixed)

    def test_one_without_split_keys_is_one_shard(self):
        class Plain(Source):
            def read(self, after, until):
                return iter([(n, n) for n in range(5) if after is None or n > after])

        jobs = made(source=Plain())
        job = to_phase(jobs, jobs.start(), "map")
        assert len(job.shards()) == 1
        assert dict(carried(jobs, job, records=1).output()) == {n: n for n in range(5)}


def test_anyone_may_choose_the_random_numbers():
    ids = []
    for _ in range(2):
        recipe = made(same).recipe
        jobs = Jobs(recipe, MemoryStore(clock=Clock()), rng=random.Random(1))
        ids.append(jobs.start().id)
    assert ids[0] == ids[1]


def test_an_address_is_plain_data():
    assert Address("map", (3, -1), 2) == ("map", (3, -1), 2)
    record = Record("j", "r", {}, 1, 0)
    assert Task("j", "map", (0,)).job == record.id
