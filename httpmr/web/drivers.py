"""Who sends the requests, in a word and a few letters: what the console tells drivers apart by.

The letters are signed with the store's secret, so that no address can be read from them.
"""

import hmac
from collections.abc import Iterable

from webob import Request

HEADER = "Httpmr-Driver"
"""What a driver may add, so that it is told from others of its kind at the same address."""

_KINDS = {"httpmr-drive": "httpmr drive", "wget": "wget", "curl": "curl", "mozilla": "browser"}


def driver(request: Request, secret: bytes) -> str:
    """Return the name of a request's sender, such as "wget 3f9c"."""
    agent = request.headers.get("User-Agent", "").lower()
    kind = next((kind for word, kind in _KINDS.items() if word in agent), "program")
    who = f"{request.remote_addr} {agent} {request.headers.get(HEADER, '')[:40]}"
    letters = hmac.digest(secret, who.encode("utf-8", "surrogatepass"), "sha256")[:2].hex()
    return f"{kind} {letters}"


def kinds(names: Iterable[str]) -> dict[str, int]:
    """Return {kind: how many of it} of drivers' names.

    >>> kinds(["wget 3f9c", "httpmr drive 01ab", "wget 77aa", ""])
    {'wget': 2, 'httpmr drive': 1, 'this machine': 1}
    """
    counts: dict[str, int] = {}
    for name in names:
        kind = name.rpartition(" ")[0] or "this machine"  # `run`, and Python
        counts[kind] = counts.get(kind, 0) + 1
    return counts
