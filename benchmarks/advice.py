"""What makes a job fast: one word count in several ways, as ratios to the plain one.

    python -m benchmarks.advice [--scale 1.0] [--rounds 3]

docs/fast.md quotes it. Each way is a process of its own, runs without HTTP on SQLite, and must give
what the first gives.
"""

import argparse
import hashlib
import re
import statistics
import sys
import tempfile
from collections import Counter
from itertools import chain, repeat
from pathlib import Path

import httpmr
from benchmarks import inputs
from benchmarks.measure import module, run
from httpmr import reducers, sources

WORD = re.compile(r"[a-z']+")


def yielding(key, line):
    for word in WORD.findall(line.lower()):
        yield word, 1


def listing(key, line):
    return [(word, 1) for word in WORD.findall(line.lower())]


def zipping(key, line):
    return zip(WORD.findall(line.lower()), repeat(1))


def counting(key, line):
    return Counter(WORD.findall(line.lower())).items()


class Together(httpmr.Mapper):
    """As `yielding`, and many lines at once."""

    def map(self, key, line):
        return yielding(key, line)

    def map_many(self, records):
        words = (WORD.findall(line.lower()) for _, line in records)
        return Counter(chain.from_iterable(words)).items()


class Total(httpmr.Reducer):
    """As `reducers.Sum`, but with nothing ready-made."""

    def combine(self, key, values):
        return sum(values)

    def reduce(self, key, values):
        yield key, sum(values)


def total(key, values):
    yield key, sum(values)


WAYS = {
    "lines": {
        "yield word, 1; Sum()": {},
        "return a list of pairs": {"mapper": listing},
        "return zip(words, repeat(1))": {"mapper": zipping},
        "return Counter(words).items()": {"mapper": counting},
        "map_many, a Counter of many lines": {"mapper": Together()},
        "with a combine of one's own": {"reducer": Total()},
        "without a combine": {"reducer": total},
        "with slices of 0.1 s": {"slice_seconds": 0.1},
        "with slices of 0.5 s": {"slice_seconds": 0.5},
        "with slices of 10 s": {"slice_seconds": 10.0},
    },
    "documents": {
        "yield word, 1; Sum()": {},
        "return zip(words, repeat(1))": {"mapper": zipping},
        "return Counter(words).items()": {"mapper": counting},
        "without a combine": {"reducer": total},
        "zip, without a combine": {"mapper": zipping, "reducer": total},
        "Counter, without a combine": {"mapper": counting, "reducer": total},
    },
}
"""By what a record is: a line of some 50 characters, or a document of some thousand."""


def master(records, settings, source, folder):
    """Return the Master of one way."""
    mapper = settings.get("mapper", yielding)
    if records == "lines":
        files, mapped = sources.TextFiles(f"{source}/text/*.txt"), mapper
    else:
        files = sources.JSONLines(f"{source}/documents.jsonl")

        def mapped(key, document):
            return mapper(key, document["text"])

    return httpmr.Master(
        "advice",
        source=files,
        store=f"sqlite:///{folder}/jobs.db",
        **{"reducer": reducers.Sum(), **settings, "mapper": mapped},
    )


def one(records, way, source, folder):
    """Run one way; leave its result beside its store."""
    job = master(records, WAYS[records][way], source, folder).run()
    if job.state != "done":
        sys.exit(f"the job is {job.state}: {job.status()['error']}")
    digest = hashlib.sha256(repr(list(job.output())).encode())
    Path(folder, "result").write_text(digest.hexdigest())


def main():
    """Measure every way in turn, as often as asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.advice", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="how large the input is")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    times = max(1, round(2 * chosen.scale))
    with tempfile.TemporaryDirectory() as source:
        print(inputs.text(Path(source, "text"), times))
        print(inputs.documents(Path(source, "documents.jsonl"), times))
        for records, ways in WAYS.items():
            figures = {}
            for _ in range(chosen.rounds):
                for way in ways:
                    with tempfile.TemporaryDirectory() as folder:
                        took = run(module("advice", records, way, source, folder))
                        result = Path(folder, "result").read_text()
                    figures.setdefault(way, []).append((took.cpu, result))
            print(f"\n{records}, processor time as a ratio to the first")
            first = statistics.median(cpu for cpu, _ in figures[next(iter(ways))])
            for way, found in figures.items():
                print(f"  {way:36} {statistics.median(cpu for cpu, _ in found) / first:5.2f}")
            if len({result for found in figures.values() for _, result in found}) > 1:
                sys.exit("the results are not the same")


if __name__ == "__main__":
    one(*sys.argv[1:]) if len(sys.argv) == 5 and sys.argv[1] in WAYS else main()
