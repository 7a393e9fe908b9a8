"""kill -9 of a PostgreSQL's process: it ends all of its connections, and recovers from its log."""

import random
import time

from benchmarks.chaos.homes import Home, home
from benchmarks.chaos.postgres import Postgres, programs
from benchmarks.chaos.site import Site
from benchmarks.chaos.storm import Done, weathered
from benchmarks.chaos.workers import Workers
from benchmarks.server import Server

EVERY = 12  # slices that are committed for one that is killed, on the average
HURRY = 5.0  # leases of requests that nobody knows of are over so much sooner


def measured(given: Home, faults: int, seconds: float, rng: random.Random) -> Done:
    """Kill so many, each after all is back; in a server of our own, for others share the usual."""
    if programs() is None:
        return Done(0, 0, [], skipped="the programs of PostgreSQL are not here")
    with Postgres(given.folder) as postgres, home(given.kind, postgres.url, killed=True) as own:
        site = Site(own.folder, own.url, since=time.time(), hurry=HURRY)

        def strike(over):
            done, due = 0, 0
            while done < faults and not over():
                time.sleep(rng.uniform(0, site.slice_seconds))
                if workers.slices() < due:
                    continue
                if found := postgres.backends():
                    done += postgres.kill(rng.choice(found))
                    due = workers.slices() + rng.randint(1, 2 * EVERY - 1)
            return done

        with Server(
            "benchmarks.chaos.site:application", site.environ, "--workers=4", "--preload"
        ) as server:
            workers = Workers(server, site.folder)
            done = weathered(site, server.site, strike, seconds)
    return done._replace(note="SIGKILL, in a server of our own")
