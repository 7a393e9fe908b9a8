"""Random schedules of replicas and of the web: whatever is lost, late or dead, it is exact."""

import random

import pytest
from replicalib import primary, replica, words

from httpmr import counters
from httpmr.budget import Budget
from httpmr.sinks import JSONLines, Memory
from httpmr.sources import Memory as Records

SEEDS = 60
ENDLESS = 3000


class Died(BaseException):
    """A replica's process was killed."""


class World:
    """A job, some replicas and a lane of the web, of which each may stand still while others go on.

    Before any request of a replica: its connection may be cut, the answer may be lost, it may die,
    or time passes, leases run out, and others act.
    """

    def __init__(self, seed, **settings):
        self.rng = random.Random(seed)
        self.lines = {n: f"the cat {n % 3} the hat" for n in range(self.rng.randrange(1, 25))}
        self.made = primary(
            source=Records(self.lines), num_mappers=self.rng.randrange(1, 6), **settings
        )
        self.job = self.made.start()
        self.names = iter(range(10**6))
        self.replicas = [self.another() for _ in range(self.rng.randrange(1, 4))]
        self.acting = []

    def another(self):
        records = self.rng.randrange(1, 6)
        reach = self.rng.choice(["direct", "primary", ""])
        return replica(self.made, f"r{next(self.names)}", None, reach, records, Faults(self))

    def act(self):
        idle = [one for one in self.replicas if one not in self.acting]
        if not idle or self.rng.random() < 0.15:
            self.made.work.step(self.job.id, budget=Budget.records(self.rng.randrange(1, 4)))
            return
        one = self.rng.choice(idle)
        self.acting.append(one)
        try:
            one.step()
        except Died:
            self.replicas[self.replicas.index(one)] = self.another()
        finally:
            self.acting.remove(one)

    def pass_time(self):
        self.made.store_clock.now += self.rng.choice([0, 1, 7, 7, 700])
        if len(self.acting) < 3:
            for _ in range(self.rng.randrange(5)):
                self.act()

    def die(self):
        raise Died

    def carry(self):
        for _ in range(ENDLESS):
            state = self.job.state
            if state == "paused":  # so many died, one after the other, that a record is blamed
                self.made.work.resume(self.job.id)
            elif state != "running":
                return
            self.act()
            self.made.store_clock.now += self.rng.choice([0, 0, 1, 7])
        raise AssertionError("the job goes on for ever")


class Faults(dict):
    """What happens before each request."""

    def __init__(self, world):
        self.world = world

    def __bool__(self):
        return True

    def get(self, number):
        chance = self.world.rng.random()
        for most, what in ((0.04, "cut"), (0.1, "deaf"), (0.2, self.world.pass_time),
                           (0.22, self.world.die)):  # fmt: skip
            if chance < most:
                return what
        return None


def counting(key, line):
    counters.count("lines")
    yield from words(key, line)


def expected(lines):
    found = {}
    for line in lines.values():
        for word in line.split():
            found[word] = found.get(word, 0) + 1
    return found


@pytest.mark.parametrize("sink", ["stored", "joined", "staged"])
def test_random_schedules_of_replicas(sink, tmp_path):
    for seed in range(SEEDS):
        path = tmp_path / f"{seed}.jsonl"
        sinks = {"stored": None, "joined": Memory(), "staged": JSONLines(str(path))}
        world = World(f"{sink} {seed}", mapper=counting, sink=sinks[sink])
        world.carry()
        job, lines = world.job, world.lines
        assert job.state == "done", (seed, job.record.error)
        assert job.status()["records"] == len(lines) == job.counters["lines"], seed
        assert written(sink, job, sinks, path) == sorted(expected(lines).items()), seed


def written(sink, job, sinks, path):
    """Return all that was given out, be it once or twice."""
    if sink == "stored":
        return sorted(job.output())
    if sink == "joined":
        return sorted(sinks["joined"].pairs(job.id))
    found = [row.split(",", 1) for row in path.read_text().splitlines()]
    return sorted((key.strip('[" '), int(n.strip("] "))) for key, n in found)
