"""A second host with a store of its own: it must do nothing of the first one's jobs, and say so."""

import random

from benchmarks.chaos.homes import Home, home
from benchmarks.chaos.hosts import asked, waited
from benchmarks.chaos.site import Site
from benchmarks.chaos.storm import Done, weathered
from benchmarks.server import Server

WAYS = (
    ("POST", "step"),
    ("GET", "drive"),
    ("GET", "drive-3"),
    ("GET", "chain"),
    ("GET", "go/1.m0.0.0.0"),
    ("GET", "status"),
)
OPTIONS = ("--workers=3", "--preload")


def measured(first: Home, faults: int, seconds: float, rng: random.Random) -> Done:
    """Send so many requests about jobs that run at the first host to the second one."""
    with home(first.kind, first.server) as second:
        here, there = Site(first.folder, first.url), Site(second.folder, second.url)
        there.prepare()
        wrong = []

        def strike(over):
            done = 0
            while done < faults and not over():
                master = here.masters[rng.choice(here.names)]
                running = [j for j in master.jobs()[:1] if j.state == "running"]
                for job in running:
                    method, way = rng.choice(WAYS)
                    path = master.link("drive", f"/{job.recipe}", job)
                    answer = asked(
                        method, f"{other.site}{path}/{way}", "" if way == "step" else None
                    )
                    wrong.extend(_misled(master, there, answer, f"{method} {way}"))
                    done += 1
            return done

        application = "benchmarks.chaos.site:application"
        with (
            Server(application, here.environ, *OPTIONS) as server,
            Server(application, there.environ, *OPTIONS) as other,
        ):
            waited(other.site)
            done = weathered(here, server.site, strike, seconds)
        for name in there.names:
            if found := there.masters[name].jobs():
                wrong.append(f"the second host has jobs: {found}")
            output = there.output(name, None) if name != "grouped" else None
            if output:
                wrong.append(f"the second host has output: {output!r:.100}")
        return done._replace(wrong=done.wrong + wrong + there.errors())


def _misled(master, there, answer, what):
    """What is wrong with the answer of the host that has another store."""
    theirs = there.masters[master.recipe.name].work.instance
    reason = f"the job belongs to the store {master.work.instance}, and this host uses {theirs}"
    if answer.code != 409 or reason not in answer.body:
        yield f"{what} at the second host: {answer.code} {answer.body:.200}"
