"""A disk that is full: a job pauses with the reason, or its requests are told it; and then on.

The store and an output file are on a small disk in memory, which something else fills up.
"""

import random
import subprocess
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

from benchmarks.chaos.homes import Home
from benchmarks.chaos.hosts import asked
from benchmarks.chaos.site import Site
from benchmarks.chaos.storm import Done, patiently, weathered
from benchmarks.server import Server
from httpmr import sql

SIZE = 12 << 20
LEFT = 64 << 10  # at most, when it is full
NOTICED = 2.0  # seconds in which that must be told; else nothing needed room, and it is no fault
REASON = "no room left"


def measured(home: Home, faults: int, seconds: float, rng: random.Random) -> Done:
    """Fill the disk so many times, each until somebody was told."""
    try:
        with _disk(Path(home.folder, "disk")) as disk:
            return _filled(home, disk, faults, seconds, rng)
    except PermissionError as error:
        return Done(0, 0, [], skipped=str(error))


@contextmanager
def _disk(path):
    """A disk of a few megabytes in memory. PermissionError where none may be made."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "httpmr-chaos", path]
    made = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if made.returncode:
        raise PermissionError(f"no small disk: {made.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def _filled(home, disk, faults, seconds, rng):
    url = f"sqlite:///{disk}/jobs.db"
    site = Site(home.folder, url, fat=3000, disk=str(disk))
    ballast = disk / "ballast"
    room = threading.Event()
    told = Counter()

    def strike(over):
        done = 0
        while done < faults and not over():
            time.sleep(rng.uniform(0, 0.6))
            room.clear()
            _fill(ballast, rng.randrange(LEFT))
            try:
                done += _noticed(site, server.site, told, rng)
            finally:
                ballast.unlink()
                room.set()
        return done

    def mend(job):
        """Wait for room, if that is what the job paused for."""
        return REASON in job.record.error["message"] and room.wait(60)

    with Server(
        "benchmarks.chaos.site:application", site.environ, "--workers=4", "--preload"
    ) as server:
        done = weathered(site, server.site, strike, seconds, mend=mend)
    sql.close(sql.engine(url))
    return done._replace(note=", ".join(f"{n} {how}" for how, n in told.items()))


def _fill(ballast, left):
    with open(ballast, "wb", buffering=0) as file:
        size = 1 << 16
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
        file.truncate(max(0, file.tell() - left))


def _noticed(site, address, told, rng):
    """Ask for slices until one is refused for want of room, or a job pauses for it."""
    deadline = time.monotonic() + NOTICED
    while time.monotonic() < deadline:
        name = rng.choice(site.names)
        master = site.masters[name]
        for job in patiently(lambda: master.jobs()[:1]):  # noqa: B023
            record = job.record
            if record.state == "paused" and REASON in record.error["message"]:
                told["paused"] += 1
                return True
            if record.state == "running":
                answer = asked("POST", f"{address}{master.link('drive', f'/{name}', job)}/step")
                if answer.code == 503 and REASON in answer.body:
                    told["told by 503"] += 1
                    return True
        time.sleep(0.02)
    return False
