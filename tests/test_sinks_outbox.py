"""The Outbox sink: what a job gives is posted when all is committed, under names that last."""

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import jobslib
import pytest
from jobslib import carried, dump

from httpmr.budget import Budget
from httpmr.errors import RecipeError, Unavailable
from httpmr.interfaces import Batch, Slice
from httpmr.jobs import control
from httpmr.sinks import Outbox
from httpmr.stores import MemoryStore
from httpmr.testing import SinkSuite


class Receiver(BaseHTTPRequestHandler):
    """Keeps what is posted, once for each Idempotency-Key, and answers what it is told."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        code = self.server.codes.pop(0) if self.server.codes else 204
        self.server.asked += 1
        if code < 300:
            self.server.got.setdefault(self.headers["Idempotency-Key"], (body, self.headers))
        self.send_response(code)
        if code == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def receiver():
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        server.got, server.codes, server.asked = {}, [], 0
        server.url = f"http://127.0.0.1:{server.server_port}/secret-path"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def posted(server):
    return [tuple(pair) for body, _ in server.got.values() for pair in json.loads(body)]


class TestOutbox(SinkSuite):
    replaces = False
    ordered = False  # two that post at once do it as they come

    @pytest.fixture
    def sink(self, receiver):
        self.receiver = receiver
        return Outbox(receiver.url, at_once=2)

    def published(self, sink, job):
        return posted(self.receiver)


def jobs(receiver, records=7, **settings):
    options = {"at_once": 2} | settings
    return jobslib.made(records=records, sink=Outbox(receiver.url, **options))


def test_all_is_posted_in_order_when_all_is_there(receiver):
    work = jobs(receiver)
    job = work.start()
    jobslib.to_phase(work, job, "publish")
    assert receiver.asked == 0
    carried(work, job)
    assert posted(receiver) == [(n, n) for n in range(7)]
    assert not [key for key in dump(work.store) if b"outbox" in key]


def test_it_goes_on_after_each_post_where_the_budget_ends(receiver):
    work = jobs(receiver)
    job = carried(work, work.start(), 1)
    assert posted(receiver) == [(n, n) for n in range(7)]
    assert job.record.slices > 7 + 4


def test_a_post_is_signed_and_named(receiver):
    work = jobs(receiver, secret="s3", at_once=100)
    job = carried(work, work.start())
    for name, (body, headers) in receiver.got.items():
        assert name.startswith(f"{job.id}.0.") and name.isascii()
        assert headers["Content-Type"] == "application/json"
        expected = hmac.new(b"s3", body, hashlib.sha256).hexdigest()
        assert headers["Httpmr-Signature"] == f"sha256={expected}"


@pytest.mark.parametrize("code", [500, 503, 429])
def test_who_is_away_is_asked_again(receiver, code):
    work = jobs(receiver)
    job = jobslib.to_phase(work, work.start(), "publish")
    receiver.codes = [204, code]
    with pytest.raises(Unavailable, match=f"127.0.0.1 answers {code} to what the job gives"):
        work.step(job.id)
    carried(work, job)
    assert sorted(posted(receiver)) == [(n, n) for n in range(7)]


def test_whom_nobody_reaches_is_asked_again(receiver):
    work = jobslib.made(sink=Outbox("http://127.0.0.1:9/"))
    job = jobslib.to_phase(work, work.start(), "publish")
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 cannot be posted to"):
        work.step(job.id)


@pytest.mark.parametrize("code", [400, 404, 302])
def test_who_does_not_want_it_pauses_the_job_which_goes_on_when_resumed(receiver, code):
    work = jobs(receiver)
    job = jobslib.to_phase(work, work.start(), "publish")
    receiver.codes = [204, code]
    assert carried(work, job).state == "paused"
    message = job.status()["error"]
    assert f"127.0.0.1 answers {code} to what the job gives" in message
    assert "secret-path" not in message
    work.resume(job.id)
    assert carried(work, job).state == "done"
    assert sorted(posted(receiver)) == [(n, n) for n in range(7)]


def test_what_json_cannot_hold_is_a_bad_record(receiver):
    work = jobslib.made(
        mapper=lambda n, _: [(n, float("nan") if n == 3 else 1)],
        records=6,
        sink=Outbox(receiver.url),
        max_bad_records=1,
    )
    job = carried(work, work.start())
    assert [bad["key"] for bad in job.bad_records] == [3]
    assert "Outbox cannot post the output of key 3" in job.bad_records[0]["message"]
    assert [key for key, _ in posted(receiver)] == [0, 1, 2, 4, 5]


def test_what_was_not_posted_goes_with_the_job(receiver):
    work = jobs(receiver)
    job = jobslib.to_phase(work, work.start(), "publish")
    work.cancel(job.id)
    work.delete(job.id)
    for _ in range(9):
        control.sweep(work.store)
    assert not [key for key in dump(work.store) if b"outbox" in key]


def test_keys_of_a_kind_json_lacks_are_told_as_text(receiver):
    store, sink = MemoryStore(), Outbox(receiver.url)
    sink.joins(store)
    batch = Batch()
    sink.join([((1, "é"), {"a": b"x"})], Slice("s-1", (0,), 0, 1), batch)
    store.commit(batch)
    assert sink.finish("s-1", [], Budget())
    [(body, _)] = receiver.got.values()
    assert json.loads(body) == [[[1, "é"], {"a": "eA=="}]]


@pytest.mark.parametrize(
    "wrong", [{"url": "chat.example"}, {"url": None}, {"at_once": 0}, {"at_once": True}]
)
def test_what_cannot_work_is_refused(wrong):
    with pytest.raises(RecipeError, match="Outbox"):
        Outbox(**{"url": "https://chat.example/"} | wrong)


def test_it_does_not_show_its_url():
    assert repr(Outbox("https://chat.example/hooks/7")) == "Outbox(at chat.example)"
