"""Records that end real processes, and what comes of them when the code is mended.

With HTTPMR_TEST_FULL set, a hundred jobs have their processes killed at random, else a few.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from servers import FULL, HERE, ROOT, fetched, free_port, rows
from test_every_way import drive

POISON = {5: "exit", 6: "raise", 23: "hang", 29: "memory", 41: "kill", 59: "exit"}
FEWER = {5: "exit", 6: "raise", 41: "kill"}
RUNS = 100 if FULL else 3
EVERY = 0.4  # seconds between two kills, or up to twice as many
MOST = 25  # kills of one run


@contextmanager
def served(tmp_path, poison):
    """A gunicorn of three workers: yields (it, the Master's URL, the file that mends its code)."""
    port = free_port()
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
        "HTTPMR_STORY_STORE": str(tmp_path / "store.db"),
        "HTTPMR_STORY_BEGAN": str(time.time()),
        "HTTPMR_STORY_MENDED": str(tmp_path / "mended"),
        "HTTPMR_STORY_POISON": json.dumps(poison),
    }
    command = [sys.executable, "-m", "gunicorn", "--workers=3", "--preload"]
    command += ["--log-level=critical", f"--bind=127.0.0.1:{port}", "poison_site:application"]
    server = subprocess.Popen(command, env=environ, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 30
    while True:
        try:
            fetched(url + "/jobs", b'{"no": "parameter"}')
        except OSError as error:
            if hasattr(error, "code"):  # it answers that there are no parameters
                error.close()
                break
            assert time.monotonic() < deadline
            time.sleep(0.05)
    try:
        yield server, url, tmp_path / "mended"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.fixture
def site(tmp_path):
    with served(tmp_path, POISON) as found:
        yield found


def test_they_are_found_and_come_through_when_they_are_mended(site, tmp_path):
    _, url, mended = site
    job = fetched(url + "/jobs", b"{}")
    assert drive(job, tmp_path).wait(120) == 0
    status = fetched(job["status"])
    assert (status["state"], status["bad_records"]) == ("done", len(POISON))
    assert (status["records"], status["counters"]) == (60, {"mapped": 60 - len(POISON)})
    good = [n for n in range(60) if n not in POISON]
    assert rows(job) == {digit: [n for n in good if n % 7 == digit] for digit in range(7)}
    with urllib.request.urlopen(job["url"], timeout=30) as answer:
        page = answer.read().decode()
    for key, fate in POISON.items():
        said = {"raise": "ValueError: no six", "memory": "MemoryError"}.get(
            fate, "Killed: the last"
        )
        assert f"<code>{key}</code> {said}" in page

    mended.touch()
    assert fetched(job["url"] + "retry", b"{}")["state"] == "running"
    assert drive(job, tmp_path).wait(60) == 0
    status = fetched(job["status"])
    assert (status["state"], status["bad_records"], status["records"]) == ("done", 0, 60)
    assert status["counters"] == {"mapped": 60}
    assert rows(job) == {digit: list(range(digit, 60, 7)) for digit in range(7)}


def killed_at_random(server, driver, rng):
    """SIGKILL workers until the driver ends, and return how many."""
    killed = 0
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
    while driver.poll() is None:
        try:
            driver.wait(rng.uniform(EVERY, 2 * EVERY))
        except subprocess.TimeoutExpired:
            workers = children.read_text().split()
            if workers and killed < MOST:
                with suppress(ProcessLookupError):
                    os.kill(int(rng.choice(workers)), signal.SIGKILL)
                    killed += 1
    return killed


def test_no_innocent_is_put_aside_under_random_kills(tmp_path):
    killed = 0
    with served(tmp_path, FEWER) as (server, url, _):
        for run in range(RUNS):
            job = fetched(url + "/jobs", b"{}")
            driver = drive(job, tmp_path)
            killed += killed_at_random(server, driver, random.Random(run))
            status = fetched(job["status"])
            assert (driver.returncode, status["state"]) == (0, "done"), status
            good = [n for n in range(60) if n not in FEWER]
            assert rows(job) == {digit: [n for n in good if n % 7 == digit] for digit in range(7)}
            told = (status["bad_records"], status["records"], status["counters"])
            assert told == (len(FEWER), 60, {"mapped": len(good)})
            print(f"run {run}: {killed} killed so far", flush=True)
    assert killed > 3 * RUNS
