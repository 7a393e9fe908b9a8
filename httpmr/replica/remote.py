"""The primary over HTTP: one connection, asked until it answers.

Whatever is asked here may be asked twice: the same lease is given again, and of two commits the
second finds it lost. What is asked, and what the answers mean, is not known here.
"""

import http.client
import json
import random
import re
import ssl
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from httpmr import codec
from httpmr.budget import Clock
from httpmr.errors import Conflict, Damaged, DriverError, Unavailable, Unreachable, UserCodeError
from httpmr.state import Plain

CONNECT = 10.0  # seconds to connect in, and to try for where nobody has answered yet
QUICK = 5.0  # seconds for what is tried but once
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 15.0  # seconds between two tries

_TRY_AGAIN = (408, 425, 429)  # and every 5xx
_CONNECTIONS: dict[str, type[http.client.HTTPConnection]] = {
    "http": http.client.HTTPConnection,
    "https": http.client.HTTPSConnection,
}


class Where(NamedTuple):
    """Where the primary is; `path` is MOUNT/replica/TOKEN."""

    scheme: str
    host: str
    port: int | None
    path: str

    @property
    def site(self) -> str:
        """Scheme, host and port, to name the primary in a message: no token is in it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port else "")


def where(url: str) -> Where:
    """Return where a replica's link leads; DriverError for what is none.

    >>> where("http://localhost:8000/words/replica/t0k/").path
    '/words/replica/t0k'
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise DriverError(f"not a URL ({error}): {url}") from None
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
    if parts.scheme not in _CONNECTIONS or not parts.hostname or "?" in url:
        raise DriverError(f"a replica's link begins with http:// or https://, not as {url!r} does")
    if not re.search(r"/replica/[A-Za-z0-9_-]+$", path):
        raise DriverError(
            "no replica's link: one ends in /replica/TOKEN; make it: httpmr link TARGET replica"
        )
    return Where(parts.scheme, parts.hostname, port, path)


class Remote:
    """The primary at a Where, as the replica of that name asks it.

    `tell(why)` is called when it does not answer, "" when it does again. `timeout` seconds are
    given to each answer. `clock`, `sleep` and `chance` are for tests.
    """

    def __init__(
        self,
        at: Where,
        name: str,
        tell: Callable[[str], object] = lambda why: None,
        timeout: float = 60.0,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        chance: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.at = at
        self.name = name
        self.tell = tell
        self.timeout = timeout
        self.clock = clock
        self.sleep = sleep
        self.chance = chance
        self.answered = False
        self._connection: http.client.HTTPConnection | None = None
        self._troubled = ""

    def ask(self, verb: str, said: Plain | bytes) -> Plain:
        """Return what is answered to `said`, packed or not, however long that takes.

        Raises Conflict where the lease was lost, DriverError for a refusal that no further try
        can mend, and Unreachable if nobody has ever answered.
        """
        raw = said if isinstance(said, bytes) else codec.dumps(said)
        began, tries = self.clock(), 0
        while True:
            try:
                answer = self._once(verb, raw, self.timeout)
            except Unavailable as error:
                self._trouble(error.message)
                if not self.answered and self.clock() - began >= CONNECT:
                    raise Unreachable(
                        f"{self.at.site} does not answer ({error.message}); start the replica "
                        "again when the primary is there"
                    ) from error
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries, 16))
                self.sleep(pause * self.chance(0.5, 1.0))
                tries += 1
            else:
                self.answered = True
                self._trouble("")
                return answer

    def try_once(self, verb: str, said: Plain, seconds: float = QUICK) -> Plain:
        """Return what is answered; Unavailable if that is nothing in so many seconds."""
        return self._once(verb, codec.dumps(said), seconds)

    def close(self) -> None:
        """Let the connection go; the next request makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _trouble(self, why: str) -> None:
        if why != self._troubled:
            self._troubled = why
            self.tell(why)

    def _once(self, verb: str, raw: bytes, seconds: float) -> Plain:
        fresh = self._connection is None
        try:
            code, body = self._sent(verb, raw, seconds)
        except ssl.SSLCertVerificationError as error:
            raise DriverError(f"{self.at.site}: {error.verify_message}") from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if fresh or isinstance(error, TimeoutError):
                raise Unavailable(_why(error)) from error
            # The server closed a connection that had lain idle: no failure yet.
            return self._once(verb, raw, seconds)
        except BaseException:  # whoever was interrupted here must not read half an answer later
            self.close()
            raise
        return self._understood(code, body)

    def _sent(self, verb: str, raw: bytes, seconds: float) -> tuple[int, bytes]:
        connection = self._connection
        if connection is None:
            kind = _CONNECTIONS[self.at.scheme]
            connection = kind(self.at.host, self.at.port, timeout=min(CONNECT, seconds))
            self._connection = connection
            connection.connect()
        connection.sock.settimeout(seconds)
        headers = {"Content-Type": "application/octet-stream", "User-Agent": "httpmr-replica"}
        connection.request("POST", f"{self.at.path}/{self.name}/{verb}", raw, headers)
        response = connection.getresponse()
        body = response.read()
        if response.will_close:
            self.close()
        return response.status, body

    def _understood(self, code: int, body: bytes) -> Plain:
        if code == 200:
            try:
                answer = codec.loads(body)
            except (Damaged, UserCodeError) as error:
                raise DriverError(
                    f"{self.at.site} answers what is not understood: {error}"
                ) from None
            if type(answer) is dict:
                return answer
            raise DriverError(f"{self.at.site} answers, but not as httpmr does")
        reason = _reason(body) or http.client.responses.get(code, "")
        if code == 409:
            raise Conflict(reason)
        if code >= 500 or code in _TRY_AGAIN:
            raise Unavailable(f"{code} {reason}")
        raise DriverError(f"{self.at.site}: {code} {reason}", code=code)


def _reason(body: bytes) -> str:
    try:
        said = json.loads(body)
    except ValueError:
        return ""
    return str(said.get("error", "")) if isinstance(said, dict) else ""


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it timed out"
    if isinstance(error, (http.client.RemoteDisconnected, http.client.IncompleteRead)):
        return "it closed the connection"
    reason: str | None = getattr(error, "strerror", None)
    return reason or str(error) or type(error).__name__
