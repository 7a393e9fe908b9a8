"""What a URL that somebody copied from a page, or from cron's table, stands for."""

import re
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from httpmr.errors import DriverError

_TAIL = re.compile(r"/(drive(-\d+)?|status|step|go/[^/]+|chain(/(go/)?[^/]+)?|output[^/]*)?/?$")


class Link(NamedTuple):
    """Where a job is: `path` is `M/{job}/{token}`, or `M/start/{token}` where `starts`."""

    scheme: str
    host: str
    port: int | None
    path: str
    starts: bool = False

    @property
    def site(self) -> str:
        """Scheme, host and port, to name the server in a message: no token is in it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port else "")

    def url(self, tail: str) -> str:
        """Return the URL of the job's `tail`."""
        return f"{self.site}{self.path}/{tail}"


def parse(url: str) -> Link:
    """Return the Link that any URL of a job, or a start link, stands for.

    >>> parse("http://localhost:8000/mr/a-1/t0k/drive-4").path
    '/mr/a-1/t0k'
    >>> parse("http://localhost:8000/mr/start/t0k/").starts
    True
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise DriverError(f"not a URL ({error}): {url}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DriverError(f"a job's link begins with http:// or https://, not as {url!r} does")
    path = quote(_TAIL.sub("", parts.path), safe="/%:@!$&'()*+,;=~")
    words = path.split("/")[-2:]
    if len(words) < 2 or not all(words):
        raise DriverError(f"no job's link: {url} (one ends in /JOB/TOKEN/ or /JOB/TOKEN/drive)")
    if words[0] == "operate":
        raise DriverError("this is an operator's link: open it in a browser, take a job's link")
    return Link(parts.scheme, parts.hostname, port, path, words[0] == "start")
