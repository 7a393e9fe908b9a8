"""Drivers that go on whatever they are answered, and count it: half by `J/step`, half by `J/go`.

    python -m benchmarks.load.drivers DRIVE-URL DRIVERS SECONDS

drives from a process of its own, and prints what was answered, as JSON.
"""

import http.client
import json
import re
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks.slices.lanes import Asked, Lane

PAUSE = 0.25  # after what should not have been


@dataclass
class Driver:
    """What one driver was answered: how often each status, the slices done, and how it ended."""

    answers: Counter = field(default_factory=Counter)  # "cut" = the connection broke
    slices: list[Asked] = field(default_factory=list)
    last: int | None = None

    def drive(self, url: str, by_step: bool, until: float) -> "Driver":
        """Drive until the job ends, or the clock says `until`."""
        path = urlsplit(url).path
        if by_step:
            path = path.removesuffix("drive") + "step"
        with Lane(url) as lane:
            while path and time.monotonic() < until:
                try:
                    answer = lane.ask("POST" if by_step else "GET", path, self.slices)
                except (OSError, http.client.HTTPException):
                    self.answers["cut"] += 1
                    lane.connection.close()
                    continue
                self.answers[answer.status] += 1
                self.last = answer.status
                if answer.status >= 500:
                    time.sleep(PAUSE)
                elif by_step:
                    path = path if answer.status == 202 else None
                else:
                    ahead = re.search(rb'rel="next" href="([^"]+)"', answer.body)
                    path = answer.headers["Location"] or (ahead and ahead[1].decode())
        return self


def driven(url: str, drivers: int, seconds: float) -> list[Driver]:
    """Drive a job by so many, for so long at most."""
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(drivers) as pool:
        return list(pool.map(lambda n: Driver().drive(url, n % 2 == 0, until), range(drivers)))


def total(drivers: list[Driver]) -> Counter:
    """Return how often each answer was given to any of them."""
    return sum((driver.answers for driver in drivers), Counter())


def wrong(answers) -> dict:
    """Return how often what should never be answered was: 5xx, and no answer."""
    bad = {said: n for said, n in answers.items() if str(said) == "cut" or int(said) >= 500}
    return dict(sorted(bad.items(), key=str))


if __name__ == "__main__":
    print(json.dumps(total(driven(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))))
