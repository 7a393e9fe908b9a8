"""The mount itself: the console, how jobs are started from it, and how an operator gets in."""

import inspect
import re
from functools import cache
from importlib.resources import files
from typing import Any

from webob import exc

from httpmr.errors import ParameterError
from httpmr.interfaces import OrderedStore
from httpmr.jobs import Job
from httpmr.params import Parameters
from httpmr.recipe import Recipe
from httpmr.state import Plain
from httpmr.web import pages, replicas, security, tables
from httpmr.web.visit import Visit

LISTED = 20
SHORT = 120  # characters of a part, in a sentence
PROMISES = {
    "exactly once": "exactly once: written in the commit of its slice",
    "keyed": "keyed: a row that is written again is the same row",
    "staged": "staged: published when all of it is there, once",
    "at least once": "at least once: a slice that is repeated may write its pairs again",
}
TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def mount(visit: Visit) -> pages.Answer:
    """The mount without its slash."""
    return pages.redirect(visit.path(""))


def console(
    visit: Visit, given: Plain | None = None, wrong: dict[str, str] | None = None
) -> pages.Answer:
    """The jobs, and the form that starts one: `given` what was sent, `wrong` what is with it."""
    visit.must_operate()
    before = visit.query().get("before")
    found = visit.work.all(limit=LISTED + 1, before=before)
    now = visit.work.store.now()
    listed = [_row(visit, job, now) for job in found[:LISTED]]
    older = found[LISTED - 1].id if len(found) > LISTED else None
    recipe = visit.master.recipe
    settings = facts(recipe, visit.work.store)
    gone = [it._asdict() for it in visit.work.deleted()]
    known = replicas.told(visit)
    if visit.wants_json:
        about = {"recipe": recipe.name, "about": sentence(recipe), "settings": settings}
        rest = {"jobs": listed, "older": older, "deleted": gone, "replicas": known}
        return pages.data(about | rest)
    if visit.wants == "text":
        return pages.words(tables.jobs(recipe.name, settings, listed, older, gone, known))
    return pages.page(
        "console.html",
        400 if wrong else 200,
        mount=visit.mount,
        site=visit.request.environ.get("httpmr.site"),
        user=visit.user,
        csrf=visit.csrf,
        about=sentence(recipe),
        facts=settings,
        name=recipe.name,
        jobs=listed,
        busy=any(row["state"] == "running" for row in listed),
        older=older,
        before=before,
        deleted=gone,
        replicas=known,
        form=form(recipe.parameters, given or {}, wrong or {}),
    )


def _row(visit: Visit, job: Job, now: float) -> Plain:
    """A job as the list shows it: its status, how long it took, and who started it."""
    status, acts = job.status(), job.found.acts
    who = acts[0][1] if acts and acts[0][2] == "start" else ""
    took = (status["finished"] or now) - status["started"]
    return {**status, "url": visit.link(job, "view"), "took": took, "who": who}


def new(visit: Visit) -> pages.Answer:
    """Start a job. Whatever a form holds besides its CSRF token, or a JSON body, are parameters."""
    given = visit.sent()
    try:
        return started(visit, visit.work.start(asked(visit, given), by=visit.must_operate()))
    except ParameterError as error:
        return mistaken(visit, given, error)


def asked(visit: Visit, given: Plain) -> Plain:
    """Return the parameters that were sent; ParameterError for wrong ones."""
    recipe = visit.master.recipe
    if visit.sends_json or recipe.parameters is None:
        return recipe.read(given)
    return recipe.parameters.sent(given)


def mistaken(visit: Visit, given: Plain, error: ParameterError) -> pages.Answer:
    """Answer wrong parameters: by the form, with what is wrong beside each field."""
    if visit.speaks_json or not visit.master.recipe.parameters:
        raise exc.HTTPBadRequest(error.message) from None
    return console(visit, given, error.fields or {"": error.message})


def form(parameters: Parameters | None, given: Plain, wrong: dict[str, str]) -> Plain:
    """Return what a page needs to ask for parameters."""
    fields = [
        {
            "name": it.name,
            "label": it.name.replace("_", " "),
            "input": it.input,
            "required": it.required,
            "choices": it.choices,
            "optional": it.optional,
            "help": it.help,
            "value": given.get(it.name, "") if given and not it.secret else it.text(it.default),
            "checked": it.name in given if given else bool(it.default),
            "step": "any" if it.kind.said == "a number" else None,
            "wrong": wrong.get(it.name),
        }
        for it in (parameters.fields if parameters else ())
    ]
    names = {field["name"] for field in fields}
    return {"fields": fields, "wrong": [it for name, it in wrong.items() if name not in names]}


def started(visit: Visit, job: Job) -> pages.Answer:
    """Answer that a job was started: by the way to its page, or by all its addresses."""
    page = visit.link(job, "view")
    if not visit.sends_json:
        return pages.redirect(page)
    answer = {"job": job.id, "url": visit.full(page)}
    answer |= {rest: visit.full(visit.link(job, "drive", rest)) for rest in ("drive", "status")}
    return pages.data(answer, 201)


def operate(visit: Visit, token: str) -> pages.Answer:
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


def static(visit: Visit, name: str) -> pages.Answer:
    """Style and script."""
    content = _static().get(name)
    if content is None:
        raise exc.HTTPNotFound("no such file")
    return pages.Answer(content, content_type=TYPES[name.rpartition(".")[2]])


@cache
def _static() -> dict[str, bytes]:
    return {
        file.name: file.read_bytes() for file in files("httpmr.web").joinpath("static").iterdir()
    }


def sentence(recipe: Recipe) -> list[Plain]:
    """Return what the parts of a recipe do, in order: {"part", "does", "said", "doc"}."""
    parts = [("source", "Reads"), ("mapper", "maps each record with")]
    if recipe.reducer:
        parts.append(("reducer", "reduces the values of each key with"))
    parts.append(("sink", "and gives the result to"))
    return [
        {"part": part, "does": does, "said": _cut(_said(it)), "doc": _doc(it)}
        for part, does in parts
        for it in [getattr(recipe, part)]
    ]


def _cut(said: str) -> str:
    return said if len(said) <= SHORT else f"{said[:SHORT]}…"


def _doc(thing: Any) -> str | None:
    """The first paragraph of what a part says of itself, or of the function that it is."""
    if inspect.isroutine(thing):
        return inspect.getdoc(thing)
    function = (
        vars(thing).get("map") or vars(thing).get("reduce") if hasattr(thing, "__dict__") else None
    )
    said = inspect.getdoc(function) if function else type(thing).__doc__
    return " ".join(inspect.cleandoc(said).split("\n\n")[0].split()) if said else None


def facts(recipe: Recipe, store: OrderedStore) -> dict[str, str]:
    """Return what a recipe is made of, for people who may know everything about it."""
    return {
        "source": _said(recipe.source),
        "mapper": _said(recipe.mapper),
        "reducer": _said(recipe.reducer) if recipe.reducer else "none: a map-only job",
        "sink": _said(recipe.sink),
        "output": _promised(recipe, store),
        "shards": f"{recipe.num_mappers} to map"
        + (f", {recipe.num_reducers} to reduce" if recipe.reducer else ""),
        "slice": f"at most {recipe.slice_seconds:g} s",
        "bad records": f"at most {recipe.max_bad_records:,} put aside"
        if recipe.max_bad_records
        else "the first pauses the job",
    }


def _promised(recipe: Recipe, store: OrderedStore) -> str:
    """What the sink promises of the output, in the words of the docs."""
    if "sink" in recipe.deferred:
        return "as the sink promises that is made of the parameters"
    once = recipe.sink.joins(store) or recipe.sink.guarantee == "exactly once"
    said = "exactly once" if once else recipe.sink.guarantee
    return PROMISES.get(said, said)


def _said(thing: Any) -> str:
    if inspect.isroutine(thing):
        return f"{thing.__qualname__}(parameters)"
    kind: Any = type(thing)
    if kind.__repr__ is object.__repr__:
        return f"{type(thing).__name__}()"
    said = re.sub(r"://([^:/@\s]*):[^@\s]*@", r"://\1:…@", repr(thing))
    return re.sub(r"(?i)([?&][a-z_]*(?:pass|pwd|secret|token|key)[a-z_]*=)[^&\s'\"]+", r"\1…", said)
