"""Mutants of what becomes of bad and deadly records: who is blamed, and a retry."""

from dataclasses import replace
from importlib import import_module

from httpmr import engine
from httpmr.engine import care, careful

from .mutant import mutant

again = import_module("httpmr.engine.again")  # `engine` has a function of that name


@mutant("one death is enough", "quarantine", "slow", "slow and reduce")
def _():
    def init(original, trial, self, task, begin, clock, enough):
        original(self, task, begin, clock, lambda died, deaths: died > 0)

    return [(care.Care, "__init__", init)]


@mutant("what a request died beside is blamed with it", "quarantine", "order", "map only")
def _():
    def before(original, trial, self, keys):
        if self.suspect:
            self.suspect = (9, 1, *self.suspect[2:])
        return original(self, keys)

    return [(care.Care, "_before", before)]


@mutant("a record that was passed over loses its place", "output", "slow")
def _():
    def at_fault(original, trial, self, key):
        original(self, key)
        notes = {name: note for name, note in self.parked.notes.items() if name != "place"}
        self.parked = replace(self.parked, notes=notes)

    return [(careful._Careful, "at_fault", at_fault)]


@mutant("what is mapped again gets a place of its own", "output", "retried")
def _():
    def following(original, trial, store, task):
        found = original(store, task)
        found.get("notes", {}).pop("place", None)
        return found

    return [(again, "_next", following)]


@mutant("what came through when it was retried stays put aside", "quarantine", "retried")
def _():
    def map_again(original, trial, *given):
        return replace(original(*given), deletes=())

    return [(engine, "map_again", map_again)]
