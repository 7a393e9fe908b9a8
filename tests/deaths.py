"""A host on which requests die: of a record or a group, or of nothing that the job has done."""

import random

from faults import Clock, Killed, Mortal
from jobslib import ALL, made

from httpmr.budget import Budget
from httpmr.stores import MemoryStore


class Host:
    """Sends requests one after the other; a process that died is followed by another.

    What user code is given with a key that is `fatal` ends its process. Besides, a process dies by
    chance, of one commit in `rate` and of one call of user code in as many.
    """

    def __init__(self, records=10, fatal=(), rate=0.0, seed=0, size=ALL, **settings):
        self.clock = Clock()
        self.store = MemoryStore(clock=self.clock)
        self.fatal = set(fatal)
        self.rate = rate
        self.rng = random.Random(seed)
        self.size = size
        self.settings = {"records": records, "version": "1"} | settings
        mapper = settings.get("mapper", lambda key, value: [(key, value)])
        self.settings["mapper"] = self.perilous(mapper)
        if callable(reducer := settings.get("reducer")):
            self.settings["reducer"] = self.perilous(reducer)
        self.deaths = 0
        self.died_of = {}  # {key: how often}

    def perilous(self, function):
        def called(key, value):
            if key in self.fatal:
                self.died_of[key] = self.died_of.get(key, 0) + 1
                self.die()
            if self.rng.random() < self.rate:
                self.die()
            return function(key, value)

        return called

    def die(self):
        self.mortal.dead = True
        raise Killed

    def process(self, mortal=True):
        """The Jobs of a new process."""
        at = 1
        while mortal and self.rng.random() >= self.rate and at < 10:
            at += 1
        store = Mortal(self.store, at if at < 10 else None, before=self.rng.random() < 0.5)
        if mortal:
            self.mortal = store
        jobs = made(store=store if mortal else self.store, **self.settings)
        jobs.rng = jobs.stepper({}).rng = self.rng
        jobs.stepper({}).clock = self.clock
        return jobs

    @property
    def jobs(self):
        """The Jobs as an operator has them, who does not die."""
        return self.process(mortal=False)

    def request(self, job, at=None):
        """Send one request; return its Step, or None if it died."""
        try:
            return self.process().step(job.id, at, Budget(records=self.size, clock=self.clock))
        except Killed:
            self.deaths += 1
            return None

    def carried(self, job=None):
        """Send requests until the job, by default a new one, runs no more; return it."""
        job = job or self.jobs.start()
        for _ in range(10_000):
            step = self.request(job)
            if step and step.job.state != "running":
                return self.jobs.find(job.id)
            if step and step.did != "slice":
                self.clock.pass_(10)
        raise AssertionError("the job goes on for ever")
