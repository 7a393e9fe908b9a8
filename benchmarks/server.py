"""A web server of a measurement's own: gunicorn on loopback, and the job it is asked to start."""

import json
import socket
import sys
import time
import urllib.error
import urllib.request

from benchmarks.measure import begun, ended

PATIENCE = 30.0
"""Seconds until a server that does not answer is given up."""


class Server:
    """gunicorn with an application, for as long as a `with` block lasts.

    `options` are gunicorn's own; after the block `cpu` is the processor seconds it took.
    """

    def __init__(self, application: str, environ: dict, *options: str):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.site = f"http://{self.address}"
        self.command = [sys.executable, "-m", "gunicorn", f"--bind={self.address}"]
        self.command += ["--log-level=critical", "--graceful-timeout=1", *options, application]
        self.environ = environ
        self.cpu = None

    def __enter__(self):
        self.process = begun(self.command, self.environ)
        return self

    def __exit__(self, *error):
        self.process.terminate()
        self.cpu, _ = ended(self.process)

    def start(self) -> dict:
        """Start a job as soon as the server answers; return {"job", "url", "drive", "status"}."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return fetched(f"{self.site}/jobs", b"{}")
            except urllib.error.HTTPError as error:
                raise SystemExit(f"{error}: {error.read().decode(errors='replace')}") from None
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("the server does not answer") from None
            time.sleep(0.05)


def fetched(url: str, body: bytes | None = None) -> dict:
    """Return the JSON that a URL answers."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)
