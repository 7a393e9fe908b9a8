"""Who may do what: capability tokens, `authorize`, CSRF, and requests nobody meant to make.

A capability URL carries a token: HMAC-SHA256 over (store instance, recipe, job, scope,
generation), each with its length, so that no two lists of parts sign alike. Scopes nest,
drive < view < operate: `drive` runs slices and sees numbers, `view` also sees keys, values and
errors; what changes a job needs a user whom `authorize` names, or an operator's cookie. The scopes
`start`, `operate` and `replica` are links of their own, and none of them is of a job.
"""

import base64
import hmac
import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit
from wsgiref.types import WSGIEnvironment

from webob import Request

Authorize = Callable[[Request], Any]
"""(request) -> user or None: whom a Master lets start and stop jobs."""

HEADERS = (
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Robots-Tag", "noindex, nofollow"),
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
)
"""Every answer has these."""

JOB_SCOPES = ("view", "drive")

DAY = 24 * 60 * 60

_FORWARDING = {
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_REAL_IP",
    "HTTP_X_CLIENT_IP",
    "HTTP_X_CLUSTER_CLIENT_IP",
    "HTTP_X_ORIGINAL_FORWARDED_FOR",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_CLIENT_IP",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_CF_RAY",
    "HTTP_FASTLY_CLIENT_IP",
    "HTTP_FLY_CLIENT_IP",
}


class Tokens:
    """Makes and reads the tokens of one recipe in one store."""

    def __init__(self, secret: bytes, instance: str, recipe: str) -> None:
        self.secret = secret
        self.mine = (instance, recipe)
        # Cookies do not know ports: each recipe's has a name of its own.
        self.cookie = f"httpmr_{_sign(b'', *self.mine)[:10]}"

    def make(self, scope: str, generation: int, job: str = "") -> str:
        """Return the token of a scope; raising the generation ends every token before it."""
        return _sign(self.secret, *self.mine, job, scope, generation)

    def holds(self, token: str, scope: str, generation: int | None, job: str = "") -> bool:
        """Whether `token` is the one that `make` gives. No generation, no token."""
        return generation is not None and _same(token, self.make(scope, generation, job))

    def scope(self, token: str, generation: int, job: str) -> str | None:
        """Return the scope that `token` has in a job; None = it is not a token of this job."""
        held = [s for s in JOB_SCOPES if self.holds(token, s, generation, job)]
        return held[0] if held else None

    def csrf(self, user: str, now: float) -> str:
        """Return what proves that a form was made for `user`, today."""
        return _sign(self.secret, *self.mine, "csrf", user, int(now // DAY), "")

    def meant(self, csrf: str, user: str, now: float) -> bool:
        """Whether a form was made for `user`, today or yesterday."""
        return any(_same(csrf, self.csrf(user, then)) for then in (now, now - DAY))


def _sign(secret: bytes, *parts: str | int) -> str:
    packed = [str(part).encode("utf-8", "surrogatepass") for part in parts]
    message = b"".join(b"%d:%b," % (len(part), part) for part in packed)
    return base64.urlsafe_b64encode(hmac.digest(secret, message, "sha256")[:24]).decode()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())


def cookies(environ: WSGIEnvironment, name: str) -> list[str]:
    """Return the values of every cookie of that name that was sent.

    By HTTP/2 they may come in several headers, between which some gateways set commas.
    """
    parts = environ.get("HTTP_COOKIE", "").replace(",", ";").split(";")
    pairs = (part.strip().partition("=") for part in parts)
    return [value for key, _, value in pairs if key == name]


def name(user: Any) -> str:
    """Return the name of what `authorize` returned: the same in each request of that user."""
    kind: Any = type(user)
    if kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__:
        return type(user).__name__  # else the name would be an address in memory
    return str(user)


def prefetched(request: Request) -> bool:
    """Whether a browser asks before anyone has clicked."""
    headers = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
    said = " ".join(request.headers.get(header, "") for header in headers).lower()
    return any(word in said for word in ("prefetch", "prerender", "preview"))


def cross_site(request: Request) -> bool:
    """Whether another site caused the request, as the browser tells."""
    site: str = request.headers.get("Sec-Fetch-Site", "")
    return site.lower() == "cross-site"


def navigates(request: Request) -> bool:
    """Whether the answer to a cross-site request is to be a whole page that a person sees."""
    dest = request.headers.get("Sec-Fetch-Dest", "").lower()
    mode = request.headers.get("Sec-Fetch-Mode", "").lower()
    return dest == "document" or (not dest and mode == "navigate")


def foreign(request: Request, form: bool) -> bool:
    """Whether a POST that changes something comes from elsewhere.

    Under our own `Referrer-Policy: no-referrer` a browser sends the forms of our pages with
    `Origin: null`; they are known by their CSRF token instead.
    """
    if cross_site(request):
        return True
    origin = request.headers.get("Origin")
    if not origin:
        return False
    if origin == "null":
        return not form and request.headers.get("Sec-Fetch-Site") != "same-origin"
    try:
        there = urlsplit(origin)
        here = urlsplit(f"{there.scheme}://{request.host}")  # a proxy may have ended the TLS
        ours = there.hostname and (there.hostname, _port(there)) == (here.hostname, _port(here))
        return not ours
    except ValueError:
        return True


def _port(url: SplitResult) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)


def allow_local(request: Request) -> str | None:
    """Let in whoever asks from this very machine: `Master(..., authorize=allow_local)`.

    For your own desk only. It asks for a loopback peer, a loopback Host and no forwarding
    header. But a proxy on the same host (nginx, a tunnel, a container's port mapping) that sets a
    Host of its own, and adds no such header or has it removed by the server behind it, as waitress
    does unless told otherwise, makes the whole Internet look local: where a proxy is in front,
    write an `authorize` that knows your users.
    """
    environ = request.environ
    forwarded = any(name in _FORWARDING or name.startswith("HTTP_X_FORWARDED") for name in environ)
    local = _loopback(environ.get("REMOTE_ADDR", "")) and _local_host(environ.get("HTTP_HOST", ""))
    return "local" if local and not forwarded else None


def _local_host(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or _loopback(name)


def _loopback(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback
