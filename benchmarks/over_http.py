"""A workload over HTTP: gunicorn with two workers, and `httpmr drive` in two lanes."""

import json
import socket
import sys
import time
import urllib.request

from benchmarks.measure import Figures, begun, ended, run


def over_http(workload, source, folder) -> Figures:
    """Serve the workload's Master and drive a job to its end.

    The wall time is the driver's, the processor time both sides'.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    site = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "gunicorn", "--workers=2", "--log-level=error"]
    server = begun(
        [*command, f"--bind=127.0.0.1:{port}", "benchmarks.recipes:application"],
        {"HTTPMR_BENCHMARK": f"{workload}|{source}|{folder}"},
    )
    try:
        drive = _started(site)["drive"]
        driven = run([sys.executable, "-m", "httpmr", "drive", "-j", "2", drive])
    finally:
        server.terminate()
        cpu, memory = ended(server)
    return Figures(driven.wall, driven.cpu + cpu, max(driven.memory, memory))


def _started(site):
    """Start a job as soon as the server answers."""
    request = urllib.request.Request(
        f"{site}/jobs", b"{}", {"Content-Type": "application/json"}, method="POST"
    )
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except ConnectionError:
            pass
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionError):
                raise
        if time.monotonic() > deadline:
            raise SystemExit("the server does not answer")
        time.sleep(0.05)
