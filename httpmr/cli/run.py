"""`httpmr run`: the whole job here, without HTTP, on the Master's own store."""

import argparse
import contextlib
import sys

from httpmr.cli import show, target
from httpmr.cli.params import given
from httpmr.cli.sample import tried
from httpmr.errors import JobError, Unfit
from httpmr.jobs import Job, Jobs
from httpmr.web.plain import pair


def run(args: argparse.Namespace) -> int:
    """Run a job to its end and print its stored output; return the exit code."""
    master = target.master(args.target)
    work = master.work
    if args.resume and args.params:
        raise Unfit("a job that is resumed has its parameters already: leave them out")
    params = {} if args.resume else given(master.recipe, args.params)
    if args.sample:
        return tried(master.recipe.of(params), args.sample)
    work, job = _unfinished(work, args.target) if args.resume else (work, None)
    again = f"httpmr run {args.target} --resume"
    try:
        # What user code prints is none of the results.
        with contextlib.redirect_stdout(sys.stderr), show.watch() as watch:
            job = work.run(processes=args.j, job=job, progress=watch, params=params)
    except KeyboardInterrupt:
        if work.store.durable:
            show.say(f"interrupted; nothing is lost: go on with {again}")
        raise
    except SystemExit:  # of a signal's handler, as some have; in user code it is a bad record
        show.say(f"told to end; nothing is lost: go on with {again}")
        return 1
    status = job.status()
    show.say(show.account(status))
    if status["state"] == "done":
        return _print(job)
    if status["state"] == "paused" and work.store.durable:
        mend = "put that right, then " if status["error"] else ""
        bad = "past" in (job.record.error or {})
        skip = f" (or skip it: httpmr serve {args.target})" if bad else ""
        show.say(f"{mend}go on with {again}{skip}")
    return 1


def _unfinished(work: Jobs, text: str) -> tuple[Jobs, Job]:
    """Return the newest job that was cut off or is paused, set to run again, and whose it is."""
    for job in work.all():
        at, job = _farthest(work, job)
        if job.state == "paused":
            at.resume(job.id)
        if job.state == "running":
            return at, job
    raise Unfit(f"nothing to resume: no job is unfinished; start one with httpmr run {text}")


def _farthest(work: Jobs, job: Job) -> tuple[Jobs, Job]:
    """Return where a pipeline has come to, from the job on: whose that job is, and itself."""
    while work.then and (follows := work.following(job.found)):
        work, job = work.then, follows
    return work, job


def _print(job: Job) -> int:
    try:
        output = job.output()
        for key, value in output:
            print(pair(key, value))
    except JobError as error:  # the sink has it
        show.say(str(error))
    sys.stdout.flush()
    return 0
