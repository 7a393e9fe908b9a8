"""Records that end real processes, and what comes of them when the code is mended."""

import os
import signal
import subprocess
import sys
import time
import urllib.request

import pytest
from servers import HERE, ROOT, fetched, free_port, rows
from test_every_way import drive

POISON = {5: "exit", 6: "raise", 23: "hang", 29: "memory", 41: "kill", 59: "exit"}


@pytest.fixture
def site(tmp_path):
    """A gunicorn of three workers: (the URL of the Master, the file that mends its code)."""
    port = free_port()
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
        "HTTPMR_STORY_STORE": str(tmp_path / "store.db"),
        "HTTPMR_STORY_BEGAN": str(time.time()),
        "HTTPMR_STORY_MENDED": str(tmp_path / "mended"),
    }
    command = [sys.executable, "-m", "gunicorn", "--workers=3", "--log-level=critical"]
    command += [f"--bind=127.0.0.1:{port}", "poison_site:application"]
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
    yield url, tmp_path / "mended"
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def test_they_are_found_and_come_through_when_they_are_mended(site, tmp_path):
    url, mended = site
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
