"""The Master: a recipe, its jobs in a store, and the WSGI application that does their slices."""

import logging
import time
from collections.abc import Callable
from typing import Any
from wsgiref.types import WSGIEnvironment

from webob import exc

from httpmr import errors, stores
from httpmr.interfaces import By, Combine, OrderedStore, Reducer
from httpmr.jobs import Job, Jobs
from httpmr.jobs.hooks import Hook
from httpmr.jobs.status import Status
from httpmr.recipe import (
    MapperGiven,
    PartitionerGiven,
    Recipe,
    ReducerGiven,
    SinkGiven,
    SourceGiven,
)
from httpmr.sinks.stored import Stored
from httpmr.state import Plain
from httpmr.web import (
    chain,
    console,
    job,
    metrics,
    output,
    pages,
    replica,
    replicas,
    routes,
    sample,
)
from httpmr.web.mounted import Mounted
from httpmr.web.security import Authorize, Tokens
from httpmr.web.visit import Visit

log = logging.getLogger("httpmr")

HANDLERS: dict[str, Callable[..., pages.Answer]] = {
    name: getattr(module, name)
    for module, names in (
        (console, "mount console new operate static"),
        (chain, "start drive lanes go chain chain_go step"),
        (job, "folder page status action again"),
        (output, "output download"),
        (sample, "tried"),
        (metrics, "metrics"),
        (replica, "replica"),
        (replicas, "order"),
    )
    for name in names.split()
}

STATUS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], int], ...] = (
    (errors.UnknownJob, 404),
    (errors.JobError, 409),
    (errors.RecipeError, 409),
    (errors.UserCodeError, 400),
    (errors.OverLimit, 413),
    (errors.FormatError, 500),
    (errors.StoreError, 503),
    ((errors.InputError, errors.OutputError, errors.Damaged), 409),
    (errors.HttpmrError, 500),
)
"""What an error is over HTTP: the first that fits. A store that is away is asked again."""

AWAY = "the store cannot be used now; nothing is lost: try again (the server's log says why)"


class Master(Mounted):
    """MapReduce at a URL: a WSGI application that does one slice of work a request.

    Mount it anywhere. `authorize(request) -> user or None` says who may start and stop jobs;
    without it nobody may, but capability URLs work. Nothing is opened before it is needed.
    The rest of the settings are those of `Recipe`; `store` is a URL or an OrderedStore.
    """

    sleep = staticmethod(time.sleep)
    clock = staticmethod(time.time)

    def __init__(
        self,
        name: str,
        *,
        source: SourceGiven,
        mapper: MapperGiven,
        reducer: ReducerGiven | None = None,
        sink: SinkGiven | None = None,
        combiner: Reducer | Combine | None = None,
        partitioner: PartitionerGiven | None = None,
        store: str | OrderedStore = "sqlite:///httpmr.db",
        num_mappers: int = 8,
        num_reducers: int = 4,
        slice_seconds: float = 2.0,
        max_bad_records: int = 0,
        keep: int = 10,
        max_lanes: int | None = None,
        sort_values: bool | By | None = None,
        on_start: Hook | None = None,
        on_done: Hook | None = None,
        on_error: Hook | None = None,
        on_stalled: Hook | None = None,
        version: str | None = None,
        params: type | None = None,
        authorize: Authorize | None = None,
        secret: str | bytes | None = None,
    ) -> None:
        given: dict[str, Any] = {  # of which the recipe makes its parts
            "source": source,
            "mapper": mapper,
            "reducer": reducer,
            "sink": Stored() if sink is None else sink,
            "partitioner": partitioner,
        }
        self.recipe = Recipe(
            **given,
            name=name,
            combiner=combiner,
            num_mappers=num_mappers,
            num_reducers=num_reducers,
            slice_seconds=slice_seconds,
            max_bad_records=max_bad_records,
            keep=keep,
            max_lanes=max_lanes,
            sort_values=sort_values,
            on_start=on_start,
            on_done=on_done,
            on_error=on_error,
            on_stalled=on_stalled,
            version=version,
            params=params,
        )
        if authorize is not None and not callable(authorize):
            raise errors.RecipeError(
                f"authorize= is a function (request) -> user or None, not {authorize!r:.80}"
            )
        self.authorize = authorize
        # A URL that cannot work is told here; the store connects when it is first used.
        self.work = Jobs(self.recipe, stores.open(store), secret=secret)
        # In a pipeline: the name of the next in the Site, and the Master itself.
        self.then: tuple[str, Master] | None = None
        self._tokens: Tokens | None = None
        # By job: when it was told, and what; of those being stepped, and those looked at.
        self.glimpses: dict[str, tuple[float, Status]] = {}
        self.skews: dict[str, tuple[float, Plain | None]] = {}

    # Jobs, without HTTP

    def start(self, **params: Any) -> Job:
        """Start a job and return it. Something must then drive it."""
        return self.work.start(params)

    def run(self, processes: int = 1, **params: Any) -> Job:
        """Run a job here, to its end, and return it."""
        return self.work.run(processes=processes, params=params)

    def jobs(self) -> list[Job]:
        """Return the newest jobs, newest first."""
        return self.work.all()

    def latest(self) -> Job | None:
        """Return the newest job that is done, or None."""
        return self.work.latest()

    # Links

    @property
    def tokens(self) -> Tokens:
        if self._tokens is None:
            self._tokens = Tokens(self.work.secret, self.work.instance, self.recipe.name)
        return self._tokens

    def link(self, scope: str, base: str = "", job: Job | None = None) -> str:
        """Return a capability URL: "view" or "drive" of a job, or one of the Master's own.

        Those are "start", "operate" and "replica", and must have been made: `work.start_link()`,
        `work.operate_generation(make=True)`, `work.links.make("replica")`. `base` is where the
        Master is mounted. A job's link has no slash at its end.
        """
        if job is not None:
            return f"{base}/{job.id}/{self.tokens.make(scope, job.record.generation, job.id)}"
        generation = self.work.links.generation(scope)
        if generation is None:
            raise errors.UnknownJob(f"there is no link to {scope} yet: make it first")
        return f"{base}/{scope}/{self.tokens.make(scope, generation)}"

    def __repr__(self) -> str:
        return f"Master({self.recipe.name!r}, {self.work.store!r})"

    # HTTP

    def answer(self, environ: WSGIEnvironment) -> pages.Answer:
        """Answer one request."""
        visit = Visit(self, environ)
        reader = "person"
        try:
            if (found := routes.match(environ.get("PATH_INFO", ""))) is None:
                raise exc.HTTPNotFound("there is nothing at this address")
            route, parts = found
            reader = "program" if visit.speaks_json else route.reader
            if reader == "person" and visit.wants == "text":
                reader = "reader"
            if environ["REQUEST_METHOD"] not in route.methods:
                allow = {"Allow": ", ".join(route.methods)}
                raise exc.HTTPMethodNotAllowed("not by this method", headers=allow)
            if "job" in parts:
                visit.enter(parts.pop("job"), parts.pop("token"))
            return HANDLERS[route.name](visit, **parts)
        except Exception as error:
            status, why, headers = _refused(error, visit)
            return pages.refusal(status, why, reader, visit.mount, headers)


def _refused(error: Exception, visit: Visit) -> tuple[int, str, dict[str, str]]:
    """Return the status, the reason in one line, and the headers that an error is answered with."""
    if isinstance(error, exc.HTTPException):
        allow = error.headers.get("Allow")
        return error.code, error.detail, {"Allow": allow} if allow else {}
    status = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
    if status == 500:
        _hide_values(error)
        log.error("a request failed", exc_info=error)
        return 500, "httpmr cannot answer this; the reason is in the server's log", {}
    if status == 503:
        log.warning("the store is away: %s", error)
        # Its reason names hosts and users, and without the store no link can be looked at.
        return 503, str(error) if visit.authorized() else AWAY, {"Retry-After": "2"}
    return status, str(error), {}


def _hide_values(error: BaseException) -> None:
    """Let SQLAlchemy's errors not tell what a statement was given: those are keys and values."""
    found: BaseException | None = error
    for _ in range(20):  # some errors are their own cause
        if found is None:
            return
        if hasattr(found, "hide_parameters"):
            found.hide_parameters = True
        found = found.__cause__ or found.__context__
