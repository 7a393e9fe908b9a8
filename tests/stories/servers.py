"""A server of the stories' own, which can be killed and come back, and what it answers."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FULL = bool(os.environ.get("HTTPMR_TEST_FULL"))
"""Set by hand: each way on each server and each database, over all of the text."""

SERVERS = {
    "waitress": ["waitress", "--threads=8"],
    "gunicorn": ["gunicorn", "--workers=3", "--graceful-timeout=1", "--log-level=critical"],
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Site:
    """The stories' web application in a server of its own, which can be killed and come back."""

    def __init__(self, server, store, text, one=None, also=None):
        self.port = free_port()
        self.hosts = ["127.0.0.1", also] if also else ["127.0.0.1"]
        self.server = server
        self.environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
            "HTTPMR_STORY_STORE": store,
            "HTTPMR_STORY_TABLES": store,
            "HTTPMR_STORY_TEXT": text,
        }
        if one:
            self.environ["HTTPMR_STORY_ONE"] = str(one)
        self.process = None

    def start(self):
        option = {"waitress": "--listen", "gunicorn": "--bind"}[self.server]
        where = [f"{option}={host}:{self.port}" for host in self.hosts]
        command = [sys.executable, "-m", *SERVERS[self.server], *where, "story_site:application"]
        self.process = subprocess.Popen(
            command, env=self.environ, start_new_session=True, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5).close()
                return self
            except OSError:
                assert self.process.poll() is None, "the server ended by itself"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.05)

    def kill(self):
        """SIGKILL the server and all its workers."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def url(self, name, host="127.0.0.1"):
        return f"http://{host}:{self.port}/{name}"

    def begin(self, name):
        """Start a job; return {"job", "url", "drive", "status"}."""
        return fetched(self.url(name) + "/jobs", b"{}")


def fetched(url, body=None):
    """Return the JSON that a URL answers."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def rows(job):
    """Return the stored output of a job, as it is downloaded."""
    with urllib.request.urlopen(job["url"] + "output.jsonl", timeout=60) as answer:
        return dict(json.loads(line) for line in answer)
