"""A flipped bit in a stored block: its checksum says so, and no result is made of it."""

import random
import time

from benchmarks.chaos.homes import Home
from benchmarks.chaos.hosts import asked, waited
from benchmarks.chaos.site import Site
from benchmarks.chaos.storm import Done
from benchmarks.server import Server
from httpmr import keys
from httpmr.driver import drive
from httpmr.interfaces import Batch

REASON = "a stored block fails its checksum"


def measured(home: Home, faults: int, seconds: float, rng: random.Random) -> Done:
    """Flip so many bits, each in a job of its own: between map and reduce, or in its output."""
    site = Site(home.folder, home.url, names=("grouped",), pace=0.0, slice_seconds=1.0)
    site.prepare()
    done, wrong = 0, []
    deadline = time.monotonic() + seconds
    with Server(
        "benchmarks.chaos.site:application", site.environ, "--workers=2", "--preload"
    ) as server:
        waited(server.site)
        while done < faults and time.monotonic() < deadline:
            found = (_block if done % 2 else _output)(site, server.site, rng)
            wrong.extend(found)
            done += 1
    return Done(done, done, wrong + site.errors())


def _block(site, address, rng):
    """A job must fail, with the reason, that meets a block which is not what was written."""
    master, job = _started(site, address)
    link = master.link("drive", f"{address}/grouped", job)
    while job.record.phase in ("split", "map"):
        asked("POST", f"{link}/step")
    _flip(master.work.store, job.id, "block", rng)
    drive(link)
    error = job.record.error or {}
    if job.state != "failed" or REASON not in error.get("message", ""):
        yield f"job {job.id}: {job.state}, {error}"


def _output(site, address, rng):
    """Output must not be given out that is not what was written."""
    master, job = _started(site, address)
    drive(master.link("drive", f"{address}/grouped", job))
    yield from site.differences("grouped", job)
    _flip(master.work.store, job.id, "output block", rng)
    answer = asked("GET", f"{master.link('view', f'{address}/grouped', job)}/output.jsonl")
    if answer.code == 200 or REASON not in answer.body:
        yield f"job {job.id}: output.jsonl: {answer.code} {answer.body:.200}"


def _started(site, address):
    master = site.masters["grouped"]
    started = asked("POST", f"{address}/grouped/jobs", "{}")
    return master, master.work.find(started.said["job"])


def _flip(store, id, what, rng):
    """Flip one bit of one of a job's blocks."""
    blocks = list(store.scan(*keys.span((id, what))))
    key, value = rng.choice(blocks)
    at = rng.randrange(len(value))
    flipped = bytes([*value[:at], value[at] ^ 1 << rng.randrange(8), *value[at + 1 :]])
    batch = Batch()
    batch.expect(key, value)
    batch.put(key, flipped)
    store.commit(batch)
