"""What answers look like: HTML from the templates, JSON, redirects, and refusals.

Every answer has the headers of `security.HEADERS`. A page for drivers has no links but the
next, so it does without the stylesheet.
"""

import json
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from webob import Response

from httpmr.web.plain import plain, text
from httpmr.web.security import HEADERS

SHOWN = 2000  # characters of a value on a page


class Answer(Response):
    """A response whose Location stays as it is, path-absolute: a proxy may rename the host."""

    default_charset = "UTF-8"

    def __init__(self, body=b"", status=200, content_type="text/html", **options):
        if isinstance(body, str):  # a lone surrogate in a key must not break a page
            body = body.encode("utf-8", "backslashreplace")
        if isinstance(body, bytes):
            options["body"] = body
        else:
            options["app_iter"] = body
        super().__init__(status=status, content_type=content_type, **options)
        self.headers.update(HEADERS)

    def _abs_headerlist(self, environ):
        return list(self.headerlist)


def page(template: str, code: int = 200, /, **values) -> Answer:
    """Render a template to an answer."""
    return Answer(_jinja.get_template(template).render(values), code)


def data(value, status: int = 200) -> Answer:
    """Answer with JSON."""
    return Answer(json.dumps(value), status, "application/json")


def redirect(path: str) -> Answer:
    """Answer 303: go there with GET."""
    answer = Answer(status=303, content_type="text/plain")
    answer.headers["Location"] = path
    return answer


def refusal(status: int, why: str, reader: str, mount: str, headers=()) -> Answer:
    """Answer that it cannot be done, in one line, in the form that the caller reads."""
    why = " ".join(why.split())
    if reader == "program":
        answer = data({"error": why}, status)
    elif reader == "driver":
        answer = page("chain.html", status, title="Stopped", why=why, next=(), refresh=False)
    else:
        answer = page("refusal.html", status, why=why, code=status, mount=mount)
    answer.headers.update(headers)
    return answer


def _number(n):
    return f"{n:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _percent(part):
    """Whole percents; never 100 before it is all done."""
    return 100 if part >= 1 else min(99, int(part * 100))


def _moment(seconds):
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _span(seconds):
    """A length of time as a person says it."""
    seconds = max(0, round(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            rest = {"d": (3600, "h"), "h": (60, "min"), "min": (1, "s")}[unit]
            more = seconds % size // rest[0]
            return f"{seconds // size} {unit}" + (f" {more} {rest[1]}" if more else "")
    return f"{seconds} s"


def _shown(value):
    """A value as JSON, but strings plain; cut where it is too long for a page."""
    said = value if type(value) is str else json.dumps(plain(value), ensure_ascii=False)
    return said if len(said) <= SHOWN else f"{said[:SHOWN]}… ({_number(len(said))} characters)"


def _shardname(shard):
    return "".join(map(str, shard))


_jinja = Environment(
    loader=PackageLoader("httpmr.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_jinja.filters.update(
    number=_number, percent=_percent, moment=_moment, span=_span, shown=_shown, keytext=text
)
_jinja.filters["shardname"] = _shardname
