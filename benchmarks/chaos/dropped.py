"""Connections lost at COMMIT, before or after it took effect: nobody may guess which it was."""

import random
import time

from sqlalchemy.engine import make_url

from benchmarks.chaos import proxy
from benchmarks.chaos.homes import Home
from benchmarks.chaos.site import Site
from benchmarks.chaos.storm import Done, weathered
from benchmarks.server import Server

SHARE = 0.12  # of all COMMITs
HURRY = 5.0  # leases that nobody knows of are over so much sooner
PLAIN = {
    "PostgreSQL": {"sslmode": "disable", "gssencmode": "disable"},
    "MariaDB": {"ssl_disabled": "true"},
}
"""What keeps a connection readable on its way."""


def measured(home: Home, faults: int, seconds: float, rng: random.Random) -> Done:
    """Drop so many COMMITs of the workers'."""
    behind = make_url(home.url)
    messages = {"PostgreSQL": proxy.postgres, "MariaDB": proxy.mariadb}[home.kind]
    with proxy.Proxy(behind.port, messages, 0.0, rng) as between:
        way = behind.set(host="127.0.0.1", port=between.port)
        url = way.update_query_dict(PLAIN[home.kind]).render_as_string(hide_password=False)
        site = Site(home.folder, home.url, since=time.time(), hurry=HURRY)
        served = site.through(url)

        def strike(over):
            between.share = SHARE
            while between.dropped.total() < faults and not over():
                time.sleep(0.02)
            between.share = 0.0
            return between.dropped.total()

        with Server(
            "benchmarks.chaos.site:application", served.environ, "--workers=4", "--preload"
        ) as server:
            done = weathered(site, server.site, strike, seconds)
    return done._replace(note=", ".join(f"{n} {fate}" for fate, n in between.dropped.items()))
