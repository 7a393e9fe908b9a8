"""All that there is to tell of a job, as plain data: what its page, its text and its JSON show.

Below view there is no key, no value and no error in it.
"""

from itertools import islice

from httpmr.jobs.status import status
from httpmr.ledger import waiting
from httpmr.params import Parameters
from httpmr.state import ENDED, Job, Plain, Task, after
from httpmr.web import output, pace, replicas, shards
from httpmr.web.drivers import kinds
from httpmr.web.plain import plain
from httpmr.web.skew import skew
from httpmr.web.visit import Visit

BAD_SHOWN = 20


def facts(visit: Visit) -> Plain:
    """Return it: the fields of the status, and what takes more than the status to know."""
    job, sees = visit.job, visit.sees
    record, tasks = job.history()
    here = tasks[record.phase]
    every = [task for some in tasks.values() for task in some]
    now = visit.work.store.now()
    running = record.state == "running"
    known = status(record, here, sees)
    told = pace.phases(record, tasks, now)
    busy = waiting(visit.work.store, record.id) if running else {}
    idle = pace.idle(record, every, busy, now) if running else None
    stalled_since = now - idle if idle is not None and idle >= pace.STALLED else None
    visit.work.heard(record, stalled_since)
    aside = record.bad_records if sees else 0
    bad = list(islice(visit.work.ledger.bad(record), BAD_SHOWN)) if aside else []
    return known | {
        "now": now,
        "acts": [
            {"when": when, "who": who if sees or visit.user else None, "what": what}
            for when, who, what in record.acts
        ],
        "params": _params(visit.master.recipe.parameters, record.params) if sees else {},
        "phases": told,
        "left": pace.left(told, here) if idle is not None and idle < pace.LATELY else None,
        "drivers": kinds(pace.drivers(every, busy, now)) if running else {},
        # Their names are of machines, and the operator's business.
        "replicas": replicas.told(visit, record.id) if running and visit.user else [],
        "idle": idle,
        "stalled": stalled_since is not None,
        "chart": pace.chart(record, tasks, now),
        "shards_now": [] if record.state == "done" else shards.told(record, here, now, sees),
        "skew": _skew(visit, record, here),
        "traceback": (record.error or {}).get("traceback") if sees else None,
        "at_fault": "past" in (record.error or {}),
        "bad": bad,
        "bad_not_shown": max(0, aside - len(bad)),
        "results": output.first_rows(visit) if sees and record.state == "done" else None,
        "actions": actions(record),
    }


def _params(parameters: Parameters | None, values: Plain) -> Plain:
    shown = parameters.shown(values) if parameters else values
    return {name: plain(value) for name, value in shown.items()}


def _skew(visit: Visit, record: Job, here: list[Task]) -> Plain | None:
    found = skew(visit, record, here) if record.state not in ENDED else None
    return found if found is None or visit.sees else {**found, "biggest": [], "rest": None}


def actions(record: Job) -> list[str]:
    """Return what fits the state, but for `delete` and `again`, which always do."""
    acts = ("pause", "resume", "retry", "skip", "cancel")
    some = [act for act in acts if after(record.state, act)]
    kept = record.bad_records and not record.let_go
    at_fault = kept if record.state == "done" else "past" in (record.error or {})
    return [act for act in some if act not in ("retry", "skip") or at_fault]
