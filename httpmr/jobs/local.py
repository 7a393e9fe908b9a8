"""Carry a job to its end here, without HTTP, in one process or several.

The same steps as over HTTP, on the same store: other lanes may work on the job meanwhile.
"""

import multiprocessing
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from httpmr.budget import Clock
from httpmr.errors import JobError, RecipeError, Unavailable, Uncertain
from httpmr.jobs.job import Job
from httpmr.jobs.status import Status
from httpmr.state import Plain

if TYPE_CHECKING:
    from httpmr.jobs.jobs import Jobs

Progress = Callable[[Status], object]
Tell = Callable[[], object]

_PATIENCE = 60.0
_PROGRESS_EVERY = 0.2


def run(
    jobs: "Jobs", processes: int, job: Job | None, progress: Progress | None, params: Plain | None
) -> Job:
    """Carry a job, or a new one, to its end, and those that follow it; see Jobs.run."""
    if not isinstance(processes, int) or processes < 1:
        raise RecipeError(f"processes must be a whole number from 1, not {processes!r:.40}")
    if processes > 1:
        check(jobs)
    job = job or jobs.start(params)
    tell = progress and telling(job, progress)
    if processes == 1:
        work(jobs, job.id, tell)
    else:
        work_in(processes, jobs, job.id, tell)
    after = jobs.following(job.record)
    return jobs.then.run(processes, after, progress) if jobs.then and after else job


def work(
    jobs: "Jobs",
    id: str,
    tell: Tell | None = None,
    sleep: Callable[[float], object] = time.sleep,
    clock: Clock = time.monotonic,
) -> None:
    """Step the job until it does not run any more.

    `tell()` is called after each step. Unavailable is raised once the store has been away for a
    minute on end.
    """
    away_since: float | None = None
    pause = 0.05
    while True:
        try:
            step = jobs.step(id)
        except (Unavailable, Uncertain):
            now = clock()
            away_since = now if away_since is None else away_since
            if now - away_since > _PATIENCE:
                raise
            sleep(pause)
            pause = min(2 * pause, 2.0)
            continue
        away_since, pause = None, 0.05
        if tell:
            tell()
        if step.job.state != "running":
            return
        if step.did != "slice":
            sleep(0.05)


def check(jobs: "Jobs") -> None:
    """Raise RecipeError where several processes cannot work on a job, before there is one."""
    if not jobs.store.durable:
        raise RecipeError(
            f"several processes cannot share {jobs.store!r:.80}, which one process alone sees; "
            "use store='sqlite:///httpmr.db', or one process"
        )
    if "fork" not in multiprocessing.get_all_start_methods():
        raise RecipeError("several processes need fork, which this system lacks; use one process")


def work_in(processes: int, jobs: "Jobs", id: str, tell: Tell | None = None) -> None:
    """Step the job in that many forked processes until it does not run any more.

    A process that dies costs the others only its lease.
    """
    jobs.find(id)  # connects, and makes what several at once would have to make
    context = multiprocessing.get_context("fork")
    children = [
        context.Process(target=_child, args=(jobs, id), daemon=True) for _ in range(processes)
    ]
    for child in children:
        child.start()
    while any(child.is_alive() for child in children):
        for child in children:
            child.join(_PROGRESS_EVERY / processes)
        if tell:
            tell()
    if jobs.find(id).state == "running":
        raise JobError(
            f"every process ended before job {id} was done, with exit codes "
            f"{', '.join(str(child.exitcode) for child in children)}; nothing is lost, resume it"
        )


def _child(jobs: "Jobs", id: str) -> None:
    # Ctrl-C reaches every process of a terminal; what to say about it is the parent's, and
    # whether to ignore it, as in the background.
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    jobs.store.forked()
    jobs.rng.seed()
    work(jobs, id)


def telling(job: Job, progress: Progress, clock: Clock = time.monotonic) -> Tell:
    """Return a function that calls `progress(status)` at most a few times a second."""
    last: float | None = None

    def tell() -> None:
        nonlocal last
        now = clock()
        if last is None or now - last >= _PROGRESS_EVERY:
            last = now
            progress(job.status())

    return tell
