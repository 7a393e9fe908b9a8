"""A retry: after a fix of the code the result is that of a run without faults."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from deaths import Host
from faults import Clock, Killed, Mortal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jobslib import ALL, Faulty, Into, carried, dump, made

from httpmr import codec, counters, keys, reducers
from httpmr.budget import Budget
from httpmr.engine import fold, plan
from httpmr.errors import OutputError, Unfit, UnknownJob
from httpmr.jobs import Jobs, control
from httpmr.ledger import want
from httpmr.sinks import JSONLines, Memory, SQLTable
from httpmr.sources import Memory as Records
from httpmr.stores import MemoryStore, SQLStore

SIZES = pytest.mark.parametrize("size", [1, 3, ALL])


class Wrong:
    """A mapper that does wrong by some records, until it is mended; it shows the order of all."""

    def __init__(self, wrong=()):
        self.wrong = dict.fromkeys(wrong, "raise") if not isinstance(wrong, dict) else wrong

    def __call__(self, key, value):
        counters.count("mapped")
        fault = self.wrong.get(key)
        if fault == "raise":
            raise ValueError(f"no {key}")
        yield "all", key
        if fault == "emit":
            yield "all", object()
        counters.count("fives", not key % 5)
        yield ("odd" if key % 2 else "even"), key


def listed(key, values):
    """Not commutative: its output shows the order of the values."""
    counters.count("groups")
    yield key, list(values)


KINDS = {
    "map only": {},
    "reduced": {"reducer": listed},
    "combined": {"reducer": reducers.Top(3)},
}


def retried(wrong, kind="reduced", size=ALL, records=12, **more):
    """A job done with bad records, and the Jobs with the code mended."""
    mapper, clock = Wrong(wrong), Clock()
    fixed = {"num_mappers": 2, "num_reducers": 2, "version": "1", "max_bad_records": 99}
    jobs = made(mapper, records, clock=clock, **fixed | KINDS[kind] | more)
    jobs.wait = clock.pass_
    job = carried(jobs, jobs.start(), size)
    assert job.state == "done", job.status()
    mapper.wrong = {}
    return jobs, job


def result(job):
    assert job.state == "done", job.status()
    return codec.dumps([*job.output()]), job.counters, job.status()["records"]


def uncut(kind="reduced", records=12, **more):
    return result(retried((), kind, records=records, **more)[1])


def stored_of(store, job):
    """What is stored of a job but its tasks: the second part of the keys."""
    found = [keys.unpack(key) for key in dump(store)]
    return {place[1] for place in found if place[0] == job.id and place[2:3] != ("done",)}


class TestRecords:
    @SIZES
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("wrong", [[0], [11], [5, 6], [1, 4, 5, 9], list(range(12))])
    def test_all_is_as_if_nothing_had_been_wrong(self, wrong, kind, size):
        jobs, job = retried(wrong, kind, size)
        assert result(job) != uncut(kind)
        jobs.retry(job.id)
        assert result(carried(jobs, job, size)) == uncut(kind)
        assert (job.bad_records, job.status()["bad_records"]) == ([], 0)
        assert stored_of(jobs.store, job) == {"output index", "output block"}

    def test_it_is_a_job_that_runs_until_then(self):
        jobs, job = retried([3])
        jobs.retry(job.id)
        status = job.status()
        assert (status["state"], status["phase"], status["finished"]) == ("running", "map", None)
        assert (status["bad_records"], status["records"], status["error"]) == (1, 12, None)
        assert 0 < status["progress"] < 1

    def test_records_are_not_counted_again_and_slices_are(self):
        jobs, job = retried([3, 8], size=2)
        slices = job.status()["slices"]
        jobs.retry(job.id)
        seen = []
        while job.state == "running":
            assert jobs.step(job.id).did == "slice"
            status = job.status()
            seen.append(status["slices"])
            assert status["records"] == 12
        assert seen == [slices + n for n in range(1, len(seen) + 1)]

    def test_it_tells_what_is_left_while_it_goes_on(self):
        jobs, job = retried([3, 8])
        jobs.retry(job.id)
        assert [bad["key"] for bad in job.bad_records] == [3, 8]
        jobs.step(job.id)
        assert [bad["key"] for bad in job.bad_records] == [8]
        assert job.status()["bad_records"] == 1

    @SIZES
    @pytest.mark.parametrize("kind", KINDS)
    def test_one_that_fails_again_stays_put_aside(self, kind, size):
        jobs, job = retried([2, 5, 8], kind, size, max_bad_records=3)
        jobs.recipe.mapper.map.wrong = {5: "emit"}
        jobs.retry(job.id)
        carried(jobs, job, size)
        [bad] = job.bad_records
        assert (bad["key"], job.status()["bad_records"], job.status()["records"]) == (5, 1, 12)
        assert "a value of type object cannot be stored" in bad["message"]
        assert result(job) == result(retried([5], kind)[1])
        jobs.recipe.mapper.map.wrong = {}
        jobs.retry(job.id)
        assert result(carried(jobs, job, size)) == uncut(kind)
        assert job.bad_records == []

    def test_so_does_one_that_was_skipped_though_none_may_be_put_aside(self):
        mapper = Wrong([3])
        jobs = made(mapper, 6, version="1")
        job = carried(jobs, jobs.start())
        jobs.skip(job.id)
        carried(jobs, job)
        jobs.retry(job.id)
        assert carried(jobs, job).state == "done"
        assert [bad["key"] for bad in job.bad_records] == [3]

    def test_one_that_the_source_has_no_more_stays_and_says_so(self):
        source = Records({n: n for n in range(12)})
        jobs, job = retried([3, 8], source=source)
        lacking = Records({n: n for n in range(12) if n != 3})
        source.read = lacking.read
        jobs.retry(job.id)
        [bad] = carried(jobs, job).bad_records
        assert (bad["key"], bad["shard"], bad["kind"]) == (3, (0,), "record")
        assert bad["message"] == "InputError: the source does not give this record any more"

    def test_an_input_that_changed_pauses_it(self):
        class Printed(Records):
            print = "as it was"

            def fingerprint(self, after, until):
                return self.print

        source = Printed({n: n for n in range(12)})
        jobs, job = retried([3], source=source)
        source.print = "changed"
        jobs.retry(job.id)
        assert carried(jobs, job).state == "paused"
        assert "the input of shard" in job.status()["error"]
        source.print = "as it was"
        jobs.resume(job.id)
        assert result(carried(jobs, job)) == uncut()

    def test_it_goes_on_with_the_code_there_is(self):
        store = MemoryStore(clock=Clock())
        old = made(lambda k, v: [(k, 1 // k)], store=store, max_bad_records=1)
        job = carried(old, old.start())
        new = made(lambda k, v: [(k, 1 // k if k else 0)], store=store, max_bad_records=1)
        new.retry(job.id)
        assert dict(carried(new, job).output())[0] == 0
        assert old.step(job.id).did == "stale" and job.state == "done"

    def test_one_that_was_shed_is_found_again(self):
        jobs = made(Wrong([17, 30]), 40, num_mappers=1, max_bad_records=9, version="1")
        job = jobs.start()
        while job.record.phase != "map":
            jobs.step(job.id)
        while job.record.phase == "map":
            want(jobs.store, job.record)
            jobs.step(job.id, budget=Budget.records(2))
        carried(jobs, job)
        assert {len(bad["shard"]) for bad in job.bad_records} == {2, 3}
        jobs.recipe.mapper.map.wrong = {}
        jobs.retry(job.id)
        carried(jobs, job)
        other = made(Wrong(), 40, num_mappers=1, version="1")
        assert result(job) == result(carried(other, other.start()))


class TestDeadly:
    @SIZES
    def test_what_killed_and_is_mended_comes_through(self, size):
        host = Host(
            12, [3, 7], mapper=Wrong(), reducer=listed, size=size, max_bad_records=2, num_mappers=2
        )
        job = host.carried()
        host.fatal.clear()
        host.jobs.retry(job.id)
        assert result(host.carried(job)) == uncut()
        assert job.bad_records == []

    def test_what_kills_again_stays_put_aside(self):
        host = Host(12, [3, 7], mapper=Wrong(), max_bad_records=2, num_mappers=2)
        job = host.carried()
        before = host.deaths
        host.fatal = {7}
        host.jobs.retry(job.id)
        assert host.carried(job).state == "done"
        [bad] = job.bad_records
        assert bad["message"].startswith("Killed: the last 3 requests")
        assert (bad["key"], host.deaths - before) == (7, 3)

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(
        fates=st.lists(st.sampled_from(["good", "good", "raise", "emit", "kill"]), max_size=10),
        kind=st.sampled_from(sorted(KINDS)),
        size=st.sampled_from([1, 2, ALL]),
        rate=st.sampled_from([0, 0, 1 / 40]),
        seed=st.integers(0, 99),
    )
    def test_whatever_happened_in_the_end_it_is_as_if_nothing_had(
        self, fates, kind, size, rate, seed
    ):
        mapper = Wrong(dict(enumerate(fates)))
        fatal = {n for n, fate in enumerate(fates) if fate == "kill"}
        fixed = {"num_mappers": 2, "num_reducers": 2, "max_bad_records": 99} | KINDS[kind]
        host = Host(len(fates), fatal, rate, seed, size, mapper=mapper, **fixed)
        job = host.carried()
        wrong = {n for n, fate in enumerate(fates) if fate != "good"}
        assert {bad["key"] for bad in job.bad_records} == wrong
        assert job.status()["records"] == len(fates)
        mapper.wrong, host.fatal = {}, set()
        if wrong:
            host.jobs.retry(job.id)
            host.carried(job)
        assert result(job) == uncut(kind, len(fates))
        assert job.bad_records == []


class TestGroups:
    """What was put aside in reduce is reduced again, with all the rest."""

    def picky(self, key, values):
        if key in self.refused:
            raise ValueError(f"no {key}")
        yield from listed(key, values)

    def skipped(self, size, wrong=()):
        self.refused = {"odd"}
        mapper = Wrong(wrong)
        fixed = {"num_mappers": 2, "num_reducers": 2, "max_bad_records": 9, "version": "1"}
        jobs = made(mapper, 12, reducer=self.picky, **fixed)
        job = carried(jobs, jobs.start(), size)
        assert job.record.error["key"] == "odd"
        jobs.skip(job.id)
        assert carried(jobs, job, size).state == "done"
        mapper.wrong = {}
        return jobs, job

    @SIZES
    @pytest.mark.parametrize("wrong", [[], [3, 4]])
    def test_it_comes_through_when_it_is_mended(self, size, wrong):
        jobs, job = self.skipped(size, wrong)
        assert [bad["kind"] for bad in job.bad_records] == ["record"] * len(wrong) + ["group"]
        self.refused = set()
        jobs.retry(job.id)
        assert result(carried(jobs, job, size)) == uncut()
        assert (job.bad_records, job.status()["bad_records"]) == ([], 0)

    def test_else_the_job_pauses_at_it_as_it_did(self):
        jobs, job = self.skipped(ALL, [3])
        jobs.retry(job.id)
        assert carried(jobs, job).state == "paused"
        assert job.status()["error"].startswith("group 'odd': ValueError: no odd")
        jobs.skip(job.id)
        assert carried(jobs, job).state == "done"
        assert [bad["key"] for bad in job.bad_records] == ["odd"]
        self.refused = set()
        jobs.retry(job.id)
        assert result(carried(jobs, job)) == uncut()

    def test_one_that_was_left_uncombined_is_so_for_what_is_new(self):
        def combine(key, values):
            assert key != "odd", "no odd"
            return [one for value in values for one in (value if type(value) is list else [value])]

        def flat(key, values):
            yield key, combine("", values)

        mapper = Wrong([3])
        jobs = made(
            mapper,
            12,
            reducer=flat,
            combiner=combine,
            num_mappers=1,
            max_bad_records=1,
            version="1",
        )
        job = carried(jobs, jobs.start())
        while job.state == "paused":
            jobs.skip(job.id)
            carried(jobs, job)
        mapper.wrong = {}
        jobs.retry(job.id)
        assert dict(carried(jobs, job).output())["odd"] == [1, 3, 5, 7, 9, 11]


class TestCutAnywhere:
    @pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("wrong", [[5], [0, 4, 7]])
    def test_a_death_at_every_commit_gives_the_same(self, kind, before, wrong):
        expected = uncut(kind)
        at = 0
        while True:
            at += 1
            jobs, job = retried(wrong, kind, 3)
            mortal = Mortal(jobs.store, at, before)
            try:
                other = Jobs(jobs.recipe, mortal)
                other.retry(job.id)
                carried(other, other.find(job.id), 3)
            except Killed:
                pass
            if job.state == "done" and job.bad_records:
                assert at == 1 and before
                jobs.retry(job.id)
            while job.state == "running":
                if jobs.step(job.id, budget=Budget.records(3)).did == "busy":
                    jobs.wait(60)
            assert result(job) == expected, at
            assert job.bad_records == []
            if not mortal.dead:
                break
        assert at > 15

    def test_a_request_of_the_round_before_changes_nothing(self, monkeypatch):
        """It stood still in the middle of a slice of each phase, and goes on in the next round."""
        expected = uncut()
        for phase in ("map", "reduce", "publish", "cleanup"):
            mapper = Wrong([3])
            clock = Clock()
            store = Faulty(MemoryStore(clock=clock))
            fixed = {"num_mappers": 2, "num_reducers": 2, "max_bad_records": 9, "version": "1"}
            slow = made(mapper, 12, store=store, reducer=listed, **fixed)
            quick = Jobs(slow.recipe, store.store)
            job = quick.find(slow.start().id)
            while job.record.phase != phase:
                quick.step(job.id)

            def meanwhile(quick=quick, job=job, mapper=mapper, clock=clock, phase=phase):
                clock.pass_(3600)
                carried(quick, job)
                mapper.wrong = {}
                quick.retry(job.id)
                while job.record.phase != phase:
                    quick.step(job.id, budget=Budget.records(1))

            store.plan({2: meanwhile})  # before it commits
            assert slow.step(job.id).did == "lost"
            assert result(carried(quick, job)) == expected, phase

    def test_of_two_at_once_one_is_too_late(self):
        store = Faulty(MemoryStore(clock=Clock()))
        jobs, job = retried([3], store=store)
        other = Jobs(jobs.recipe, store.store)
        store.plan({1: lambda: other.retry(job.id)})
        with pytest.raises(Unfit, match="a job that is running cannot retry"):
            jobs.retry(job.id)
        assert job.record.round == 1
        assert result(carried(jobs, job)) == uncut()

    def test_a_job_that_is_deleted_meanwhile_is_unknown(self):
        store = Faulty(MemoryStore(clock=Clock()))
        jobs, job = retried([3], store=store)
        other = Jobs(jobs.recipe, store.store)
        store.plan({1: lambda: other.delete(job.id)})
        with pytest.raises(UnknownJob):
            jobs.retry(job.id)

    def test_also_where_it_is_swept_up_between_two_reads(self):
        class Watched(Faulty):
            def get(self, keys):
                self.reads += 1
                if self.reads == self.at:
                    other.delete(job.id)
                    while control.sweep(self.store):
                        pass
                return super().get(keys)

        at, refused = 0, True
        while refused:
            at += 1
            store = Watched(MemoryStore(clock=Clock()))
            store.at = store.reads = 0
            jobs, job = retried([3, 5], store=store)
            other = Jobs(jobs.recipe, store.store)
            store.at, store.reads = at, 0
            try:
                jobs.retry(job.id)
                refused = False
            except UnknownJob:
                pass
        assert at > 2

    def test_deleted_in_the_middle_it_leaves_nothing(self):
        for steps in range(30):
            jobs, job = retried([3, 5])
            jobs.retry(job.id)
            for _ in range(steps):
                jobs.step(job.id)
            over = job.state == "done"
            jobs.delete(job.id)
            while list(jobs.store.scan(*keys.span(("garbage",)))):
                control.sweep(jobs.store)
            found = [keys.unpack(key) for key in dump(jobs.store) if job.id.encode() in key]
            assert found == [("deleted", "r", job.id)]  # that it was, and who did it
            if over:
                return
        raise AssertionError("it is never over")

    @pytest.mark.parametrize("records", [1, 2])
    def test_where_runs_were_merged_they_are_again(self, records, monkeypatch):
        for module in (plan, fold):
            monkeypatch.setattr(module, "FAN_IN", 2)
        jobs, job = retried([3, 5, 8], size=records)
        levels = {place[3] for place in places(jobs.store, job, "index")}
        assert levels > {0}
        for n, wrong in enumerate([{5: "raise"}, {}]):
            jobs.recipe.mapper.map.wrong = wrong
            jobs.retry(job.id)
            phases = set()
            while job.state == "running":
                phases.add(jobs.step(job.id, budget=Budget.records(records)).job.phase)
            assert "merge" in phases
            kept = {place[3] // 100 for place in places(jobs.store, job, "index")}
            assert kept == (set() if n else {0, 1})
        assert result(job) == uncut()


def places(store, job, name):
    return [keys.unpack(key) for key, _ in store.scan(*keys.span((job.id, name)))]


class TestOutput:
    def test_what_was_published_is_seen_until_the_new_is_whole(self):
        jobs, job = retried([3, 4], size=1)
        before, after = dict(job.output()), codec.loads(uncut()[0])
        jobs.retry(job.id)
        seen = []
        while job.state == "running":
            seen.append(dict(job.output()) == before)
            assert job.get("odd") == [before["odd"] if seen[-1] else dict(after)["odd"]]
            jobs.step(job.id, budget=Budget.records(1))
        assert dict(job.output()) == dict(after)
        assert seen == sorted(seen, reverse=True) and seen.count(True) > 5

    def test_it_stays_where_the_retry_is_cancelled(self):
        jobs, job = retried([3, 4])
        before = result(job)[0]
        jobs.retry(job.id)
        while job.record.phase != "publish":
            jobs.step(job.id)
        jobs.cancel(job.id)
        assert codec.dumps([*job.output()]) == before
        with pytest.raises(Unfit):
            jobs.retry(job.id)

    def test_the_latest_is_the_latest_though_it_is_retried(self):
        jobs, job = retried([3])
        jobs.retry(job.id)
        assert jobs.latest().id == job.id
        jobs.cancel(job.id)
        assert jobs.latest() is None

    def test_of_a_former_round_nothing_is_left(self):
        jobs, job = retried([3, 8], size=1)
        jobs.recipe.mapper.map.wrong = {8: "raise"}
        jobs.retry(job.id)
        carried(jobs, job, 1)
        assert {place[4][1:] for place in places(jobs.store, job, "output index")} == {(-1,)}
        assert stored_of(jobs.store, job) == {
            *("index", "block", "output index", "output block", "bad")
        }


class TestUnfit:
    def refused(self, jobs, job, why):
        before = dump(jobs.store)
        with pytest.raises(Unfit, match=why) as caught:
            jobs.retry(job.id)
        assert caught.value.state == job.state
        assert dump(jobs.store) == before

    @pytest.mark.parametrize("state", ["running", "paused", "cancelled"])
    def test_in_other_states(self, state):
        jobs = made()
        job = jobs.start()
        if state != "running":
            {"paused": jobs.pause, "cancelled": jobs.cancel}[state](job.id)
        self.refused(jobs, job, f"a job that is {state} cannot retry")

    def test_where_nothing_was_put_aside(self):
        self.refused(*retried([]), "nothing was put aside")

    def test_where_what_was_kept_is_gone(self):
        jobs, job = retried([3])
        jobs.skip(job.id)
        self.refused(jobs, job, "what was kept for the bad records is gone")
        with pytest.raises(Unfit, match="has nothing to skip here"):
            jobs.skip(job.id)

    @pytest.mark.parametrize("sink", [Memory(), Into()], ids=["exactly once", "at least once"])
    def test_where_the_sink_cannot_replace_what_it_was_given(self, sink):
        self.refused(
            *retried([3], sink=sink) if isinstance(sink, Into) else self.of(sink), "cannot"
        )

    def of(self, sink):
        store = MemoryStore(clock=Clock())
        return retried([3], sink=sink, store=store)

    @pytest.mark.parametrize("sink", [Memory(), Into()], ids=["exactly once", "at least once"])
    def test_a_map_only_job_replaces_nothing(self, sink):
        jobs, job = retried([3], "map only", sink=sink)
        jobs.retry(job.id)
        assert carried(jobs, job).state == "done"
        given = (
            sink.pairs() if isinstance(sink, Memory) else [p for _, w in sink.written for p in w]
        )
        expected = [pair for n in range(12) for pair in Wrong()(n, n)]
        assert sorted(given) == sorted(expected)

    def test_where_the_sink_is_gone(self):
        jobs, job = retried([3], sink=Into())

        def check(store):
            raise OutputError("the table is gone")

        jobs.recipe.sink.check = check
        self.refused(jobs, job, "cannot retry: the table is gone")


class TestStaged:
    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "out.jsonl"

    def file(self, path, **more):
        retried([], sink=JSONLines(path), **more)
        return path.read_bytes()

    @SIZES
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("wrong", [[0], [11], [2, 5, 6]])
    def test_the_file_is_replaced_by_one_with_all(self, path, kind, size, wrong):
        expected = self.file(path, kind=kind)
        jobs, job = retried(wrong, kind, size, sink=JSONLines(path))
        before = path.read_bytes()
        jobs.retry(job.id)
        while job.record.phase != "publish":
            jobs.step(job.id, budget=Budget.records(size))
        assert path.read_bytes() == before
        carried(jobs, job, size)
        assert path.read_bytes() == expected
        assert [*path.parent.iterdir()] == [path]

    @pytest.mark.parametrize("kind", KINDS)
    def test_in_several_rounds(self, path, kind):
        expected = self.file(path, kind=kind)
        jobs, job = retried([2, 5, 6], kind, 1, sink=JSONLines(path))
        for wrong in ({5: "raise", 6: "emit"}, {6: "raise"}, {6: "raise"}, {}):
            jobs.recipe.mapper.map.wrong = wrong
            jobs.retry(job.id)
            carried(jobs, job, 1)
            assert {bad["key"] for bad in job.bad_records} == set(wrong)
        assert path.read_bytes() == expected

    def test_nothing_can_be_put_into_a_file_of_another_job(self, path):
        jobs, job = retried([3], "map only", sink=JSONLines(path))
        other = carried(jobs, jobs.start())
        published = path.read_bytes()
        with pytest.raises(Unfit, match=r"out\.jsonl is not what the job published"):
            jobs.retry(job.id)
        assert (other.state, path.read_bytes()) == ("done", published)

    def test_nor_when_that_comes_while_it_is_retried(self, path):
        jobs, job = retried([3], "map only", sink=JSONLines(path))
        jobs.retry(job.id)
        path.write_bytes(bytes(path.stat().st_size))
        assert carried(jobs, job).state == "paused"
        assert (
            "is missing: all machines that serve the job need one shared disk"
            in (job.status()["error"])
        )

    @pytest.mark.parametrize("kind", ["map only", "reduced"])
    def test_publishing_it_may_be_cut_anywhere(self, path, kind):
        expected = self.file(path, kind=kind)
        for at in range(1, 30):
            jobs, job = retried([2, 5, 6], kind, 2, sink=JSONLines(path))
            jobs.retry(job.id)
            while job.record.phase != "publish":
                jobs.step(job.id)
            mortal = Mortal(jobs.store, at, before=bool(at % 2))
            try:
                carried(Jobs(jobs.recipe, mortal), job, 1)
            except Killed:
                jobs.wait(3600)
            carried(jobs, job, 1)
            assert path.read_bytes() == expected
            if not mortal.dead:
                return
        raise AssertionError("it is never over")

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("when", ["mapped again", "publishing"])
    def test_one_that_tidies_up_after_the_round_before_takes_nothing_of_this(
        self, path, kind, when, monkeypatch
    ):
        """It stood still when all was published, before it removed what had been staged."""
        expected = self.file(path, kind=kind)
        mapper, clock = Wrong([2, 5]), Clock()
        fixed = {"num_mappers": 2, "num_reducers": 2, "version": "1", "max_bad_records": 9}
        jobs = made(mapper, 12, clock=clock, sink=JSONLines(path), **fixed | KINDS[kind])
        job = jobs.start()
        remove = shutil.rmtree

        def meanwhile(folder, **settings):
            monkeypatch.setattr(shutil, "rmtree", remove)
            clock.pass_(3600)
            carried(jobs, job)
            mapper.wrong = {}
            jobs.retry(job.id)
            while job.record.phase != "publish":
                jobs.step(job.id, budget=Budget.records(1))
            if when == "publishing":
                jobs.step(job.id, budget=Budget.records(1))
            remove(folder, **settings)

        monkeypatch.setattr(shutil, "rmtree", meanwhile)
        while job.state == "running" and not job.record.round:
            jobs.step(job.id)
        assert job.record.phase == "publish"
        assert carried(jobs, job).state == "done"
        assert path.read_bytes() == expected
        assert [*path.parent.iterdir()] == [path]


class TestTable:
    @pytest.fixture
    def url(self, tmp_path):
        path = tmp_path / "site.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE words (word TEXT PRIMARY KEY, n INTEGER)")
            connection.execute("CREATE TABLE every (word TEXT, n INTEGER)")
        return f"sqlite:///{path}"

    def rows(self, url, table="words"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            return connection.execute(f"SELECT word, n FROM {table} ORDER BY 1, 2").fetchall()

    def store(self, url, joins, tmp_path):
        return SQLStore(url if joins else f"sqlite:///{tmp_path}/httpmr.db")

    @pytest.mark.parametrize("joins", [True, False])
    def test_rows_are_put_over_those_that_are_there(self, url, joins, tmp_path):
        sink = SQLTable(url, "words", key="word", value="n")
        store = self.store(url, joins, tmp_path)
        jobs, job = retried([3, 5], sink=sink, store=store, reducer=reducers.Sum())
        assert self.rows(url) == [("all", 58), ("even", 30), ("odd", 28)]
        jobs.retry(job.id)
        assert carried(jobs, job).state == "done"
        assert self.rows(url) == [("all", 66), ("even", 30), ("odd", 36)]
        store.close()

    def test_rows_are_not_inserted_twice(self, url, tmp_path):
        sink = SQLTable(url, "every", key="word", value="n", mode="insert")
        store = self.store(url, True, tmp_path)
        jobs, job = retried([3, 5], sink=sink, store=store, reducer=reducers.Sum())
        before = self.rows(url, "every")
        with pytest.raises(Unfit, match="would insert the job's rows twice: start a new job"):
            jobs.retry(job.id)
        assert self.rows(url, "every") == before
        store.close()

    def test_new_ones_are_inserted_among_those_of_a_map_only_job(self, url, tmp_path):
        sink = SQLTable(url, "every", key="word", value="n", mode="insert")
        store = self.store(url, True, tmp_path)
        jobs, job = retried([3, 5], "map only", sink=sink, store=store)
        jobs.retry(job.id)
        carried(jobs, job)
        assert self.rows(url, "every") == sorted(p for n in range(12) for p in Wrong()(n, n))
        store.close()
