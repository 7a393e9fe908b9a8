"""What must hold while a job runs, and what must have come of it: each check has a name.

epochs      a shard's epochs grow by one with each claim, and only so
slices      each slice number of a shard is committed once, one after the other
stale       a slice is committed by the request that claimed it last
leases      no lease is taken before it is over by the store's clock, or lasts too long
job         a job's state and phase go forward only; a done job is never touched again
late        a request for a slice that is over does no slice
status      what is reported never goes back, and never beyond the truth
answers     no request fails but by the store's being away
finishes    once nothing goes wrong any more, the job ends
one job     a start link starts one job
output, counters, records, quarantine
            are those of a sequential run without faults; and nothing innocent is blamed but what
            so many requests as is said, and enough, were seen to die of: see `deaths`
numbers     the slices and records told are those committed
leftovers   nothing is left in the store, or on the disk, that the job does not need
"""

import re
from collections import Counter

from httpmr import codec, keys
from httpmr.ledger import LONGEST_LEASE
from httpmr.state import ALONE, PHASES, TRANSITIONS, Job, Task

SLACK = 1e-6
ENOUGH = {"record": 3, "group": 4}
"""Requests that died of it, and it may be blamed; of a record those in which it ran alone."""


class Watch:
    """Is told of every commit that took effect, and notes in `failures` what must not be.

    `poison` are the keys of what may be blamed. By bad luck requests die of something innocent:
    where they noted it alone, and lost their lease, as often as it takes.
    """

    def __init__(self, world, poison):
        self.world = world
        self.poison = poison
        self.deaths = Counter()  # (shard, key): requests that noted this alone, and died
        self.noted = {}  # shard: what the request that claimed it last noted last
        self.unlucky = 0  # how much that is innocent was blamed
        self.failures = {}  # name of the check: message
        self.shards = {}  # (job, phase, shard): its last task
        self.holders = {}  # the same: (lane, request) that claimed last
        self.committed = 0  # slices
        self.jobs = {}

    def fail(self, check, message):
        self.failures.setdefault(check, message)

    def current(self, job, at):
        """The number of the slice that a shard has come to; None if there are none left."""
        task = self.shards.get((job, at.phase, at.shard))
        return None if task is None or task.done else task.slice

    def __call__(self, batch):
        put = [(keys.unpack(key), value) for key, value in batch.puts.items()]
        self.skipped = False
        for place, value in put:
            if place[0] == "jobs":
                self._job(place, Job.read(value))
        for place, value in put:
            if place[1:2] == ("bad",) and not self.skipped:  # what is skipped was blamed before
                tasks = [(at[0], at[1], at[3]) for at, _ in put if at[1] == place[3]]
                self._blamed(tasks[0], codec.loads(value))
            if len(place) == 4 and place[1] in PHASES:
                self._task((place[0], place[1], place[3]), Task.read(value))
            known = self.jobs.get(place[0])
            if known and known.state == "done":
                self.fail("job", f"{place} was put when the job was done")

    def _job(self, place, new):
        old = self.jobs.get(place[2])
        self.jobs[place[2]] = new
        if old is None:
            return
        self.skipped = old.state == "paused" and new.state == "running"
        error = new.error or {}
        if "past" in error and error != old.error:
            self._blamed((place[2], error["phase"], tuple(error["shard"])), error)
        retried = new.round > old.round
        if PHASES.index(new.phase) < PHASES.index(old.phase) and not retried:
            self.fail("job", f"the job went from {old.phase} back to {new.phase}")
        allowed = {old.state, *TRANSITIONS[old.state].values()}
        if new.state not in allowed:
            self.fail("job", f"the job went from {old.state} to {new.state}")
        if old.phase != new.phase and new.state != "running":
            self.fail("job", f"the phase changed to {new.phase} in a job {new.state}")

    def _task(self, shard, new):
        old = self.shards.get(shard)
        self.shards[shard] = new
        where = f"{shard[1]} {shard[2]}"
        if new.lease > self.world.time + LONGEST_LEASE + SLACK:
            self.fail("leases", f"{where}: leased for {new.lease - self.world.time:.0f} s")
        if old is None:
            if new.epoch or new.slice:
                self.fail("slices", f"{where} began in the middle")
        elif old.done and not new.done:
            self.fail("slices", f"{where} was done, and is open again")
        elif new.slice == old.slice + 1:
            self._slice(shard, where, old, new)
        elif new.slice != old.slice:
            self.fail("slices", f"{where} went from slice {old.slice} to {new.slice}")
        elif new.epoch == old.epoch + 1:
            if old.lease > self.world.time:
                left = old.lease - self.world.time
                self.fail("leases", f"{where}: taken {left:.1f} s before its lease was over")
            self.holders[shard] = self._request()
            noted = self.noted.pop(shard, None)
            if noted and old.lease:  # else it was given back
                self.deaths[shard, noted[0]] += 1
        elif new.epoch != old.epoch:
            self.fail("epochs", f"{where} went from epoch {old.epoch} to {new.epoch}")
        elif new.lease > self.world.time and self.holders.get(shard) != self._request():
            self.fail("epochs", f"{where} was leased anew, and is still of epoch {old.epoch}")
        elif new.begun != old.begun:
            *_, many, key = new.begun
            self.noted[shard] = (key,) if many == 1 else None

    def _blamed(self, shard, bad):
        """Look whether what is innocent was blamed for nothing."""
        message, kind = bad["message"], bad["kind"]
        if bad["key"] in self.poison or message.startswith("GroupTooLarge"):
            return
        told = re.match(r"Killed: the last (\d+) requests", message)
        found = self.deaths.pop((shard, bad["key"]), 0)
        alone = kind == "group" or shard[2][0] >= ALONE
        if told and alone and found >= int(told[1]) >= ENOUGH[kind]:
            self.unlucky += 1
        else:
            self.fail("quarantine", f"innocent, and blamed after {found} deaths: {bad}")

    def _slice(self, shard, where, old, new):
        self.committed += 1
        self.noted.pop(shard, None)
        if new.epoch != old.epoch:
            self.fail("epochs", f"{where}: slice {old.slice} was of epoch {new.epoch}")
        if self.holders.get(shard) != self._request():
            self.fail("stale", f"{where}: slice {old.slice} was committed by another request")

    def _request(self):
        lane = self.world.running
        return lane and (lane.name, lane.request)


def ended(trial):
    """Look at what came of the job when all lanes have ended."""
    watch, job = trial.watch, trial.job
    if trial.world.over and not trial.world.crashes:
        watch.fail("finishes", trial.world.over)
    for lane, error in trial.world.crashes:
        watch.fail("answers", f"lane {lane.name}: {type(error).__name__}: {error}")
    if trial.world.over:
        return
    found = trial.jobs.all()
    if trial.deleted:
        if found:
            watch.fail("job", f"a deleted job is there: {found}")
        noted = [deleted.job for deleted in trial.jobs.deleted()]
        if noted != [job.id]:
            watch.fail("job", f"deleted was {job.id}, and noted {noted}")
        _nothing(trial, lambda place: True)
        return
    if [one.id for one in found] != [job.id]:
        watch.fail("one job", f"there are {len(found)} jobs")
    status, bad = job.status(), job.bad_records
    if status["slices"] != watch.committed:
        watch.fail("numbers", f"{watch.committed} slices were committed, not {status['slices']}")
    _records(trial, status, bad)
    if status["state"] != "done":
        if status["state"] != "cancelled" or not trial.cancelled:
            watch.fail("finishes", f"the job ended {status['state']}: {status['error']}")
        return
    came, expected = _result(trial, job, status, bad), trial.expected
    for name in expected:
        if came[name] != expected[name]:
            watch.fail(name, f"{came[name]!r:.300} is not {expected[name]!r:.300}")
    _leftovers(trial, bad)


def result(trial, job):
    """What must not depend on what went wrong, by the name of its check."""
    return _result(trial, job, job.status(), job.bad_records)


def _result(trial, job, status, bad):
    told = [(b["key"], b["kind"], b["phase"], _message(b), b["traceback"]) for b in bad]
    return {
        "output": trial.case.output(trial, job),
        "counters": job.counters,
        "quarantine": sorted(told),
        "records": status["records"],
    }


def _message(bad):
    """The message, but for how many requests died of it, and how slowly."""
    return re.sub(r"\d+ requests|\d+ s$", "", bad["message"])


def _records(trial, status, bad):
    """Every record told of is one that was mapped, and counted so, or put aside."""
    aside = sum(one["kind"] == "record" for one in bad)
    mapped = status["counters"].get("mapped", 0)
    if status["records"] != mapped + aside:
        trial.watch.fail(
            "numbers", f"{status['records']} records are {mapped} mapped and {aside} put aside"
        )
    if status["bad_records"] != len(bad):
        trial.watch.fail("numbers", f"{status['bad_records']} bad records are told of")


def _leftovers(trial, bad):
    kept = {"output index", "output block", "bad"}
    if bad:
        kept |= {"index", "block", "receipt", "wanted", "waiting"}
    _nothing(trial, lambda place: place[1] not in kept and "done" not in place[1:3])
    if trial.case.disk:
        # What a request stages that stood still until all was published lies there for good.
        found = [path.name for path in trial.folder.rglob("*") if "whole" in path.name]
        if found:
            trial.watch.fail("leftovers", f"on the disk: {found}")


def _nothing(trial, unneeded):
    for key, _ in trial.store.scan(b"", b"\xff"):
        place = keys.unpack(key)
        if place[0] not in ("meta", "jobs", "link", "deleted") and unneeded(place):
            trial.watch.fail("leftovers", f"in the store: {place}")
