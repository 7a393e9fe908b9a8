"""What a sink, or the store, does not take of a slice: whose fault it is."""

import random

import pytest
from faults import Clock
from jobslib import Faulty, Into, carried, dump, made, to_phase

from httpmr import reducers
from httpmr.budget import Budget
from httpmr.errors import (
    OutputError,
    Unavailable,
)
from httpmr.jobs import Address
from httpmr.sinks import JSONLines
from httpmr.stores import MemoryStore

ONE = Budget.records(1)


class TestSink:
    def test_it_publishes_the_receipts_of_committed_slices_alone(self):
        clock = Clock()
        store = Faulty(MemoryStore(clock=clock))
        sink = Into()
        jobs = made(store=store, sink=sink)
        job = to_phase(jobs, jobs.start(), "map")
        store.plan({2: "unavailable"})  # written, and not committed
        with pytest.raises(Unavailable):
            jobs.step(job.id, Address("map", (0,), 0), ONE)
        store.plan({2: "conflict"})
        assert jobs.step(job.id, Address("map", (0,), 0), ONE).did == "lost"
        store.plan({})
        clock.pass_(3600)
        carried(jobs, job, records=2)
        assert [epoch for shard, n, epoch in sink.finished if (shard, n) == ((0,), 0)] == [3]
        places = [tuple(receipt[:2]) for receipt in sink.finished]
        assert places == sorted(set(places))
        written = {(s.shard, s.number, s.epoch): pairs for s, pairs in sink.written}
        assert len(written) == len(sink.finished) + 2
        pairs = [pair for receipt in sink.finished for pair in written[tuple(receipt)]]
        assert sorted(pairs) == [(n, n) for n in range(10)]
        assert all(slice.job == job.id for slice, _ in sink.written)
        assert not [key for key in dump(jobs.store) if b"receipt" in key]  # swept in cleanup

    def test_a_zombie_does_not_publish_what_is_left_of_the_receipts(self, tmp_path):
        """It stands still until others have published the file and cleaned the receipts up."""
        clock, readings = Clock(), []

        def interrupted():
            readings.append(1)
            if len(readings) == 2:
                clock.pass_(3600)
                carried(jobs, job)
            return 0.0

        jobs = made(clock=clock, sink=JSONLines(tmp_path / "out"))
        job = to_phase(jobs, jobs.start(), "publish")
        assert jobs.step(job.id, budget=Budget(clock=interrupted)).did == "lost"
        assert job.state == "done"
        assert len((tmp_path / "out").read_text().splitlines()) == 10

    def test_it_is_given_nothing_by_a_zombie_that_was_overtaken(self):
        """What it gave might be old: the job may have been retried since."""
        clock, sink, meanwhile = Clock(), Into(), []

        def mapper(key, value):
            while meanwhile:
                clock.pass_(3600)
                carried(jobs, meanwhile.pop())
            return [(key, value)]

        jobs = made(mapper, clock=clock, sink=sink)
        job = to_phase(jobs, jobs.start(), "map")
        meanwhile.append(job)
        assert jobs.step(job.id).did == "lost"
        assert job.state == "done"
        assert sorted(key for _, pairs in sink.written for key, _ in pairs) == list(range(10))

    def test_one_without_receipts(self):
        sink = Into(receipts=False)
        jobs = made(sink=sink)
        assert carried(jobs, jobs.start()).state == "done" and sink.finished == []

    def test_a_slice_without_output_writes_nothing(self):
        sink = Into()
        jobs = made(lambda key, value: [], sink=sink)
        assert carried(jobs, jobs.start()).state == "done" and sink.written == []

    def raising(self, error, refused=(3, 7), **settings):
        def take(pairs):
            for key, _ in pairs:
                if key in refused:
                    raise error(key)

        jobs = made(sink=Into(take), num_mappers=1, **settings)
        return jobs, jobs.start()

    def test_what_it_refuses_is_found_record_by_record(self):
        jobs, job = self.raising(
            lambda key: OutputError(f"no row {key}", key=key), max_bad_records=2
        )
        carried(jobs, job)
        assert job.state == "done"
        assert [bad["key"] for bad in job.bad_records] == [3, 7]
        assert job.bad_records[0]["message"].startswith("OutputError: no row 3")
        pairs = [pair for _, pairs in jobs.recipe.sink.written for pair in pairs]
        assert sorted(pairs) == [(n, n) for n in range(10) if n not in (3, 7)]

    def test_a_group_it_refuses_pauses_and_can_be_skipped(self):
        jobs, job = self.raising(
            lambda key: OutputError("no", key=key), reducer=reducers.Sum(), num_reducers=1
        )
        for _ in range(2):
            carried(jobs, job)
            assert job.record.error["kind"] == "group"
            jobs.skip(job.id)
        carried(jobs, job)
        pairs = [pair for _, pairs in jobs.recipe.sink.written for pair in pairs]
        assert sorted(pairs) == [(n, n) for n in range(10) if n not in (3, 7)]

    def test_an_error_that_is_no_records_fault_pauses(self):
        jobs, job = self.raising(lambda key: OutputError("the table is gone"), max_bad_records=9)
        carried(jobs, job)
        assert (job.state, job.status()["error"]) == ("paused", "the table is gone")
        jobs.recipe.sink.take = lambda pairs: None
        jobs.resume(job.id)
        assert carried(jobs, job).state == "done" and job.status()["records"] == 10

    def test_so_does_any_other(self):
        jobs, job = self.raising(lambda key: ZeroDivisionError("oops"), max_bad_records=9)
        carried(jobs, job)
        assert job.status()["error"].startswith("the sink Into() failed: ZeroDivisionError: oops")

    def test_a_sink_that_is_away_is_tried_again(self):
        jobs, job = self.raising(lambda key: ConnectionResetError("reset"))
        to_phase(jobs, job, "map")
        for _ in range(2):  # the lease was given back
            with pytest.raises(Unavailable):
                jobs.step(job.id)
        jobs.recipe.sink.take = lambda pairs: None
        assert carried(jobs, job).state == "done"

    def test_a_sink_that_cannot_publish_pauses(self):
        jobs = made(sink=Into())
        jobs.recipe.sink.finish = lambda *args: 1 // 0
        job = carried(jobs, jobs.start())
        assert job.status()["error"].startswith("the publish phase failed: ZeroDivisionError")


class TestStored:
    def test_the_record_before_a_bad_one_is_innocent(self):
        """What is refused is looked for among what was written, and found there."""

        def mapper(key, value):
            if key == 1:
                raise ValueError("bad")
            return [(key, object() if key == 2 else 1)]

        jobs = made(mapper, records=4, num_mappers=1, max_bad_records=9)
        job = carried(jobs, jobs.start())
        assert [bad["key"] for bad in job.bad_records] == [1, 2]
        assert list(job.output()) == [(0, 1), (3, 1)]

    @pytest.mark.parametrize(
        ("pair", "why"),
        [
            (([1], 1), "a key of type list cannot be a key"),
            ((float("nan"), 1), "NaN cannot be a key"),
            ((1, object()), "a value of type object cannot be stored"),
            ((1, [object()]), "a value of type object cannot be stored"),
        ],
    )
    @pytest.mark.parametrize("reducer", [None, "it"])
    def test_what_cannot_be_stored_is_found_record_by_record(self, pair, why, reducer):
        def at_five(key, value=None):
            return [pair] if key == 5 else [(key, 1)]

        settings = {"mapper": at_five, "max_bad_records": 1}
        if reducer:
            settings = {"reducer": at_five}
        jobs = made(num_mappers=1, num_reducers=1, records=100, **settings)
        job = carried(jobs, jobs.start())
        if reducer:
            assert (job.state, job.record.error["key"]) == ("paused", 5)
            jobs.skip(job.id)
            carried(jobs, job)
        [bad] = job.bad_records
        assert bad["key"] == 5 and why in bad["message"] and "at_five (test_jobs_" in bad["message"]
        assert dict(job.output()) == {n: 1 for n in range(100) if n != 5}

    def test_more_than_a_commit_takes(self):
        """Of several records: fewer at a time. Of one: it is to blame, in as many words."""
        noise = random.Random(1).randbytes(100_000)
        jobs = made(
            lambda key, value: [((key, n), noise) for n in range(100 if key == 2 else 1)],
            records=4,
            max_bad_records=1,
            num_mappers=1,
        )
        job = carried(jobs, jobs.start())
        [bad] = job.bad_records
        assert bad["key"] == 2
        assert "it gives more than a commit can take: emit less (a batch of 1" in bad["message"]
        assert [key for key, _ in job.output()] == [(0, 0), (1, 0), (3, 0)]

    def test_a_group_too_large_for_a_commit_is_named(self):
        noise = random.Random(1).randbytes(100_000)
        jobs = made(reducer=lambda key, values: [(n, noise) for n in range(100)], records=1)
        job = carried(jobs, jobs.start())
        assert job.status()["error"].startswith("group 0: GroupTooLarge: it gives more than a ")
