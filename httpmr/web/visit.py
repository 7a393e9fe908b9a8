"""One request to a Master: where it is mounted, who asks, and for which job."""

import logging
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from wsgiref.types import WSGIEnvironment

from webob import Request, exc

from httpmr.errors import UnknownJob
from httpmr.jobs import Job, Jobs
from httpmr.state import Job as Record
from httpmr.state import Plain
from httpmr.web import body, security

if TYPE_CHECKING:
    from httpmr.web.master import Master

log = logging.getLogger("httpmr")

NO_JOB = "no such job here, or its link has been revoked"


class Visit:
    """What handlers get. `enter` lets it in to a `job`, by a `token` that has a `scope` there."""

    # Where `enter` let it in.
    job: Job
    record: Record
    token: str

    def __init__(self, master: "Master", environ: WSGIEnvironment) -> None:
        self.master = master
        self.request = Request(environ)
        self.mount = mounted(environ)
        self.scope = ""
        self._asked = False
        self._user: str | None = None

    @property
    def work(self) -> Jobs:
        return self.master.work

    @property
    def tokens(self) -> security.Tokens:
        return self.master.tokens

    # Who asks

    def enter(self, job: str, token: str) -> None:
        """Let in whoever has a token of the job. WrongStore comes before any look at it."""
        try:
            self.job = self.work.find(job)
        except UnknownJob:  # whether a job is there is told to its links alone
            raise UnknownJob(NO_JOB) from None
        self.record = self.job.found
        scope = self.tokens.scope(token, self.record.generation, job)
        if scope is None or self.record.recipe != self.master.recipe.name:
            raise UnknownJob(NO_JOB)
        self.scope, self.token = scope, token

    @property
    def user(self) -> str | None:
        """Who may do everything: whom `authorize` names, or the holder of the cookie."""
        # No cached_property: before Python 3.12 all requests would wait for one's `authorize`.
        if not self._asked:
            self._user, self._asked = self._named(), True
        return self._user

    def _named(self) -> str | None:
        user = self.authorized()
        if user:
            return security.name(user)
        held = security.cookies(self.request.environ, self.tokens.cookie)
        if not held:
            return None
        generation = self.work.operate_generation()
        good = any(self.tokens.holds(token, "operate", generation) for token in held)
        return "operator" if good else None

    def authorized(self) -> Any:
        """Return whom `authorize` names; for that no store is needed."""
        if self.master.authorize is None:
            return None
        try:
            return self.master.authorize(self.request)
        except Exception:  # whatever it was, who asks must be kept out
            log.exception("authorize failed; the request is treated as unauthorised")
            return None

    @property
    def sees(self) -> bool:
        """Whether keys, values and errors may be shown: the link alone decides, not who has it."""
        return self.scope == "view"

    def must_see(self) -> None:
        """Refuse who may not see keys and values."""
        if not self.sees:
            raise exc.HTTPForbidden("this link drives the job; to see its output takes a view link")

    def must_operate(self) -> str:
        """Return the user; refuse who may not change anything, and say how one may."""
        if self.user is not None:
            return self.user
        if self.master.authorize is None:
            raise exc.HTTPForbidden(
                "This Master lets nobody in yet. At your own desk, make it with "
                "authorize=httpmr.allow_local; elsewhere with a function of yours that names your "
                "users. Or open an operator's link: httpmr link TARGET operate"
            )
        raise exc.HTTPForbidden("authorize= does not let you in; an operator's link would")

    # What was sent

    @property
    def sends_json(self) -> bool:
        return bool(self.request.content_type == "application/json")

    @property
    def wants(self) -> str:
        """What is asked for: "json", "text", or "html" where it is all the same."""
        kinds = {"text/html": "html", "application/json": "json", "text/plain": "text"}
        offers = self.request.accept.acceptable_offers(list(kinds))
        return kinds[offers[0][0]] if offers else "html"

    @property
    def wants_json(self) -> bool:
        """Whether JSON is asked for rather than HTML."""
        return self.wants == "json"

    @property
    def speaks_json(self) -> bool:
        """Whether a refusal is to be JSON."""
        return self.sends_json or self.wants_json

    def sent(self) -> Plain:
        """Return the fields of a POST that changes something, if its sender may and meant it."""
        user = self.must_operate()
        if security.foreign(self.request, form=not self.sends_json):
            raise exc.HTTPForbidden("the request comes from another site")
        raw = body.read(self.request.environ)
        if self.sends_json:
            return body.json_object(raw)
        fields = body.fields(raw)
        if not self.tokens.meant(fields.pop("csrf", ""), user, self.master.clock()):
            raise exc.HTTPForbidden(
                "the form is not of today, or not of this page: reload the page and send it again "
                "(a program sends JSON, with Content-Type: application/json)"
            )
        return fields

    @property
    def csrf(self) -> str | None:
        """What a form for this user carries; None = there is no user, so no form."""
        return self.tokens.csrf(self.user, self.master.clock()) if self.user else None

    def query(self) -> dict[str, str]:
        """Return the fields of the query string."""
        raw = self.request.environ.get("QUERY_STRING", "").encode("latin-1", "replace")
        return body.fields(raw)

    # Where things are

    def path(self, *parts: str) -> str:
        """Return a path below the mount, absolute and ASCII."""
        return "/".join((self.mount, *parts))

    def inside(self, rest: str = "") -> str:
        """Return a path of the present job, under the token that it was entered with."""
        return self.path(self.job.id, self.token, rest)

    def link(self, job: Job, scope: str, rest: str = "") -> str:
        """Return the path of a job under a token of its own."""
        return f"{self.master.link(scope, self.mount, job)}/{rest}"

    def following(self, record: Record, scope: str, start: bool = True) -> str | None:
        """Return the link of the job that follows a done one, without a slash at its end.

        In a pipeline it is started now, if `start` and it was not. None where none is there.
        """
        site = self.request.environ.get("httpmr.site")
        if self.master.then is None or site is None or record.state != "done":
            return None
        job = self.work.following(record, start)
        name, master = self.master.then
        return master.link(scope, f"{site}{name}", job) if job else None

    def full(self, path: str) -> str:
        """Return the whole URL of a path, by the Host that was asked for."""
        if not re.fullmatch(r"[A-Za-z0-9._:\[\]-]+", self.request.host):
            raise exc.HTTPBadRequest("the Host of the request is none")
        return f"{self.request.host_url}{path}"


def mounted(environ: WSGIEnvironment) -> str:
    """Return SCRIPT_NAME as the path of a URL: "" or "/..." without a slash at its end.

    Servers give bytes as Latin-1, Django decodes them as UTF-8; both come out alike.
    """
    script = environ.get("SCRIPT_NAME", "")
    try:
        raw = script.encode("latin-1")
        raw.decode()
    except UnicodeError:
        raw = script.encode("utf-8", "replace")
    path = quote(raw.strip(b"/"), safe="/:@!$()*=+")
    return f"/{path}" if path else ""


def moved(environ: WSGIEnvironment, at: str) -> WSGIEnvironment:
    """Return a copy of `environ` in which `at` is no longer in PATH_INFO but in SCRIPT_NAME."""
    at = f"/{at.strip('/')}" if at.strip("/") else ""
    script, path = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
    as_wsgi = at.encode("utf-8", "replace").decode("latin-1")  # how servers give what is not ASCII
    for it in dict.fromkeys((at, as_wsgi)):
        for before, whole in ((script, path), ("", script + path)):
            if whole == it or whole.startswith(f"{it}/"):
                return {**environ, "SCRIPT_NAME": before + it, "PATH_INFO": whole[len(it) :]}
    raise exc.HTTPNotFound(f"this path is not below at={at!r}, where the Master is mounted")
