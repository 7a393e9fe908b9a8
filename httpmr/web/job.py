"""A job's page, its status, and what an operator may do with it."""

from functools import partial

from webob import exc

from httpmr.errors import RecipeError
from httpmr.state import Plain
from httpmr.web import pages, shards, tables
from httpmr.web.commands import commands
from httpmr.web.console import started
from httpmr.web.facts import facts
from httpmr.web.plain import plain, text
from httpmr.web.visit import Visit


def folder(visit: Visit) -> pages.Answer:
    """A job's page without its slash."""
    return pages.redirect(visit.inside())


def page(visit: Visit) -> pages.Answer:
    """What the job is, how far it is, and what came of it. Below view: no key, value or error."""
    known = facts(visit)
    drive = visit.link(visit.job, "drive")
    if visit.wants_json:
        return pages.data(plain(known))
    if visit.wants == "text":
        return pages.words(tables.job(known, commands(visit.full(drive))))
    return pages.page(
        "job.html",
        mount=visit.mount,
        here=visit.inside(),
        drive=drive,
        follows=visit.following(visit.record, visit.scope, start=False),
        view=visit.link(visit.job, "view") if visit.user and not visit.sees else None,
        sees=visit.sees,
        job=known,
        cells=shards.cells(known["shards_now"], known["phase"], text),
        chosen=_chosen(visit.query().get("shard"), known["shards_now"]),
        csrf=visit.csrf,
        link=visit.full(drive),
        commands=commands(visit.full(drive)),
    )


def _chosen(name: str | None, some: list[Plain]) -> Plain | None:
    """The shard that the query asks for in full, if it is one of the present phase."""
    return next((it for it in some if it["shard"] == name), None)


def status(visit: Visit) -> pages.Answer:
    """How far it is, for programs; and which job follows it, in a pipeline."""
    told, follows = visit.job.status(keys=visit.sees), visit.following(visit.record, visit.scope)
    return pages.data(told | {"next": f"{follows}/"} if follows else told)


def again(visit: Visit) -> pages.Answer:
    """Start another job with the same parameters."""
    visit.sent()
    try:
        job = visit.work.start(visit.record.params, by=visit.must_operate())
    except RecipeError as error:
        raise exc.HTTPConflict(str(error)) from None
    return started(visit, job)


def action(visit: Visit, action: str) -> pages.Answer:
    """Pause, resume, skip, retry, cancel or delete."""
    fields, by = visit.sent(), visit.must_operate()
    act = getattr(visit.work, action)
    if action == "delete":
        last = visit.job.status(keys=visit.sees)
        act(visit.job.id, by=by)
        return pages.data(last) if visit.sends_json else pages.redirect(visit.path(""))
    if action == "skip":  # one thing where the job is paused, another where it is done
        seen = fields.get("seen")
        act = partial(act, seen=seen if isinstance(seen, str) else None)
    act(visit.job.id, by=by)
    return status(visit) if visit.sends_json else pages.redirect(visit.inside())
