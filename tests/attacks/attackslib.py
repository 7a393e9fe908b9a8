"""What the attacks share: a site with something to hide, its callers, and what an answer may be."""

import io
import re
import sys
import time
from contextlib import contextmanager
from html.parser import HTMLParser

from httpmr import counters
from httpmr.sources import Memory
from httpmr.stores import MemoryStore
from httpmr.web import Master
from httpmr.web.security import HEADERS

HIDDEN = "s3cr3t"
LINES = {f"{HIDDEN} key {n}": f"{HIDDEN} value {n}" for n in range(6)} | {"bad": "x"}
HOST = {"HTTP_HOST": "example.org", "REMOTE_ADDR": "203.0.113.9"}
USER = {"HTTP_X_USER": "ann"}
TYPES = {
    "text/html; charset=UTF-8",
    "text/plain; charset=UTF-8",
    "application/json",
    "text/css; charset=UTF-8",
    "text/csv; charset=UTF-8",
    "application/jsonl",
    "application/octet-stream",
}
IMG = "<img src=x onerror=alert(1)>"


class Counting(MemoryStore):
    """A store that counts what was written."""

    commits = 0

    def commit(self, batch):
        super().commit(batch)
        self.commits += 1


def by_header(request):
    """Believe whoever says who he is."""
    return request.environ.get("HTTP_X_USER")


def hiding(key, line):
    counters.count("lines")
    if key == "bad":
        raise LookupError(f"{HIDDEN} reason")
    yield key, line


def site(lines=LINES, **settings):
    """A Master with a bad record, and values that only a view link may show."""
    settings = {
        "mapper": hiding,
        "store": Counting(),
        "authorize": by_header,
        "max_bad_records": 1,
        "num_mappers": 2,
    } | settings
    made = Master("hiding", source=Memory(lines), **settings)
    made.sleep = lambda seconds: None
    return made


class Told:
    """An answer as a server gets it."""

    def __init__(self, status, headers, body):
        self.status = int(status.split()[0])
        self.list = headers
        self.headers = dict(headers)
        self.body = body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")


def ask(made, path, method="GET", query="", body=b"", **environ):
    """Send one request, as a WSGI server would; check what holds for every answer."""
    errors = io.StringIO()
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "example.org",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": errors,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body)),
        **HOST,
        **environ,
    }
    begun, since = [], time.thread_time()
    parts = made(environ, lambda status, headers, exc_info=None: begun.append((status, headers)))
    told = Told(*begun[-1], b"".join(parts))
    if close := getattr(parts, "close", None):
        close()
    # The processor's time: the machine may be busy with other things.
    assert time.thread_time() - since < 1
    assert not errors.getvalue()
    sound(told)
    return told


def sound(told):
    """What every answer is, whatever was asked."""
    assert told.status < 500, told.text
    assert len(told.body) < 200_000
    for name, value in told.list:
        assert value.isascii() and value.isprintable(), (name, value)
        assert name.isascii() and name.replace("-", "").isalnum(), name
    assert set(HEADERS) <= set(told.list)
    assert told.headers.get("Content-Type") in TYPES
    location = told.headers.get("Location", "/")
    assert location.startswith("/") and not location.startswith("//")
    if told.headers["Content-Type"].startswith("text/html"):
        assert marks(told.text) == []


OURS = re.compile(r'<script src="(?!//)[^"<>\\\s]*/static/console\.js" defer>')
OUR_CHART = re.compile(r'<svg( (class|viewBox|role|preserveAspectRatio|aria-\w+)="[^"<>]*")*>')


class _Marks(HTMLParser):
    def __init__(self):
        super().__init__()
        self.bad = []

    def handle_starttag(self, tag, attrs):
        if tag == "script" and OURS.fullmatch(self.get_starttag_text()):
            return
        if tag == "svg" and OUR_CHART.fullmatch(self.get_starttag_text()):
            return
        if tag in ("img", "script", "svg", "iframe", "object", "embed", "base", "style"):
            self.bad.append(tag)
        for name, value in attrs:
            to = (value or "").strip().lower()
            where = name in ("href", "action", "src", "formaction", "content")
            if name.startswith("on") or name == "style":
                self.bad.append((tag, name))
            elif where and to.startswith(("javascript:", "data:", "//", "http:", "https:")):
                self.bad.append((tag, name, to))


def marks(text):
    """Return the tags and attributes of a page that none of our templates has."""
    found = _Marks()
    found.feed(text)
    found.close()
    return found.bad


def job_path(made, job, scope):
    return made.link(scope, "", job) + "/"


# What the process does besides answering

_watched, _hooked = [], []
REACHES = (
    "socket.",
    "urllib.",
    "http.client.",
    "ftplib.",
    "smtplib.",
    "subprocess.",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "pickle.",
    "marshal.",
    "ctypes.",
    "open",
    "os.listdir",
    "os.scandir",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "glob.",
)


def _hook(event, args):
    for seen in _watched:
        if event.startswith(REACHES):
            seen.append((event, args))


@contextmanager
def watched():
    """Yield the list of what Python reports meanwhile of files, sockets, processes and pickle."""
    if _hook not in _hooked:
        sys.addaudithook(_hook)  # there is no taking it away again
        _hooked.append(_hook)
    seen = []
    _watched.append(seen)
    try:
        yield seen
    finally:
        _watched.remove(seen)
