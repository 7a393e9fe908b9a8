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
from pathlib import Path

import httpmr
from httpmr import reducers, sinks, sources

WORD = re.compile(r"[a-z']+")


class Words(httpmr.Mapper):
    def map(self, key, line):
        for word in WORD.findall(line.lower()):
            yield word, 1


class Delays(httpmr.Mapper):
    def map(self, key, row):
        if row["arr_delay"] is not None:
            yield (row["carrier"], row["dest"]), row["arr_delay"]


class MeanAndWorst(httpmr.Reducer):
    """A partial is (count, total, worst), a delay a plain number."""

    def combine(self, key, values):
        count = total = 0
        worst = -(10**9)
        for value in values:
            if type(value) is tuple:
                count += value[0]
                total += value[1]
                worst = max(worst, value[2])
            else:
                count += 1
                total += value
                if value > worst:
                    worst = value
        return count, total, worst

    def reduce(self, key, values):
        count, total, worst = self.combine(key, values)
        yield key, (total / count, worst)


class Tokens(httpmr.Mapper):
    def map(self, key, document):
        title = document["title"]
        return [(word, title) for word in set(WORD.findall(document["text"].lower()))]


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
        columns = ("carrier", "dest", "arr_delay")
        return httpmr.Master(
            workload,
            mapper=Delays(),
            reducer=MeanAndWorst(),
            source=sources.SQLTable(f"sqlite:///{source}", "flights", key="id", columns=columns),
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
