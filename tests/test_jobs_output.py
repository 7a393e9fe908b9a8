"""A job as its owner sees it: its output and its status."""

import pytest
from faults import Clock
from jobslib import ALL, carried, made, to_phase, words

from httpmr import reducers
from httpmr.budget import Budget
from httpmr.errors import (
    InputError,
    JobError,
    Unstorable,
)
from httpmr.interfaces import Sink
from httpmr.sources import Memory
from httpmr.stores import MemoryStore

RECORDS = {n: "a b c d e f g"[: 1 + 2 * (n % 7)] for n in range(20)}


class TestOutput:
    @pytest.fixture(params=[1, 3, ALL])
    def job(self, request):
        jobs = made(words, RECORDS, reducer=reducers.Identity())
        return carried(jobs, jobs.start(), request.param)

    @pytest.fixture
    def expected(self):
        pairs = [(word, n) for n, line in RECORDS.items() for word in line.split()]
        return sorted(pairs)

    def test_it_is_in_key_order(self, job, expected):
        assert list(job.output()) == expected
        grouped = {}
        for key, value in expected:
            grouped.setdefault(key, []).append(value)
        assert [(key, list(values)) for key, values in job.groups()] == list(grouped.items())

    def test_a_key_is_looked_up(self, job, expected):
        for key in "abcdefg":
            assert job.get(key) == [value for word, value in expected if word == key]
        for key in ("", "bb", "z", 1, None, b"a", ("a",)):
            assert job.get(key) == []

    def test_a_range_is_after_the_one_and_until_the_other(self, job, expected):
        def between(after, until):
            return [pair for pair in expected if after < pair[0] <= until]

        assert list(job.output("b", "e")) == between("b", "e")
        assert list(job.output("bb", "e1")) == between("bb", "e1")
        assert list(job.output(until="c")) == between("", "c")
        assert list(job.output(after="f")) == between("f", "zz")
        assert list(job.output(None, None)) == expected
        assert list(job.output("e", "b")) == []
        assert list(job.output(after=5, until="b")) == between("", "b")

    def test_what_is_no_key_is_refused(self, job):
        for look in (job.get, lambda key: list(job.output(until=key))):
            with pytest.raises(Unstorable):
                look([1])

    def test_equal_keys_are_one_whatever_their_type(self):
        jobs = made(lambda k, v: [(True, 1), (2, "b"), (2.0, "c"), (0.5, "a")], records=1)
        job = carried(jobs, jobs.start())
        assert list(job.output()) == [(0.5, "a"), (True, 1), (2, "b"), (2, "c")]
        assert job.get(1) == job.get(1.0) == [1]
        assert job.get(2) == ["b", "c"]

    def test_output_that_went_elsewhere_is_said_to(self):
        class Elsewhere(Sink):
            def write(self, pairs, slice):
                pass

        jobs = made(sink=Elsewhere())
        job = carried(jobs, jobs.start())
        for look in (lambda: list(job.output()), lambda: job.get(1), lambda: list(job.groups())):
            with pytest.raises(JobError, match=r"not in the store: it went to Elsewhere\(\)"):
                look()

    def test_runs_without_number_are_read_as_they_come(self):
        """One run for each slice, as a job of many small slices leaves them."""
        jobs = made(records=600)
        job = carried(jobs, jobs.start(), records=1)
        reads = []
        get = jobs.store.get
        jobs.store.get = lambda keys: reads.append(1) or get(keys)
        assert [key for key, _ in zip(job.output(), range(3), strict=False)]
        assert len(reads) < 10

    def test_an_empty_job_has_none(self):
        jobs = made(records=0, reducer=reducers.Sum())
        job = carried(jobs, jobs.start())
        assert (job.state, list(job.output()), job.get("a")) == ("done", [], [])


class TestStatus:
    def test_from_beginning_to_end(self):
        clock = Clock()
        jobs = made(words, dict.fromkeys(range(10), "a b"), clock=clock, reducer=reducers.Count())
        job = jobs.start()
        begun = job.status()
        assert begun == {
            "job": job.id,
            "recipe": "r",
            "state": "running",
            "phase": "split",
            "progress": 0.0,
            "records": 0,
            "slices": 0,
            "counters": {},
            "bad_records": 0,
            "shards": {"total": 1, "done": 0},
            "started": clock.now,
            "finished": None,
            "error": None,
        }
        before = begun
        while (status := job.status())["state"] == "running":
            for name in ("progress", "records", "slices"):
                assert before[name] <= status[name]
            assert status["progress"] < 1
            assert status["counters"].get("words", 0) == 2 * status["records"]
            before = status
            clock.pass_(1)
            jobs.step(job.id, budget=Budget.records(3))
        assert (status["progress"], status["records"]) == (1.0, 10)
        assert (status["phase"], status["finished"]) == ("cleanup", clock.now)
        assert status["counters"] == job.counters == {"words": 20}
        assert status["slices"] > 8
        assert status["shards"] == {"total": 1, "done": 1}

    def test_a_shard_that_ends_while_one_looks_is_counted_once(self):
        class Watched(MemoryStore):
            call = None

            def scan(self, *args, **kwargs):
                yield from super().scan(*args, **kwargs)
                if self.call:
                    call, self.call = self.call, None
                    call()

        store = Watched(clock=Clock())
        jobs = made(words, dict.fromkeys(range(10), "a b"), store=store)
        job = to_phase(jobs, jobs.start(), "map")
        store.call = lambda: jobs.step(job.id)
        status = job.status()
        assert (status["shards"], status["records"]) == ({"total": 2, "done": 1}, 5)
        assert status["counters"] == {"words": 10}

    def test_shards_come_in_order(self):
        jobs = made(num_mappers=5, records=50)
        job = to_phase(jobs, jobs.start(), "map")
        jobs.step(job.id)
        shards = job.shards()
        assert [task.shard for task in shards] == [(n,) for n in range(5)]
        assert sum(task.done for task in shards) == 1

    def test_below_view_no_key_and_no_value_is_shown(self):
        def mapper(key, value):
            raise ValueError(f"no {value}")

        jobs = made(mapper, {"secret key": "secret value"})
        job = carried(jobs, jobs.start())
        assert "secret" not in str(job.status(keys=False))
        error = job.status(keys=False)["error"]
        assert error.startswith("a record could not be processed (ValueError)")
        error = job.status()["error"]
        assert error.startswith(
            "record 'secret key': ValueError: no secret value (test_jobs_output.py"
        )

    def test_nor_why_it_stopped(self):
        class Wrong(Memory):
            def read(self, after, until):
                raise InputError("row 'secret' has no key")

        jobs = made(source=Wrong({1: 1}))
        job = carried(jobs, jobs.start())
        assert job.status()["error"] == "row 'secret' has no key"
        assert (
            job.status(keys=False)["error"] == "the job stopped for a reason that its owner can see"
        )
