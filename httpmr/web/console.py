"""The mount itself: the console, how jobs are started from it, and how an operator gets in."""

import re
from functools import cache
from importlib.resources import files

from webob import exc

from httpmr.errors import RecipeError
from httpmr.web import pages, security

LISTED = 20
TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def mount(visit):
    """The mount without its slash."""
    return pages.redirect(visit.path(""))


def console(visit):
    """The jobs, and the form that starts one."""
    visit.must_operate()
    before = visit.query().get("before")
    jobs = visit.work.all(limit=LISTED + 1, before=before)
    listed = [(visit.link(job, "view"), job.status()) for job in jobs[:LISTED]]
    older = jobs[LISTED - 1].id if len(jobs) > LISTED else None
    return pages.page(
        "console.html",
        mount=visit.mount,
        user=visit.user,
        csrf=visit.csrf,
        facts=facts(visit.master.recipe),
        name=visit.master.recipe.name,
        jobs=listed,
        older=older,
        before=before,
    )


def new(visit):
    """Start a job. Whatever a form holds besides its CSRF token, or a JSON body, are parameters."""
    params = visit.sent()
    try:
        job = visit.work.start(params, by=visit.user)
    except RecipeError as error:
        raise exc.HTTPBadRequest(str(error)) from None
    return started(visit, job)


def started(visit, job):
    """Answer that a job was started: by the way to its page, or by all its addresses."""
    page = visit.link(job, "view")
    if not visit.sends_json:
        return pages.redirect(page)
    answer = {"job": job.id, "url": visit.full(page)}
    answer |= {rest: visit.full(visit.link(job, "drive", rest)) for rest in ("drive", "status")}
    return pages.data(answer, 201)


def operate(visit, token):
    """An operator's link: its token becomes a cookie at once, so that no URL on screen has it."""
    if not visit.tokens.holds(token, "operate", visit.work.operate_generation()):
        raise exc.HTTPNotFound("no such operator's link here, or it has been revoked")
    if security.prefetched(visit.request):
        raise exc.HTTPForbidden("a prefetch lets nobody in: open the link itself")
    answer = pages.redirect(visit.path(""))
    if visit.request.method == "HEAD":
        return answer
    answer.set_cookie(
        visit.tokens.cookie,
        token,
        path=visit.mount or "/",
        httponly=True,
        samesite="Lax",
        secure=visit.request.scheme == "https",
    )
    return answer


def static(visit, name):
    """Style and script."""
    content = _static().get(name)
    if content is None:
        raise exc.HTTPNotFound("no such file")
    return pages.Answer(content, content_type=TYPES[name.rpartition(".")[2]])


@cache
def _static():
    return {
        file.name: file.read_bytes() for file in files("httpmr.web").joinpath("static").iterdir()
    }


def facts(recipe) -> dict[str, str]:
    """Return what a recipe is made of, for people who may know everything about it."""
    return {
        "source": _said(recipe.source),
        "mapper": _said(recipe.mapper),
        "reducer": _said(recipe.reducer) if recipe.reducer else "none: a map-only job",
        "sink": _said(recipe.sink),
        "shards": f"{recipe.num_mappers} to map"
        + (f", {recipe.num_reducers} to reduce" if recipe.reducer else ""),
        "slice": f"at most {recipe.slice_seconds:g} s",
        "bad records": f"at most {recipe.max_bad_records:,} put aside"
        if recipe.max_bad_records
        else "the first pauses the job",
    }


def _said(thing):
    if type(thing).__repr__ is object.__repr__:
        return f"{type(thing).__name__}()"
    said = re.sub(r"://([^:/@\s]*):[^@\s]*@", r"://\1:…@", repr(thing))
    return re.sub(r"(?i)([?&][a-z_]*(?:pass|pwd|secret|token|key)[a-z_]*=)[^&\s'\"]+", r"\1…", said)
