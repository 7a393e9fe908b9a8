"""mrjob jobs, on its inline runner: one process, and sort(1) between map and reduce.

`python -m benchmarks.peers.mrjob_inline WORKLOAD INPUT OUTPUT` runs one. What is between the
steps is in files, but a runner that dies begins again.
"""

import sqlite3
import sys
import tempfile
from pathlib import Path

from mrjob.job import MRJob
from mrjob.protocol import JSONValueProtocol

from benchmarks.loops import WORD
from benchmarks.peers import results


class Words(MRJob):
    def mapper(self, _, line):
        for word in WORD.findall(line.lower()):
            yield word, 1

    def combiner(self, word, counts):
        yield word, sum(counts)

    def reducer(self, word, counts):
        yield word, sum(counts)


class Delays(MRJob):
    """mrjob reads lines; what is no file of lines, a mapper is given whole."""

    def mapper_raw(self, path, uri):
        connection = sqlite3.connect(path)
        for carrier, dest, delay in connection.execute(
            "SELECT carrier, dest, arr_delay FROM flights ORDER BY id"
        ):
            if delay is not None:
                yield (carrier, dest), (1, delay, delay)
        connection.close()

    def combiner(self, place, groups):
        yield place, _combined(groups)

    def reducer(self, place, groups):
        count, total, worst = _combined(groups)
        yield place, (total / count, worst)


def _combined(groups):
    counts, totals, worsts = zip(*groups, strict=True)
    return sum(counts), sum(totals), max(worsts)


class Titles(MRJob):
    INPUT_PROTOCOL = JSONValueProtocol

    def mapper(self, _, document):
        for word in set(WORD.findall(document["text"].lower())):
            yield word, document["title"]

    def reducer(self, word, titles):
        yield word, sorted(titles)


class Records(MRJob):
    def mapper(self, _, line):
        yield line[:10], line[11:]

    def reducer(self, key, values):
        for value in values:
            yield key, value


def word_count(source, target):
    results.lines(target, _run(Words, sorted(Path(source).glob("*.txt"))))


def group_by(source, target):
    results.table(target, [(*place, *row) for place, row in _run(Delays, [source])])


def index(source, target):
    results.lines(target, _run(Titles, [source]))


def sort(source, target):
    with open(target, "w", encoding="ascii", newline="\n") as file:
        file.writelines(f"{key} {value}\n" for key, value in _run(Records, [source]))


def _run(kind, paths):
    """Yield what a job gives, in the order of its parts: this runner sorts, then divides."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--no-conf", "--runner=inline", f"--output-dir={folder}/output"]
        job = kind([*options, *map(str, paths)])
        with job.make_runner() as runner:
            runner.run()
        for part in sorted(Path(folder, "output").glob("part-*")):
            with open(part, "rb") as file:
                yield from job.parse_output(file)


WORKLOADS = {"word count": word_count, "group by": group_by, "index": index, "sort": sort}

if __name__ == "__main__":
    MRJob.set_up_logging(quiet=True)
    WORKLOADS[sys.argv[1]](*sys.argv[2:])
