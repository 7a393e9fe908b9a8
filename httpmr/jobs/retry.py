"""A retry: the records put aside are mapped again, under their places, and all is reduced again.

It is a further round of a job that is done. What was mapped before stays, and so does what is
published until the new output takes its place.
"""

from dataclasses import replace

from httpmr import engine
from httpmr.errors import Conflict, OutputError, Unfit
from httpmr.jobs.control import acted, present
from httpmr.ledger import Ledger
from httpmr.recipe import Recipe
from httpmr.state import Job, after


def retry(ledger: Ledger, job: Job, recipe: Recipe, versions: dict[str, str], by: str = "") -> Job:
    """Let a done job run again for what was put aside, by the code of these versions.

    Unfit where there is nothing to map again, or where the sink cannot take it.
    """
    while True:
        _check(ledger, job, recipe)
        # What the map phase adds to the job it adds again when it is over once more.
        mapped = list(ledger.tasks(replace(job, phase="map"), "done"))
        round = job.round + 1
        try:
            task = engine.again(ledger.store, replace(job, round=round))
            return ledger.reopen(
                job,
                task,
                state=after(job.state, "retry"),
                phase="map",
                round=round,
                versions=versions,
                finished=None,
                records=0,
                slices=job.slices - sum(task.slice for task in mapped),
                counters={},
                acts=acted(ledger, job, by, "retry"),
            )
        except Conflict:
            job = present(ledger, job)


def _check(ledger: Ledger, job: Job, recipe: Recipe) -> None:
    if after(job.state, "retry") is None:
        raise Unfit(f"a job that is {job.state} cannot retry", state=job.state)
    if not job.bad_records:
        raise Unfit("nothing was put aside: there is nothing to retry", state=job.state)
    if job.let_go:
        raise Unfit(
            "what was kept for the bad records is gone, by skip: start a new job", state="done"
        )
    sink = recipe.sink
    receipts = ledger.receipts(job.id)
    try:
        sink.check(ledger.store)
        sink.check_retry(job.id, receipts, anew=bool(job.partitions))
    except OutputError as error:
        raise Unfit(f"cannot retry: {error.message}", state=job.state) from error
