"""The jobs of one recipe in one store: start them, find them, carry them on, control them.

Everything above this floor (the web, the command line) goes through here.
"""

import logging
import random
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

from httpmr import codec, engine
from httpmr.budget import Budget, Clock
from httpmr.engine.blame import check_key
from httpmr.errors import RecipeError, StoreError, Uncertain, UnknownJob
from httpmr.interfaces import OrderedStore
from httpmr.jobs import control, local
from httpmr.jobs.deleted import Deleted, deleted
from httpmr.jobs.following import following
from httpmr.jobs.hooks import tell
from httpmr.jobs.identity import Identity
from httpmr.jobs.job import Job
from httpmr.jobs.links import Links, Pointing, joined
from httpmr.jobs.retry import retry
from httpmr.jobs.step import Address, Step
from httpmr.jobs.steps import Stepper
from httpmr.jobs.tried import emitted
from httpmr.ledger import Ledger
from httpmr.recipe import Recipe
from httpmr.state import ENDED, Plain
from httpmr.state import Job as Record

STEPPERS = 32  # parameters that jobs had of late, whose recipes are kept
CLEAN = 1.0  # seconds for which no more garbage is looked for where there was none to be found

_log = logging.getLogger("httpmr.jobs")


class Jobs:
    """The jobs of `recipe` in `store`. Nothing is touched before it is needed.

    `secret` overrides the one in the store; `rng` is any random.Random; `clock` times slices, in
    seconds. Every method may raise Unavailable, Uncertain and what else the store raises.
    """

    def __init__(
        self,
        recipe: Recipe,
        store: OrderedStore,
        *,
        secret: str | bytes | None = None,
        rng: random.Random | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.recipe = recipe
        self.store = store
        self.rng = rng or random.SystemRandom()
        self.ledger = Ledger(store)
        self.links = Links(store, recipe.name)
        self._identity = Identity(store, self.rng)
        self._secret = secret.encode() if isinstance(secret, str) else secret
        self._clock = clock
        self._steppers: dict[bytes, Stepper] = {}
        self._clean = -CLEAN  # when there was no garbage
        self.then: Jobs | None = None
        """The Jobs of the next recipe, in a pipeline: each job here that is done has one there."""

    @property
    def instance(self) -> str:
        """The store's instance id; every job id begins with it and a dash."""
        return self._identity.instance

    @property
    def secret(self) -> bytes:
        """What tokens are signed with: random, kept in the store, the same on every host."""
        return self._secret or self._identity.secret

    def stepper(self, params: Plain, learned: Any = None) -> Stepper:
        """Return what steps jobs with these parameters: RecipeError if there can be none.

        `learned` is what the partitioner did when they started.
        """
        key = codec.dumps((params, learned))
        if key not in self._steppers:
            recipe = self.recipe.of(params).with_learned(learned)
            made = Stepper(recipe, self.ledger, self.rng, self._clock, self._ended)
            while len(self._steppers) >= STEPPERS:
                self._steppers.pop(next(iter(self._steppers)), None)
            self._steppers[key] = made
        return self._steppers[key]

    # Start and find

    def start(
        self, params: Plain | None = None, *joins: Pointing, by: str = "", last: Any = None
    ) -> Job:
        """Start a job and return it; `joins` are added to the commit that creates it.

        `last` is the bound of what it reads, if that is known already.
        `by`, here and in each act below: who does it, in a few words; the job keeps them.
        Raises ParameterError for parameters the recipe does not take, InputError or OutputError
        where the source or the sink cannot be used.
        """
        params = self.recipe.read(params or {})
        stepper = self.stepper(params)
        recipe = stepper.recipe
        recipe.sink.check(self.store)
        last = recipe.source.last() if last is None else last
        if last is not None:
            check_key(recipe.source, last, None)
        learned = recipe.learned(emitted(recipe, self._clock))
        now = self.store.now()
        newest = next(iter(self.all(limit=1)), None)
        id = self._identity.job(now, newest.id if newest else None)
        record = Record(
            id,
            recipe.name,
            params=params,
            shards=recipe.num_mappers,
            partitions=recipe.num_reducers if recipe.reducer else 0,
            started=now,
            last=last,
            learned=learned,
            versions=stepper.versions,
            acts=[[now, by[: control.LONGEST_NAME], "start"]],
        )
        try:
            self.ledger.create(record, engine.first(record), *(join(id) for join in joins))
        except Uncertain:
            if self.ledger.job(recipe.name, id) is None:
                raise
        self._ended()
        self.heard(record)
        return self._job(record)

    def find(self, id: str) -> Job:
        """Return the job; UnknownJob, or WrongStore where another store made it."""
        return self._job(self._record(id))

    def all(self, limit: int = 50, before: str | None = None) -> list[Job]:
        """Return at most `limit` jobs, newest first, those older than the job `before`."""
        return [self._job(r) for r in islice(self.ledger.jobs(self.recipe.name, before), limit)]

    def deleted(self) -> list[Deleted]:
        """Return which jobs were deleted of late, by whom and when, the newest job first."""
        return deleted(self.store, self.recipe.name)

    def latest(self) -> Job | None:
        """Return the newest job that is done, or that was and is being retried."""
        for record in self.ledger.jobs(self.recipe.name):
            if record.state == "done" or (record.round and record.state not in ENDED):
                return self._job(record)
        return None

    def _job(self, record: Record) -> Job:
        return Job(self.recipe, self.ledger, record)

    def _record(self, id: str) -> Record:
        self._identity.check(id)
        record = self.ledger.job(self.recipe.name, id)
        if record is None:
            raise UnknownJob(f"there is no job {id!r:.60} of the recipe {self.recipe.name}")
        return record

    def following(self, job: Record, start: bool = True) -> Job | None:
        """Return the job that follows one that is done; if there is none yet, `start` it."""
        if self.then is None or job.state != "done":
            return None
        return following(self.then, job, start)

    # Carry on

    def step(
        self,
        job: str | Record,
        at: Address | None = None,
        budget: Budget | None = None,
        driver: str = "",
    ) -> Step:
        """Do one slice of the job: of the shard `at` or of any free one; see Stepper.step.

        `job` is its id, or its record where that was just read; `driver`, who asks.
        """
        record = self._record(job) if isinstance(job, str) else job
        return self.carried(record, lambda stepper: stepper.step(record, at, budget, driver))

    def carried(self, record: Record, on: Callable[[Stepper], Step]) -> Step:
        """Carry the job on by its stepper, and do what goes with each slice."""
        try:
            stepper = self.stepper(record.params, record.learned)
        except RecipeError as error:
            return Step("stale", control.unmade(self.ledger, record, error.message), None)
        step = on(stepper)
        self.heard(step.job)
        if step.did == "slice" and not 0 <= self._clock() - self._clean < CLEAN:
            self._sweep()
        return step

    def heard(self, record: Record, since: float | None = None) -> None:
        """Let the hooks be called for what a job has come to; see hooks.tell."""
        if self.recipe.hooked:
            self._tidy(tell, self.recipe, self.ledger, record, since)

    def here(self, id: str) -> Address | None:
        """Return the slice a new lane should begin with; None where nothing is open."""
        record = self._record(id)
        return self.stepper(record.params, record.learned).here(record)

    def run(
        self,
        processes: int = 1,
        job: Job | None = None,
        progress: local.Progress | None = None,
        params: Plain | None = None,
    ) -> Job:
        """Carry a job, or a new one with these parameters, until it runs no more; return it.

        In a pipeline those that follow it are carried on too, and the last of them is returned.
        `progress(status)` is called a few times a second.
        """
        return local.run(self, processes, job, progress, params)

    def _ended(self) -> None:
        self._tidy(control.delete_old, self.ledger, self.recipe.name, self.recipe.keep)
        self._clean = -CLEAN

    def _sweep(self) -> None:
        """Remove some garbage; where there is none, it is not looked for again for a while."""
        self._clean = -CLEAN if self._tidy(control.sweep, self.store) else self._clock()

    def _tidy(self, work: Callable[..., Any], *args: Any) -> Any:
        """Do what any later request may do as well: no reason to fail this one."""
        try:
            return work(*args)
        except StoreError as error:
            _log.info("tidying up is left for later: %s", error)
        return None

    # Control

    def pause(self, id: str, by: str = "") -> None:
        """Pause a running job; Unfit otherwise."""
        control.pause(self.ledger, self._record(id), by)

    def resume(self, id: str, by: str = "") -> None:
        """Let a paused job run on, by the code there is here; Unfit otherwise."""
        record = self._record(id)
        stepper = self.stepper(record.params, record.learned)
        control.resume(self.ledger, record, stepper.versions, by)

    def skip(self, id: str, by: str = "", seen: str | None = None) -> None:
        """Put aside what a paused job stopped at; see control.skip."""
        control.skip(self.ledger, self._record(id), 2 * self.recipe.slice_seconds + 2, by, seen)

    def retry(self, id: str, by: str = "") -> None:
        """Map again what a done job put aside, and reduce again; see retry.retry."""
        record = self._record(id)
        stepper = self.stepper(record.params, record.learned)
        retry(self.ledger, record, stepper.recipe, stepper.versions, by)

    def cancel(self, id: str, by: str = "") -> None:
        """End a running or paused job for good; Unfit otherwise."""
        control.cancel(self.ledger, self._record(id), by)

    def delete(self, id: str, by: str = "") -> None:
        """Remove a job in any state, with all it has stored; `deleted` remembers that."""
        control.delete(self.ledger, self._record(id), by)
        _log.info("job %s is deleted%s", id, f" by {by}" if by else "")
        self._sweep()

    # Links

    def start_link(self, every: float | None = None, params: Plain | None = None) -> int:
        """Make or change the start link, which keeps the parameters; return its generation.

        `every` is in seconds.
        """
        params = self.recipe.read(params or {})
        return self.links.make("start", every=every, params=params)

    def start_link_generation(self) -> int | None:
        """Return the start link's generation; None where there is none."""
        return self.links.generation("start")

    def operate_generation(self, make: bool = False) -> int | None:
        """Return the generation of operator's links, made now if `make`; None if there are none."""
        return self.links.make("operate") if make else self.links.generation("operate")

    def revoke(self, kind: str) -> None:
        """End every "start" or "operate" link that was handed out."""
        self.links.revoke(kind)

    def revoke_links(self, id: str) -> None:
        """End every link of a job that was handed out; the job goes on, by new ones."""
        control.revoke(self.ledger, self._record(id))

    def join(self, generation: int) -> Job:
        """Return the start link's job, started if need be; see links.joined."""
        return joined(self, generation)
