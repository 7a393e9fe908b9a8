"""Requests to a host one at a time, whatever it answers."""

import http.client
import json
import time
from typing import NamedTuple
from urllib.parse import urlsplit

TIMEOUT = 60.0


class Answer(NamedTuple):
    """The status code of an answer, and its body."""

    code: int
    body: str

    @property
    def said(self) -> dict:
        """The body as JSON; nothing if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}


def waited(site: str, seconds: float = TIMEOUT) -> None:
    """Wait until a host answers; SystemExit if it does not."""
    deadline = time.monotonic() + seconds
    while asked("GET", f"{site}/").code == 0:
        if time.monotonic() > deadline:
            raise SystemExit(f"{site} does not answer")
        time.sleep(0.05)


def asked(method: str, url: str, body: str | None = None) -> Answer:
    """Send one request, follow nothing; code 0 = the connection was refused, or lost."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    try:
        connection.request(method, parts.path, body, headers)
        response = connection.getresponse()
        return Answer(response.status, response.read().decode(errors="replace"))
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, repr(error))
    finally:
        connection.close()
