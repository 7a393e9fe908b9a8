"""Who may do which slice: the races are played here one step at a time."""

import pytest
from faults import Clock

from httpmr import codec
from httpmr.errors import Conflict
from httpmr.interfaces import Batch
from httpmr.ledger import LONGEST_LEASE, PAGE, SLOWEST, Ledger, receipt
from httpmr.ledger.places import task_key
from httpmr.state import Bad, Job, Outcome, Task
from httpmr.stores import MemoryStore

SECONDS = 6.0


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    return MemoryStore(clock=clock)


@pytest.fixture
def ledger(store):
    return Ledger(store)


class Rival:
    """A store in whose every commit, but its own, somebody else is faster."""

    def __init__(self, store, *calls):
        self.store, self.calls = store, list(calls)

    def __getattr__(self, name):
        return getattr(self.store, name)

    def commit(self, batch):
        if self.calls:
            self.calls.pop(0)()
        self.store.commit(batch)


def made(ledger, id="j", phase="map", **fields):
    """A job in its map phase with one task."""
    job = Job(id, "r", {}, shards=2, partitions=2, phase=phase, **fields)
    return ledger.create(job, Task(id, phase, (0,)))


def only(ledger, job, state="open"):
    [task] = ledger.tasks(job, state)
    return task


def claimed(ledger, job):
    return ledger.claim(only(ledger, job), SECONDS)


def present(ledger, job):
    return ledger.job(job.recipe, job.id)


def dump(store):
    return dict(store.scan(b"", b"\xff"))


class TestJobs:
    def test_a_job_and_its_first_task_are_made_as_one(self, ledger):
        job = made(ledger)
        assert present(ledger, job) == job
        assert only(ledger, job).shard == (0,)
        with pytest.raises(Conflict):
            made(ledger)

    def test_what_joins_the_making_can_prevent_it(self, ledger, store):
        def taken(batch):
            batch.expect(b"pointer", b"other")

        with pytest.raises(Conflict):
            ledger.create(Job("j", "r", {}, 1, 0), Task("j", "split", (0,)), taken)
        assert dump(store) == {}

    def test_an_unknown_job_is_none(self, ledger):
        made(ledger)
        assert ledger.job("r", "other") is None and ledger.job("other", "j") is None

    def test_jobs_come_newest_first_and_from_a_place_on(self, ledger):
        for id in ("a-1", "a-3", "a-2"):
            made(ledger, id)
        ledger.create(Job("a-4", "another", {}, 1, 0), Task("a-4", "split", (0,)))
        assert [job.id for job in ledger.jobs("r")] == ["a-3", "a-2", "a-1"]
        assert [job.id for job in ledger.jobs("r", before="a-3")] == ["a-2", "a-1"]
        assert [job.id for job in ledger.jobs("r", before="a-1")] == []

    def test_a_change_needs_the_job_as_it_was_read(self, ledger):
        job = made(ledger)
        changed = ledger.change(job, state="paused")
        assert present(ledger, job) == changed
        with pytest.raises(Conflict):
            ledger.change(job, state="cancelled")
        with pytest.raises(Conflict):
            ledger.remove(job)
        ledger.remove(changed, lambda batch: batch.put(b"mark", b""))
        assert present(ledger, job) is None


class TestClaim:
    def test_a_claim_raises_the_epoch_and_takes_a_lease(self, ledger, clock):
        job = made(ledger)
        task = claimed(ledger, job)
        assert (task.epoch, task.lease, task.takeovers) == (1, clock.now + SECONDS, 0)
        assert only(ledger, job) == task

    def test_of_two_that_read_the_same_task_one_gets_it(self, ledger):
        job = made(ledger)
        task = only(ledger, job)
        assert ledger.claim(task, SECONDS)
        assert ledger.claim(task, SECONDS) is None

    def test_of_two_that_claim_at_once_one_gets_it(self, ledger, store):
        job = made(ledger)
        task = only(ledger, job)
        slow = Ledger(Rival(store, lambda: ledger.claim(task, SECONDS)))
        assert slow.claim(task, SECONDS) is None
        assert only(ledger, job).epoch == 1

    @pytest.mark.parametrize(("after", "free"), [(0, 0), (SECONDS - 0.001, 0), (SECONDS, 1)])
    def test_a_lease_holds_to_exactly_its_end(self, ledger, clock, after, free):
        job = made(ledger)
        claimed(ledger, job)
        clock.pass_(after)
        assert bool(claimed(ledger, job)) == free

    def test_one_second_past_it_is_a_takeover_and_lasts_twice_as_long(self, ledger, clock):
        job = made(ledger)
        first = claimed(ledger, job)
        clock.now = first.lease + 1
        second = claimed(ledger, job)
        assert (second.epoch, second.takeovers) == (2, 1)
        assert second.lease == clock.now + 2 * SECONDS

    def test_leases_double_up_to_ten_minutes(self, ledger, clock):
        job = made(ledger)
        lasted = []
        for _ in range(10):
            task = claimed(ledger, job)
            lasted.append(task.lease - clock.now)
            clock.now = task.lease
        assert lasted == [min(SECONDS * 2**n, LONGEST_LEASE) for n in range(10)]
        assert lasted[-1] == LONGEST_LEASE

    def test_a_lease_is_never_shorter_than_was_asked_for(self, ledger, clock):
        """A slice may be allowed to last longer than ten minutes; else it would never end."""
        job = made(ledger)
        task = ledger.claim(only(ledger, job), 7202.0)
        assert task.lease == clock.now + 7202.0

    def test_after_very_many_takeovers_there_is_no_overflow(self, ledger, clock):
        job = made(ledger)
        for _ in range(2000):
            clock.now = claimed(ledger, job).lease
        assert only(ledger, job).takeovers == 1999

    def test_a_commit_makes_leases_short_again(self, ledger, clock):
        job = made(ledger)
        clock.now = claimed(ledger, job).lease
        task, _ = ledger.commit(job, claimed(ledger, job), Outcome())
        assert (task.lease, task.takeovers) == (0, 0)
        assert claimed(ledger, job).lease == clock.now + SECONDS

    def test_a_takeover_halves_the_pace_and_commits_bring_it_back(self, ledger, clock):
        job = made(ledger)
        assert claimed(ledger, job).pace == 1.0
        clock.now = only(ledger, job).lease
        assert claimed(ledger, job).pace == 0.5
        clock.now = only(ledger, job).lease
        task = claimed(ledger, job)
        assert task.pace == 0.25
        paces = []
        while task.pace < 1.0:
            ledger.commit(job, task, Outcome())
            task = claimed(ledger, job)
            paces.append(task.pace)
        assert paces == sorted(paces)
        assert len(paces) > 50, "it grows back slowly"

    def test_a_pace_has_a_lowest_value(self, ledger, clock):
        job = made(ledger)
        for _ in range(20):
            clock.now = claimed(ledger, job).lease
        assert only(ledger, job).pace == SLOWEST


class TestRenew:
    def test_a_lease_begins_anew_for_the_same_slice(self, ledger, clock):
        job = made(ledger)
        clock.now = claimed(ledger, job).lease
        first = claimed(ledger, job)
        clock.pass_(2 * SECONDS - 1)
        task = ledger.renew(first, SECONDS)
        assert (task.lease, task.epoch, task.takeovers) == (clock.now + 2 * SECONDS, 2, 1)
        clock.pass_(2 * SECONDS - 1)
        assert claimed(ledger, job) is None
        with pytest.raises(Conflict):
            ledger.commit(job, first, Outcome())
        assert ledger.commit(job, task, Outcome())[0].slice == 1

    def test_not_one_that_was_lost(self, ledger, clock):
        job = made(ledger)
        task = claimed(ledger, job)
        clock.now = task.lease
        rival = claimed(ledger, job)
        with pytest.raises(Conflict):
            ledger.renew(task, SECONDS)
        assert only(ledger, job) == rival

    def test_what_joins_is_renewed_with_it_or_not_at_all(self, ledger, clock):
        job = made(ledger)
        task = claimed(ledger, job)
        clock.pass_(1)
        ledger.renew(task, SECONDS, None, lambda batch: batch.put(b"beside", b"it"))
        assert ledger.store.get([b"beside"]) == {b"beside": b"it"}
        with pytest.raises(Conflict):
            ledger.renew(task, SECONDS, None, lambda batch: batch.put(b"beside", b"late"))
        assert ledger.store.get([b"beside"]) == {b"beside": b"it"}


class TestCheck:
    def test_what_is_held_passes_and_what_was_overtaken_is_told(self, ledger, clock):
        job = made(ledger)
        task = claimed(ledger, job)
        ledger.check(task)
        ledger.check(task := ledger.renew(task, SECONDS))
        clock.now = task.lease
        rival = claimed(ledger, job)
        with pytest.raises(Conflict, match="taken over"):
            ledger.check(task)
        ledger.check(rival)

    def test_so_is_what_was_done(self, ledger):
        job = made(ledger)
        task = claimed(ledger, job)
        ledger.commit(job, task, Outcome(done=True))
        with pytest.raises(Conflict):
            ledger.check(task)


class TestRelease:
    def test_it_gives_the_task_back_at_once(self, ledger):
        job = made(ledger)
        ledger.release(claimed(ledger, job))
        task = claimed(ledger, job)
        assert (task.epoch, task.takeovers, task.slice) == (2, 0, 0)

    def test_a_lost_lease_is_let_go_silently(self, ledger, clock):
        job = made(ledger)
        first = claimed(ledger, job)
        clock.now = first.lease
        second = claimed(ledger, job)
        ledger.release(first)
        assert only(ledger, job) == second

    def test_takeovers_are_not_forgotten(self, ledger, clock):
        job = made(ledger)
        clock.now = claimed(ledger, job).lease
        ledger.release(claimed(ledger, job))
        assert claimed(ledger, job).takeovers == 1


class TestCommit:
    def test_everything_is_of_one_piece(self, ledger, store):
        job = made(ledger)
        outcome = Outcome(
            cursor=("k", 5),
            records=3,
            counters={"a": 2},
            marks=("m",),
            progress=0.5,
            level=1,
            notes={"n": 1},
            deletes=[b"old"],
        )
        batch = Batch()
        batch.put(b"old", b"")
        store.commit(batch)
        task = claimed(ledger, job)
        finished, same = ledger.commit(job, task, outcome, lambda batch: batch.put(b"new", b"1"))
        assert same is job
        assert finished == only(ledger, job)
        assert (finished.cursor, finished.records, finished.counters) == (("k", 5), 3, {"a": 2})
        assert (finished.slice, finished.epoch, finished.lease) == (1, 1, 0)
        assert (finished.marks, finished.progress, finished.level) == (("m",), 0.5, 1)
        assert store.get([b"old", b"new"]) == {b"new": b"1"}

    def test_records_and_counters_add_up(self, ledger):
        job = made(ledger)
        for n in (1, 2):
            ledger.commit(job, claimed(ledger, job), Outcome(records=n, counters={"a": n}))
        task = only(ledger, job)
        assert (task.records, task.counters, task.slice) == (3, {"a": 3}, 2)

    def test_a_task_that_is_done_moves(self, ledger):
        job = made(ledger)
        ledger.commit(job, claimed(ledger, job), Outcome(done=True, progress=0.3))
        assert list(ledger.tasks(job, "open")) == []
        task = only(ledger, job, "done")
        assert task.done and task.progress == 1.0
        assert ledger.task(job, "map", (0,)) is None

    def test_a_zombie_commits_nothing_at_all(self, ledger, store, clock):
        job = made(ledger)
        zombie = claimed(ledger, job)
        clock.now = zombie.lease
        owner = claimed(ledger, job)
        before = dump(store)
        with pytest.raises(Conflict):
            ledger.commit(job, zombie, Outcome(done=True), lambda batch: batch.put(b"x", b""))
        assert dump(store) == before
        ledger.commit(job, owner, Outcome(records=1))
        after = dump(store)
        with pytest.raises(Conflict):
            ledger.commit(job, zombie, Outcome(records=1))
        assert dump(store) == after

    def test_a_slice_is_not_committed_twice(self, ledger):
        job = made(ledger)
        task = claimed(ledger, job)
        ledger.commit(job, task, Outcome(records=1))
        with pytest.raises(Conflict):
            ledger.commit(job, task, Outcome(records=1))
        assert only(ledger, job).records == 1

    def test_a_released_slice_cannot_be_committed(self, ledger):
        job = made(ledger)
        task = claimed(ledger, job)
        ledger.release(task)
        with pytest.raises(Conflict):
            ledger.commit(job, task, Outcome(records=1))

    def test_a_slice_in_flight_commits_to_a_job_that_was_paused_or_cancelled(self, ledger):
        for state in ("paused", "cancelled"):
            job = made(ledger, state)
            task = claimed(ledger, job)
            changed = ledger.change(job, state=state)
            ledger.commit(job, task, Outcome(records=1))
            assert present(ledger, job) == changed
            assert only(ledger, job).records == 1


BAD = Bad("key", "ValueError: no", "Traceback")
AT = {"phase": "map", "shard": (0,)}


class TestBadRecords:
    def bad(self, **fields):
        return Outcome(cursor=4, bad=BAD, past={"cursor": 5, "marks": ("m",)}, **fields)

    def test_within_the_limit_it_is_put_aside_alone(self, ledger):
        job = made(ledger)
        task, job = ledger.commit(job, claimed(ledger, job), self.bad(alone=True), allowed=1)
        assert (task.cursor, task.marks, task.records, task.bad) == (5, ("m",), 1, 1)
        assert (job.state, job.bad_records) == ("running", 1)
        assert present(ledger, job) == job
        assert list(ledger.bad(job)) == [{**vars(BAD), **AT, "slice": 0}]

    def test_not_alone_the_slice_commits_up_to_it(self, ledger):
        """So that it gets a slice of its own, and a place in the order."""
        job = made(ledger)
        outcome = self.bad(records=3)
        task, after = ledger.commit(job, claimed(ledger, job), outcome, allowed=1)
        assert (task.cursor, task.records, task.slice) == (4, 3, 1)
        assert after is job and not list(ledger.bad(job))

    @pytest.mark.parametrize("alone", [True, False])
    def test_beyond_the_limit_the_job_pauses_in_the_same_commit(self, ledger, alone):
        job = made(ledger, bad_records=1)
        outcome = self.bad(records=2, alone=alone)
        task, after = ledger.commit(job, claimed(ledger, job), outcome, allowed=1)
        assert (task.cursor, task.records, task.slice) == (4, 2, 1)
        assert after.state == "paused" and after.finished is None
        where = {**AT, "slice": 1, "past": {"cursor": 5, "marks": ("m",)}}
        assert after.error == {**vars(BAD), **where}
        assert present(ledger, job) == after and not list(ledger.bad(job))

    def test_a_group_always_pauses(self, ledger):
        job = made(ledger)
        outcome = Outcome(bad=Bad("k", "no", "", "group"), alone=True, past={"cursor": ("k", None)})
        _, job = ledger.commit(job, claimed(ledger, job), outcome, allowed=9)
        assert (job.state, job.error["kind"]) == ("paused", "group")

    def test_the_limit_holds_though_others_put_records_aside_meanwhile(self, ledger):
        """The commit is built anew from the job as it is, and so is the verdict."""
        job = made(ledger)
        task = claimed(ledger, job)
        ledger.change(job, bad_records=1)
        finished, after = ledger.commit(job, task, self.bad(alone=True), allowed=1)
        assert after.state == "paused" and after.bad_records == 1
        assert finished.cursor == 4 and not list(ledger.bad(job))

    def test_put_aside_though_others_were_meanwhile(self, ledger):
        job = made(ledger)
        task = claimed(ledger, job)
        ledger.change(job, bad_records=1)
        _, after = ledger.commit(job, task, self.bad(alone=True), allowed=2)
        assert after.bad_records == present(ledger, job).bad_records == 2

    def test_no_pause_over_a_pause(self, ledger):
        """The operator's own has no error; the record is met again after it."""
        job = made(ledger)
        task = claimed(ledger, job)
        paused = ledger.change(job, state="paused")
        _, after = ledger.commit(job, task, self.bad(alone=True))
        assert after == present(ledger, job) == paused

    def test_a_zombie_does_not_pause_the_job(self, ledger, clock):
        job = made(ledger)
        zombie = claimed(ledger, job)
        clock.now = zombie.lease
        claimed(ledger, job)
        with pytest.raises(Conflict):
            ledger.commit(job, zombie, self.bad(alone=True))
        assert present(ledger, job) == job

    def test_a_zombie_gives_up_although_the_job_changes_too(self, ledger, clock):
        job = made(ledger)
        zombie = claimed(ledger, job)
        clock.now = zombie.lease
        claimed(ledger, job)
        changed = ledger.change(job, bad_records=1)
        with pytest.raises(Conflict):
            ledger.commit(job, zombie, self.bad(alone=True), allowed=5)
        assert present(ledger, job) == changed

    def test_a_deleted_job_takes_nothing(self, ledger):
        job = made(ledger)
        task = claimed(ledger, job)
        ledger.remove(job)
        with pytest.raises(Conflict):
            ledger.commit(job, task, self.bad(alone=True), allowed=1)
        assert present(ledger, job) is None

    def test_a_skipped_record_is_put_aside_and_the_job_runs(self, ledger):
        job = made(ledger)
        _, job = ledger.commit(job, claimed(ledger, job), self.bad(alone=True))
        task = claimed(ledger, job)
        running = ledger.put_aside(job, task, self.bad())
        assert (running.state, running.error, running.bad_records) == ("running", None, 1)
        task = only(ledger, job)
        assert (task.cursor, task.records, task.slice, task.lease) == (5, 1, 2, 0)
        assert [bad["slice"] for bad in ledger.bad(job)] == [1]

    def test_a_skip_needs_both_as_they_were(self, ledger):
        job = made(ledger)
        _, job = ledger.commit(job, claimed(ledger, job), self.bad(alone=True))
        task = claimed(ledger, job)
        ledger.change(job, bad_records=7)
        with pytest.raises(Conflict):
            ledger.put_aside(job, task, self.bad())
        assert only(ledger, job) == task and not list(ledger.bad(job))


class TestPauseAndFail:
    def test_what_an_operator_can_mend_pauses(self, ledger):
        job = made(ledger)
        _, job = ledger.commit(job, claimed(ledger, job), Outcome(pause="no table words"))
        assert job.state == "paused"
        assert job.error == {**AT, "slice": 1, "message": "no table words"}

    def test_what_no_resume_can_mend_fails(self, ledger, clock):
        job = made(ledger)
        clock.pass_(5)
        _, job = ledger.commit(job, claimed(ledger, job), Outcome(fail="a block is damaged"))
        assert (job.state, job.finished) == ("failed", clock.now)
        assert job.error["message"] == "a block is damaged"

    def test_what_has_ended_does_not_fail_again(self, ledger):
        job = made(ledger)
        task = claimed(ledger, job)
        cancelled = ledger.change(job, state="cancelled")
        _, after = ledger.commit(job, task, Outcome(fail="damaged"))
        assert after == present(ledger, job) == cancelled


class TestReceipts:
    def test_they_come_in_the_order_of_shard_and_slice(self, ledger, store):
        for shard, number in [((1,), 0), ((0,), 10), ((0, -1), 0), ((0,), 9)]:
            batch = Batch()
            receipt(Task("j", "map", shard, slice=number), [shard, number])(batch)
            store.commit(batch)
        assert list(ledger.receipts("j")) == [
            [(0,), 9],
            [(0,), 10],
            [(0, -1), 0],
            [(1,), 0],
        ]
        assert list(ledger.receipts("j2")) == []

    def test_no_receipt_leaves_no_trace(self):
        batch = Batch()
        receipt(Task("j", "map", (0,)), None)(batch)
        assert not batch.puts


def following(tasks, phase="reduce"):
    """The phase after the map phase has so many tasks."""
    return lambda job, done: (phase, [Task(job.id, phase, (n,)) for n in range(tasks)])


class TestTurn:
    def finished(self, ledger, **fields):
        job = made(ledger)
        outcome = Outcome(done=True, records=5, counters={"a": 1})
        ledger.commit(job, claimed(ledger, job), outcome)
        return job

    def test_not_while_a_task_is_open(self, ledger):
        job = made(ledger)
        assert ledger.turn(job, following(3)) is job
        claimed(ledger, job)
        assert ledger.turn(job, following(3)) is job
        assert present(ledger, job).phase == "map"

    def test_not_while_the_job_does_not_run(self, ledger):
        job = self.finished(ledger)
        paused = ledger.change(job, state="paused")
        assert ledger.turn(paused, following(3)) is paused

    def test_tasks_first_then_the_job_with_what_was_done(self, ledger):
        job = ledger.turn(self.finished(ledger), following(3))
        assert (job.phase, job.records, job.slices, job.counters) == ("reduce", 5, 1, {"a": 1})
        assert present(ledger, job) == job
        assert [task.shard for task in ledger.tasks(job, "open")] == [(0,), (1,), (2,)]

    def test_only_the_map_phase_counts_records(self, ledger):
        job = made(ledger, phase="reduce")
        ledger.commit(job, claimed(ledger, job), Outcome(done=True, records=9))
        job = ledger.turn(job, following(1, "publish"))
        assert (job.records, job.slices) == (0, 1)

    def test_at_the_end_the_job_is_done(self, ledger, clock):
        job = self.finished(ledger)
        clock.pass_(9)
        job = ledger.turn(job, lambda job, done: (None, []))
        assert (job.state, job.finished, job.phase) == ("done", clock.now, "map")

    def test_whoever_turns_the_page_sees_the_done_tasks(self, ledger):
        seen = []
        ledger.turn(self.finished(ledger), lambda job, done: seen.extend(done) or (None, []))
        assert [(task.shard, task.done) for task in seen] == [((0,), True)]

    def test_many_tasks_come_in_several_commits(self, ledger, store):
        commits = []
        job = self.finished(ledger)
        rival = Rival(store, *[lambda: commits.append(len(dump(store)))] * 99)
        many = 2 * PAGE + 7
        job = Ledger(rival).turn(job, following(many))
        assert len(commits) == 4  # three of tasks, and the job's own
        assert len(list(ledger.tasks(job, "open"))) == many

    @pytest.mark.parametrize("death", range(1, 5))
    def test_a_death_between_them_leaves_it_to_the_next(self, ledger, store, death):
        job = self.finished(ledger)

        def die():
            raise SystemExit

        dying = Ledger(Rival(store, *[lambda: None] * (death - 1), die))
        with pytest.raises(SystemExit):
            dying.turn(job, following(2 * PAGE + 7))
        assert present(ledger, job) == job
        job = ledger.turn(job, following(2 * PAGE + 7))
        assert job.phase == "reduce"
        assert len(list(ledger.tasks(job, "open"))) == 2 * PAGE + 7

    @pytest.mark.parametrize("late", range(4))
    def test_of_several_that_turn_at_once_all_see_the_same(self, ledger, store, late):
        """The slower one is overtaken before its first, second, third commit, or the job's."""
        job = self.finished(ledger)
        done = []

        def overtake():
            """Another turns the page, and a slice of the new phase is done already."""
            turned = ledger.turn(job, following(2 * PAGE + 7))
            task = next(ledger.tasks(turned, "open"))
            done.append(ledger.commit(turned, ledger.claim(task, SECONDS), Outcome(records=1))[0])

        slow = Ledger(Rival(store, *[lambda: None] * late, overtake))
        turned = slow.turn(job, following(2 * PAGE + 7))
        assert turned == present(ledger, job) and turned.phase == "reduce"
        assert len(list(ledger.tasks(turned, "open"))) == 2 * PAGE + 7
        assert next(ledger.tasks(turned, "open")) == done[0]  # not put back

    def test_a_pause_meanwhile_stops_it(self, ledger, store):
        job = self.finished(ledger)
        slow = Ledger(Rival(store, lambda: ledger.change(job, state="paused")))
        turned = slow.turn(job, following(1))
        assert turned == present(ledger, job)
        assert (turned.state, turned.phase) == ("paused", "map")

    def test_a_job_whose_tasks_were_swept_up_goes_no_further(self, ledger, store):
        job = self.finished(ledger)
        batch = Batch()
        batch.delete(task_key(only(ledger, job, "done")))
        store.commit(batch)
        before = dump(store)
        assert ledger.turn(job, following(1)) is job
        assert dump(store) == before

    def test_a_job_deleted_meanwhile_stays_deleted(self, ledger, store):
        job = self.finished(ledger)
        slow = Ledger(Rival(store, lambda: ledger.remove(job)))
        assert slow.turn(job, following(1)) is job
        assert present(ledger, job) is None
        assert not [key for key in dump(store) if b"reduce" in key]


def test_records_that_are_equal_are_stored_as_the_same_bytes(ledger, store):
    """What a commit expects is what was read, byte for byte."""
    job = made(ledger)
    task = only(ledger, job)
    assert codec.dumps(task.plain()) == task.stored
    assert codec.dumps(present(ledger, job).plain()) == job.stored
