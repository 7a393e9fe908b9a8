"""Slices tune themselves: the user sets no batch size, and the job ends all the same."""

import pytest
from faults import Clock, Killed, Mortal
from jobslib import made

from httpmr.stores import MemoryStore


class Host:
    """A web server that kills each request after `limit` seconds of a clock of the test's own."""

    def __init__(self, limit, seconds_of, records, **settings):
        self.limit = limit
        self.seconds_of = seconds_of
        self.clock = Clock()
        self.store = MemoryStore(clock=self.clock)
        self.settings = {"records": records, "mapper": self.map, "num_mappers": 1} | settings
        self.kills = 0
        self.durations = []
        self.inner = []  # of those that did not end a phase

    def map(self, key, value):
        self.clock.pass_(self.seconds_of(key))
        if self.clock.now - self.began > self.limit:
            self.mortal.dead = True
            raise Killed
        return [(key, value)]

    def jobs(self):
        self.mortal = Mortal(self.store)
        jobs = made(store=self.mortal, **self.settings)
        jobs._stepper.clock = self.clock
        return jobs

    def carried(self):
        """Send requests until the job is done; return it."""
        jobs = self.jobs()
        id = jobs.start().id
        for _ in range(10_000):
            self.began = self.clock.now
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


def test_what_goes_before_and_after_the_records_is_left_time_for():
    """Claiming, packing and committing take a while: the records stop so much earlier."""

    class Slow(MemoryStore):
        def commit(self, batch):
            host.clock.pass_(0.4)
            super().commit(batch)

    host = Host(30.0, lambda key: 0.05, records=400, reducer=None)
    host.store = Slow(clock=host.clock)
    assert host.carried().state == "done"
    inner = host.inner[1:]  # the first one learns
    assert len(inner) > 10
    assert max(inner) <= 2.0
    assert min(inner) > 1.8
