"""A replica's work: lease a slice, do it by the same engine, send what it came to; again.

It is one thread, and has one slice at a time. It may be killed anywhere: what it has leased is then
done elsewhere, and what it sends too late is refused.
"""

import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from httpmr import codec, collector, engine
from httpmr.budget import Clock
from httpmr.engine import blame
from httpmr.errors import (
    Conflict,
    DriverError,
    HttpmrError,
    OverLimit,
    RecipeError,
    StoreError,
    Unavailable,
    UserCodeError,
)
from httpmr.interfaces import Slice
from httpmr.jobs import slices, wire
from httpmr.jobs.lease import Lease
from httpmr.jobs.primary import DOING
from httpmr.jobs.replicas import ORDERS
from httpmr.jobs.tuned import Tuned
from httpmr.jobs.version import changed, versions
from httpmr.recipe import Recipe
from httpmr.replica.beating import Beating
from httpmr.replica.reading import Partition, Through
from httpmr.replica.remote import Remote
from httpmr.state import Outcome, Plain, Task

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds between two looks for work
GOODBYE = 0.7  # seconds
_KEPT = 100


class Replica:
    """Does slices of the recipe's jobs until it is told to end.

    `reach` says whether the source is read directly: "direct" and "primary" do always and never;
    "" where its fingerprint proves that it is the same as the primary's. "direct" also writes what
    a keyed sink gets, unless that joins the primary's commit. `clock` times slices.
    """

    def __init__(
        self,
        recipe: Recipe,
        remote: Remote,
        reach: str = "",
        clock: Clock = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        rng: Any = random,
    ) -> None:
        self.recipe = recipe
        self.remote = remote
        self.reach = reach
        self.clock = clock
        self.sleep = sleep
        self.rng = rng
        self.tuned = Tuned(recipe.slice_seconds)
        self.slices = self.records = self.errors = 0
        self._last: Any = None  # the lease that it had last, and has no more
        self._made: dict[bytes, tuple[Recipe, dict[str, str]]] = {}
        self._same: dict[tuple[str, Any], bool] = {}

    def run(self, idle: float | None = None) -> str:
        """Work until an operator lets it end; return "drain" or "drop".

        Or until there was nothing to do for `idle` seconds; then return "". Raises DriverError for
        what no further try can mend, as a link that was revoked.
        """
        pause, since = FIRST_PAUSE, self.clock()
        try:
            while True:
                did = self.step()
                if did in ORDERS:
                    return did
                if did in ("leased", "slice", "lost"):
                    pause, since = FIRST_PAUSE, self.clock()
                    continue
                if idle is not None and self.clock() - since >= idle:
                    return ""
                self.sleep(pause * self.rng.uniform(0.5, 1.0))
                pause = min(LONGEST_PAUSE, 1.5 * pause)
        finally:
            self._goodbye()

    def step(self) -> str:
        """Ask for a slice, and do it if one was "leased"; return what else became of it.

        That is an operator's order, or what `Primary.claim` says that it did.
        """
        began = self.clock()
        answer = self.remote.ask("claim", self._told("ready", self._last))
        if answer["recipe"] != self.recipe.name:
            raise DriverError(
                f"the link is of the recipe {answer['recipe']}, and TARGET is "
                f"{self.recipe.name}: give the TARGET that the primary serves"
            )
        if answer["order"]:
            return str(answer["order"])
        if answer["did"] == "leased":
            self._slice(answer, began)
            self._last = answer["lease"]
        return str(answer["did"])

    def _told(self, state: str, lease: Any = None, begun: Any = None) -> Plain:
        """What each word to the primary tells of the replica."""
        numbers = {"slices": self.slices, "records": self.records, "errors": self.errors}
        return {"state": state, "lease": lease, "begun": begun, **numbers}

    def _goodbye(self) -> None:
        self.remote.close()
        try:
            self.remote.try_once("status", self._told("gone"), GOODBYE)
        except HttpmrError:  # it is missed soon enough
            pass
        finally:
            self.remote.close()

    @collector.resting()
    def _slice(self, given: Plain, began: float) -> None:
        """Do the slice that was leased, and commit it."""
        task, lease = Task.of(given["task"]), given["lease"]
        recipe = self._recipe(given)

        def read(what: str, *args: Any) -> Plain:
            try:
                return self.remote.ask("read", {"lease": lease, "what": what, "args": list(args)})
            except DriverError as error:  # no fault of the job's
                raise Unavailable(error.message) from error

        if task.phase == "map" and not self._direct(recipe, task):
            recipe = replace(recipe, source=Through(recipe.source, read))
        held = Lease(self._renewing(lease), task, given["seconds"], self.clock)

        def beat() -> bool:
            try:
                held.renew(held.task, given["seconds"])
            except Conflict:
                return False
            return True

        budget = self.tuned.budget(task, began, self.clock)
        budget = Beating(budget, given["seconds"] / 3, beat)
        try:
            outcome = slices.run(recipe, Partition(read), held, budget)
            outcome = self._written(recipe, given, held, outcome)
            self._commit(recipe, task, lease, outcome)
        except StoreError as error:
            self.errors += 1
            if not isinstance(error, Conflict):
                self.remote.ask("status", self._told("ready"))  # which gives the lease back
                self.remote.tell(error.message)
                self.sleep(LONGEST_PAUSE)
            return
        self.slices += 1
        self.records += outcome.records
        self.tuned.note(task.phase, budget)

    def _recipe(self, given: Plain) -> Recipe:
        """The recipe of the job; RecipeError if its code is not what the job began with."""
        key = codec.dumps((given["params"], given["learned"]))
        if key not in self._made:
            recipe = self.recipe.of(given["params"]).with_learned(given["learned"])
            if len(self._made) >= _KEPT:
                self._made.clear()
            self._made[key] = recipe, versions(recipe)
        recipe, mine = self._made[key]
        parts = changed(given["versions"], mine)
        if parts:
            raise RecipeError(
                f"the code here is not the job's ({', '.join(parts)}): bring this machine to what "
                "the primary has, or give the Master a version="
            )
        return recipe

    def _direct(self, recipe: Recipe, task: Task) -> bool:
        """Whether the source is to be read here."""
        if self.reach:
            return self.reach == "direct"
        shard = (task.job, task.shard)
        if shard not in self._same:
            if len(self._same) >= _KEPT:
                self._same.clear()
            try:
                told = engine.fingerprint(recipe.source, task)
            except Exception:  # it is not to be had here: whatever is wrong, the primary has it
                told = None
            self._same[shard] = told is not None and told == task.fingerprint
        return self._same[shard]

    def _renewing(self, lease: Any) -> Callable[..., Task]:
        """What renews the lease: Conflict if it is lost. Only what is noted has to come through."""

        def renew(task: Task, seconds: float, begun: Any = None) -> Task:
            said = self._told(DOING[task.phase], lease, begun)
            try:
                ask = self.remote.ask if begun else self.remote.try_once
                answer = ask("status", said)
            except Unavailable:
                return task
            except DriverError as error:  # no fault of the record's that it is between
                raise Conflict(error.message) from error
            if not answer["held"]:
                raise Conflict("the lease was lost")
            return task

        return renew

    def _written(self, recipe: Recipe, given: Plain, held: Lease, outcome: Outcome) -> Outcome:
        """Write what is for a keyed sink here, if that is wanted; return what is left to commit."""
        sink, task = recipe.sink, held.task
        keyed = self.reach == "direct" and not given["joins"] and sink.guarantee == "keyed"
        if not keyed or not outcome.pairs:
            return outcome
        held.renew(task, given["seconds"])  # what is overtaken had better write nothing
        sink.joins(Partition(lambda *asked: {}))
        try:
            receipt = sink.write(
                outcome.pairs, Slice(task.job, *task.place, task.stamp, given["round"])
            )
        except blame.FAULTS as error:
            blame.passes(error)
            return slices.instead(recipe, task, outcome, error)
        return outcome if receipt is not None else replace(outcome, pairs=())

    def _commit(self, recipe: Recipe, task: Task, lease: Any, outcome: Outcome) -> None:
        """Send what the slice came to; or, if that cannot be sent, what is to be said instead."""
        try:
            raw = _packed(lease, outcome)
        except (UserCodeError, OverLimit) as error:
            told = slices.instead(recipe, task, outcome, error)
            try:
                raw = _packed(lease, told)
            except (UserCodeError, OverLimit) as again:
                raw = _packed(lease, slices.untold(task, again))
        self.remote.ask("commit", raw)


def _packed(lease: Any, outcome: Outcome) -> bytes:
    raw = codec.dumps({"lease": lease, "outcome": wire.sent(outcome)})
    if len(raw) > wire.MOST_BYTES:
        raise OverLimit(f"a slice came to {len(raw):,} bytes: {wire.MOST_BYTES:,} can be sent")
    return raw
