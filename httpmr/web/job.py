"""A job's page, its status, and what an operator may do with it."""

from httpmr.state import ENDED, PHASES, after
from httpmr.web import output, pages
from httpmr.web.commands import commands

BAD_SHOWN = 20


def folder(visit):
    """A job's page without its slash."""
    return pages.redirect(visit.inside())


def page(visit):
    """What the job is, how far it is, and what came of it. Below view: no key, value or error."""
    job, sees = visit.job, visit.sees
    status = job.status(keys=sees)
    bad = job.bad_records if sees and status["bad_records"] else []
    return pages.page(
        "job.html",
        mount=visit.mount,
        here=visit.inside(),
        drive=visit.link(job, "drive"),
        view=visit.link(job, "view") if visit.user and not sees else None,
        status=status,
        error=(visit.record.error or {}) if sees else {},
        params=visit.record.params if sees else {},
        phases=_phases(visit.master.recipe, status),
        shards=() if status["state"] in ENDED else job.shards(),
        now=visit.work.store.now(),
        bad=bad[:BAD_SHOWN],
        more_bad=max(0, len(bad) - BAD_SHOWN),
        results=output.first_rows(visit) if sees and status["state"] == "done" else None,
        csrf=visit.csrf,
        actions=_actions(visit.record),
        commands=commands(visit.full(visit.link(job, "drive"))),
        refresh=status["state"] == "running",
    )


def _phases(recipe, status):
    """The phases of this recipe's jobs, each with "done", "now" or "ahead"."""
    seldom = {"merge"} if recipe.reducer else {"merge", "reduce"}
    some = [phase for phase in PHASES if phase == status["phase"] or phase not in seldom]
    at = some.index(status["phase"]) if status["phase"] in some else len(some)
    done = status["state"] == "done"
    where = ["done" if done or i < at else "now" if i == at else "ahead" for i in range(len(some))]
    return list(zip(some, where, strict=True))


def _actions(record):
    """What fits the state, but for `delete`, which always does."""
    acts = ("pause", "resume", "retry", "skip", "cancel")
    some = [act for act in acts if after(record.state, act)]
    kept = record.bad_records and not record.let_go
    at_fault = kept if record.state == "done" else "past" in (record.error or {})
    return [act for act in some if act not in ("retry", "skip") or at_fault]


def status(visit):
    """How far it is, for programs."""
    return pages.data(visit.job.status(keys=visit.sees))


def action(visit, action):
    """Pause, resume, skip, retry, cancel or delete."""
    visit.sent()
    act = getattr(visit.work, action)
    if action == "delete":
        last = visit.job.status(keys=visit.sees)
        act(visit.job.id)
        return pages.data(last) if visit.sends_json else pages.redirect(visit.path(""))
    act(visit.job.id)
    return status(visit) if visit.sends_json else pages.redirect(visit.inside())
