"""Chains of requests: what wget, a browser without JavaScript, curl and programs follow.

A slice, then the way to the next: a redirect, and after at most 15 of them a page with one link.
So the same URLs serve `wget -r` (20 redirects, no URL twice, links and meta refresh), a browser
(19 redirects) and curl. `chain` is the same without pages, `step` the same as JSON.
"""

from collections.abc import Sequence

from webob import exc

from httpmr.errors import RecipeError
from httpmr.jobs import Address
from httpmr.jobs.status import Status
from httpmr.state import Job
from httpmr.web import pages, security
from httpmr.web.body import read
from httpmr.web.drivers import driver
from httpmr.web.pages import Answer
from httpmr.web.routes import Place
from httpmr.web.visit import Visit

HOPS = 15  # redirects before a page
LANES = 16  # on one page
BUSY_SECONDS = 0.25
GLIMPSE_SECONDS, GLIMPSES = 0.5, 100
STOPPED = {
    "failed": "The job has failed",
    "cancelled": "The job was cancelled",
    "paused": "The job is paused",
}


def drive(visit: Visit) -> Answer:
    """The stable entry: on to the slice where a new lane should begin."""
    return _unmeant(visit) or _enter(visit, "go")


def chain(visit: Visit) -> Answer:
    """The stable entry of the chain without pages."""
    return _unmeant(visit) or _enter(visit, "chain/go")


def lanes(visit: Visit, lanes: str) -> Answer:
    """A page with so many lanes to follow at once."""
    if refused := _unmeant(visit):
        return refused
    if ended := _ended(visit, visit.record):
        return ended
    places = [_begin(visit, hop=0) for _ in range(min(int(lanes), LANES))]
    ways = [visit.inside(f"go/{place}") for place in places]
    return _onward(visit, ways, refresh=False)


def go(visit: Visit, place: str) -> Answer:
    """One slice, if the place is where its shard is; then on."""
    return _unmeant(visit) or _slice(visit, Place.of(place), "go")


def chain_go(visit: Visit, place: str) -> Answer:
    """One slice; then on by a redirect, always."""
    return _unmeant(visit) or _slice(visit, Place.of(place), "chain/go")


def start(visit: Visit, token: str) -> Answer:
    """The start link: join its job or start one, and on to drive it."""
    generation = visit.work.start_link_generation()
    if generation is None or not visit.tokens.holds(token, "start", generation):
        raise exc.HTTPNotFound("no such start link here, or it has been revoked")
    if refused := _unmeant(visit, visit.path("start", token, "")):
        return refused
    try:
        job = visit.work.join(generation)
    except RecipeError as error:  # the recipe no longer takes the link's parameters
        raise exc.HTTPConflict(str(error)) from None
    return pages.redirect(visit.link(job, "drive", "drive"))


def step(visit: Visit) -> Answer:
    """One slice of any shard, for programs."""
    read(visit.request.environ)
    done = visit.work.step(visit.record, driver=_driver(visit))
    if follows := visit.following(done.job, visit.scope):
        return pages.redirect(f"{follows}/step", 307)
    if done.did == "busy":
        visit.master.sleep(BUSY_SECONDS)
    status = _glimpse(visit, done.job)
    answer = {"state": status["state"], "phase": status["phase"], "progress": status["progress"]}
    code = {"running": 202, "done": 200}.get(status["state"], 409)
    return pages.data(answer | {"did": done.did}, code)


def _glimpse(visit: Visit, record: Job) -> Status:
    """The status of a job; of one that runs, at most half a second old.

    To add up all its shards at each step would cost more than the step where they are many.
    """
    if record.state != "running":
        return visit.job.status(keys=False)
    now, seen = visit.master.clock(), visit.master.glimpses
    since, status = seen.get(record.id, (0.0, None))
    if status is None or not 0 <= now - since < GLIMPSE_SECONDS or status["state"] != "running":
        status = visit.job.status(keys=False)
        if len(seen) >= GLIMPSES:
            seen.clear()
        seen[record.id] = (now, status)
    return status


def _unmeant(visit: Visit, entry: str | None = None) -> Answer | None:
    """Answer what must run nothing: HEAD, a prefetch, a request that another site caused."""
    request = visit.request
    if request.method == "HEAD":
        return Answer()
    if security.prefetched(request):
        raise exc.HTTPForbidden("a prefetch runs nothing: open the link itself")
    if not security.cross_site(request):
        return None
    if security.navigates(request):
        return pages.page("button.html", title=_name(visit), entry=entry or visit.inside("drive"))
    raise exc.HTTPForbidden("a request from another site runs nothing")


def _enter(visit: Visit, way: str) -> Answer:
    if ended := _ended(visit, visit.record, way):
        return ended
    # By way of the start link it is the second redirect that leads there.
    return pages.redirect(visit.inside(f"{way}/{_begin(visit, hop=2)}"))


def _begin(visit: Visit, hop: int) -> Place:
    """Where a new lane begins. With no slice open, any address will do: who asks turns the page."""
    at = visit.work.here(visit.job.id) or Address(visit.record.phase, (0,), 0)
    return Place(visit.work.rng.randrange(10**9), at, hop=hop)


def _slice(visit: Visit, place: Place, way: str) -> Answer:
    done = visit.work.step(visit.record, place.at, driver=_driver(visit))
    if ended := _ended(visit, done.job, way):
        return ended
    turn = place.turn + (done.did != "slice")
    after = Place(place.lane, done.next or place.at, turn, place.hop + 1)
    wait = (done.did == "busy" and after.at == place.at) or done.next is None
    if wait:
        visit.master.sleep(BUSY_SECONDS)
    if way == "go" and (wait or place.hop >= HOPS):
        return _onward(visit, [visit.inside(f"go/{after._replace(hop=0)}")], refresh=True)
    return pages.redirect(visit.inside(f"{way}/{after}"))


def _ended(visit: Visit, record: Job, way: str = "go") -> Answer | None:
    """The end of the chain: 200 when done, 409 with the reason when it cannot go on.

    Where another job follows, its own chain is what follows.
    """
    if record.state == "running":
        return None
    if follows := visit.following(record, "drive"):
        if way == "chain/go":
            return pages.redirect(f"{follows}/chain")
        status = visit.job.status(keys=visit.sees)
        return _page(visit, status, "Done.", next=[f"{follows}/drive"], refresh=True)
    status = visit.job.status(keys=visit.sees)
    if record.state == "done":
        return _page(visit, status, "Done.")
    why = (
        f"{STOPPED[record.state]}: {status['error']}" if status["error"] else STOPPED[record.state]
    )
    return _page(visit, status, f"{why}.", 409)


def _onward(visit: Visit, ways: Sequence[str], refresh: bool) -> Answer:
    status = _glimpse(visit, visit.record)
    return _page(visit, status, "Running.", next=ways, refresh=refresh)


def _page(
    visit: Visit,
    status: Status,
    why: str,
    code: int = 200,
    next: Sequence[str] = (),
    refresh: bool = False,
) -> Answer:
    return pages.page(
        "chain.html", code, title=_name(visit), why=why, status=status, next=next, refresh=refresh
    )


def _driver(visit: Visit) -> str:
    return driver(visit.request, visit.work.secret)


def _name(visit: Visit) -> str:
    return visit.master.recipe.name
