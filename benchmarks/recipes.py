"""The same four workloads as Masters, durable on SQLite, as a user would write them.

`python -m benchmarks.recipes WORKLOAD INPUT FOLDER PROCESSES` runs one without HTTP;
`python -m benchmarks.recipes WORKLOAD INPUT FOLDER same EXPECTED` compares its result with the
loop's. `benchmarks.recipes:application` is what is served over HTTP.
"""

import json
import os
import re
import sqlite3
import sys
from collections import Counter
from itertools import chain, repeat
from pathlib import Path

import httpmr
from httpmr import reducers, sinks, sources

WORD = re.compile(r"[a-z']+")


class Words(httpmr.Mapper):
    def map(self, key, line):
        for word in WORD.findall(line.lower()):
            yield word, 1

    def map_many(self, records):
        words = (WORD.findall(line.lower()) for _, line in records)
        return Counter(chain.from_iterable(words)).items()


class Delays(httpmr.Mapper):
    """Gives what MeanAndWorst combines: (count, total, worst)."""

    def map(self, key, row):
        carrier, dest, delay = row
        if delay is not None:
            yield (carrier, dest), (1, delay, delay)

    def map_many(self, records):
        groups = {}
        for _, (carrier, dest, delay) in records:
            if delay is not None:
                group = groups.get((carrier, dest))
                if group is None:
                    groups[carrier, dest] = [1, delay, delay]
                else:
                    group[0] += 1
                    group[1] += delay
                    if delay > group[2]:
                        group[2] = delay
        return groups.items()


class MeanAndWorst(httpmr.Reducer):
    def combine(self, key, values):
        counts, totals, worst = zip(*values, strict=True)
        return sum(counts), sum(totals), max(worst)

    def reduce(self, key, values):
        count, total, worst = self.combine(key, values)
        yield key, (total / count, worst)


class Tokens(httpmr.Mapper):
    def map(self, key, document):
        words = set(WORD.findall(document["text"].lower()))
        return zip(words, repeat(document["title"]))


class Titles(httpmr.Reducer):
    def reduce(self, key, values):
        yield key, list(values)


class Records(httpmr.Mapper):
    def map(self, key, line):
        yield line[:10], line[11:]


def master(workload, source, folder):
    """Return the Master of a workload, its store in `folder`."""
    store = f"sqlite:///{folder}/jobs.db"
    common = {"store": store, "authorize": httpmr.allow_local, "slice_seconds": 2.0}
    if workload == "word count":
        return httpmr.Master(
            workload,
            mapper=Words(),
            reducer=reducers.Sum(),
            source=sources.TextFiles(f"{source}/*.txt"),
            **common,
        )
    if workload == "group by":
        with sqlite3.connect(f"{folder}/jobs.db") as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS delays (carrier TEXT, dest TEXT, mean REAL,"
                " worst INTEGER, PRIMARY KEY (carrier, dest))"
            )
        connection.close()
        flights = sources.SQLTable(
            f"sqlite:///{source}",
            "flights",
            key="id",
            columns=("carrier", "dest", "arr_delay"),
            rows=tuple,
        )
        return httpmr.Master(
            workload,
            mapper=Delays(),
            reducer=MeanAndWorst(),
            source=flights,
            sink=sinks.SQLTable(store, "delays", key=("carrier", "dest"), value=("mean", "worst")),
            **common,
        )
    if workload == "index":
        return httpmr.Master(
            workload,
            mapper=Tokens(),
            reducer=Titles(),
            source=sources.JSONLines(str(source)),
            **common,
        )
    return httpmr.Master(
        workload,
        mapper=Records(),
        reducer=reducers.Identity(),
        source=sources.TextFiles(str(source), encoding="ascii"),
        **common,
    )


def same(workload, folder, expected: Path) -> bool:
    """Tell whether what the job left in `folder` is what the loop wrote to `expected`."""
    if workload == "group by":
        return _table(f"{folder}/jobs.db") == _table(expected)
    job = master(workload, "unused", folder).latest()
    with open(expected, encoding="utf-8") as file:
        if workload == "sort":
            # The loop sorts whole records, a job by key: values of one key in input order.
            ours = sorted(f"{key} {value}\n" for key, value in job.output())
            return ours == sorted(file)
        found = job.output()
        for line in file:
            if next(found, None) != tuple(json.loads(line)):
                return False
        return next(found, None) is None


def _table(path):
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT * FROM delays ORDER BY carrier, dest").fetchall()
    connection.close()
    return rows


def main(workload, source, folder, what, expected=None):
    """Run the job, or compare what it left."""
    if what == "same":
        if not same(workload, folder, Path(expected)):
            sys.exit(f"{workload}: the result is not the loop's")
        return
    job = master(workload, source, folder).run(processes=int(what))
    if job.state != "done":
        sys.exit(f"the job is {job.state}: {job.status()['error']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
elif "HTTPMR_BENCHMARK" in os.environ:
    application = master(*os.environ["HTTPMR_BENCHMARK"].split("|"))
