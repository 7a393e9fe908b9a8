"""Mutants of what is mapped and reduced, and of where it goes."""

import os
from dataclasses import replace
from zlib import crc32

from httpmr import recipe
from httpmr.engine import blame, emitted, long, reduce
from httpmr.ledger.ledger import Ledger
from httpmr.sinks import staged

from .mutant import mutant

# What is mapped, and where it goes


@mutant("a hash that differs from process to process", "output", "sum", "bad group")
def _():
    def partition(original, trial, self, key, partitions):
        lane = trial.world.running
        return (original(self, key, partitions) + ord(lane.name if lane else "A")) % partitions

    return [(recipe.Crc32Partitioner, "partition", partition)]


class _Keeping(list):
    def __delitem__(self, item):
        pass


@mutant("the pairs of a bad record are kept", "output", "poison aside", "poison skipped")
def _():
    def init(original, trial, self, *args):
        original(self, *args)
        self.pairs = _Keeping()

    return [(emitted.Emitted, "__init__", init)]


@mutant("an error of the surroundings is put down to the record", "quarantine")
def _():
    return [(blame, "surroundings", lambda original, trial, error: False)]


@mutant("a group is begun anew, and what stands for its values kept", "output", "long")
def _():
    def init(original, trial, self, key, values, partial=(), done=0):
        original(self, key, values, partial, 0)

    return [(long.Long, "__init__", init)]


@mutant("the runs that merge left as they were are forgotten", "output", "merge")
def _():
    def index(original, trial, runs, task):
        return original(runs, replace(task, notes={}))

    return [(reduce, "index", index)]


# What is staged and published


@mutant("a zombie's staged file takes the place of another's", "finishes", "tiny staged")
def _():
    def write(original, trial, self, pairs, slice):
        return original(self, pairs, slice._replace(epoch=0))

    return [(staged.Staged, "write", write)]


@mutant("every staged file is published, whether it was committed or not", "output", "staged")
def _():
    def finish(original, trial, self, job, receipts, budget):
        folder = self.output._folder(job, 0)
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        parts = [(name, open_(folder, name)) for name in names if "whole" not in name]
        found = [(name, len(data), crc32(data)) for name, data in parts]
        return original(self, job, found or receipts, budget)

    def open_(folder, name):
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()

    return [(staged.Staged, "finish", finish)]


@mutant("what is published is not looked at again", "output", "tiny staged")
def _():
    return [(Ledger, "check", lambda original, trial, self, task: None)]
