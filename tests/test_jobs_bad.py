"""Bad records and groups: put aside, paused at, skipped; and nothing else is lost."""

import pytest
from faults import Clock
from jobslib import ALL, Faulty, carried, made, to_phase

from httpmr import reducers
from httpmr.budget import Budget
from httpmr.engine import long
from httpmr.jobs import Jobs
from httpmr.shuffle import FAN_IN, Runs
from httpmr.stores import MemoryStore


def picky(key, value):
    """A mapper that takes no 3s; what it takes is mutable, as code is that is put right."""
    if value in picky.refused:
        raise ValueError(f"no {value}s")
    return [(value, key)]


@pytest.fixture(autouse=True)
def refused():
    picky.refused = {3}
    return picky.refused


def pickily(values, **settings):
    return made(picky, dict(enumerate(values)), **{"num_mappers": 1} | settings)


@pytest.mark.parametrize("records", [1, 2, ALL])
class TestBadRecords:
    VALUES = (0, 1, 3, 4, 3, 5)

    def good(self, job):
        return sorted(key for _, key in job.output())

    def test_within_the_limit_they_are_put_aside(self, records):
        jobs = pickily(self.VALUES, max_bad_records=2)
        job = carried(jobs, jobs.start(), records)
        assert (job.state, self.good(job)) == ("done", [0, 1, 3, 5])
        first, second = job.bad_records
        assert (first["key"], second["key"]) == (2, 4)
        assert first["message"].startswith("ValueError: no 3s (test_jobs_bad.py, line ")
        assert "Traceback" in first["traceback"] and "no 3s" in first["traceback"]
        assert (first["kind"], first["phase"], first["shard"]) == ("record", "map", (0,))
        assert first["slice"] < second["slice"]
        status = job.status()
        assert (status["bad_records"], status["records"]) == (2, 6)

    def test_beyond_it_the_job_pauses_and_goes_on_after_a_fix(self, records):
        jobs = pickily(self.VALUES, max_bad_records=1)
        job = carried(jobs, jobs.start(), records)
        assert (job.state, job.status()["records"]) == ("paused", 4)
        assert job.status()["error"].startswith("record 4: ValueError: no 3s")
        picky.refused = set()
        jobs.resume(job.id)
        carried(jobs, job, records)
        assert (job.state, self.good(job)) == ("done", [0, 1, 3, 4, 5])
        assert job.status()["error"] is None and job.status()["records"] == 6

    def test_without_a_fix_it_pauses_again_and_nothing_is_lost(self, records):
        jobs = pickily(self.VALUES)
        job = jobs.start()
        for _ in range(3):
            carried(jobs, job, records)
            assert (job.state, job.status()["records"]) == ("paused", 2)
            jobs.resume(job.id)
        picky.refused = set()
        assert self.good(carried(jobs, job, records)) == [0, 1, 2, 3, 4, 5]

    def test_each_can_be_skipped(self, records):
        jobs = pickily(self.VALUES)
        job = jobs.start()
        for skipped in range(2):
            carried(jobs, job, records)
            assert (job.state, job.status()["bad_records"]) == ("paused", skipped)
            jobs.skip(job.id)
            assert job.state == "running"
        carried(jobs, job, records)
        assert (job.state, self.good(job)) == ("done", [0, 1, 3, 5])
        assert [bad["key"] for bad in job.bad_records] == [2, 4]
        assert job.status()["records"] == 6

    def test_it_may_be_the_first_and_the_last(self, records):
        jobs = pickily([3], max_bad_records=1)
        job = carried(jobs, jobs.start(), records)
        assert (job.state, self.good(job), job.status()["records"]) == ("done", [], 1)

    def test_what_the_reducer_gets_is_whole(self, records):
        jobs = pickily([0, 3, 0, 3, 0], max_bad_records=2, reducer=reducers.Identity())
        job = carried(jobs, jobs.start(), records)
        assert list(job.output()) == [(0, 0), (0, 2), (0, 4)]

    def test_what_was_between_is_kept_until_it_is_skipped(self, records):
        """So that the records put aside can be mapped later."""
        jobs = pickily([0, 3, 1], max_bad_records=1, reducer=reducers.Identity())
        job = carried(jobs, jobs.start(), records)
        assert list(Runs(jobs.store).keys(job.id))
        jobs.skip(job.id)
        other = jobs.start()
        jobs.step(other.id)
        assert not list(Runs(jobs.store).keys(job.id))
        assert self.good(job) == [0, 2] and len(job.bad_records) == 1

    def test_without_bad_records_nothing_of_it_is_kept(self, records):
        jobs = pickily([0, 1], reducer=reducers.Identity())
        job = carried(jobs, jobs.start(), records)
        assert not list(Runs(jobs.store).keys(job.id)) and self.good(job) == [0, 1]


class TestSkip:
    def paused(self, store=None, **settings):
        jobs = pickily([0, 3, 1], store=store, **settings)
        return jobs, carried(jobs, jobs.start())

    def test_while_another_request_holds_the_shard(self):
        clock = Clock()
        jobs, job = self.paused(clock=clock)
        [task] = job.shards()
        jobs.ledger.claim(task, 6)
        with pytest.raises(Exception, match="another request holds the shard; skip again in a"):
            jobs.skip(job.id)
        clock.pass_(6)
        jobs.skip(job.id)
        assert job.state == "running"

    def test_though_a_slice_in_flight_met_it_after_the_job_had_paused(self):
        """It was claimed after, by a request that had read the job before."""
        meanwhile = []
        jobs = pickily([0, 3, 1], clock=lambda: meanwhile.pop()() if meanwhile else 0.0)
        job = to_phase(jobs, jobs.start(), "map")
        meanwhile.append(lambda: float(carried(jobs, job).state != "paused"))
        assert jobs.step(job.id).did == "slice"
        assert (job.state, job.shards()[0].slice) == ("paused", 2)
        jobs.skip(job.id)
        assert list(carried(jobs, job).output()) == [(0, 0), (1, 2)]

    def test_not_where_the_shard_has_gone_on_since(self):
        """By a slice in flight that met the record when it had been put right."""
        meanwhile = []
        jobs = pickily([0, 3, 1], clock=lambda: meanwhile.pop()() if meanwhile else 0.0)
        job = to_phase(jobs, jobs.start(), "map")

        def mended():
            carried(jobs, job)
            picky.refused = set()
            return 0.0

        meanwhile.append(mended)
        assert jobs.step(job.id, budget=Budget.records(1)).did == "slice"
        with pytest.raises(Exception, match="the shard has gone on since: resume the job"):
            jobs.skip(job.id)
        jobs.resume(job.id)
        assert list(carried(jobs, job).output()) == [(0, 0), (1, 2), (3, 1)]

    def test_though_the_job_changes_meanwhile(self):
        """A slice of another shard, still in flight, puts a record aside."""
        store = Faulty(MemoryStore(clock=Clock()))
        jobs, job = self.paused(store)
        other = made(store=store.store)
        store.plan({2: lambda: other.ledger.change(job.record, bad_records=5)})
        jobs.skip(job.id)
        assert (job.state, job.record.bad_records) == ("running", 6)
        assert carried(jobs, job).state == "done"

    def test_not_what_somebody_else_has_resumed(self):
        store = Faulty(MemoryStore(clock=Clock()))
        jobs, job = self.paused(store)
        other = Jobs(jobs.recipe, store.store)
        store.plan({2: lambda: other.resume(job.id)})
        with pytest.raises(Exception, match="a job that is running has nothing to skip here"):
            jobs.skip(job.id)
        assert job.bad_records == []
        assert jobs.step(job.id).did == "slice"  # the shard was given back

    def test_a_pause_of_the_operators_own_has_nothing_to_skip(self):
        jobs = made()
        job = jobs.start()
        jobs.pause(job.id)
        with pytest.raises(Exception, match="a job that is paused has nothing to skip here"):
            jobs.skip(job.id)

    def test_a_group(self):
        def reducer(key, values):
            if key == 0:
                raise ValueError("no zero")
            yield key, sum(values)

        picky.refused = set()
        jobs = pickily([0, 3, 0, 1], reducer=reducer, max_bad_records=9, num_reducers=1)
        job = carried(jobs, jobs.start())
        assert job.state == "paused"
        assert job.status()["error"].startswith("group 0: ValueError: no zero")
        jobs.skip(job.id)
        assert list(carried(jobs, job).output()) == [(1, 3), (3, 1)]
        [bad] = job.bad_records
        assert (bad["key"], bad["kind"], bad["phase"]) == (0, "group", "reduce")
        assert job.status()["records"] == 4

    @pytest.mark.parametrize("way", ["raises", "gives what cannot be stored"])
    def test_a_group_whose_key_is_too_large_to_be_told(self, way):
        """It fits a block's index entry, but not the error with a traceback beside it."""

        def reducer(key, values):
            if len(key) > 1 and way == "raises":
                raise ValueError("no " + "x" * 1000)
            yield key, 1 if len(key) == 1 else [object()]

        long = "k" * 261_900
        jobs = made(lambda key, value: [("a", 1), (long, 1)], 1, reducer=reducer, num_reducers=1)
        job = carried(jobs, jobs.start())
        assert job.state == "paused"
        assert job.status()["error"].startswith("the reduce phase met a key too large: a value of")
        assert len(job.status()["error"]) < 1000

    @pytest.mark.parametrize("phase", ["map", "merge", "reduce"])
    def test_a_combiners_group_is_left_uncombined_and_loses_nothing(self, phase, monkeypatch):
        monkeypatch.setattr(long, "LONG", 2 if phase == "reduce" else ALL)

        def combine(key, values):
            values = list(values)
            many = {"map": True, "merge": len(values) > 30, "reduce": sum(values) > 100}
            if key == "b" and many[phase]:
                raise ValueError("no b")
            return sum(values)

        def total(key, values):
            yield key, sum(values)

        def mapper(key, value):
            return [("a", 1), ("b", 1), ("b", key)]

        settings = {"reducer": total, "combiner": combine, "num_mappers": 1, "num_reducers": 1}
        jobs = made(mapper, FAN_IN + 6 if phase == "merge" else 40, **settings)
        job = jobs.start()
        begun = []
        for _ in range(1000):
            carried(jobs, job, records=ALL if phase == "map" else 1)
            if job.state == "done":
                break
            assert job.status()["error"].startswith("group 'b': ValueError: no b")
            assert job.record.phase == phase
            [task] = job.shards()
            begun.append(task.cursor)
            jobs.skip(job.id)
        if phase == "reduce":
            [(key, done, partial)] = begun
            assert (key, partial) == ("b", done + sum(range(done))) and 2 <= done < 15
        n = job.status()["records"]
        assert list(job.output()) == [("a", n), ("b", n + sum(range(n)))]
        assert job.bad_records == []
