"""Mutants of leases and pages: when a shard is free, and when a phase is over."""

from dataclasses import replace

from httpmr.jobs import links, steps
from httpmr.ledger import ledger
from httpmr.ledger.ledger import Ledger
from httpmr.ledger.places import job_key

from ..store import Seen
from .mutant import mutant

# Leases


@mutant("leases by the host's clock", "leases")
def _():
    def now(original, trial, self):
        lane = self.world.running
        return lane.host() if lane else original(self)

    return [(Seen, "now", now)]


@mutant("a lease is not doubled when it has run out", "finishes", "slow")
def _():
    return [(ledger, "_lasting", lambda original, trial, seconds, takeovers: seconds)]


@mutant("a lease is taken though it is not over", "leases")
def _():
    def tasks(original, trial, self, job, state, limit=None):
        return (replace(t, lease=min(t.lease, 1.0)) for t in original(self, job, state, limit))

    return [(Ledger, "tasks", tasks)]


# Pages


@mutant("unfinished shards are counted inside the commit, not scanned", "finishes")
def _():
    def commit(original, trial, self, job, task, outcome, *joins, **given):
        others = [t for t in self.tasks(job, "open") if t.shard != task.shard]
        done = original(self, job, task, outcome, *joins, **given)
        self.last = done[0].done and not others
        return done

    def turned(original, trial, self, job):
        last, self.ledger.last = getattr(self.ledger, "last", False), False
        return original(self, job) if last else job

    return [(Ledger, "commit", commit), (steps.Stepper, "_turned", turned)]


@mutant("a page is turned without compare-and-set", "job")
def _():
    def change(original, trial, self, job, *joins, **fields):
        return original(self, _as_found(self, job), *joins, **fields)

    def turn(original, trial, self, job, following):
        return original(self, _as_found(self, job), following)

    return [(Ledger, "change", change), (Ledger, "turn", turn)]


def _as_found(self, job):
    """The job as it was read, and yet expected as it is now."""
    key = job_key(job.recipe, job.id)
    return replace(job, stored=self.store.get([key]).get(key, job.stored))


@mutant("the page is turned when one's own shard is done", "output", "sum", "shed and reduce")
def _():
    def tasks(original, trial, self, job, state, limit=None):
        found = list(original(self, job, state, limit))
        return iter([] if state == "open" and limit == 1 and trial.watch.committed % 3 else found)

    return [(Ledger, "tasks", tasks)]


@mutant("the range that is shed stays with the shard too", "output", "shed", "shed and reduce")
def _():
    def shed(original, trial, task, outcome):
        given = original(task, outcome)
        return replace(given, marks=outcome.marks)

    return [(steps.engine, "shed", shed)]


@mutant("a start link is followed without compare-and-set", "one job")
def _():
    def follow(original, trial, self, generation):
        link, pointing = original(self, generation)

        def unguarded(id):
            def join(batch):
                pointing(id)(batch)
                batch.expected.pop(self._key("start"))

            return join

        return link, unguarded

    return [(links.Links, "follow", follow)]
