"""The driver against a server that speaks the pinned protocol and misbehaves when told to."""

import contextlib
import io
import json
import random
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import pytest

from httpmr import driver, sources
from httpmr.driver.links import parse
from httpmr.errors import DriverError, Unreachable
from httpmr.web.master import Master

JOB = "/mr/a-1/token"
# What befalls a connection: before the request took effect, after it, or within the answer.
DROP, LOSE, CUT = "drop", "lose", "cut"


class Job(ThreadingHTTPServer):
    """A job of so many slices. `faults` are what befalls the next requests, one each."""

    daemon_threads = True

    def __init__(self, slices=5, faults=(), did=(), end="done", start_to=f"{JOB}/drive"):
        super().__init__(("127.0.0.1", 0), Handler)
        self.left = slices
        self.faults = list(faults)
        self.did = list(did)
        self.end = end
        self.start_to = start_to
        self.asked = []
        self.connections = 0
        self.lock = threading.Lock()
        self.site = f"http://127.0.0.1:{self.server_address[1]}"
        self.url = f"{self.site}{JOB}/"

    def step(self):
        did = self.did.pop(0) if self.did else "slice"
        if self.left and did == "slice":
            self.left -= 1
        code = 202 if self.left else 200 if self.end == "done" else 409
        return code, {"state": self.state, "phase": "map", "progress": 0.5, "did": did}

    @property
    def state(self):
        return "running" if self.left else self.end

    def status(self):
        return 200, {"state": self.state, "recipe": "fake", "records": 7, "error": None}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.connections += 1

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        job = self.server
        with job.lock:
            job.asked.append(f"{self.command} {self.path}")
            fault = job.faults.pop(0) if job.faults else None
            if fault == DROP:
                return self.drop()
            if isinstance(fault, tuple):
                return self.say(*fault)
            if self.path == f"{JOB}/step" and self.command == "POST":
                answer = job.step()
            elif self.path == f"{JOB}/status":
                answer = job.status()
            elif self.path == "/mr/start/token/":
                answer = 303, {}, {"Location": job.start_to}
            else:
                answer = 404, {}
            if fault == LOSE:
                return self.drop()
            return self.say(*answer, cut=fault == CUT)

    do_POST = do_GET

    def say(self, code, body, headers=(), cut=False):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        for header in dict(headers).items():
            self.send_header(*header)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:5] if cut else body)
        if cut:
            self.drop()

    def drop(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def serve():
    running = []

    def start(*args, **settings):
        job = Job(*args, **settings)
        thread = threading.Thread(target=job.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        running.append((job, thread))
        return job

    yield start
    for job, thread in running:
        job.shutdown()
        thread.join()
        job.server_close()


class Time:
    """A clock that only sleeping moves."""

    def __init__(self):
        self.now = 0.0
        self.slept = []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def drive(url, *args, time=None, **settings):
    time = time or Time()
    rng = random.Random(1)
    return driver.drive(url, *args, sleep=time.sleep, clock=time.clock, rng=rng, **settings)


def test_a_job_is_driven_to_its_end(serve):
    job = serve(slices=5)
    assert drive(job.url) == {
        "state": "done",
        "phase": "map",
        "progress": 0.5,
        "recipe": "fake",
        "records": 7,
        "error": None,
    }
    assert job.left == 0


def test_a_lane_keeps_its_connection(serve):
    job = serve(slices=20)
    drive(job.url)
    assert job.connections == 2  # one that found the job, one lane


def test_lanes_work_at_once(serve):
    job = serve(slices=500)
    assert drive(job.url, 3)["state"] == "done"
    assert job.connections > 2


@pytest.mark.parametrize(
    "tail",
    ["", "/", "/drive", "/drive-4", "/chain", "/status", "/step", "/go/0.m3.1.0.0", "/chain/0.m0"],
)
def test_any_link_of_the_job_will_do(serve, tail):
    job = serve(slices=1)
    assert drive(f"{job.site}{JOB}{tail}")["state"] == "done"


@pytest.mark.parametrize("tail", ["", "/"])
def test_a_start_link_is_followed_to_its_job(serve, tail):
    job = serve(slices=2)
    assert drive(f"{job.site}/mr/start/token{tail}")["state"] == "done"
    assert job.asked[:2] == ["GET /mr/start/token/", f"GET {JOB}/status"]


@pytest.mark.parametrize("state", ["failed", "paused", "cancelled"])
def test_a_job_that_ends_otherwise_ends_the_drive(serve, state):
    assert drive(serve(slices=2, end=state).url)["state"] == state


@pytest.mark.parametrize("state", ["done", "paused"])
def test_a_job_that_had_ended_is_not_stepped(serve, state):
    job = serve(slices=0, end=state)
    assert drive(job.url)["state"] == state
    assert job.asked == [f"GET {JOB}/status"]


@pytest.mark.parametrize(
    "fault",
    [
        DROP,
        LOSE,
        CUT,
        (500, b"oops"),
        (502, b""),
        (503, {"error": "no store"}),
        (429, b""),
    ],
)
def test_what_may_pass_is_tried_again(serve, fault):
    job = serve(slices=4, faults=[fault, None, fault, fault, None, fault])
    assert drive(job.url)["state"] == "done"


def test_waits_grow_and_are_bounded(serve):
    time = Time()
    job = serve(slices=1, faults=[None] + [(503, b"")] * 12)
    drive(job.url, time=time, patience=1e9)
    assert time.slept[0] <= 0.25
    assert time.slept[5] > 3
    assert max(time.slept) <= 15


@pytest.mark.parametrize(
    ("asked", "waited"),
    [("7", 7), ("86400", 60), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("soon", 0)],
)
def test_retry_after_is_honoured_within_reason(serve, asked, waited):
    time = Time()
    job = serve(slices=1, faults=[None, (503, b"", {"Retry-After": asked})])
    drive(job.url, time=time)
    assert waited <= time.slept[0] <= max(waited, 0.25)


def test_busy_lanes_wait_a_little(serve):
    time = Time()
    drive(serve(slices=1, did=["busy", "lost", "busy", "slice"]).url, time=time)
    assert len(time.slept) >= 3
    assert all(0 < seconds <= 2 for seconds in time.slept)


def test_a_lane_that_works_never_waits(serve):
    job = serve(slices=50)
    left = []
    driver.drive(job.url, sleep=lambda seconds: left.append(job.left))
    assert set(left) <= {0}  # not before the last answer


def test_trouble_is_told_and_taken_back(serve):
    told = []
    job = serve(slices=2, faults=[None, (503, {"error": "the disk is away"})])
    final = drive(job.url, progress=lambda status: told.append(status["trouble"]))
    assert told[0] is None
    assert told[1] == "503 Service Unavailable: the disk is away"
    assert told[-1] is None
    assert "trouble" not in final


def test_patience_ends(serve):
    time = Time()
    job = serve(slices=9, faults=[None, None] + [(503, b"")] * 99)
    with pytest.raises(Unreachable, match=r"503 Service Unavailable.*nothing is lost"):
        drive(job.url, time=time, patience=30)
    assert 30 <= time.now < 60


def test_patience_is_with_failures_in_a_row(serve):
    job = serve(slices=40, faults=[None] + [(503, b""), None] * 30)
    assert drive(job.url, patience=1)["state"] == "done"


def test_nobody_there_is_said_soon():
    time = Time()
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(Unreachable, match=f"http://127.0.0.1:{port} does not answer .*refused"):
        drive(f"http://127.0.0.1:{port}{JOB}/", time=time, patience=300)
    assert time.now < 30


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 413])
@pytest.mark.parametrize("before", [[], [None]])
def test_a_refusal_is_final(serve, code, before):
    job = serve(faults=[*before, (code, b"<h1>no</h1>")])
    with pytest.raises(DriverError) as error:
        drive(job.url)
    assert error.value.code == code
    assert "\n" not in str(error.value)
    assert "token" not in str(error.value)


def test_the_reason_of_a_refusal_is_passed_on(serve):
    job = serve(faults=[(409, {"error": "the job belongs to another store"})])
    with pytest.raises(DriverError, match="the job belongs to another store"):
        drive(job.url)


@pytest.mark.parametrize("page", [(200, b"<h1>Hello</h1>"), (200, b"[1]"), (204, b"")])
def test_another_server_is_told_from_httpmr(serve, page):
    with pytest.raises(DriverError, match="not as httpmr does"):
        drive(serve(faults=[page]).url)


def test_a_page_that_stands_in_for_a_while_is_no_answer(serve):
    job = serve(slices=3, faults=[None, None, (200, b"<h1>Back soon</h1>")])
    assert drive(job.url)["state"] == "done"


def test_a_job_that_moved_is_followed(serve):
    new = serve(slices=3)
    moved = (308, b"", {"Location": f"{new.url}status"})
    old = serve(slices=3, faults=[moved])
    assert drive(old.url)["state"] == "done"
    assert (old.left, new.left) == (3, 0)


def test_a_login_in_the_way_is_named(serve):
    job = serve(faults=[(302, b"", {"Location": "/login?next=x"})])
    with pytest.raises(DriverError, match=r"redirects to /login.* login in the way"):
        drive(job.url)


def test_a_circle_of_redirects_ends(serve):
    job = serve()
    job.faults = [(307, b"", {"Location": f"{job.url}status"})] * 99
    with pytest.raises(DriverError, match="not as httpmr does"):
        drive(job.url)


def test_stop_ends_the_drive(serve):
    stop = threading.Event()
    job = serve(slices=10**9)
    final = drive(job.url, 2, stop=stop, progress=lambda status: stop.set())
    assert final["state"] == "running"


def test_what_progress_raises_comes_through(serve):
    def interrupted(status):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(serve(slices=10**9).url, 2, progress=interrupted)


def test_a_job_that_is_deleted_when_done_was_done(serve):
    job = serve(slices=1, faults=[None, None, (404, {"error": "no such job"})])
    assert drive(job.url)["state"] == "done"


def test_status_asks_once_and_does_nothing(serve):
    job = serve(slices=3)
    assert driver.status(job.url)["records"] == 7
    assert job.left == 3
    with pytest.raises(DriverError, match="start link"):
        driver.status(f"{job.site}/mr/start/token/")
    assert len(job.asked) == 1


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("localhost:8000/a/b/", "begins with http"),
        ("ftp://localhost/a/b/", "begins with http"),
        ("http:///a/b/", "begins with http"),
        ("http://localhost:port/a/b/", "not a URL"),
        ("http://[::1/a/b/", "not a URL"),
        ("http://localhost/", "no job's link"),
        ("http://localhost/drive", "no job's link"),
        ("http://localhost/mr/operate/token", "operator's link"),
    ],
)
def test_what_is_no_link_is_refused_in_one_line(url, reason):
    with pytest.raises(DriverError, match=reason):
        drive(url)


def test_a_link_is_read_whatever_the_mount_is_called():
    assert parse("https://h/start/a-1/t/drive").path == "/start/a-1/t"
    assert not parse("https://h/start/a-1/t/drive").starts
    assert parse("https://h/drive/a-1/t/").path == "/drive/a-1/t"
    assert parse("https://h/chain/a-1/t/go/0.m1.2.0.3").path == "/chain/a-1/t"
    assert parse("http://[::1]:80/a-1/t").url("step") == "http://[::1]:80/a-1/t/step"
    assert parse("http://h/é/a-1/t/?x=1#y").path == "/%C3%A9/a-1/t"


# A real Master


class Dropping(WSGIRequestHandler):
    """Serves WSGI; one connection in eight is lost, before or after the work."""

    def log_message(self, *args):
        pass

    def handle(self):
        fate = self.server.rng.randrange(16)
        if fate == 0:
            return
        if fate == 1:
            self.wfile = io.BytesIO()  # the answer goes nowhere
        with contextlib.suppress(ConnectionError):
            super().handle()

    def finish(self):
        self.rfile.close()


class Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    rng = random.Random(1)


LINES = {n: f"a line of {n} is {n % 7} and {n % 11}" for n in range(600)}


def words(key, line):
    for word in line.split():
        yield word, 1


def count(word, ones):
    yield word, sum(ones)


def test_a_real_job_is_exact_whatever_is_dropped(tmp_path):
    master = Master(
        "words",
        mapper=words,
        reducer=count,
        source=sources.Memory(LINES),
        store=f"sqlite:///{tmp_path}/jobs.db",
        slice_seconds=0.01,
    )
    job = master.start()
    with Threads(("127.0.0.1", 0), Dropping) as server:
        server.set_app(master)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            site = f"http://127.0.0.1:{server.server_address[1]}"
            status = driver.drive(master.link("drive", site, job), 4)
        finally:
            server.shutdown()
            thread.join()
    assert status["state"] == "done"
    assert status["records"] == len(LINES)
    expected = Counter(word for line in LINES.values() for word in line.split())
    assert dict(job.output()) == expected
