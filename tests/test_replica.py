"""A replica does slices by the same engine: the answer is the same, whatever goes wrong."""

import sqlite3
from contextlib import closing

import pytest
from replicalib import link, post, primary, replica, together, words

from httpmr import counters
from httpmr.budget import Budget
from httpmr.errors import DriverError, RecipeError, Unreachable
from httpmr.interfaces import Source
from httpmr.jobs.replicas import Replicas
from httpmr.replica.remote import where
from httpmr.shuffle import runs
from httpmr.sinks import JSONLines, Memory, SQLTable
from httpmr.sources import Memory as Records
from httpmr.sources import TextFiles
from httpmr.stores import MemoryStore
from httpmr.web.drivers import kinds

LINES = {n: f"the cat {n % 3} the hat" for n in range(12)}
COUNTS = {"the": 24, "cat": 12, "hat": 12, "0": 4, "1": 4, "2": 4}


def made(**settings):
    return primary(**{"source": Records(LINES)} | settings)


def seen(one, name="ann"):
    return Replicas(one.work.store, one.recipe.name).read(name)[0]


class Unreadable(Source):
    """A source that is the primary's alone."""

    def read(self, after, until):
        raise AssertionError("the replica reads what only the primary has")


class TestTheAnswerIsTheSame:
    def test_with_one(self):
        one = made()
        job = one.start()
        ann = replica(one, records=2)
        together(ann)
        assert dict(job.output()) == COUNTS and job.state == "done"
        status = job.status()
        assert status["records"] == 12 == sum(task.records for task in job.history()[1]["map"])
        found = seen(one)
        assert (found.slices, found.records, found.errors) == (ann.slices, ann.records, 0)
        assert ann.records == 12 + len(COUNTS)

    def test_with_four_that_take_turns_and_with_slices_of_the_web(self):
        one = made(num_mappers=5)
        job = one.start()
        four = [replica(one, name, records=1) for name in ("a", "b", "c", "d")]
        while job.state == "running":
            for each in four:
                each.step()
            one.work.step(job.id, budget=Budget.records(1))
        assert dict(job.output()) == COUNTS
        drivers = {name for task in job.history()[1]["map"] for name in task.drivers}
        assert kinds(drivers) == {"this machine": 1, "replica": 4}

    def test_with_a_partitioner_and_counters_of_ones_own(self):
        def mapper(key, line):
            counters.count("lines")
            yield from words(key, line)

        one = made(mapper=mapper, partitioner=lambda key, n: len(key) % n, num_reducers=3)
        job = one.start()
        together(replica(one, "a", records=3), replica(one, "b", records=3))
        assert dict(job.output()) == COUNTS and job.counters == {"lines": 12}

    def test_where_runs_have_to_be_merged(self, monkeypatch):
        monkeypatch.setattr(runs, "FAN_IN", 2)
        monkeypatch.setattr("httpmr.engine.fold.FAN_IN", 2)
        monkeypatch.setattr("httpmr.engine.plan.FAN_IN", 2)
        one = made(
            reducer=lambda key, values: [(key, list(values))], mapper=lambda k, v: [(k % 3, k)]
        )
        job = one.start()
        together(replica(one, records=1), replica(one, "bob", records=1))
        assert job.history()[1]["merge"]
        assert dict(job.output()) == {n: list(range(n, 12, 3)) for n in range(3)}

    def test_without_a_reducer_and_with_a_sink_of_files(self, tmp_path):
        one = made(reducer=None, sink=JSONLines(str(tmp_path / "out.jsonl")))
        job = one.start()
        together(replica(one, records=2))
        assert job.state == "done"
        assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 60

    def test_with_a_sink_that_joins_the_commit(self):
        sink = Memory()
        one = made(sink=sink)
        one.start()
        together(replica(one))
        assert sink.results == COUNTS

    def test_a_bad_record_is_put_aside_or_stops_the_job(self):
        def fussy(key, line):
            if key == 7:
                raise LookupError("seven will not do")
            yield from words(key, line)

        one = made(mapper=fussy, max_bad_records=1)
        job = one.start()
        together(replica(one))
        assert job.state == "done" and [bad["key"] for bad in job.bad_records] == [7]
        strict = made(mapper=fussy)
        job = strict.start()
        together(replica(strict))
        assert job.state == "paused" and job.record.error["key"] == 7

    def test_what_was_put_aside_is_retried_by_the_primary(self):
        broken = {7}

        def fussy(key, line):
            if key in broken:
                raise LookupError("seven will not do")
            yield from words(key, line)

        one = made(mapper=fussy, max_bad_records=1)
        job = one.start()
        ann = replica(one)
        together(ann)
        broken.clear()
        one.work.retry(job.id)
        together(ann)
        assert job.state == "done" and not job.bad_records and dict(job.output()) == COUNTS

    def test_a_group_of_several_slices_goes_on_where_it_was(self):
        one = made(
            mapper=lambda key, line: [("k", n) for n in range(2000)],
            reducer=lambda key, values: [(key, sum(values))],
            combiner=lambda key, values: sum(values),
        )
        job = one.start()
        together(replica(one, records=1))
        assert dict(job.output()) == {"k": 12 * sum(range(2000))}

    def test_what_cannot_be_sent_is_put_down_to_its_record(self):
        class Odd:
            pass

        one = made(
            reducer=None, mapper=lambda key, line: [(key, Odd() if key == 5 else key)],
            sink=Memory(), max_bad_records=1,
        )  # fmt: skip
        job = one.start()
        together(replica(one))
        assert job.state == "done" and [bad["key"] for bad in job.bad_records] == [5]
        assert "cannot be stored" in job.bad_records[0]["message"]


class TestSourceAndSink:
    def test_what_only_the_primary_can_read_comes_through_it(self):
        one = made()
        there = primary(source=Unreadable()).recipe
        job = one.start()
        ann = replica(one, recipe=there)
        together(ann)
        assert dict(job.output()) == COUNTS and "read" in ann.remote.said

    def test_files_that_are_the_same_are_read_here(self, tmp_path):
        for n in range(3):
            (tmp_path / f"{n}.txt").write_text("the cat\nthe hat\n")
        one = made(source=TextFiles(str(tmp_path / "*.txt")), reducer=None)
        job = one.start()
        ann = replica(one)
        together(ann)
        assert job.state == "done" and job.status()["records"] == 6
        assert "read" not in ann.remote.said

    def test_and_by_way_of_the_primary_where_they_are_not(self, tmp_path):
        (tmp_path / "1.txt").write_text("the cat\nthe hat\n")
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "1.txt").write_text("another thing\n")
        one = made(source=TextFiles(str(tmp_path / "*.txt")))
        there = primary(source=TextFiles(str(elsewhere / "*.txt"))).recipe
        job = one.start()
        ann = replica(one, recipe=there)
        together(ann)
        assert dict(job.output()) == {"the": 2, "cat": 1, "hat": 1} and "read" in ann.remote.said

    @pytest.mark.parametrize(("reach", "asked"), [("direct", False), ("primary", True)])
    def test_or_as_it_is_told(self, reach, asked):
        one = made(reducer=None)
        job = one.start()
        ann = replica(one, reach=reach)
        together(ann)
        assert job.state == "done" and ("read" in ann.remote.said) == asked

    def test_what_the_primary_cannot_read_either_pauses_the_job(self):
        class Broken(Records):
            def read(self, after, until):
                raise LookupError("no such thing")

        one = made(source=Broken(LINES))
        job = one.start()
        together(replica(one, reach="primary"))
        assert job.state == "paused" and "LookupError: no such thing" in job.record.error["message"]

    def test_a_keyed_sink_is_written_here_if_that_is_said(self, tmp_path):
        url = f"sqlite:///{tmp_path / 'x.db'}"
        with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
            connection.execute("CREATE TABLE counts (word TEXT PRIMARY KEY, n INTEGER)")
        one = made(sink=SQLTable(url, "counts", key="word", value="n"))
        job = one.start()
        sent = []
        ann = replica(one, reach="direct")
        ask = ann.remote.ask
        ann.remote.ask = lambda verb, said: sent.append((verb, said)) or ask(verb, said)
        together(ann)
        with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
            assert dict(connection.execute("SELECT word, n FROM counts")) == COUNTS
        assert job.state == "done" and "status" in ann.remote.said


class TestWhatGoesWrong:
    def test_a_replica_that_dies_costs_its_lease_alone(self):
        one = made(num_mappers=1)
        job = one.start()
        ann, bob = replica(one), replica(one, "bob")
        ann._slice = lambda given, began: None  # it is killed in the middle of it
        while ann.step() != "leased":
            pass
        assert bob.step() == "busy"
        one.store_clock.now += 7  # a lease is 2 * slice_seconds + 2
        together(bob)
        assert dict(job.output()) == COUNTS

    def test_one_that_stood_still_comes_too_late(self):
        one = made(num_mappers=1)
        job = one.start()
        ann, bob = replica(one), replica(one, "bob")

        def late(verb, said):
            if verb == "commit":
                one.store_clock.now += 7
                together(bob)
            return ask(verb, said)

        ask, ann.remote.ask = ann.remote.ask, late
        while job.state == "running":
            ann.step()
        assert ann.errors == 1 and bob.slices > 0
        assert dict(job.output()) == COUNTS and job.status()["records"] == 12

    def test_one_that_is_late_but_not_missed_may_commit(self):
        one = made(num_mappers=1)
        job = one.start()
        ann = replica(one)

        def late(verb, said):
            one.store_clock.now += 100 * (verb == "commit")
            return ask(verb, said)

        ask, ann.remote.ask = ann.remote.ask, late
        together(ann)
        assert ann.errors == 0 and dict(job.output()) == COUNTS

    @pytest.mark.parametrize("fault", ["cut", "deaf"])
    @pytest.mark.parametrize("at", range(1, 14))
    def test_any_request_may_be_lost_and_any_answer(self, fault, at):
        one = made()
        job = one.start()
        ann = replica(one, records=5, faults={at: fault})
        together(ann)
        assert dict(job.output()) == COUNTS and job.status()["records"] == 12
        assert ann.remote.slept

    def test_a_lease_whose_answer_was_lost_is_given_again(self):
        one = made(num_mappers=1)
        job = one.start()
        ann = replica(one, faults={2: "deaf", 3: "deaf"})
        together(ann)
        task = job.history()[1]["map"][0]
        assert task.epoch == task.slice and dict(job.output()) == COUNTS

    def test_it_asks_again_for_ever_once_it_was_answered(self):
        one = made()
        one.start()
        told = []
        ann = replica(one, faults=dict.fromkeys(range(2, 30), "cut"))
        ann.remote.tell = told.append
        together(ann)
        assert ann.remote.slept[:8] and max(ann.remote.slept) <= 15 and told == ["cut", ""]

    def test_but_not_where_nobody_ever_did(self):
        one = made()
        ann = replica(one, faults=dict.fromkeys(range(1, 1000), "cut"))
        time = iter(range(1000))
        ann.remote.clock = lambda: float(next(time))
        with pytest.raises(Unreachable, match="start the replica again when the primary is there"):
            ann.run()

    def test_surroundings_that_fail_give_the_lease_back(self):
        def away(key, line):
            raise ConnectionError("the other service")

        one = made(num_mappers=1)
        job = one.start()
        ann = replica(one, recipe=primary(mapper=away, source=Records(LINES)).recipe)
        ann.step(), ann.step()
        [task] = job.shards()
        assert (task.phase, task.lease, task.slice, ann.errors) == ("map", 0.0, 0, 1)
        together(replica(one, "bob"))
        assert dict(job.output()) == COUNTS

    def test_other_code_does_nothing_and_says_why(self):
        one = made(num_mappers=1)
        job = one.start()
        ann = replica(one, recipe=primary(source=Records(LINES), version="2").recipe)
        with pytest.raises(RecipeError, match=r"the code here is not the job's \(version\)"):
            ann.run()
        assert job.shards()[0].lease == 0 and seen(one).state == "gone"

    def test_another_recipe_is_told(self):
        ann = replica(made(), recipe=primary(source=Records(LINES), name="other").recipe)
        with pytest.raises(
            DriverError, match="the link is of the recipe words, and TARGET is other"
        ):
            ann.run()

    def test_a_link_that_was_revoked_ends_it(self):
        one = made()
        one.start()
        ann = replica(one)
        ann.step()
        one.work.links.revoke("replica")
        with pytest.raises(DriverError, match="revoked"):
            ann.run()

    def test_and_what_it_was_at_is_no_fault_of_the_job(self):
        one = made(num_mappers=1)

        def revoking(key, line):
            now[0] += 10
            one.work.links.revoke("replica")
            yield from words(key, line)

        now = [0.0]
        job = one.start()
        ann = replica(one, recipe=primary(mapper=revoking, source=Records(LINES)).recipe)
        ann.clock = lambda: now[0]
        ann.tuned.budget = lambda task, began, clock: Budget(100, clock=clock)
        with pytest.raises(DriverError, match="revoked"):
            ann.run()
        assert job.state == "running" and job.record.error is None

    def test_a_primary_whose_code_changed_takes_nothing_of_the_old(self):
        one = made(num_mappers=1)
        job = one.start()

        def deployed():
            one.work = made(store=one.work.store, version="2").work

        ann = replica(one, reach="direct", faults={3: deployed})
        ann.step(), ann.step()
        assert ann.errors == 1 and job.status()["records"] == 0
        ann.step()
        assert job.state == "paused" and "the code changed" in job.record.error["message"]

    def test_ctrl_c_gives_back_what_was_leased(self):
        def interrupted(key, line):
            raise KeyboardInterrupt

        one = made(num_mappers=1)
        job = one.start()
        ann = replica(one, recipe=primary(mapper=interrupted, source=Records(LINES)).recipe)
        with pytest.raises(KeyboardInterrupt):
            ann.run()
        assert job.shards()[0].lease == 0 and seen(one).state == "gone"

    def test_a_record_that_kills_replicas_is_found(self):
        one = made(num_mappers=1, max_bad_records=1)
        job = one.start()

        class Killed(BaseException):
            pass

        def deadly(key, line):
            if key == 5:
                raise Killed
            yield from words(key, line)

        there = primary(mapper=deadly, source=Records(LINES), max_bad_records=1).recipe
        for n in range(40):
            if job.state != "running":
                break
            ann = replica(one, f"ann{n}", recipe=there)
            try:
                while ann.step() in ("leased", "slice", "lost"):
                    pass
            except Killed:
                one.store_clock.now += 2000
        assert job.state == "done" and [bad["key"] for bad in job.bad_records] == [5]
        assert dict(job.output()) == {"the": 22, "cat": 11, "hat": 11, "0": 4, "1": 4, "2": 3}


class TestHeartbeats:
    def test_between_records_the_lease_is_renewed(self):
        one = made(num_mappers=1, source=Records(dict.fromkeys(range(40), "x")))

        def slow(key, line):
            one.store_clock.now += 1
            now[0] += 1
            yield key, 1

        now = [0.0]
        job = one.start()
        ann = replica(one, recipe=primary(mapper=slow, source=one.recipe.source).recipe)
        ann.clock = lambda: now[0]
        ann.tuned.budget = lambda task, began, clock: Budget(100, clock=clock)
        together(ann)
        assert ann.remote.said.count("status") >= 10 and ann.errors == 0
        [task] = job.history()[1]["map"]
        assert task.slice == 1 and task.takeovers == 0

    def test_one_whose_lease_was_lost_ends_its_slice(self):
        one = made(num_mappers=1, source=Records(dict.fromkeys(range(40), "x")))
        mapped = []

        def slow(key, line):
            now[0] += 1
            mapped.append(key)
            if key == 9:
                one.store_clock.now += 100
                one.work.step(job.id, budget=Budget.records(1))
            yield key, 1

        now = [0.0]
        job = one.start()
        ann = replica(one, recipe=primary(mapper=slow, source=one.recipe.source).recipe)
        ann.clock = lambda: now[0]
        ann.tuned.budget = lambda task, began, clock: Budget(100, clock=clock)
        ann.step(), ann.step()
        assert ann.errors == 1 and mapped[-1] < 15


class TestOrders:
    def test_drained_it_ends_behind_its_slice(self):
        one = made(num_mappers=1)
        job = one.start()
        ann = replica(one, records=2)
        ann.step(), ann.step()
        post_order(one, "drain")
        assert ann.run() == "drain"
        assert job.shards()[0].slice == 1 and seen(one).state == "gone"

    def test_drained_in_the_middle_its_slice_counts(self):
        one = made(num_mappers=1)
        job = one.start()
        ann = replica(one, faults={3: lambda: post_order(one, "drain")})
        assert ann.run() == "drain"
        assert (ann.slices, ann.errors) == (1, 0) and job.status()["records"] == 12

    def test_dropped_in_the_middle_its_slice_is_void(self):
        one = made(num_mappers=1)
        job = one.start()
        ann = replica(one, reach="direct", faults={3: lambda: post_order(one, "drop")})
        assert ann.run() == "drop"
        assert (ann.slices, ann.errors) == (0, 1) and job.status()["records"] == 0
        assert one.work.store.now() >= job.shards()[0].lease  # free for others at once
        assert ann.step() == "drop"
        together(replica(one, "bob"))
        assert dict(job.output()) == COUNTS

    def test_it_ends_when_it_was_idle_for_long(self):
        one = made()
        ann = replica(one)
        time = iter(range(1000))
        ann.clock = lambda: float(next(time))
        assert ann.run(idle=5) == ""
        assert seen(one).state == "gone"


def post_order(one, order, name="ann"):
    from httpmr.jobs.primary import Primary

    Primary(one.work, name).order(order)


@pytest.mark.parametrize(
    "url",
    ["ftp://h/replica/t", "h/replica/t", "http://h/", "http://h/job/t/", "http://[/replica/t",
     "http://h/replica/", "http://h/replica/t?x=1"],
)  # fmt: skip
def test_what_is_no_link_of_a_replica(url):
    with pytest.raises(DriverError):
        where(url)


def test_where_a_link_leads():
    at = where("https://h:81/words/replica/t0k/")
    assert (at.path, at.site) == ("/words/replica/t0k", "https://h:81")
    one = made(store=MemoryStore())
    assert where(link(one)).path == one.link("replica")
    assert post(one, "status", {"state": "ready", "slices": 0, "records": 0, "errors": 0})[0] == 200
