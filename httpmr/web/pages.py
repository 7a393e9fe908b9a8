"""What answers look like: HTML from the templates, JSON, redirects, and refusals.

Every answer has the headers of `security.HEADERS`. A page for drivers has no links but the
next, so it does without the stylesheet.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from wsgiref.types import WSGIEnvironment

from webob import Response

from httpmr.web import draw
from httpmr.web.plain import plain, text
from httpmr.web.routes import shard_name
from httpmr.web.security import HEADERS

if TYPE_CHECKING:
    from jinja2 import Environment

SHOWN = 2000  # characters of a value on a page


class Answer(Response):  # type: ignore[misc]  # WebOb has no types
    """A response whose Location stays as it is, path-absolute: a proxy may rename the host."""

    default_charset = "UTF-8"

    def __init__(
        self,
        body: str | bytes | Iterable[bytes] = b"",
        status: int = 200,
        content_type: str = "text/html",
        **options: Any,
    ) -> None:
        if isinstance(body, str):  # a lone surrogate in a key must not break a page
            body = body.encode("utf-8", "backslashreplace")
        if isinstance(body, bytes):
            options["body"] = body
        else:
            options["app_iter"] = body
        super().__init__(status=status, content_type=content_type, **options)
        self.headers.update(HEADERS)

    def _abs_headerlist(self, environ: WSGIEnvironment) -> list[tuple[str, str]]:
        return list(self.headerlist)


def page(template: str, code: int = 200, /, **values: Any) -> Answer:
    """Render a template to an answer."""
    return Answer(_jinja().get_template(template).render(values), code)


def data(value: Any, status: int = 200) -> Answer:
    """Answer with JSON."""
    return Answer(json.dumps(value), status, "application/json")


def words(text: str, status: int = 200) -> Answer:
    """Answer with plain text."""
    return Answer(text, status, "text/plain")


def redirect(path: str, status: int = 303) -> Answer:
    """Answer 303: go there with GET; or 307: send there what was sent here."""
    answer = Answer(status=status, content_type="text/plain")
    answer.headers["Location"] = path
    return answer


def refusal(
    status: int, why: str, reader: str, mount: str, headers: Mapping[str, str] | None = None
) -> Answer:
    """Answer that it cannot be done, in one line, in the form that the caller reads."""
    why = " ".join(why.split())
    if reader == "program":
        answer = data({"error": why}, status)
    elif reader == "reader":
        answer = words(f"{why}\n", status)
    elif reader == "driver":
        answer = page("chain.html", status, title="Stopped", why=why, next=(), refresh=False)
    else:
        answer = page("refusal.html", status, why=why, code=status, mount=mount)
    answer.headers.update(headers or {})
    return answer


def shown(value: Any) -> str:
    """Return a value as JSON, but strings plain; cut where it is too long for a page."""
    said = value if type(value) is str else json.dumps(plain(value), ensure_ascii=False)
    return said if len(said) <= SHOWN else f"{said[:SHOWN]}… ({draw.number(len(said))} characters)"


@cache
def _jinja() -> "Environment":
    # Imported for the first page: a process that shows none begins sooner.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    jinja = Environment(
        loader=PackageLoader("httpmr.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters.update(
        number=draw.number,
        rate=draw.rate,
        percent=draw.percent,
        moment=draw.moment,
        span=draw.span,
        between=draw.between,
        size=draw.size,
        outline=draw.outline,
        shown=shown,
        keytext=text,
        shardname=shard_name,
    )
    return jinja
