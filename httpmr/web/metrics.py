"""The jobs as Prometheus reads them: the newest ones, by state, and how far each of them is.

The text format is that of https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from typing import Any

from httpmr.jobs import Job
from httpmr.ledger import waiting
from httpmr.state import Plain
from httpmr.web import pace, pages
from httpmr.web.visit import Visit

LISTED = 20

_STATES = ("running", "paused", "done", "failed", "cancelled")
_OF_A_JOB = (
    ("progress", "gauge", "How far the job is, 0 to 1."),
    ("records", "gauge", "Records that were mapped and committed."),
    ("slices", "gauge", "Slices that were committed."),
    ("bad_records", "gauge", "Records that were put aside."),
    ("started", "gauge", "When the job was started, in Unix seconds."),
    ("finished", "gauge", "When the job ended, in Unix seconds; absent until then."),
)


def metrics(visit: Visit) -> pages.Answer:
    """The newest jobs of the recipe, for whoever may operate it."""
    visit.must_operate()
    jobs = visit.work.all(limit=LISTED)
    recipe = visit.master.recipe.name
    told = [_looked_at(visit, job) for job in jobs]
    lines = _head("jobs", "gauge", f"Jobs by state, of the newest {LISTED}.")
    for state in _STATES:
        number = sum(status["state"] == state for status in told)
        lines.append(_line("jobs", number, recipe=recipe, state=state))
    for name, kind, help in _OF_A_JOB:
        lines += _head(f"job_{name}", kind, help)
        for status in told:
            if status[name] is not None:
                value = _line(f"job_{name}", status[name], recipe=recipe, job=status["job"])
                lines.append(value)
    lines += _head("job_counter", "gauge", "What user code counted.")
    for status in told:
        for name, number in status["counters"].items():
            labels = {"recipe": recipe, "job": status["job"], "counter": name}
            lines.append(_line("job_counter", number, **labels))
    return pages.words("\n".join(lines) + "\n")


def _looked_at(visit: Visit, job: Job) -> Plain:
    """Return the status of a job; of one that is stalled a hook may want to know."""
    record, tasks = job.history()
    now = visit.work.store.now()
    every = [task for some in tasks.values() for task in some]
    running = record.state == "running"
    busy = waiting(visit.work.store, record.id) if running else {}
    idle = pace.idle(record, every, busy, now)
    stalled = running and idle >= pace.STALLED
    visit.work.heard(record, now - idle if stalled else None)
    return {**job.status(keys=False)}


def _head(name: str, kind: str, help: str) -> list[str]:
    return [f"# HELP httpmr_{name} {help}", f"# TYPE httpmr_{name} {kind}"]


def _line(name: str, value: Any, **labels: str) -> str:
    said = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"httpmr_{name}{{{said}}} {value}"


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return text.encode("utf-8", "replace").decode()
