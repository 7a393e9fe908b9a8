"""A mutant: a breakage of the package for a while, and the search for the check that catches it."""

from contextlib import ExitStack, contextmanager
from functools import wraps
from inspect import signature
from itertools import islice
from typing import NamedTuple

from ..recipes import BY_NAME, CASES, TINY
from ..sweep import sweep
from ..trial import Trial, drawn, expected


class Mutant(NamedTuple):
    """`wraps` are (owner, name, function): `function(original, trial, ...)` takes its place."""

    name: str
    check: str
    cases: tuple  # names; () = all
    wraps: list


class Caught(NamedTuple):
    """Where a mutant was caught: in the last of so many runs."""

    where: str
    message: str
    runs: int


MUTANTS = []
SEEDS = 1500
"""Within so many trials a mutant must be caught."""


def mutant(name, check, *cases):
    """Declare a mutant by a function that returns its wraps. A tiny case is swept."""

    def declared(function):
        MUTANTS.append(Mutant(name, check, cases, function()))
        return function

    return declared


@contextmanager
def mutated(mutant):
    """Let the package be broken so for a while."""
    with ExitStack() as stack:
        for owner, name, function in mutant.wraps:
            original = vars(owner)[name]
            stack.callback(setattr, owner, name, original)
            setattr(owner, name, _wrapped(original, function))
        yield


def _wrapped(original, function):
    _called_alike(original, function)

    @wraps(original)
    def wrapper(*args, **given):
        return function(original, Trial.present, *args, **given)

    return wrapper


def _called_alike(original, function):
    """TypeError if the mutant cannot be called as what it breaks is: else that would be caught."""
    given, named = [], {}
    for name, parameter in signature(original).parameters.items():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            given.append(name)
        elif parameter.kind == parameter.KEYWORD_ONLY:
            named[name] = None
    signature(function).bind(None, None, *given, **named)


def caught(mutant):
    """Return a Caught: where the mutant's check first fails; None if it does not."""
    for case in _cases(mutant):
        expected(case)  # by the package as it is
    with mutated(mutant):
        for runs, (where, failures) in enumerate(_runs(mutant), 1):
            if mutant.check in failures:
                return Caught(where, failures[mutant.check], runs)
    return None


def unbroken(mutant, runs):
    """Return what fails, {where: failures}, in as many of the same runs without the mutant."""
    return {where: failures for where, failures in islice(_runs(mutant), runs) if failures}


def _cases(mutant):
    return [BY_NAME[name] for name in mutant.cases] or CASES


def _runs(mutant):
    cases = _cases(mutant)
    return _swept(cases) if cases[0] in TINY else _drawn(cases)


def _drawn(cases):
    for seed in range(SEEDS):
        yield f"seed {seed}", drawn(seed, cases).run()


def _swept(cases):
    for case in cases:
        for run in sweep(case):
            yield f"{run.case}, {run.kind}, at {run.at}", run.failures
