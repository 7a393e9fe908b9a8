"""A hook that posts what became of a job to a URL of yours, as JSON."""

import hashlib
import hmac
import json
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from httpmr.errors import RecipeError

TIMEOUT = 10.0
"""Seconds that whoever is posted to may take: the request that tells it waits as long."""


class Webhook:
    """`on_done=Webhook("https://chat.example/hooks/7")`: for any of a Master's hooks.

    It posts `{"event": "done", ...}`, with the job's status beside it: its id, recipe, state,
    times, numbers, counters and error, and no key or value. `Idempotency-Key` is the same where
    something is told again. With a `secret`, `Httpmr-Signature` is "sha256=" and the HMAC-SHA256
    of the body, in hexadecimal. An answer other than 2xx, or none within `timeout` seconds, is a
    failure: it is posted again, a few times. Redirects are not followed.
    """

    def __init__(self, url: str, secret: str | None = None, timeout: float = TIMEOUT) -> None:
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise RecipeError(f"Webhook takes a URL that begins with http, not {url!r:.80}")
        self._url, self._secret, self._timeout = url, secret, timeout
        self.host = parts.hostname

    def __call__(self, job: Any) -> None:
        body = json.dumps({"event": job.event, **job.status(keys=False)}).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "httpmr",
            "Idempotency-Key": f"{job.id} {job.mark}",
        }
        if self._secret is not None:
            signed = hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
            headers["Httpmr-Signature"] = f"sha256={signed}"
        request = urllib.request.Request(self._url, body, headers, method="POST")
        with _OPENER.open(request, timeout=self._timeout):
            pass

    def __repr__(self) -> str:
        return f"Webhook(at {self.host})"  # a URL of this kind is itself a secret


class _Unmoved(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **named: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_Unmoved)
