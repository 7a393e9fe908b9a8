"""Slices tune themselves: the user sets no batch size, and the job ends all the same."""

from zlib import crc32

import pytest
from faults import Clock, Killed, Mortal
from jobslib import made

from httpmr.stores import MemoryStore


class Host:
    """A web server that kills each request after `limit` seconds of a clock of the test's own."""

    def __init__(self, limit, seconds_of, records, fresh=False, **settings):
        self.limit = limit
        self.fresh = fresh  # each request is a process's first
        self.seconds_of = seconds_of
        self.clock = Clock()
        self.store = MemoryStore(clock=self.clock)
        self.settings = {"records": records, "mapper": self.map, "num_mappers": 1} | settings
        self.kills = 0
        self.durations = []
        self.inner = []  # of those that did not end a phase

    def map(self, key, value):
        self.spend(self.seconds_of(key))
        return [(key, value)]

    def spend(self, seconds):
        self.clock.pass_(seconds)
        if self.clock.now - self.began > self.limit:
            self.mortal.dead = True
            raise Killed

    def jobs(self):
        self.mortal = Mortal(self.store)
        jobs = made(store=self.mortal, **self.settings)
        jobs.stepper({}).clock = self.clock
        return jobs

    def carried(self):
        """Send requests until the job is done; return it."""
        return self.go_on(self.jobs().start().id)

    def go_on(self, id):
        jobs = self.jobs()
        for _ in range(10_000):
            self.began = self.clock.now
            if self.fresh:
                jobs = self.jobs()
            try:
                step = jobs.step(id)
            except Killed:
                self.kills += 1
                jobs = self.jobs()
                continue
            self.durations.append(self.clock.now - self.began)
            if step.next and step.next.phase == "map" and step.next.n > 0:
                self.inner.append(self.durations[-1])
            if step.job.state != "running":
                return jobs.find(id)
            if step.did == "busy":
                self.clock.pass_(5)
        raise AssertionError("the job goes on for ever")


@pytest.mark.parametrize("limit", [1.0, 5.0, 30.0])
def test_a_job_ends_under_a_host_that_kills(limit):
    """Records of up to 300 ms, slices of up to 2 s, and a host that does not know of either."""
    host = Host(limit, lambda key: (key % 4) / 10, records=400, reducer=None)
    job = host.carried()
    assert job.state == "done"
    assert list(job.output()) == [(n, n) for n in range(400)]
    assert job.bad_records == []
    assert host.kills <= (8 if limit == 1.0 else 0)


def test_a_record_slower_than_a_slice_is_done_alone():
    host = Host(30.0, lambda key: 3.0 if key == 7 else 0.01, records=50, reducer=None)
    assert host.carried().state == "done"
    slow = [seconds for seconds in host.durations if seconds > 2.0]
    assert len(slow) == 1


@pytest.mark.parametrize("fresh", [False, True])
def test_what_goes_before_and_after_the_records_is_left_time_for(fresh):
    """Claiming, packing and committing take a while: the records stop so much earlier.

    Also in a process that has done no slice yet, as there may be a fresh one for each request.
    """

    class Slow(MemoryStore):
        def commit(self, batch):
            host.clock.pass_(0.4)
            super().commit(batch)

    host = Host(30.0, lambda key: 0.05, records=400, reducer=None, fresh=fresh)
    host.store = Slow(clock=host.clock)
    assert host.carried().state == "done"
    assert len(host.inner) > 10
    assert max(host.inner) <= 2.0
    assert min(host.inner[1:]) > (1.55 if fresh else 1.65)


def test_records_as_slow_as_one_of_late_are_expected():
    """One in 150 takes 0.3 s: not every slice has met one before the one that comes last."""

    def seconds_of(key):
        return 0.3 if crc32(b"%d" % key) % 150 == 0 else 0.01

    host = Host(30.0, seconds_of, records=10_000, reducer=None)
    assert host.carried().state == "done"
    assert len(host.inner) > 50
    assert max(host.inner) <= 2.0 and min(host.inner) > 1.3


def test_nor_where_a_process_does_but_one_slice_and_knows_of_no_slow_record():
    def seconds_of(key):
        return 0.3 if crc32(b"%d" % key) % 150 == 0 else 0.01

    host = Host(30.0, seconds_of, records=10_000, reducer=None, fresh=True)
    assert host.carried().state == "done"
    assert max(host.inner) <= 2.0 and min(host.inner) > 1.3


def test_one_that_took_longer_than_a_slice_leaves_time_for_others():
    host = Host(30.0, lambda key: 3.0 if key == 600 else 0.01, records=4000, reducer=None)
    assert host.carried().state == "done"
    after = host.inner[-10:]
    assert max(host.inner) > 3.0 and all(1.3 < seconds <= 2.0 for seconds in after)


class TestGroupsLargerThanASlice:
    """5,000 values, as a group that the combiner was not there for, or was skipped for, has."""

    VALUES = 5000

    def host(self, limit, reduce, combine=None):
        def mapper(key, value):
            return [("k", n) for n in range(self.VALUES)] + [("z", 1)]

        settings = {"records": 1, "mapper": mapper, "num_reducers": 1, "version": "1"}
        host = Host(limit, None, **settings, reducer=reduce)
        jobs = host.jobs()
        job = jobs.start()
        host.began = host.clock.now
        while job.record.phase != "reduce":
            jobs.step(job.id)
        if combine:
            host.settings["combiner"] = combine
        return host, job

    def each(self, host, values, seconds=0.002):
        total = 0
        for value in values:
            host.spend(seconds)
            total += value
        return total

    @pytest.mark.parametrize("limit", [0.3, 1.0, 30.0])
    def test_with_a_combiner_it_is_folded_over_many(self, limit):
        def combine(key, values):
            return self.each(host, values)

        host, job = self.host(limit, lambda key, values: [(key, sum(values))], combine)
        assert host.go_on(job.id).state == "done"
        assert list(job.output()) == [("k", sum(range(self.VALUES))), ("z", 1)]
        assert job.status()["records"] == 1
        assert max(host.durations) <= min(limit, 2.0)
        assert bool(host.kills) == (limit < 2.0) and host.kills < 8

    def test_without_one_it_is_done_whole_where_the_host_lets_it(self):
        host, job = self.host(30.0, lambda key, values: [(key, self.each(host, values))])
        assert host.go_on(job.id).state == "done"
        assert (max(host.durations) > 9.9, host.kills) == (True, 0)
        assert next(job.output()) == ("k", sum(range(self.VALUES)))

    @pytest.mark.parametrize("limit", [0.3, 1.0])
    def test_without_one_the_job_pauses_where_the_host_kills_it_again_and_again(self, limit):
        host, job = self.host(limit, lambda key, values: [(key, self.each(host, values))])
        host.go_on(job.id)
        assert (job.state, host.kills) == ("paused", 3)
        error = job.status()["error"]
        assert error.startswith("group 'k': GroupTooLarge: the last 3 requests died before")
        # It is tried again whole, and may have better luck.
        host.jobs().resume(job.id)
        host.go_on(job.id)
        assert (job.state, host.kills) == ("paused", 6)
        host.limit = 30.0
        host.jobs().resume(job.id)
        assert host.go_on(job.id).state == "done"
        assert (dict(job.output()), host.kills) == ({"k": sum(range(self.VALUES)), "z": 1}, 6)

    def test_it_can_be_put_aside(self):
        host, job = self.host(1.0, lambda key, values: [(key, self.each(host, values))])
        host.go_on(job.id)
        host.jobs().skip(job.id)
        assert host.go_on(job.id).state == "done"
        assert list(job.output()) == [("z", 1)]
        [bad] = job.bad_records
        assert (bad["key"], bad["kind"], job.record.bad_records) == ("k", "group", 1)

    def test_a_combiner_that_is_defined_then_is_the_remedy(self):
        host, job = self.host(1.0, lambda key, values: [(key, self.each(host, values))])
        host.go_on(job.id)
        assert job.state == "paused"
        host.settings["combiner"] = lambda key, values: self.each(host, values)
        host.jobs().resume(job.id)
        assert host.go_on(job.id).state == "done"
        assert dict(job.output()) == {"k": sum(range(self.VALUES)), "z": 1}

    def test_what_a_reducer_does_after_the_last_value_cannot_be_ended_but_it_is_found(self):
        """The lease grows all the time, for it may but be slow."""

        def reduce(key, values):
            total = sum(values)
            host.spend(10)
            return [(key, total)]

        host, job = self.host(4.0, reduce)
        jobs = host.jobs()
        for _ in range(5):
            host.began = host.clock.now
            with pytest.raises(Killed):
                jobs.step(job.id)
            jobs = host.jobs()
            host.clock.pass_(1000)
        [task] = job.shards()
        assert (job.state, task.takeovers) == ("running", 4)
        host.began = host.clock.now
        jobs.step(job.id)
        assert job.status()["error"] == (
            "group 'k': Killed: the last 4 requests that came to it died: it ended the process, "
            "or there was no answer within 96 s"
        )
        host.limit = 30.0
        jobs.resume(job.id)
        assert host.go_on(job.id).state == "done"

    def test_another_lane_does_not_take_it_over_while_it_gets_on(self):
        """So a lease that runs out tells of a death."""

        def reduce(key, values):
            total = 0
            for n, value in enumerate(values):
                host.spend(0.02)
                total += value
                if n % 500 == 0:
                    others.append(made(store=host.store, **host.settings).step(job.id).did)
            return [(key, total)]

        others = []
        host, job = self.host(1000.0, reduce)
        assert host.go_on(job.id).state == "done"
        assert max(host.durations) > 99
        assert (set(others), len(others)) == ({"busy"}, 11)  # and once, of the other group

    def test_a_lane_that_slept_through_its_lease_learns_of_it(self):
        def reduce(key, values):
            reached = 0
            for reached, _ in enumerate(values, 1):
                host.spend(0.002)
                if reached == 100 and not told:
                    host.clock.pass_(3600)
                    told.append("asleep")
                    told.append(made(store=host.store, **host.settings).step(job.id).did)
                elif reached == 2000:
                    told.append("reached 2000")
            return [(key, reached)]

        told = []
        host, job = self.host(10_000.0, reduce)
        jobs = host.jobs()
        host.began = host.clock.now
        assert jobs.step(job.id).did == "lost"
        assert told == ["asleep", "reached 2000", "slice"]
        assert dict(job.output()) == {"k": self.VALUES, "z": 1}
