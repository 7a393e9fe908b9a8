"""What an operator does to a job, what is swept away, and the links that start one."""

from itertools import pairwise

import pytest
from faults import Clock
from jobslib import Faulty, carried, dump, made, to_phase

from httpmr import engine, keys
from httpmr.budget import Budget
from httpmr.errors import (
    Conflict,
    Unfit,
    UnknownJob,
)
from httpmr.jobs import Jobs, control
from httpmr.jobs.deleted import KEPT
from httpmr.sources import Memory
from httpmr.stores import MemoryStore


def garbage(store):
    return [keys.unpack(key)[1] for key, _ in store.scan(*keys.span(("garbage",)))]


def stored_of(store, job):
    first, last = keys.span(("deleted",))
    return [key for key in dump(store) if job.id.encode() in key and not first <= key < last]


class TestControl:
    def test_a_paused_job_does_nothing_and_goes_on_when_resumed(self):
        jobs = made()
        job = jobs.start()
        jobs.pause(job.id)
        before = dump(jobs.store)
        step = jobs.step(job.id)
        assert (step.did, step.job.state, step.next) == ("stale", "paused", None)
        assert jobs.here(job.id) is None
        assert dump(jobs.store) == before
        jobs.resume(job.id)
        assert carried(jobs, job).state == "done"

    def test_a_cancelled_job_has_ended(self):
        clock = Clock()
        jobs = made(clock=clock)
        job = jobs.start()
        clock.pass_(7)
        jobs.cancel(job.id)
        assert (job.state, job.record.finished) == ("cancelled", clock.now)
        assert jobs.step(job.id).did == "stale"

    @pytest.mark.parametrize(
        ("state", "unfit"),
        [
            ("running", ["resume", "skip"]),
            ("paused", ["pause", "skip"]),
            ("cancelled", ["pause", "resume", "skip", "cancel"]),
            ("done", ["pause", "resume", "skip", "cancel"]),
        ],
    )
    def test_what_does_not_fit_is_refused(self, state, unfit):
        jobs = made()
        job = jobs.start()
        if state == "done":
            carried(jobs, job)
        elif state != "running":
            getattr(jobs, {"paused": "pause", "cancelled": "cancel"}[state])(job.id)
        for action in unfit:
            with pytest.raises(Unfit, match=f"a job that is {state} ") as caught:
                getattr(jobs, action)(job.id)
            assert caught.value.state == state
        assert job.state == state

    @pytest.mark.parametrize("action", ["pause", "cancel", "delete"])
    def test_of_two_that_act_at_once_each_sees_what_the_other_did(self, action):
        store = Faulty(MemoryStore())
        jobs = made(store=store)
        other = made(store=store.store)
        job = jobs.start()
        store.plan({1: lambda: other.cancel(job.id)})
        if action == "delete":
            jobs.delete(job.id)
            assert jobs.all() == []
        else:
            with pytest.raises(Unfit):
                getattr(jobs, action)(job.id)
            assert job.state == "cancelled"

    @pytest.mark.parametrize("action", ["pause", "cancel"])
    def test_a_job_that_is_deleted_meanwhile_is_unknown(self, action):
        store = Faulty(MemoryStore())
        jobs = made(store=store)
        job = jobs.start()
        store.plan({1: lambda: made(store=store.store).delete(job.id)})
        with pytest.raises(UnknownJob):
            getattr(jobs, action)(job.id)

    def test_it_does_not_matter_who_deletes_it(self):
        store = Faulty(MemoryStore())
        jobs = made(store=store)
        job = jobs.start()
        store.plan({1: lambda: made(store=store.store).delete(job.id)})
        jobs.delete(job.id)
        assert jobs.all() == []


class TestDelete:
    def test_who_did_it_is_remembered(self):
        clock = Clock()
        jobs = made(store=MemoryStore(clock))
        job = carried(jobs, jobs.start())
        clock.pass_(60)
        jobs.delete(job.id, by="anna")
        assert jobs.deleted() == [(job.id, clock.now, "anna", "done")]

    def test_it_is_for_the_newest_few(self):
        jobs = made()
        ids = [jobs.start().id for _ in range(KEPT + 3)]
        for id in ids:
            jobs.delete(id)
        assert [it.job for it in jobs.deleted()] == ids[: -KEPT - 1 : -1]
        kept = jobs.store.scan(*keys.span(("deleted", jobs.recipe.name)))
        assert len(list(kept)) == KEPT

    def test_making_room_is_not(self):
        jobs = made(keep=1)
        for _ in range(3):
            carried(jobs, jobs.start())
        assert len(jobs.all()) == 1 and jobs.deleted() == []

    def test_it_is_out_of_sight_at_once(self):
        jobs = made()
        job = carried(jobs, jobs.start())
        jobs.delete(job.id)
        for look in (jobs.find, jobs.step, jobs.here, jobs.pause, jobs.delete):
            with pytest.raises(UnknownJob):
                look(job.id)
        with pytest.raises(UnknownJob):
            list(job.output())
        assert jobs.all() == []

    def test_what_is_known_of_its_bad_records_goes_too(self):
        jobs = made(lambda key, value: 1 // 0, max_bad_records=10)
        job = carried(jobs, jobs.start())
        assert len(job.bad_records) == 10
        jobs.delete(job.id)
        while garbage(jobs.store):
            control.sweep(jobs.store)
        assert stored_of(jobs.store, job) == []

    def test_later_requests_sweep_a_page_each(self):
        jobs = made(lambda key, value: [(key * 1000 + n, n) for n in range(3)], records=400)
        job = carried(jobs, jobs.start(), records=1)
        kept = to_phase(jobs, jobs.start(), "map")
        before = len(stored_of(jobs.store, job))
        jobs.delete(job.id)
        left = [len(stored_of(jobs.store, job))]
        assert before > 600
        while garbage(jobs.store):
            jobs.step(kept.id, budget=Budget.records(1))
            left.append(len(stored_of(jobs.store, job)))
        assert all(0 <= one - two <= 301 for one, two in pairwise(left))
        assert len(left) > 3 and stored_of(jobs.store, job) == []
        assert carried(jobs, kept).state == "done"

    def test_where_no_garbage_was_none_is_looked_for_for_a_second(self):
        clock, asked = Clock(), []

        class Asked(MemoryStore):
            def scan(self, start, stop, **how):
                if start == keys.span(("garbage",))[0]:
                    asked.append(clock.now)
                return super().scan(start, stop, **how)

        store = Asked(clock=clock)
        jobs = Jobs(made(records=40).recipe, store, clock=clock)
        job, other = jobs.start(), jobs.start()
        began = clock.now
        for _ in range(12):
            jobs.step(job.id, budget=Budget.records(1))
            clock.pass_(0.3)
        assert [round(when - began, 1) for when in asked] == [0.0, 1.2, 2.4]
        control.delete(jobs.ledger, other.record)  # as another process does
        for _ in range(6):
            jobs.step(job.id, budget=Budget.records(1))
            clock.pass_(0.3)
        assert garbage(store) == [] and stored_of(store, other) == []

    def test_a_clock_that_goes_back_does_not_stop_the_sweeping(self):
        clock = Clock()
        jobs = Jobs(made(records=40).recipe, MemoryStore(clock=clock), clock=clock)
        job, other = jobs.start(), jobs.start()
        jobs.step(job.id, budget=Budget.records(1))
        control.delete(jobs.ledger, other.record)
        for _ in range(6):
            clock.pass_(-100)
            jobs.step(job.id, budget=Budget.records(1))
        assert garbage(jobs.store) == [] and stored_of(jobs.store, other) == []

    def test_a_slice_in_flight_leaves_nothing_behind(self):
        """Whenever it commits: the tasks go first, and it expects its own."""

        class Interrupted(Memory):
            def read(self, after, until):
                call = calls.pop() if calls else None
                for key, value in super().read(after, until):
                    yield key, value
                    if call:
                        call()
                        call = None

        def interrupt():
            control.delete(jobs.ledger, job.record)
            for _ in range(sweeps):
                control.sweep(jobs.store)

        did = []
        for sweeps in range(6):
            calls = []
            jobs = made(source=Interrupted({n: n for n in range(20)}))
            job = to_phase(jobs, jobs.start(), "map")
            calls.append(interrupt)
            did.append(jobs.step(job.id).did)
            while garbage(jobs.store):
                control.sweep(jobs.store)
            assert stored_of(jobs.store, job) == [], sweeps
        assert did == ["slice", *["lost"] * 5]

    def test_the_page_of_a_job_that_is_gone_is_not_turned(self):
        """By a request that has read the job, and finds no open task because all are swept up."""
        jobs = made()
        job = jobs.start().record
        jobs.delete(job.id)
        assert jobs.ledger.turn(job, engine.following) is job
        assert stored_of(jobs.store, job) == [keys.pack(("garbage", job.id))]

    def test_of_two_that_sweep_at_once_one_finds_the_world_changed(self):
        store = Faulty(MemoryStore())
        jobs = made(store=store)
        job = carried(jobs, jobs.start())
        store.plan({2: "conflict"})
        jobs.delete(job.id)
        assert garbage(store) == [job.id]

    def test_a_store_that_is_away_does_not_fail_what_is_done_already(self):
        store = Faulty(MemoryStore())
        jobs = made(store=store)
        job = carried(jobs, jobs.start())
        other = to_phase(jobs, jobs.start(), "map")
        store.plan({2: "unavailable"})
        jobs.delete(job.id)
        store.plan({3: "unavailable"})  # after the claim and the commit
        assert jobs.step(other.id).did == "slice"

    def test_only_so_many_ended_jobs_are_kept(self):
        jobs = made(keep=2)
        running = jobs.start()
        ended = []
        for n in range(4):
            job = jobs.start()
            if n % 2:
                jobs.cancel(job.id)
            else:
                carried(jobs, job)
            ended.append(job.id)
        jobs.start()
        ids = [job.id for job in jobs.all()]
        assert set(ids) >= {running.id, *ended[2:]}
        assert not set(ids) & set(ended[:2])

    def test_the_newest_that_is_done_stays_however_many_fail_after_it(self):
        jobs = made(keep=2)
        done = [carried(jobs, jobs.start()) for _ in range(2)]
        for _ in range(5):
            jobs.cancel(jobs.start().id)
        assert jobs.latest().id == done[1].id
        assert list(done[1].output())
        jobs.start()
        states = [job.state for job in jobs.all()]
        assert states == ["running", "cancelled", "cancelled", "done"]

    def test_the_end_of_a_job_deletes_the_oldest(self):
        jobs = made(keep=1)
        first, second = jobs.start(), jobs.start()
        carried(jobs, first)
        assert len(jobs.all()) == 2
        carried(jobs, second)
        assert [job.id for job in jobs.all()] == [second.id]


class TestRevokingLinks:
    def test_another_who_changes_the_job_at_once_loses_nothing(self):
        store = Faulty(MemoryStore())
        jobs, other = made(store=store), made(store=store.store)
        job = jobs.start()
        store.plan({1: lambda: other.revoke_links(job.id), 2: lambda: other.pause(job.id)})
        jobs.revoke_links(job.id)
        assert (job.record.generation, job.state) == (2, "paused")

    def test_a_slice_in_flight_commits(self):
        store = Faulty(MemoryStore())
        jobs, other = made(store=store), made(store=store.store)
        job = jobs.start()
        # The first commit claims. Each of the others has its job's links revoked just before it.
        store.plan(dict.fromkeys(range(2, 100), lambda: other.revoke_links(job.id)))
        carried(jobs, job, records=1)
        assert (job.state, job.status()["records"]) == ("done", 10)
        assert job.record.generation > 10
        assert list(job.output()) == [(n, n) for n in range(10)]

    def test_a_job_that_is_not_there_is_said(self):
        jobs = made()
        job = jobs.start()
        jobs.delete(job.id)
        with pytest.raises(UnknownJob):
            jobs.revoke_links(job.id)


class TestStartLink:
    def test_it_exists_only_once_made(self):
        jobs = made()
        assert jobs.start_link_generation() is None
        with pytest.raises(UnknownJob, match="no such start link"):
            jobs.join(0)
        generation = jobs.start_link()
        assert jobs.start_link_generation() == generation
        with pytest.raises(UnknownJob):
            jobs.join(generation + 1)

    def test_it_joins_a_running_or_paused_job_and_else_starts_one(self):
        jobs = made()
        generation = jobs.start_link()
        job = jobs.join(generation)
        assert jobs.join(generation).id == job.id
        jobs.pause(job.id)
        assert jobs.join(generation).id == job.id
        jobs.resume(job.id)
        carried(jobs, job)
        assert jobs.join(generation).id != job.id

    def test_with_every_it_joins_any_younger_job(self):
        clock = Clock()
        jobs = made(clock=clock)
        generation = jobs.start_link(every=86400)
        job = carried(jobs, jobs.join(generation))
        clock.pass_(86399)
        assert jobs.join(generation).id == job.id
        clock.pass_(1)
        assert jobs.join(generation).id != job.id

    def test_it_can_be_changed_without_ending_what_was_handed_out(self):
        jobs = made()
        generation = jobs.start_link()
        assert jobs.start_link(every=60) == generation
        assert jobs.start_link(every=60) == generation

    def test_a_deleted_job_is_not_joined(self):
        jobs = made()
        generation = jobs.start_link()
        job = jobs.join(generation)
        jobs.delete(job.id)
        assert jobs.join(generation).id != job.id

    def test_two_pings_make_one_job_and_both_get_it(self):
        store = Faulty(MemoryStore())
        jobs, other = made(store=store), made(store=store.store)
        generation = jobs.start_link()
        won = []
        store.plan({1: lambda: won.append(other.join(generation))})
        assert jobs.join(generation).id == won[0].id
        assert len(jobs.all()) == 1

    @pytest.mark.parametrize("kind", ["start", "operate"])
    def test_revoking_ends_every_link_that_was_handed_out(self, kind):
        store = Faulty(MemoryStore())
        jobs, other = made(store=store), made(store=store.store)
        make = {"start": jobs.start_link, "operate": lambda: jobs.operate_generation(make=True)}
        look = {"start": jobs.start_link_generation, "operate": jobs.operate_generation}
        old = make[kind]()
        jobs.revoke(kind)
        assert look[kind]() is None
        store.plan({1: lambda: other.revoke(kind)})
        jobs.revoke(kind)
        assert make[kind]() == old + 3

    def test_operators_links_are_made_when_asked_for(self):
        jobs = made()
        assert jobs.operate_generation() is None
        assert jobs.operate_generation(make=True) == jobs.operate_generation() == 0

    def test_any_other_conflict_is_not_the_links(self):
        jobs = made()

        def taken(id):
            return lambda batch: batch.expect(b"nothing", b"here")

        with pytest.raises(Conflict):
            jobs.start(None, taken)


def test_who_did_what_and_when_is_kept():
    clock = Clock()
    jobs = made(clock=clock)
    job = jobs.start(by="ann")
    began = clock.now
    for act in (jobs.pause, jobs.resume, jobs.cancel):
        clock.pass_(10)
        act(job.id, by="bob")
    assert job.record.acts == [
        [began, "ann", "start"],
        [began + 10, "bob", "pause"],
        [began + 20, "bob", "resume"],
        [began + 30, "bob", "cancel"],
    ]
    with pytest.raises(Unfit):
        jobs.pause(job.id, by="bob")
    assert len(job.record.acts) == 4


def test_the_first_and_the_latest_acts_are_kept():
    jobs = made()
    job = jobs.start()
    for _ in range(30):
        jobs.pause(job.id, by="x" * 1000)
        jobs.resume(job.id)
    assert len(job.record.acts) == 20
    assert [act[2] for act in job.record.acts[:2]] == ["start", "resume"]
    assert len(job.record.acts[-2][1]) == 200


def test_a_skip_and_a_retry_are_kept_as_well():
    def mapper(key, value):
        if key == 3 and broken:
            raise LookupError
        return [(key, value)]

    broken = True
    jobs = made(mapper, max_bad_records=0, version="1")
    job = carried(jobs, jobs.start())
    jobs.skip(job.id, by="ann")
    carried(jobs, job)
    broken = False
    jobs.retry(job.id, by="bob")
    assert [[who, what] for _, who, what in job.record.acts] == [
        ["", "start"], ["ann", "skip"], ["bob", "retry"],
    ]  # fmt: skip
