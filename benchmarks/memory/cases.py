"""The jobs whose memory is measured, as Masters, and whether what came of each is right."""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import httpmr
from benchmarks import inputs
from benchmarks.numbered import Numbers
from httpmr import reducers, sources
from httpmr.budget import Budget
from httpmr.jobs import Jobs

GIVEN = "HTTPMR_BENCHMARK_MEMORY"
"""The environment variable that says what `application` is: [case, folder, count] as JSON."""

WORD = re.compile(r"[a-z']+")
PRIME = 982_451_653
RUN = 1000  # records in each of very many runs


class Case(NamedTuple):
    """A job over so much: what its Master is made of, and whether its output is right."""

    what: str
    full: int
    settings: Callable[[Path, int], dict]
    right: Callable[[Path, int, Iterator], bool]
    prepare: Callable[[Path, int], None] = lambda folder, count: None
    least: int = 1

    def count(self, scale):
        """Return how much it is at a scale."""
        return max(self.least, round(self.full * scale))

    def said(self, scale):
        return self.what.format(self.count(scale))


def _equal(output, expected):
    return all(a == b for a, b in zip_longest(output, expected))


# Text


def link_texts(folder, count):
    """Link texts again and again, until they are `count` bytes."""
    inputs.text(folder / "once", 1)
    (folder / "input").mkdir()
    found = sorted(path.resolve() for path in (folder / "once").iterdir())
    size = number = 0
    while size < count:
        path = found[number % len(found)]
        (folder / "input" / f"{number:06}.txt").symlink_to(path)
        size += path.stat().st_size
        number += 1


def words(key, line):
    return [(word, 1) for word in WORD.findall(line.lower())]


def of_text(folder, count):
    source = sources.TextFiles(f"{folder}/input/*.txt")
    return {"source": source, "mapper": words, "reducer": reducers.Sum()}


def text_is_right(folder, count, output):
    """Count each text once, and multiply."""
    total = Counter()
    for path, times in Counter(p.resolve() for p in (folder / "input").iterdir()).items():
        found = Counter(WORD.findall(path.read_text(encoding="utf-8").lower()))
        total.update({word: number * times for word, number in found.items()})
    return _equal(output, sorted(total.items()))


# Keys, scattered so that each slice has some of the whole range


def of_keys(folder, count):
    def scatter(n, _):
        return [(n * PRIME % count, 1)]

    return {"source": Numbers(count), "mapper": scatter, "reducer": reducers.Sum()}


def keys_are_right(folder, count, output):
    return _equal(output, ((n, 1) for n in range(count)))


def of_names(folder, count):
    def scatter(n, _):
        return [(f"name {n * PRIME % count:09}", 1)]

    return {"source": Numbers(count), "mapper": scatter, "reducer": reducers.Sum()}


def names_are_right(folder, count, output):
    return _equal(output, ((f"name {n:09}", 1) for n in range(count)))


# One group


def together(n, _):
    return [("all", n)]


def of_one_group(folder, count):
    return {"source": Numbers(count), "mapper": together, "reducer": reducers.Sum()}


def sum_is_right(folder, count, output):
    return list(output) == [("all", count * (count - 1) // 2)]


def of_one_whole_group(folder, count):
    return {"source": Numbers(count), "mapper": together, "reducer": walk}


def walk(key, values):
    """Take one value after the other: how many, the last, and whether they ascend."""
    number, last, ascend = 0, -1, True
    for value in values:
        ascend = ascend and value > last
        number, last = number + 1, value
    yield key, (number, last, ascend)


def walk_is_right(folder, count, output):
    return list(output) == [("all", (count, count - 1, True))]


# Runs


class ShortSlices(Jobs):
    """Jobs whose map slices are so short that there are very many runs."""

    def step(self, job, at=None, budget=None, driver=""):
        found = self.find(job).found if isinstance(job, str) else job
        budget = Budget.records(RUN) if found.phase == "map" else budget
        return super().step(found, at, budget, driver)


def of_runs(folder, count):
    numbers = count * RUN

    def scatter(n, _):
        return [(n * PRIME % numbers, f"{n:050}")]

    every = {"num_reducers": 1, "reducer": reducers.Identity()}
    return {"source": Numbers(numbers), "mapper": scatter, **every}


def runs_are_right(folder, count, output):
    """Each key comes once, with the number that was scattered to it."""
    numbers = count * RUN
    back = pow(PRIME, -1, numbers)
    return _equal(output, ((n, f"{n * back % numbers:050}") for n in range(numbers)))


CASES = {
    "text": Case("{:,} bytes of input", 10**9, of_text, text_is_right, link_texts),
    "keys": Case("{:,} distinct keys, numbers", 10**7, of_keys, keys_are_right),
    "names": Case("{:,} distinct keys, strings", 10**7, of_names, names_are_right),
    "group": Case("one group of {:,}, combined", 5 * 10**6, of_one_group, sum_is_right),
    "whole": Case("one group of {:,}, walked", 5 * 10**6, of_one_whole_group, walk_is_right),
    # So many at least that there is something to merge.
    "runs": Case("{:,} runs in one partition", 2000, of_runs, runs_are_right, least=100),
}


def master(name, folder, count):
    """Return the Master of a case, its store in `folder`."""
    made = httpmr.Master(
        name,
        store=f"sqlite:///{folder}/jobs.db",
        authorize=httpmr.allow_local,
        **CASES[name].settings(Path(folder), count),
    )
    if name == "runs":
        made.work = ShortSlices(made.recipe, made.work.store)
    return made


if GIVEN in os.environ:
    application = master(*json.loads(os.environ[GIVEN]))
