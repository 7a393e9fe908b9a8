"""One job of one case in one world: from a seed, in a sweep, or without any fault."""

import linecache
import random
import tempfile
from contextlib import ExitStack, contextmanager
from functools import cache, lru_cache
from pathlib import Path
from shutil import rmtree

from httpmr import keys
from httpmr.engine import fold, long, packing, plan
from httpmr.jobs import Jobs, control
from httpmr.state import Record
from httpmr.stores import MemoryStore

from . import checks, faults
from .lanes import Driver, Operator
from .recipes import CASES
from .store import Seen, disk
from .world import World

CALM = 6000
"""Points within which a job must end when nothing goes wrong any more."""

# Thousands of trials meet the same keys, and look whether the same files have changed; in one, each
# record is read many times.
_pack, _unpack = lru_cache(100_000)(keys.pack), lru_cache(100_000)(keys.unpack)
_read = lru_cache(1_000)(Record.read.__func__)


class Trial:
    """A case in a world. `rows`, `path`, `home`, `cured` are what its recipe works with.

    `home` is a database, or None for a store in memory. `expected` is what must come of it.
    """

    present = None  # the last that was made; there is one at a time

    def __init__(self, case, world, home=None, expected=None):
        Trial.present = self
        self.case, self.world = case, world
        self.rows = {}
        self.cured = self.retried = self.cancelled = self.deleted = False
        self.storm = 0  # points until all is calm
        self.sent = []  # addresses
        self.folder = Path(tempfile.mkdtemp(dir=_folder())) if case.disk else None
        self.path = self.folder and self.folder / "out.jsonl"
        self.watch = checks.Watch(world, case.poison)
        self.store = Seen(world, home.cleared() if home else MemoryStore(), self.watch)
        self.home = home
        self.recipe = case.recipe(self)
        self.expected = expected
        # What is expected is of pairs; all else is compared with that packed.
        self.packs = packing._AT_ONCE if expected is None else 0
        # The same ids in each trial, whatever its seed.
        self.jobs = Jobs(self.recipe, self.store, rng=random.Random(1), clock=lambda: world.time)
        self.job = self.link = None

    def process(self, lane):
        """A new process, as serves the requests of one lane until it dies."""
        return Jobs(self.recipe, self.store, rng=self.world.rng, clock=lane.host)

    def calm(self):
        return self.world.points > self.storm

    def innocent(self, job):
        """Tell whether the job paused at something, or put it aside, that only had bad luck."""
        error = job.record.error or {}
        blamed = [bad["key"] for bad in job.bad_records]
        blamed += [error["key"]] if "past" in error else []
        return not self.case.poison.issuperset(blamed)

    def found(self, job):
        """Note which job a start link led to."""
        if self.job is None:
            self.job = job
        elif self.job.id != job.id:
            self.watch.fail("one job", f"the link led to {self.job.id} and to {job.id}")

    def run(self):
        """Let the lanes run; return what failed, {name of the check: message}."""
        with self.surroundings():
            self.world.run()
            if self.deleted and self.jobs.all():  # whoever deleted it may have died before
                self.jobs.delete(self.job.id)
            while list(self.store.scan(*keys.span(("garbage",)), limit=1)):
                control.sweep(self.store)
            checks.ended(self)
        return self.watch.failures

    @contextmanager
    def surroundings(self):
        case = self.case
        with ExitStack() as stack:
            if case.disk:
                stack.enter_context(disk(self.world))
                stack.callback(rmtree, self.folder, ignore_errors=True)
            for owner, name, value in (
                (plan, "FAN_IN", case.fan_in),
                (fold, "FAN_IN", case.fan_in),
                (long, "LONG", case.long),
                (packing, "_AT_ONCE", self.packs),
                (keys, "pack", _pack),
                (keys, "unpack", _unpack),
                (Record, "read", classmethod(_read)),
                (linecache, "checkcache", lambda filename=None: None),
            ):
                stack.callback(setattr, owner, name, vars(owner)[name])
                setattr(owner, name, value)
            yield


@cache
def _folder():
    memory = Path("/dev/shm")
    return memory if memory.is_dir() else None


@cache
def expected(case, home=None):
    """What comes of one lane without faults, in slices as long as can be."""
    trial = Trial(case, World(), home)
    trial.cured = case.cured or case.retried
    trial.job = trial.jobs.start()
    trial.world.lane("A", Driver(trial, sizes=(1000,)))
    with trial.surroundings():
        trial.world.run()
        return checks.result(trial, trial.job)


def drawn(seed, cases=CASES):
    """The trial of a seed: a case, lanes, and a storm that is over some time."""
    rng = random.Random(seed)
    case = cases[seed % len(cases)]
    storm = rng.choice((60, 150, 300))
    plan = faults.storm(rng.choice((0.0, 0.01, 0.03, 0.08)), storm)
    stir, page = rng.choice((0.05, 0.2, 0.6)), rng.choice((1, 2, 200))
    world = World(rng.random(), plan, stir, page, storm + CALM)
    trial = Trial(case, world, expected=expected(case))
    trial.storm = storm
    if rng.random() < 0.15:
        trial.link = trial.jobs.start_link(every=1e9)
    else:
        trial.job = trial.jobs.start()
    for number in range(rng.choice((1, 2, 2, 3))):
        world.lane("ABC"[number], Driver(trial))
    if rng.random() < 0.35:
        acts = ["pause", "resume"]
        acts += [] if case.retried else ["status", "status"]
        acts += [] if case.cured or case.retried else ["skip"]
        end = rng.random()
        acts += ["cancel"] if end < 0.15 else ["delete"] if end < 0.3 and trial.link is None else []
        world.lane("op", Operator(trial, acts))
    return trial
