"""Jobs driven one after the other, several at a time, while something goes wrong; each compared.

Each Master has a driver of several lanes, `httpmr.driver`, that comes by the start link, so
that whatever request is cut, one job at a time is begun. Whoever asks is as stubborn as need be.
"""

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

from benchmarks.chaos.site import Site
from httpmr.driver import drive
from httpmr.errors import StoreError, Unreachable
from httpmr.jobs.job import Job

LANES = 3
CALM = 300.0
"""Seconds in which the jobs at hand must end once nothing goes wrong any more."""


class Done(NamedTuple):
    """What was done to how many jobs, and what was wrong: one line each. `skipped` says why."""

    faults: int
    jobs: int
    wrong: list[str]
    note: str = ""
    skipped: str = ""


class Over:
    """When a storm must end: by the time it is allowed, or because there is nothing to wait for."""

    def __init__(self, seconds: float):
        self.deadline = time.monotonic() + seconds
        self.early = threading.Event()

    def __call__(self) -> bool:
        return self.early.is_set() or time.monotonic() > self.deadline


class Blamed:
    """Resumes a job that paused at a group of which, it seems, requests die; counts how often.

    Where several in a row were killed or stopped at the same group, it cannot seem otherwise, and
    no result is wrong: whoever operates the job resumes it.
    """

    def __init__(self):
        self.times = 0

    def __call__(self, job: Job) -> bool:
        blamed = re.search(r"the last \d+ requests .*died", job.record.error["message"])
        self.times += bool(blamed)
        return bool(blamed)

    def __str__(self):
        return f"{self.times} times a group was blamed"


def weathered(
    site: Site,
    address: str,
    strike: Callable[[Over], int],
    seconds: float,
    control: bool = False,
    mend: Callable[[Job], bool] | None = None,
) -> Done:
    """Drive jobs of each kind through the server at `address` while `strike` does its faults.

    `strike(over)` returns how many it did, all of them or as many as could be until `over()`. A
    `control` is over as soon as a result is wrong, and what then has not ended is no matter.
    `mend(job)` makes good what a job paused for, if it paused for what it should.
    """
    over, calm, late = Over(seconds), threading.Event(), threading.Event()
    paths = site.prepare()
    wrong, jobs = [], []

    def stream(name):
        try:
            while not late.is_set():
                found = _job(site, name, f"{address}{paths[name]}", late, mend)
                if control and late.is_set():
                    return
                wrong.extend(found)
                jobs.append(name)
                if calm.is_set():
                    return
                if control and found:
                    over.early.set()
        except BaseException:
            over.early.set()
            raise

    with ThreadPoolExecutor(len(site.names)) as pool:
        streams = [pool.submit(stream, name) for name in site.names]
        limit = threading.Timer(CALM / 10 if control else CALM, late.set)
        try:
            faults = strike(over)
            calm.set()
            limit.start()
            pool.shutdown()
        finally:  # at once, where somebody wants an end
            late.set()
            limit.cancel()
    for one in streams:
        if (error := one.exception()) and not control:
            wrong.append(f"a driver gave up: {type(error).__name__}: {error}")
    errors = [] if control else site.errors()
    return Done(faults, len(jobs), wrong + errors)


def _job(site, name, link, late, mend):
    """Drive one job from its start to its end; return what is not as it must be."""
    work = site.masters[name].work
    while True:
        status = driven(link, late)
        if "job" not in status:
            return [f"{name}: no job could be begun"]
        job = patiently(lambda: work.find(status["job"]))  # noqa: B023
        if late.is_set() and status["state"] == "running":
            return [f"{name}, job {job.id}: not done within {CALM:g} s of calm"]
        if status["state"] != "paused":
            break
        if not (mend and mend(job)):
            patiently(lambda: work.cancel(job.id))  # noqa: B023
            return [f"{name}, job {job.id}: paused: {job.record.error}"]
        patiently(lambda: work.resume(job.id))  # noqa: B023
    wrong = patiently(lambda: list(site.differences(name, job)))
    patiently(lambda: site.forget(name))
    return wrong


def driven(link: str, late: threading.Event, lanes: int = LANES) -> dict:
    """Drive a job, however long nobody answers; return its status."""
    while True:
        try:
            return drive(link, lanes, stop=late, patience=60.0)
        except Unreachable:
            if late.is_set():
                raise


def patiently(action: Callable, seconds: float = 60.0):
    """Return what an action on the store gives, as soon as the store can be used."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(StoreError):
            return action()
        time.sleep(0.1)
    return action()
