"""Ask a server until it answers: one connection, tried again with backoff and chance.

Whatever is asked here may be asked twice: an answer that was lost is simply asked for anew, and
the server's protocol makes that harmless.
"""

import contextlib
import email.utils
import http.client
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

from httpmr.budget import Clock
from httpmr.driver.links import Link, parse
from httpmr.errors import DriverError, Unreachable

CONNECT = 10.0  # seconds to connect in, and to try for where nobody has answered yet
LONGEST_PAUSE = 15.0  # between two tries, unless the server asks for more
LONGEST_RETRY_AFTER = 60.0
LARGEST_ANSWER = 1 << 20
MOST_REDIRECTS = 10

Said = dict[str, Any]
"""A JSON object that was answered, and what was made of some."""

_CONNECTIONS: dict[str, type[http.client.HTTPConnection]] = {
    "http": http.client.HTTPConnection,
    "https": http.client.HTTPSConnection,
}
_REDIRECTS = (301, 302, 303, 307, 308)
_TRY_AGAIN = (408, 425, 429)  # and every 5xx
_REASONS = {
    401: "a login is asked for; a job's link needs none, so let requests to httpmr pass it",
    404: "no such job, or a wrong or revoked link",
}


class Chance(Protocol):
    """A random.Random, or the module `random` itself."""

    def uniform(self, a: float, b: float, /) -> float: ...


class Over(Exception):
    """The drive has ended: an asker's own way out."""


class Away(Exception):
    """The server, or what stands before it, says to try again, after so many seconds."""

    def __init__(self, why: str, after: float = 0.0) -> None:
        super().__init__(why)
        self.after = after


@dataclass
class Contact:
    """What all askers of one drive share: how they wait, and whether anybody answers them."""

    patience: float
    timeout: float
    over: Callable[[], bool]  # whether to give up
    tell: Callable[[Said], object]  # news for whoever watches
    sleep: Callable[[float], object]
    clock: Clock
    rng: Chance
    keep_alive: bool = True  # whether one connection does for many requests
    answered: bool = False
    failing: float | None = None  # since when every answer was a failure

    def good(self) -> None:
        """An answer came."""
        self.answered = True
        self.failing = None

    def bad(self, link: Link, error: Exception) -> None:
        """None came: raise Unreachable when patience is at its end."""
        now = self.clock()
        if self.failing is None:
            self.failing = now
        patience = self.patience if self.answered else min(self.patience, CONNECT)
        if now - self.failing >= patience:
            raise Unreachable(
                f"{link.site} does not answer ({_why(error)}); "
                "nothing is lost: drive it again when the server is back"
            ) from error
        self.tell({"trouble": _why(error)})

    def pause(self, tries: int, first: float, longest: float, least: float = 0.0) -> None:
        """Wait longer with each of `tries`; half of it is chance, so that lanes do not march."""
        seconds = min(longest, first * 2 ** min(tries, 16)) * self.rng.uniform(0.5, 1.0)
        self.sleep(max(seconds, least))


class Asker:
    """One connection, kept alive, to where a Link leads."""

    def __init__(self, link: Link, contact: Contact) -> None:
        self.link = link
        self.contact = contact
        self.connection: http.client.HTTPConnection | None = None

    def find(self) -> Said:
        """Return the status of the link's job; a start link is asked for its job first.

        In a pipeline it is that of the job which follows, once the link's own is done.
        """
        while self.link.starts:
            self.ask("GET", "")
        status = self.ask("GET", "status")[1]
        while follows := status.get("next"):
            self.move(f"{follows}status", "status")
            status = self.ask("GET", "status")[1]
        return status

    def ask(self, method: str, tail: str) -> tuple[int, Said]:
        """Return (status code, JSON object) of the job's `tail`, however many tries it takes.

        Raises DriverError for a refusal that no further try can mend. Redirects change `link`;
        that is all that comes of asking a start link.
        """
        tries = hops = 0
        while not self.contact.over():
            try:
                code, headers, body = self.once(method, tail)
                if code in _REDIRECTS and hops < MOST_REDIRECTS:
                    hops += 1
                    started = self.link.starts
                    self.move(headers.get("Location") or "nowhere", tail)
                    if started and not self.link.starts:
                        return code, {}
                    continue
                said = self.understood(code, headers, body)
            except ssl.SSLCertVerificationError as error:
                raise DriverError(f"{self.link.site}: {error.verify_message}") from None
            except (OSError, http.client.HTTPException, UnicodeError, Away) as error:
                self.contact.bad(self.link, error)
                self.contact.pause(tries, 0.25, LONGEST_PAUSE, getattr(error, "after", 0.0))
                tries += 1
            else:
                self.contact.good()
                return code, said
        raise Over

    def once(self, method: str, tail: str) -> tuple[int, Message, bytes]:
        """Send one request; return (status code, headers, body)."""
        fresh = self.connection is None
        try:
            connection = self.connection or self.connect()
            headers = {"Accept": "application/json", "User-Agent": "httpmr-drive"}
            if not self.contact.keep_alive:
                headers["Connection"] = "close"
            connection.request(method, f"{self.link.path}/{tail}", headers=headers)
            response = connection.getresponse()
            body = response.read(LARGEST_ANSWER)
            if response.length and len(body) < LARGEST_ANSWER:
                raise http.client.IncompleteRead(body, response.length)
            if response.will_close or not response.isclosed():
                self.close()
            return response.status, response.headers, body
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if fresh or isinstance(error, TimeoutError):
                raise
            # The server closed a connection that had lain idle: no failure yet.
            return self.once(method, tail)

    def connect(self) -> http.client.HTTPConnection:
        """Connect, soon or not at all; only then there may be long waits."""
        timeout = self.contact.timeout
        kind = _CONNECTIONS[self.link.scheme]
        connection = kind(self.link.host, self.link.port, timeout=min(CONNECT, timeout))
        self.connection = connection
        connection.connect()
        connection.sock.settimeout(timeout)
        return connection

    def move(self, location: str, tail: str) -> None:
        """Follow a redirect if it leads to the same thing elsewhere, or to the job started."""
        target = urljoin(self.link.url(tail), location)
        if not urlsplit(target).path.endswith(f"/{tail}" if tail else ("/", "/drive")):
            raise DriverError(
                f"{self.link.site} redirects to {location}: is a login in the way of the link?"
            )
        self.close()
        self.link = parse(target)

    def understood(self, code: int, headers: Message, body: bytes) -> Said:
        """Return the JSON object answered. Raises Away, or DriverError for a refusal."""
        said = _object(body)
        if "state" in said and code in (200, 202, 409):
            return said
        if code >= 500 or code in _TRY_AGAIN:
            raise Away(_words(code, body), _retry_after(headers))
        if code >= 400:
            reason = said.get("error") or _REASONS.get(code) or _words(code, body)
            raise DriverError(f"{self.link.site}: {reason}", code=code)
        if self.contact.answered:
            raise Away("it answers, but not as httpmr does")  # something stands in for it
        raise DriverError(f"{self.link.site} answers, but not as httpmr does", code=code)

    def close(self) -> None:
        """Let the connection go; the next request makes a new one."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def _object(body: bytes) -> Said:
    """Return the JSON object in `body`; an empty one if there is none."""
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _words(code: int, body: bytes) -> str:
    """Return a status code in words, with the reason given, if there is one."""
    words = f"{code} {http.client.responses.get(code, '')}".strip()
    reason = _object(body).get("error")
    return f"{words}: {reason}" if reason else words


def _why(error: Exception) -> str:
    """Return the reason of a failure, short."""
    if isinstance(error, TimeoutError):
        return "it timed out"
    if isinstance(error, (http.client.RemoteDisconnected, http.client.IncompleteRead)):
        return "it closed the connection"
    reason: str | None = getattr(error, "strerror", None)
    return reason or str(error) or type(error).__name__


def _retry_after(headers: Message) -> float:
    """Return the seconds that a Retry-After header asks for: a number, or a date."""
    asked = headers.get("Retry-After", "")
    seconds = 0.0
    if asked.isdigit():
        seconds = float(asked)
    elif asked:
        with contextlib.suppress(ValueError):
            seconds = email.utils.parsedate_to_datetime(asked).timestamp() - time.time()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
