"""PySpark's RDDs, that call the user's functions, on the threads of one JVM: local[2].

`python -m benchmarks.peers.spark_rdd WORKLOAD INPUT OUTPUT` runs one. Shuffles are in files,
but a driver that dies begins again.
"""

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.loops import WORD
from benchmarks.peers import divided, results, spark


def word_count(context, source, target):
    counts = (
        context.textFile(f"{source}/*.txt")
        .flatMap(lambda line: WORD.findall(line.lower()))
        .map(lambda word: (word, 1))
        .reduceByKey(lambda one, other: one + other)
    )
    results.lines(target, counts.collect())


def group_by(context, source, target):
    groups = (
        context.parallelize(divided.ids(source, 2), 2)
        .flatMap(lambda part: divided.flights(source, *part))
        .filter(lambda flight: flight[2] is not None)
        .map(lambda flight: (flight[:2], (1, flight[2], flight[2])))
        .reduceByKey(_both)
        .mapValues(lambda group: (group[1] / group[0], group[2]))
    )
    results.table(target, [(*place, *row) for place, row in groups.collect()])


def _both(one, other):
    return one[0] + other[0], one[1] + other[1], max(one[2], other[2])


def index(context, source, target):
    titles = (
        context.textFile(source, 2).map(json.loads).flatMap(_tokens).groupByKey().mapValues(sorted)
    )
    results.lines(target, titles.collect())


def _tokens(document):
    for word in set(WORD.findall(document["text"].lower())):
        yield word, document["title"]


def sort(context, source, target):
    pairs = context.textFile(source, 2).map(lambda line: (line[:10], line[11:])).sortByKey()
    with tempfile.TemporaryDirectory(dir=Path(target).parent) as folder:
        pairs.map(" ".join).saveAsTextFile(f"{folder}/sorted")
        results.joined(target, sorted(Path(folder, "sorted").glob("part-*")))


WORKLOADS = {"word count": word_count, "group by": group_by, "index": index, "sort": sort}

if __name__ == "__main__":
    with spark.local() as session:
        WORKLOADS[sys.argv[1]](session.sparkContext, *sys.argv[2:])
