"""Hooks: each thing is told once, or again where that failed; and to a URL."""

import hashlib
import hmac
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from faults import Clock
from jobslib import carried, made, same
from weblib import client, link
from weblib import master as words_master

from httpmr import Webhook
from httpmr.errors import RecipeError
from httpmr.jobs.hooks import AGAIN, TRIES
from httpmr.stores import MemoryStore
from httpmr.web.pace import STALLED


class Heard(list):
    """What hooks were told: (event, state)."""

    def __call__(self, job):
        self.append((job.event, job.state))


@pytest.fixture
def heard():
    return Heard()


def hooked(heard, **settings):
    hooks = dict.fromkeys(("on_start", "on_done", "on_error", "on_stalled"), heard)
    return made(**{"version": "1"} | hooks | settings)


def test_each_job_is_told_of_once(heard):
    jobs = hooked(heard)
    for _ in range(2):
        job = carried(jobs, jobs.start(), 2)
        for _ in range(3):
            jobs.step(job.id)
    assert heard == 2 * [("start", "running"), ("done", "done")]


def test_without_a_hook_nothing_is_noted():
    jobs = made(on_done=None)
    job = carried(jobs, jobs.start())
    assert job.record.told == []


def test_an_error_is_told_each_time_that_it_stops_the_job(heard):
    def mapper(key, value):
        raise ValueError("what a value")

    jobs = hooked(heard, mapper=mapper)
    job = carried(jobs, jobs.start())
    jobs.store._clock.pass_(1)
    jobs.resume(job.id)
    carried(jobs, job)
    jobs.step(job.id)
    assert heard == [("start", "running"), ("error", "paused"), ("error", "paused")]


def test_what_an_operator_does_is_not_told(heard):
    jobs = hooked(heard)
    job = jobs.start()
    jobs.pause(job.id)
    jobs.step(job.id)
    jobs.cancel(job.id)
    jobs.step(job.id)
    assert heard == [("start", "running")]


@pytest.mark.parametrize("times", [1, TRIES])
def test_a_hook_that_fails_is_called_again_a_few_times(times, caplog):
    clock, called = Clock(), []

    def hook(job):
        called.append(job.mark)
        if len(called) <= times:
            raise ConnectionError("nobody there")

    jobs = made(store=MemoryStore(clock), on_done=hook)
    job = carried(jobs, jobs.start())
    jobs.step(job.id)  # too soon
    assert len(called) == 1
    for _ in range(TRIES + 2):
        clock.pass_(AGAIN)
        jobs.step(job.id)
    assert called == ["done 0"] * min(times + 1, TRIES)
    let_be = [r for r in caplog.records if "is let be" in r.message]
    assert len(let_be) == (times == TRIES)
    assert job.state == "done" and job.record.told == ["done 0"]


def test_a_hook_whose_process_died_is_called_again(heard):
    class Died(BaseException):
        pass

    def hook(job):
        heard(job)
        if len(heard) == 1:
            raise Died

    clock = Clock()
    jobs = made(store=MemoryStore(clock), on_done=hook)
    job = jobs.start()
    with pytest.raises(Died):
        carried(jobs, job)
    clock.pass_(AGAIN)
    jobs.step(job.id)
    assert heard == 2 * [("done", "done")]


def test_of_two_at_once_one_calls_it(heard):
    store = MemoryStore()

    def hook(job):
        heard(job)
        other.step(job.id)

    other = hooked(heard, store=store)
    jobs = made(store=store, on_done=hook, version="1")
    job = carried(jobs, jobs.start())
    assert heard == [("done", "done")] and job.state == "done"


def test_it_is_heard_of_a_job_that_is_retried(heard):
    well = []

    def mapper(key, value):
        if key == 3 and not well:
            raise ValueError("not yet")
        return same(key, value)

    jobs = hooked(heard, mapper=mapper, max_bad_records=1)
    job = carried(jobs, jobs.start())
    well.append(1)
    jobs.retry(job.id)
    carried(jobs, job)
    assert heard == [("start", "running"), ("done", "done"), ("done", "done")]


@pytest.mark.parametrize("path", ["page", "/metrics"])
def test_a_stalled_job_is_told_of_once_when_somebody_looks(path):
    heard, clock = Heard(), Clock()
    wordcount = words_master(on_stalled=heard, store=MemoryStore(clock))
    job = wordcount.start()
    web = client(wordcount)
    at = link(wordcount, job, "view") if path == "page" else path
    web.get(at)
    assert heard == []
    clock.pass_(STALLED)
    for _ in range(3):
        web.get(at)
        clock.pass_(1)
    assert heard == [("stalled", "running")]
    wordcount.work.step(job.id)
    clock.pass_(STALLED + 1)
    web.get(at)
    assert len(heard) == 2


def test_a_hook_is_a_function():
    with pytest.raises(RecipeError, match="on_done= is a function of a Job, not 'mail'"):
        made(on_done="mail")


# To a URL


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.headers, body))
        code = self.server.codes.pop(0) if self.server.codes else 204
        self.send_response(code)
        if code == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.got, server.codes = [], []
        server.url = f"http://127.0.0.1:{server.server_port}/hooks/secret-path"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_webhook_is_posted_to_and_signed(receiver):
    jobs = made(on_done=Webhook(receiver.url, secret="s3"))
    job = carried(jobs, jobs.start())
    [(headers, body)] = receiver.got
    said = json.loads(body)
    assert (said["event"], said["job"], said["state"]) == ("done", job.id, "done")
    assert said["records"] == 10
    expected = hmac.new(b"s3", body, hashlib.sha256).hexdigest()
    assert headers["Httpmr-Signature"] == f"sha256={expected}"
    assert headers["Idempotency-Key"] == f"{job.id} done 0"


@pytest.mark.parametrize("code", [500, 404, 302])
def test_an_answer_that_is_none_is_a_failure(receiver, code, caplog):
    clock = Clock()
    receiver.codes = [code]
    jobs = made(store=MemoryStore(clock), on_done=Webhook(receiver.url))
    job = carried(jobs, jobs.start())
    clock.pass_(AGAIN)
    jobs.step(job.id)
    assert len(receiver.got) == 2
    assert receiver.got[0][0]["Idempotency-Key"] == receiver.got[1][0]["Idempotency-Key"]
    assert "secret-path" not in caplog.text and "on_done failed" in caplog.text


def test_a_webhook_does_not_show_its_url():
    assert repr(Webhook("https://chat.example/hooks/7")) == "Webhook(at chat.example)"


@pytest.mark.parametrize("url", ["chat.example", "ftp://chat.example/", "", None, 7])
def test_a_webhook_takes_a_url(url):
    with pytest.raises(RecipeError, match="Webhook takes a URL that begins with http"):
        Webhook(url)


def test_a_hook_leaves_other_logs_alone(heard, caplog):
    with caplog.at_level(logging.INFO, "httpmr"):
        jobs = hooked(heard)
        carried(jobs, jobs.start())
    assert not [r for r in caplog.records if r.name == "httpmr.hooks"]
