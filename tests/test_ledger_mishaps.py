"""What went wrong in a shard last is known from its task alone."""

import pytest
from faults import Clock
from jobslib import carried, made, to_phase

from httpmr.budget import Budget
from httpmr.errors import Unavailable
from httpmr.ledger.mishaps import LONGEST, mishap

ONE = Budget.records(1)


def test_a_long_message_is_cut():
    assert mishap("x" * 301, 5.0) == {"message": "x" * (LONGEST - 1) + "…", "when": 5.0}


def failing(at, error):
    def mapper(key, value):
        if key == at:
            raise error
        return [(key, value)]

    return mapper


def mapped(job):
    """The tasks of the map phase, whichever phase it is now."""
    return job.history()[1]["map"]


def test_a_record_that_was_put_aside_is_told_of_to_the_end_of_the_job():
    clock = Clock()
    jobs = made(failing(3, LookupError("no such currency")), max_bad_records=1, clock=clock)
    job = carried(jobs, jobs.start())
    assert job.state == "done"
    [told] = [task.error for task in mapped(job) if task.bad]
    assert told["when"] == pytest.approx(clock.now, abs=60)
    assert "LookupError: no such currency" in told["message"]
    assert [task.error for task in mapped(job) if not task.bad] == [None]


def test_a_shard_that_the_job_paused_at_tells_why_and_goes_on_telling():
    jobs = made(failing(3, LookupError("no such currency")))
    job = carried(jobs, jobs.start())
    assert job.state == "paused"
    [told] = [task.error for task in job.shards() if task.error]
    assert told["message"] == job.record.error["message"]
    jobs.skip(job.id)
    carried(jobs, job)
    [still] = [task.error for task in mapped(job) if task.error]
    assert still["message"] == told["message"]


def test_a_request_that_died_is_told_with_who_sent_it():
    clock = Clock()
    jobs = made(num_mappers=1, clock=clock)
    job = to_phase(jobs, jobs.start(), "map")
    [task] = job.shards()
    jobs.ledger.claim(task, 6, "wget 1a2b")
    clock.pass_(100)
    jobs.step(job.id, budget=ONE, driver="curl 3c4d")
    [task] = job.shards()
    assert task.takeovers == 0 and task.slice == 1
    assert "wget 1a2b died" in task.error["message"] and task.error["when"] == clock.now


def test_a_slice_that_was_given_up_says_so_without_telling_of_hosts():
    class Away(ConnectionError):
        pass

    jobs = made(failing(0, Away("no route to db7.internal")), num_mappers=1)
    job = to_phase(jobs, jobs.start(), "map")
    with pytest.raises(Unavailable):
        jobs.step(job.id, budget=ONE)
    [task] = job.shards()
    assert "was away" in task.error["message"] and "db7" not in task.error["message"]


def test_a_process_that_was_told_to_end_says_so():
    jobs = made(failing(0, KeyboardInterrupt()), num_mappers=1)
    job = to_phase(jobs, jobs.start(), "map")
    with pytest.raises(KeyboardInterrupt):
        jobs.step(job.id, budget=ONE)
    [task] = job.shards()
    assert "told to end" in task.error["message"] and task.lease == 0
