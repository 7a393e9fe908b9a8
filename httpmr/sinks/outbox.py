"""Output that is posted to a URL, once it is committed: an outbox in the job's own store.

    (job, "outbox", round, shard, slice, n) -> pairs that are still to be posted

The pairs of a slice join its commit; when all is reduced they are posted, and what was answered
well is taken out. What another request has posted meanwhile is not known here, so something may be
posted twice, under the same Idempotency-Key.
"""

import hashlib
import hmac
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from contextlib import suppress
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from httpmr import codec, keys
from httpmr.budget import Budget
from httpmr.errors import Conflict, OutputError, RecipeError, Unavailable
from httpmr.interfaces import Batch, OrderedStore, Pair, Sink, Slice
from httpmr.sinks.files import as_json

AT_ONCE = 100
"""Pairs in a post at most, unless it is said otherwise."""

TIMEOUT = 10.0
"""Seconds that whoever is posted to may take."""

_TRY_AGAIN = (408, 425, 429)  # and every 5xx


class Outbox(Sink):
    """What the job gives is posted to `url`, as a JSON array of `[key, value]`, in output order.

    Nothing is posted before all of it is there. Each post has at most `at_once` pairs, and an
    `Idempotency-Key` that is the same if it is posted again, so that whoever gets it can pass over
    what it has had: with that, exactly once. With a `secret`, `Httpmr-Signature` is "sha256=" and
    the HMAC-SHA256 of the body, in hexadecimal. JSON is made as by `JSONLines`.

    Where nobody answers within `timeout` seconds, or 408, 425, 429 or 5xx, it is tried again for
    as long as something drives the job; any other answer than 2xx pauses it. Redirects are not
    followed.
    """

    guarantee = "at least once"

    def __init__(
        self,
        url: str,
        *,
        secret: str | None = None,
        at_once: int = AT_ONCE,
        timeout: float = TIMEOUT,
    ) -> None:
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise RecipeError(f"Outbox takes a URL that begins with http, not {url!r:.80}")
        if isinstance(at_once, bool) or not isinstance(at_once, int) or at_once < 1:
            raise RecipeError(f"Outbox: at_once is a whole number from 1 on, not {at_once!r:.40}")
        self._url, self._secret, self._timeout = url, secret, timeout
        self.host = parts.hostname
        self.at_once = at_once
        self._store: OrderedStore | None = None

    def joins(self, store: OrderedStore) -> bool:
        """The outbox is in the job's own store, whatever that is."""
        self._store = store
        return True

    def join(self, pairs: Sequence[Pair], slice: Slice, batch: Batch) -> None:
        """Put the slice's posts into the outbox. OutputError for a pair that JSON cannot hold."""
        place = (slice.job, "outbox", slice.round, slice.shard, slice.number)
        for n, start in enumerate(range(0, len(pairs), self.at_once)):
            body = f"[{', '.join(map(_told, pairs[start : start + self.at_once]))}]"
            batch.put(keys.pack((*place, n)), codec.dumps(body))

    def finish(self, job: str, receipts: Iterable[Any], budget: Budget) -> bool:
        """Post what is in the outbox, as much as the budget allows."""
        assert self._store is not None, "`joins` comes first"
        for key, value in self._store.scan(*keys.span((job, "outbox"))):
            self._post(codec.loads(value).encode(), _name(key))
            batch = Batch()
            batch.expect(key, value)
            batch.delete(key)
            with suppress(Conflict):  # another request has posted it too
                self._store.commit(batch)
            if not budget.more():
                return False
        return True

    def _post(self, body: bytes, name: str) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": "httpmr"}
        headers["Idempotency-Key"] = name
        if self._secret is not None:
            signed = hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
            headers["Httpmr-Signature"] = f"sha256={signed}"
        request = urllib.request.Request(self._url, body, headers, method="POST")
        try:
            with _OPENER.open(request, timeout=self._timeout):
                return
        except urllib.error.HTTPError as error:
            error.close()
            said = f"{self.host} answers {error.code} to what the job gives"
            if error.code >= 500 or error.code in _TRY_AGAIN:
                raise Unavailable(f"{said}: try again later") from None
            raise OutputError(f"{said} ({name}): put that right and resume") from None
        except (OSError, HTTPException) as error:
            why = getattr(error, "reason", None) or error
            raise Unavailable(f"{self.host} cannot be posted to ({why}): try again") from None

    def __repr__(self) -> str:
        return f"Outbox(at {self.host})"  # a URL of this kind is itself a secret


def _told(pair: Pair) -> str:
    try:
        return as_json(list(pair))
    except (ValueError, TypeError, RecursionError) as error:
        message = f"Outbox cannot post the output of key {pair[0]!r:.80}"
        raise OutputError(f"{message}: {error}", key=pair[0]) from error


def _name(key: bytes) -> str:
    """Return what names a post, whoever sends it: plain ASCII."""
    job, _, round, shard, number, n = keys.unpack(key)
    return ".".join(map(str, (job, round, *shard, number, n)))


class _Unmoved(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **named: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_Unmoved)
