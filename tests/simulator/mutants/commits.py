"""Mutants of the commit: all of a slice in one, or nothing."""

from dataclasses import replace

from httpmr import keys
from httpmr.errors import Uncertain
from httpmr.interfaces import Batch
from httpmr.jobs import slices
from httpmr.ledger import ledger
from httpmr.ledger.ledger import Ledger
from httpmr.ledger.places import task_key

from .mutant import mutant


def _joined(store, joins):
    batch = Batch()
    for join in joins:
        join(batch)
    store.commit(batch)


@mutant("the data first, and the cursor in a commit of its own", "output", "joined", "merge")
def _():
    def commit(original, trial, self, job, task, outcome, *joins, **given):
        _joined(self.store, joins)
        return original(self, job, task, outcome, **given)

    return [(Ledger, "commit", commit)]


@mutant("the cursor first, and the data in a commit of its own", "output")
def _():
    def commit(original, trial, self, job, task, outcome, *joins, **given):
        done = original(self, job, task, outcome, **given)
        _joined(self.store, joins)
        return done

    return [(Ledger, "commit", commit)]


@mutant("counters in a commit of their own", "counters")
def _():
    def commit(original, trial, self, job, task, outcome, *joins, **given):
        bare = replace(outcome, counters={})
        done, job = original(self, job, task, bare, *joins, **given)
        total = ledger.counters.add(done.counters, outcome.counters)
        counted, batch = replace(done, counters=total), Batch()
        counted = ledger.put(batch, task_key(done), counted, done.stored)
        self.store.commit(batch)
        return counted, job

    return [(Ledger, "commit", commit)]


@mutant("what is put aside in a commit of its own", "quarantine", "poison aside", "poison staged")
def _():
    def finish(original, trial, batch, *args):
        done = original(batch, *args)
        trial.later = {key: batch.puts.pop(key) for key in list(batch.puts) if _is(key, "bad")}
        return done

    def commit(original, trial, self, *args, **given):
        done = original(self, *args, **given)
        batch = Batch()
        batch.puts.update(trial.later)
        self.store.commit(batch)
        return done

    return [(ledger, "finish", finish), (Ledger, "commit", commit)]


def _is(key, kind):
    return keys.unpack(key)[1] == kind


@mutant("a receipt in a commit of its own", "output", "staged", "staged and reduce")
def _():
    def receipt(original, trial, task, value):
        batch = Batch()
        original(task, value)(batch)
        trial.store.commit(batch)
        return lambda batch: None

    return [(slices, "receipt", receipt)]


@mutant("an ambiguous commit is made again", "counters", "order")
def _():
    def commit(original, trial, self, job, task, outcome, *joins, **given):
        try:
            return original(self, job, task, outcome, *joins, **given)
        except Uncertain:
            now = self.task(job, task.phase, task.shard)
            if now is None:
                raise
            return original(self, job, now, outcome, *joins, **given)

    return [(Ledger, "commit", commit)]
