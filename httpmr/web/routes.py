"""Every path that is answered, in one table, and the addresses of slices inside paths.

A path is matched as the server gave it, without decoding: every URL made here is ASCII, so that
whatever else comes in, percent garbage or invalid UTF-8, simply is no path of ours.
"""

import re
from typing import NamedTuple

from httpmr.jobs import Address
from httpmr.state import Shard

LETTERS = {"split": "s", "map": "m", "merge": "g", "reduce": "r", "publish": "p", "cleanup": "c"}
PHASES = {letter: phase for phase, letter in LETTERS.items()}

PARTS = {
    "job": r"[A-Za-z0-9._~-]{1,100}",
    "token": r"[A-Za-z0-9_-]{1,100}",
    "place": r"\d{1,12}\.[smgrpc]\d{1,9}(?:-\d{1,9}){0,40}\.\d{1,12}\.\d{1,12}\.\d{1,12}",
    "lanes": r"[1-9]\d{0,2}",
    "action": "pause|resume|skip|retry|cancel|delete",
    "format": "csv|jsonl",
    "replica": r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}",
    "verb": "status|claim|commit|read",
    "order": "drain|drop",
    "name": r"[a-z]{1,20}\.(?:css|js|svg)",
}


class Route(NamedTuple):
    """A kind of path: how it may be asked for, and what its answers are read by."""

    name: str
    methods: tuple[str, ...]
    reader: str  # "person"; "driver": pages without links but the next; "program": JSON
    pattern: re.Pattern[str]


def _route(name: str, methods: tuple[str, ...], reader: str, path: str) -> Route:
    pattern = re.sub(r"{(\w+)}", lambda part: f"(?P<{part[1]}>{PARTS[part[1]]})", path)
    return Route(name, methods, reader, re.compile(pattern, re.ASCII))


GET, POST = ("GET", "HEAD"), ("POST",)

TABLE = (
    _route("mount", GET, "person", r""),
    _route("console", GET, "person", r"/"),
    _route("new", POST, "person", r"/jobs"),
    _route("tried", POST, "person", r"/sample"),
    _route("metrics", GET, "program", r"/metrics"),
    _route("start", GET, "driver", r"/start/{token}/?"),
    _route("operate", GET, "person", r"/operate/{token}"),
    _route("replica", POST, "program", r"/replica/{token}/{replica}/{verb}"),
    _route("order", POST, "person", r"/replicas/{replica}/{order}"),
    _route("static", GET, "person", r"/static/{name}"),
    _route("folder", GET, "person", r"/{job}/{token}"),
    _route("page", GET, "person", r"/{job}/{token}/"),
    _route("drive", GET, "driver", r"/{job}/{token}/drive"),
    _route("lanes", GET, "driver", r"/{job}/{token}/drive-{lanes}"),
    _route("go", GET, "driver", r"/{job}/{token}/go/{place}"),
    _route("chain", GET, "driver", r"/{job}/{token}/chain"),
    _route("chain_go", GET, "driver", r"/{job}/{token}/chain/(?:go/)?{place}"),
    _route("step", POST, "program", r"/{job}/{token}/step"),
    _route("status", GET, "program", r"/{job}/{token}/status"),
    _route("output", GET, "person", r"/{job}/{token}/output"),
    _route("download", GET, "person", r"/{job}/{token}/output\.{format}"),
    _route("again", POST, "person", r"/{job}/{token}/again"),
    _route("action", POST, "person", r"/{job}/{token}/{action}"),
)


def match(path: str) -> tuple[Route, dict[str, str]] | None:
    """Return the route of a path below the mount, and the parts of the path; None = no such."""
    for route in TABLE:
        if found := route.pattern.fullmatch(path):
            return route, found.groupdict()
    return None


def shard_name(shard: Shard) -> str:
    """Return how a shard is written: (3, -2, -1) as 3-2-1."""
    return "".join(map(str, shard))


class Place(NamedTuple):
    """Where a lane is: the slice it asks for, and how it came there.

    `turn` counts the answers that did no work, `hop` the redirects since the last page. A slice
    that was done is never current again, so no place is ever named twice in a lane.

    >>> place = Place(7, Address("map", (3, -2, -1), 5), turn=1, hop=2)
    >>> str(place)
    '7.m3-2-1.5.1.2'
    >>> Place.of("7.m3-2-1.5.1.2") == place
    True
    """

    lane: int
    at: Address
    turn: int = 0
    hop: int = 0

    def __str__(self) -> str:
        shard = LETTERS[self.at.phase] + shard_name(self.at.shard)
        return f"{self.lane}.{shard}.{self.at.n}.{self.turn}.{self.hop}"

    @classmethod
    def of(cls, text: str) -> "Place":
        """Read a place that the table's pattern has matched."""
        lane, slot, n, turn, hop = text.split(".")
        first, *shed = slot[1:].split("-")
        shard = (int(first), *(-int(k) for k in shed))
        return cls(int(lane), Address(PHASES[slot[0]], shard, int(n)), int(turn), int(hop))
