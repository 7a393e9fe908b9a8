"""What the lanes do: drivers send requests, timely, late and twice; operators meddle."""

from contextlib import suppress

from httpmr.budget import Budget
from httpmr.errors import StoreFull, Unavailable, Uncertain, Unfit, UnknownJob
from httpmr.state import ENDED

from .world import Killed

LONGEST_WAIT = 60.0
AWAY = (Unavailable, Uncertain, StoreFull)


class Driver:
    """Steps the job until it ends, and sends one more after that, too late.

    Where the trial has no job yet, it is the start link's. A request that was killed is followed
    by one to a new process. `first` is called before the first request.
    """

    def __init__(self, trial, first=None, sizes=(1, 2, 3)):
        self.trial, self.world, self.first, self.sizes = trial, trial.world, first, sizes
        self.at = None

    def __call__(self, lane):
        self.lane = lane
        if self.first:
            self.at = self.first(lane)
        jobs = self.trial.process(lane)
        self.patience = 0.25
        while True:
            lane.request += 1
            try:
                if self._stepped(jobs):
                    return
            except AWAY:
                self._wait()
            except Killed:
                lane.dead, self.at = False, None
                jobs = self.trial.process(lane)
                self._wait()
            except UnknownJob:
                if not self.trial.deleted:
                    raise
                return

    def _wait(self):
        self.world.wait(self.patience)
        self.patience = min(2 * self.patience, LONGEST_WAIT)

    def _stepped(self, jobs):
        """Send one request; tell whether the lane has come to its end."""
        trial = self.trial
        if trial.job is None:
            trial.found(jobs.join(trial.link))
        at = self.lane.sent = self._address()
        if at:
            trial.sent.append(at)
        number = at and trial.watch.current(trial.job.id, at)
        step = jobs.step(trial.job.id, at, self._budget())
        if step.did == "slice" and at and number != at.n:
            trial.watch.fail("late", f"a request for {at} did a slice when that was {number}")
        if step.job.state == "done" and step.job.bad_records and self._retried(jobs):
            return False
        if step.job.state in ENDED:
            return self._late(jobs)
        if step.job.state == "paused":
            self._mend(jobs, step.job)
        self.at = step.next
        if step.did == "slice":
            self.patience = 0.25
        elif step.did == "busy" or step.job.state == "paused":
            self._wait()
        return False

    def _address(self):
        """Mostly where the last answer led; at times a repeated one, or any free shard."""
        rng, trial = self.world.rng, self.trial
        if trial.calm():
            return self.at
        chance = rng.random()
        if chance < 0.15 and trial.sent:
            return trial.sent[int(rng.random() * len(trial.sent))]
        return None if chance < 0.25 else self.at

    def _budget(self):
        if self.trial.case.seconds:
            return None
        return Budget(records=self.sizes[int(self.world.rng.random() * len(self.sizes))])

    def _retried(self, jobs):
        """Be the operator of a job that is done: retry, if that is of use."""
        trial = self.trial
        if not trial.case.retried and not trial.innocent(jobs.find(trial.job.id)):
            return False
        trial.cured, trial.retried = trial.cured or trial.case.retried, True
        with suppress(Unfit):  # another was quicker
            jobs.retry(trial.job.id)
        return True

    def _mend(self, jobs, record):
        """Be the operator: cure or skip what the job paused at, and let it run on."""
        trial = self.trial
        error = record.error or {}
        poisoned = "past" in error and error["key"] in trial.case.poison
        poisoned = poisoned and not error["message"].startswith("GroupTooLarge")
        skipped = poisoned and not trial.case.cured
        try:
            if skipped and (trial.calm() or self.world.rng.random() < 0.5):
                try:
                    return jobs.skip(record.id, seen=record.state)
                except Unfit as error:
                    if "resume the job" not in error.message:
                        return None
            trial.cured = trial.cured or (poisoned and trial.case.cured)
            return jobs.resume(record.id)
        except Unfit:
            return None

    def _late(self, jobs):
        """Send what is over, once more."""
        trial = self.trial
        if trial.sent:
            at = self.world.rng.choice(trial.sent)
            self.lane.request += 1
            number = trial.watch.current(trial.job.id, at)
            did = jobs.step(trial.job.id, at, Budget.records(1)).did
            if did != "stale" and number != at.n:
                trial.watch.fail("late", f"a request after the end did: {did}")
        return True


class Operator:
    """Does a few things to the job, at any time."""

    def __init__(self, trial, acts):
        self.trial, self.acts = trial, acts
        self.seen = {}

    def __call__(self, lane):
        trial, rng = self.trial, self.trial.world.rng
        for _ in range(rng.randrange(1, 4)):
            trial.world.park(rng.randrange(2, 120))
            lane.request += 1
            try:
                if trial.job:
                    self._act(trial.process(lane), rng.choice(self.acts))
            except (*AWAY, Unfit):
                continue
            except UnknownJob:
                if not trial.deleted:
                    raise
            except Killed:
                lane.dead = False

    def _act(self, jobs, act):
        trial = self.trial
        if act == "status":
            status = jobs.find(trial.job.id).status()
            return self._look(status) if not trial.retried else None
        if act == "skip" and trial.innocent(jobs.find(trial.job.id)):
            return None
        if act == "cancel":
            trial.cancelled = True
        if act == "delete":
            trial.deleted = True  # from now on it may be gone
        return getattr(jobs, act)(trial.job.id)

    def _look(self, status):
        watch, expected = self.trial.watch, self.trial.expected
        told = {"records": status["records"], **status["counters"]}
        limits = {"records": expected["records"], **expected["counters"]}
        for name, n in told.items():
            if n > limits.get(name, 0) or n < self.seen.get(name, 0):
                watch.fail("status", f"{name} {n} after {self.seen.get(name, 0)}")
        self.seen = told
