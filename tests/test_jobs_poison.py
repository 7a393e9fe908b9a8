"""Records and groups that kill the process: found, named, put aside; and what sat beside them."""

import contextlib
import signal
import sys

import pytest
from deaths import Host
from faults import Clock
from jobslib import ALL, made

from httpmr import codec, counters, reducers
from httpmr.engine.careful import DEATHS, DEATHS_ALONE
from httpmr.jobs import Address
from httpmr.sinks import JSONLines
from httpmr.state import ALONE

SIZES = pytest.mark.parametrize("size", [1, 3, ALL])


def listed(key, values):
    """Its output shows the order of the values."""
    yield key, list(values)


def parities(key, value):
    counters.count("mapped")
    counters.count("fives", not key % 5)
    return [("odd" if key % 2 else "even", key), ("all", key)]


def parked(job):
    return [task for task in job.shards() if task.alone and not task.done]


class TestRecords:
    @SIZES
    @pytest.mark.parametrize("reducer", [None, listed])
    @pytest.mark.parametrize("fatal", [[0], [9], [4], [5], [3, 4], [0, 4, 5, 9]])
    def test_each_is_put_aside_and_all_others_come_through(self, fatal, reducer, size):
        host = Host(10, fatal, size=size, max_bad_records=9, reducer=reducer, num_mappers=2)
        job = host.carried()
        expected = {n: [n] if reducer else n for n in range(10) if n not in fatal}
        assert (job.state, dict(job.output())) == ("done", expected)
        assert [bad["key"] for bad in job.bad_records] == fatal
        status = job.status()
        assert (status["bad_records"], status["records"]) == (len(fatal), 10)
        assert host.deaths == sum(host.died_of.values()) <= len(fatal) * (DEATHS + DEATHS_ALONE)

    def test_it_is_told_with_all_that_is_known(self):
        job = Host(10, [3], max_bad_records=1).carried()
        [bad] = job.bad_records
        assert bad["message"] == (
            "Killed: the last 3 requests that came to it died: it ended the process, or there was "
            "no answer within 48 s"
        )
        assert (bad["key"], bad["kind"], bad["phase"], bad["shard"]) == (3, "record", "map", (0,))
        assert bad["traceback"] == "There is no traceback: it went with the process.\n"

    def test_beyond_the_limit_the_job_pauses_and_names_it(self):
        host = Host(10, [3, 7], size=3, max_bad_records=1, num_mappers=1)
        job = host.carried()
        assert (job.state, job.status()["bad_records"]) == ("paused", 1)
        assert job.status()["error"].startswith("record 7: Killed: the last 3 requests that came")
        assert "(Killed)" in job.status(keys=False)["error"]
        assert job.status()["records"] == 9

        host.jobs.resume(job.id)  # it is tried again, and given more time
        died = host.died_of[7]
        assert host.carried(job).state == "paused"
        assert host.died_of[7] == died + DEATHS_ALONE
        assert job.status()["error"].endswith("no answer within 384 s")

        host.fatal.clear()
        host.jobs.resume(job.id)
        assert host.carried(job).state == "done"
        assert dict(job.output()) == {n: n for n in range(10) if n != 3}
        assert job.status()["records"] == 10

    def test_it_can_be_skipped(self):
        host = Host(10, [3])
        job = host.carried()
        assert job.state == "paused"
        host.jobs.skip(job.id)
        assert host.carried(job).state == "done"
        assert dict(job.output()) == {n: n for n in range(10) if n != 3}
        assert [bad["key"] for bad in job.bad_records] == [3]

    def test_after_the_first_the_next_in_its_shard_is_found_sooner(self):
        host = Host(20, [3, 9], max_bad_records=3, num_mappers=1)
        host.carried()
        assert host.died_of[3] == DEATHS + DEATHS_ALONE
        assert host.died_of[9] == DEATHS - 1 + DEATHS_ALONE

    def test_what_it_cost_the_shard_it_gets_back(self):
        host = Host(20, [3], size=2, num_mappers=1, max_bad_records=1)
        job = host.jobs.start()
        while job.record.phase != "map" or not parked(job):
            if not host.request(job):
                host.clock.pass_(100)
        assert [task.pace for task in job.shards() if not task.alone] == [1.0]

    def test_it_may_raise_instead_when_it_is_alone(self):
        def mapper(key, value):
            if key == 3 and host.died_of.get(3):
                raise ValueError("not so")
            return [(key, value)]

        host = Host(10, [3], mapper=mapper, max_bad_records=1)
        job = host.jobs.start()
        while host.died_of.get(3, 0) < DEATHS:
            host.request(job)
            host.clock.pass_(100)
        host.fatal.clear()
        [bad] = host.carried(job).bad_records
        assert bad["message"].startswith("ValueError: not so (test_jobs_poison.py")
        assert (bad["shard"], job.state, job.status()["records"]) == ((0,), "done", 10)


class TestToldToEnd:
    """By a signal, as servers do with a request that takes too long: nobody waits for its lease."""

    def ending(self, wrong):
        def mapper(key, value):
            if key in wrong:
                signal.raise_signal(signal.SIGUSR1)
            return [(key, value)]

        return made(mapper, 10, version="1", max_bad_records=1, clock=Clock(), num_mappers=1)

    @pytest.fixture(autouse=True)
    def handler(self):
        before = signal.signal(signal.SIGUSR1, lambda *_: sys.exit(1))
        yield
        signal.signal(signal.SIGUSR1, before)

    def test_it_is_a_death_like_others(self):
        jobs = self.ending({3})
        job, deaths = jobs.start(), 0
        while job.state == "running":
            try:
                assert jobs.step(job.id).did == "slice"
            except SystemExit:
                deaths += 1
        assert deaths == DEATHS + DEATHS_ALONE
        assert [bad["key"] for bad in job.bad_records] == [3]
        assert dict(job.output()) == {n: n for n in range(10) if n != 3}

    def test_one_that_was_interrupted_by_hand_is_none(self):
        jobs = self.ending({3})
        signal.signal(signal.SIGUSR1, signal.default_int_handler)
        job = jobs.start()
        for _ in range(9):
            with contextlib.suppress(KeyboardInterrupt):
                jobs.step(job.id)
        assert {task.takeovers for task in job.shards()} == {0}


class TestInnocents:
    """What sits beside a crash comes through, at its place in the order."""

    @pytest.fixture(params=["stored", "reduced", "combined", "file"])
    def host(self, request, tmp_path):
        """Makes hosts whose output shows the order of what was mapped."""
        self.path = tmp_path / "out.jsonl"
        settings = {
            "stored": {},
            "reduced": {"reducer": listed, "num_reducers": 1},
            "combined": {"reducer": reducers.Top(3), "num_reducers": 2},
            "file": {"sink": JSONLines(self.path)},
        }[request.param] | {"num_mappers": 2, "max_bad_records": 9}
        return lambda **more: Host(12, **settings | {"mapper": parities} | more)

    def result(self, job):
        assert job.state == "done", job.status()
        output = self.path.read_bytes() if self.path.exists() else codec.dumps([*job.output()])
        return output, job.counters, job.status()["records"]

    @SIZES
    @pytest.mark.parametrize("beside", [0, 4, 5, 11])
    def test_one_that_was_passed_over_for_nothing(self, beside, size, host):
        expected = self.result(host().carried())
        unlucky = host(fatal=[beside], size=size)
        job = unlucky.jobs.start()
        while unlucky.died_of.get(beside, 0) < DEATHS:
            unlucky.request(job)
            unlucky.clock.pass_(100)
        unlucky.fatal.clear()
        while not parked(job):
            assert unlucky.request(job)
        assert self.result(unlucky.carried(job)) == expected
        assert (job.bad_records, unlucky.deaths) == ([], DEATHS)

    def test_none_is_put_aside_under_random_kills(self, host):
        """Two of 12 records kill, and one commit or call in thirty is the last one anyway."""
        deaths = 0
        for seed in range(25):  # of each kind
            fatal = {seed % 12, seed * 5 % 12}
            good = host(mapper=lambda k, v, fatal=fatal: [] if k in fatal else parities(k, v))
            expected = self.result(good.carried())
            worst = host(fatal=fatal, rate=1 / 30, seed=seed, size=1 + seed % 5)
            job = worst.carried()
            assert {bad["key"] for bad in job.bad_records} == fatal
            assert self.result(job) == expected
            deaths += worst.deaths - sum(worst.died_of.values())
        assert deaths > 50, deaths


class TestAlone:
    def waiting(self):
        """A job whose records 1 and 5 were passed over, in two shards, and the host."""
        host = Host(8, [1, 5], num_mappers=2, size=1, max_bad_records=2)
        job = host.jobs.start()
        while job.record.phase != "map" or len(parked(job)) < 2:
            if not host.request(job):
                host.clock.pass_(100)
        return host, job

    def test_it_runs_when_nothing_else_is_left(self):
        host, job = self.waiting()
        late, _ = (Address("map", task.shard, 0) for task in parked(job))
        before = dict(host.died_of)
        while [task for task in job.shards() if not task.alone and not task.done]:
            assert host.jobs.here(job.id).shard[0] < ALONE
            assert host.request(job, late).did == "busy"
            assert host.request(job).did == "slice"
        assert host.died_of == before
        assert host.jobs.here(job.id) == late

    def test_and_one_at_a_time(self):
        """For what dies in a process takes down whatever else the process is at."""
        host, job = self.waiting()
        while host.jobs.here(job.id).shard[0] < ALONE:
            host.request(job)
        first, second = (Address("map", task.shard, 0) for task in parked(job))
        assert host.request(job, first) is None
        assert host.request(job).did == "busy"
        assert host.request(job, second).did == "busy"
        host.fatal.clear()
        host.clock.pass_(12)
        while first in [Address("map", task.shard, 0) for task in parked(job)]:
            assert host.request(job, second).did == "busy"
            assert host.request(job).did == "slice"
        assert host.request(job, second).did == "slice"
        assert host.carried(job).bad_records == []

    def test_it_changes_no_progress(self):
        host, job = self.waiting()
        seen = [job.status()["progress"]]
        host.fatal.clear()
        while job.record.phase == "map":
            host.request(job)
            seen.append(job.status()["progress"])
        assert seen == sorted(seen)

    def test_a_slow_record_is_none_that_kills(self):
        """It takes forty seconds, and other lanes do not wait so long."""

        def mapper(key, value):
            if key == 3:
                for _ in range(40):
                    host.clock.pass_(1)
                    began.append(host.clock.now)
                    if len(began) < 1000:
                        host.jobs.step(job.id)
            return [(key, value)]

        began = []
        host = Host(6, mapper=mapper, num_mappers=1, max_bad_records=1)
        job = host.jobs.start()
        while job.state == "running":
            host.jobs.step(job.id)
        assert dict(job.output()) == {n: n for n in range(6)}
        assert job.bad_records == [] and job.status()["records"] == 6
        assert len(began) > 3 * 40


class TestGroups:
    def host(self, **settings):
        return Host(10, reducer=listed, num_reducers=1, **settings)

    @SIZES
    @pytest.mark.parametrize("fatal", [0, 4, 9])
    def test_a_group_that_kills_is_named_and_can_be_skipped(self, fatal, size):
        host = self.host(size=size)
        job = host.jobs.start()
        while job.record.phase != "reduce":
            host.request(job)
        host.fatal = {fatal}
        assert host.carried(job).state == "paused"
        assert host.deaths <= 6
        said = f"group {fatal}: Killed: the last 4 requests that came to it died: it ended the pro"
        assert job.status()["error"].startswith(said)
        host.jobs.skip(job.id)
        assert host.carried(job).state == "done"
        assert dict(job.output()) == {n: [n] for n in range(10) if n != fatal}
        [bad] = job.bad_records
        assert (bad["key"], bad["kind"], bad["phase"]) == (fatal, "group", "reduce")

    def test_when_it_is_mended_it_comes_through(self):
        host = self.host()
        job = host.jobs.start()
        while job.record.phase != "reduce":
            host.request(job)
        host.fatal = {4}
        host.carried(job)
        host.fatal.clear()
        host.jobs.resume(job.id)
        assert dict(host.carried(job).output()) == {n: [n] for n in range(10)}

    def test_none_is_blamed_under_random_kills(self):
        for seed in range(20):
            host = self.host(rate=1 / 30, seed=seed, size=1 + seed % 5)
            assert dict(host.carried().output()) == {n: [n] for n in range(10)}

    def test_one_whose_key_is_too_large_to_be_noted_is_done_all_the_same(self):
        long = "k" * 261_900
        host = Host(1, mapper=lambda k, v: [("a", 1), (long, 1)], reducer=listed, num_reducers=1)
        job = host.jobs.start()
        while job.record.phase != "reduce":
            host.request(job)
        host.fatal = {"a"}
        assert host.request(job) is None
        host.fatal.clear()
        host.clock.pass_(100)
        assert dict(host.carried(job).output()) == {"a": [1], long: [1]}
