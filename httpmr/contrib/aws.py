"""AWS Lambda: a handler that gives the events of API Gateway to a WSGI application, by apig-wsgi.

apig-wsgi makes a request of an event, and an event's answer of a response. Here is what it leaves
to others: where the stage's name belongs, who asked, and what becomes of an answer that Lambda
would not carry. Of the application it is only looked at whether it says how long a slice takes.
"""

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from httpmr.errors import HttpmrError

log = logging.getLogger("httpmr")

LIMIT = 4_000_000
"""Bytes of an answer: Lambda carries 6 MB, in which base64 makes of three bytes four."""

SPARE = 1.0
"""Seconds beyond its slice that a request should have: to connect, and to answer."""

TOO_LARGE = (
    f"Lambda carries no answer this large (over {LIMIT:,} bytes): ask for pages of it, "
    "output?limit=100&after=KEY, or read it where no gateway is between, by job.output()"
)


def handler(app: WSGIApplication, at: str | None = None) -> Callable[..., dict[str, Any]]:
    """Return a Lambda handler of a WSGI application: `handler = aws.handler(wordcount)`.

    It takes the events of API Gateway, formats 1.0 and 2.0, of function URLs and of load
    balancers. `at` is what stands before the application's own paths in the URLs that clients
    use. None: the stage's name where the event says that it stands there, else nothing; say it
    where a custom domain maps a path to the API. Raises HttpmrError without apig-wsgi.
    """
    try:
        from apig_wsgi import make_lambda_handler
    except ImportError:
        raise HttpmrError('Lambda takes apig-wsgi: pip install "httpmr[aws]"') from None
    told: list[bool] = []

    def adapted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        event, context = environ["apig_wsgi.full_event"], environ["apig_wsgi.context"]
        if not told:
            told.append(True)
            _compare_times(app, context)
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = place(event, environ["PATH_INFO"], at)
        environ["REMOTE_ADDR"] = _asker(event, environ)
        return _within_limit(app, environ, start_response)

    return make_lambda_handler(adapted)


def place(event: dict[str, Any], path: str, at: str | None = None) -> tuple[str, str]:
    """Return SCRIPT_NAME and PATH_INFO of an event: what is `path`, and what stands before it.

    >>> place({"requestContext": {"stage": "prod", "path": "/prod/jobs"}}, "/jobs")
    ('/prod', '/jobs')
    >>> place({"requestContext": {"stage": "prod", "http": {}}}, "/prod/jobs")
    ('/prod', '/jobs')
    >>> place({"requestContext": {"stage": "prod", "http": {}}}, "/products/1")
    ('', '/products/1')
    """
    context = event.get("requestContext") or {}
    whole = context.get("path") or path  # of a REST API, as its client has it
    if at is None:
        at = f"/{context.get('stage')}"
        at = at if _below(at, whole) else ""
    else:
        at = f"/{at.strip('/')}" if at.strip("/") else ""
    if at and whole != at + path and _below(at, path):
        return at, path.removeprefix(at)
    return at, path


def _below(at: str, path: str) -> bool:
    return path == at or path.startswith(f"{at}/")


def _asker(event: dict[str, Any], environ: WSGIEnvironment) -> str:
    """The address that the gateway saw; what a client says by X-Forwarded-For comes before it."""
    context = event.get("requestContext") or {}
    saw: str | None = (context.get("http") or context.get("identity") or {}).get("sourceIp")
    said: str = environ.get("HTTP_X_FORWARDED_FOR", "")
    return saw or said.split(",")[-1].strip()


def _within_limit(
    app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Answer as `app` does, or with 413. Nothing is told before all of it is there."""
    answer: list[Any] = []
    pieces: list[bytes] = []

    def start(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        answer[:] = status, headers
        return pieces.append

    body = app(environ, start)
    try:
        size = 0
        for piece in body:
            pieces.append(piece)
            size += len(piece)
            if size > LIMIT:
                start_response("413 Content Too Large", [("Content-Type", "application/json")])
                return [json.dumps({"error": TOO_LARGE}).encode()]
    finally:
        getattr(body, "close", lambda: None)()
    start_response(*answer)
    return pieces


def _compare_times(app: WSGIApplication, context: Any) -> None:
    """Say in the log if this function ends before a slice does, which is then done in vain."""
    seconds = getattr(getattr(app, "recipe", None), "slice_seconds", None)
    left = getattr(context, "get_remaining_time_in_millis", None)
    if seconds is None or left is None or left() / 1000 >= seconds + SPARE:
        return
    log.warning(
        "this function ends after %.1f s, and a slice takes %g s: give it a timeout of %g s or "
        "more, or the Master shorter slices, slice_seconds=",
        *(left() / 1000, seconds, seconds + SPARE),
    )
