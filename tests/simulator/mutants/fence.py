"""Mutants of the fence: who may commit a slice."""

from dataclasses import replace

from httpmr.jobs import steps
from httpmr.ledger import ledger, outcomes
from httpmr.ledger.ledger import Ledger
from httpmr.ledger.places import task_key

from .mutant import mutant


def _unfenced(original, trial, batch, task, *args):
    done = original(batch, task, *args)
    batch.expected.pop(task_key(task), None)
    return done


_NO_FENCE = (ledger, "finish", _unfenced)


def _unexpecting(original, trial, batch, key, record, *expected):
    return original(batch, key, record, *(() if hasattr(record, "epoch") else expected))


@mutant("no fence at all", "slices")
def _():
    return [_NO_FENCE, (ledger, "put", _unexpecting)]


@mutant("a fence on the claim only", "output")
def _():
    return [_NO_FENCE]


@mutant("the fence is looked at, and then the commit made", "slices")
def _():
    def commit(original, trial, self, job, task, outcome, *joins, **given):
        self.check(task)
        return original(self, job, task, outcome, *joins, **given)

    return [_NO_FENCE, (Ledger, "commit", commit)]


@mutant("a claim does not raise the epoch", "epochs")
def _():
    def same_epoch(original, trial, record, **fields):
        fields.pop("epoch", None)
        return original(record, **fields)

    return [(ledger, "replace", same_epoch)]


@mutant("a lease is given back without the fence", "slices")
def _():
    def release(original, trial, self, task, why=""):
        key = task_key(task)
        found = self.store.get([key]).get(key)
        original(self, replace(task, stored=found), why)

    return [(Ledger, "release", release)]


@mutant("no slice number in the fence: a late request does the present slice", "late")
def _():
    def step(original, trial, self, job, at, budget, driver=""):
        task = at and self.ledger.task(job, at.phase, at.shard)
        return original(self, job, at._replace(n=task.slice) if task else at, budget, driver)

    return [(steps.Stepper, "step", step)]


@mutant("a commit does not raise the slice number", "output")
def _():
    def same_number(original, trial, record, **fields):
        fields.pop("slice", None)
        return original(record, **fields)

    return [(outcomes, "replace", same_number)]


@mutant("what is swallowed taken without a look at who has it", "output", "swallowed")
def _():
    def gone(original, trial, task):
        return lambda batch: batch.delete(task_key(task))

    return [(steps, "gone", gone)]


@mutant("what is swallowed left open", "output", "swallowed")
def _():
    def gone(original, trial, task):
        return lambda batch: batch.expect(task_key(task), task.stored)

    return [(steps, "gone", gone)]
