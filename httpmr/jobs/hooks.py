"""Hooks: functions of the user's that are told what becomes of a job.

That somebody was told is noted in the job's record, so that each thing is told once; or again,
where the hook failed or its process died: by a later request of the job, a minute after. After a
few failures it is let be.
"""

import logging
import time
from collections.abc import Callable

from httpmr.engine import blame
from httpmr.errors import Conflict
from httpmr.jobs.job import Job
from httpmr.ledger import Ledger
from httpmr.recipe import Recipe
from httpmr.state import Job as Record

Hook = Callable[[Job], object]

AGAIN = 60.0
"""Seconds after which a hook is called again that has not come back, or failed."""

TRIES = 5

_KEPT = 20
_log = logging.getLogger("httpmr.hooks")


def tell(recipe: Recipe, ledger: Ledger, record: Record, since: float | None = None) -> None:
    """Call the hook for what the job has come to, if there is one and it was not called yet.

    `since` is when the last driver was seen of a job that is stalled, in Unix seconds.
    """
    event, mark = _event(record, since)
    hook = getattr(recipe, f"on_{event}") if event else None
    if hook is None:
        return
    while mark not in record.told:
        now = ledger.store.now()
        at, until, tries = record.telling or (None, 0.0, 0)
        if at == mark and until > now:
            return
        tries = tries + 1 if at == mark else 1
        told = [*record.told, mark][-_KEPT:] if tries > TRIES else record.told
        try:
            record = ledger.change(record, telling=[mark, now + AGAIN, tries], told=told)
        except Conflict:
            found = ledger.job(record.recipe, record.id)
            if found is None or _event(found, since) != (event, mark):
                return
            record = found
            continue
        if tries > TRIES:
            _log.error("job %s: on_%s failed %d times, and is let be", record.id, event, TRIES)
        elif _called(hook, Job(recipe, ledger, record, event, mark)):
            _noted(ledger, record, mark)
        return


def _event(record: Record, since: float | None) -> tuple[str, str]:
    """Return what there is to tell of a job, and what tells it from the same at another time.

    Both are empty where there is nothing to tell.
    """
    if record.state == "done":
        return "done", f"done {record.round}"
    if record.state == "failed" or (record.state == "paused" and record.error):
        place = [(record.error or {}).get(name) for name in ("phase", "shard", "slice")]
        return "error", f"error {place} {record.acts[-1:]}"
    if record.state != "running":
        return "", ""
    if since is not None:
        return "stalled", f"stalled {since:.2f}"
    return "start", "start"


def _called(hook: Hook, job: Job) -> bool:
    began = time.monotonic()
    try:
        hook(job)
        return True
    except blame.FAULTS as error:
        blame.passes(error)
        took = time.monotonic() - began
        _log.exception("job %s: on_%s failed after %.1f s", job.id, job.event, took)
        return False


def _noted(ledger: Ledger, record: Record | None, mark: str) -> None:
    while record is not None and mark not in record.told:
        try:
            record = ledger.change(record, told=[*record.told, mark][-_KEPT:], telling=None)
        except Conflict:
            record = ledger.job(record.recipe, record.id)
