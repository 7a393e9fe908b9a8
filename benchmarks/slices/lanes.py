"""Lanes that time each of their requests, from outside: by `J/step`, or along `J/go`.

They ask for the next slice as soon as they have an answer, each on a connection of its own,
and give up at whatever goes wrong: to get through is the business of `httpmr drive`.
"""

import http.client
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import urlsplit

PAUSE = 0.02  # where there was nothing to do
TIMEOUT = 120.0


class Asked(NamedTuple):
    """A request that did a slice: when it was sent and answered, and what it did."""

    began: float
    ended: float
    phase: str
    records: int

    @property
    def seconds(self):
        return self.ended - self.began


def driven(links: dict, lanes: int, way: str = "step", longest: float = PAUSE) -> list[Asked]:
    """Drive a job to its end in so many lanes; return the requests that did a slice.

    A lane that finds nothing to do waits twice as long each time, but no more than `longest`.
    """
    follow = {"step": _step, "go": _go}[way]
    with ThreadPoolExecutor(lanes) as pool:
        ways = [pool.submit(follow, links["drive"], longest) for _ in range(lanes)]
        return [asked for way in ways for asked in way.result()]


def _step(drive, longest):
    """Post until there is nothing more to do."""
    path = urlsplit(drive).path.removesuffix("drive") + "step"
    done = []
    with Lane(drive, longest) as lane:
        while (answer := lane.ask("POST", path, done)).status == 202:
            pass
    _must_be_done(answer)
    return done


def _go(drive, longest):
    """Follow redirects, and the one link of a page."""
    path, done = urlsplit(drive).path, []
    with Lane(drive, longest) as lane:
        while path:
            answer = lane.ask("GET", path, done)
            found = re.search(rb'rel="next" href="([^"]+)"', answer.body)
            path = answer.headers["Location"] or (found and found[1].decode())
    _must_be_done(answer)
    return done


def _must_be_done(answer):
    if answer.status != 200:
        raise SystemExit(f"{answer.status}: {answer.body.decode(errors='replace')}")


class _Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Lane:
    """A connection, which is kept where the server keeps it."""

    def __init__(self, url, longest=PAUSE):
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT)
        self.pause, self.longest = PAUSE, longest

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.connection.close()

    def ask(self, method, path, done):
        """Send a request; where it did a slice, add it to `done`. Return the answer."""
        began = time.perf_counter()
        self.connection.request(method, path)
        response = self.connection.getresponse()
        answer = _Answer(response.status, response.headers, response.read())
        ended = time.perf_counter()
        if said := answer.headers["Slice"]:
            phase, records = said.split()
            done.append(Asked(began, ended, phase, int(records)))
            self.pause = PAUSE
        else:
            time.sleep(self.pause)
            self.pause = min(2 * self.pause, self.longest)
        return answer
