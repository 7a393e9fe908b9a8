"""Source files that change in mid-job, under a server whose workers are renewed one by one.

The job must pause and say so. Then either the old code comes back, and the result is as if it had
never been away; or the new code goes on, and each record was mapped by one of the two, once.
"""

import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.chaos.homes import Home
from benchmarks.chaos.hosts import asked
from benchmarks.chaos.site import Site
from benchmarks.chaos.storm import CALM, Done, driven, patiently
from benchmarks.chaos.workers import Workers
from benchmarks.server import Server

CODE = """
import time

import httpmr


def take(n, _):
    httpmr.count("by the {which}")
    time.sleep(0.005)
    yield n, "the {which}"
"""
RECORDS = 400
REASON = "the code changed since the job began (mapper)"
OLD, NEW = "old", "new"


def measured(home: Home, faults: int, seconds: float, rng: random.Random) -> Done:
    """Change the code in the middle of so many jobs."""
    code = Path(home.folder, "given.py")
    write(code, OLD)
    site = Site(home.folder, home.url, names=("rows",), records=RECORDS, code=str(code))
    [path] = site.prepare().values()
    done, jobs, wrong = Counter(), 0, []
    deadline = time.monotonic() + seconds
    with Server("benchmarks.chaos.site:application", site.environ, "--workers=2") as server:
        change = _Change(site, server, f"{server.site}{path}", code)
        while done.total() < faults and not wrong and time.monotonic() < deadline:
            after = rng.choice((OLD, NEW))
            happened, found = change(after)
            done[f"{after} code went on"] += happened
            jobs += 1
            wrong += found
    note = ", ".join(f"{n} times the {how}" for how, n in done.items())
    return Done(done.total(), jobs, wrong + site.errors(), note)


def write(code: Path, which: str) -> None:
    """Write the code of the job, old or new."""
    code.write_text(CODE.format(which=which))


class _Change:
    """Change the code once, and see what comes of it; `after` it goes on with the old or the new.

    Returns whether the job was still running by then, and what is wrong.
    """

    def __init__(self, site, server, link, code):
        self.site, self.link, self.code, self.server = site, link, code, server
        self.workers = Workers(server, site.folder)
        self.master = site.masters["rows"]

    def __call__(self, after):
        if self.code.read_text() != CODE.format(which=OLD):
            self.renew(OLD)
        late = threading.Event()
        limit = threading.Timer(CALM, late.set)
        limit.start()
        try:
            with ThreadPoolExecutor(1) as pool:
                first = pool.submit(driven, self.link, late)
                self.renewed_under(first)
                status = first.result()
            return self.came(status, after, late)
        finally:
            limit.cancel()
            self.site.forget("rows")

    def renewed_under(self, drive):
        """Renew the workers one by one, with the new code, from the middle of a job on."""
        while not drive.done() and self.records() < RECORDS // 4:
            time.sleep(0.02)
        write(self.code, NEW)
        for pid in self.workers.alive():
            self.workers.signal(pid, signal.SIGTERM)
            time.sleep(0.3)

    def records(self):
        newest = patiently(self.master.jobs)[:1]
        return sum(job.status()["records"] for job in newest if job.state == "running")

    def came(self, status, after, late):
        job = self.master.work.find(status["job"])
        if job.state == "done":
            return False, list(self.wrong(job, {OLD}))
        error = job.record.error or {}
        if job.state != "paused" or REASON not in error.get("message", ""):
            return True, [f"job {job.id}: {job.state}: {error}"]
        self.renew(after)
        view = self.master.link("view", f"{self.server.site}/rows", job)
        answer = asked("POST", f"{view}/resume", "{}")
        if answer.code != 200:
            return True, [f"resume: {answer.code} {answer.body:.200}"]
        driven(view, late)
        return True, list(self.wrong(job, {OLD, after}))

    def renew(self, which):
        """Write the code, and let no worker be there that has another one."""
        write(self.code, which)
        before = set(self.workers.alive())
        for pid in before:
            self.workers.signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + CALM
        while time.monotonic() < deadline:
            now = set(self.workers.alive())
            if now and not now & before:
                return
            time.sleep(0.05)
        raise SystemExit("the workers do not end")

    def wrong(self, job, which):
        """What is not right: each record once, by code that may be, and counted so."""
        rows = self.site.output("rows", job)
        by = Counter(value.removeprefix("the ") for _, value in rows)
        counted = {f"by the {which}": n for which, n in by.items()}
        if job.state != "done":
            yield f"job {job.id} is {job.state}"
        if [n for n, _ in rows] != list(range(RECORDS)):
            yield f"job {job.id}: not each record once, but {len(rows)} rows"
        if set(by) != which or job.counters != counted:
            yield f"job {job.id}: {dict(by)} in the output, {job.counters} counted"
