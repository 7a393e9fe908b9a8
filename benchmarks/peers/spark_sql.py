"""PySpark's DataFrames, whose functions are the JVM's own, on two of its threads: local[2].

`python -m benchmarks.peers.spark_sql WORKLOAD INPUT OUTPUT` runs one. Shuffles are in files,
but a driver that dies begins again.
"""

import sys
import tempfile
from pathlib import Path

from pyspark.sql import functions as f
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

from benchmarks.peers import divided, results, spark


def words(column):
    return f.regexp_extract_all(f.lower(column), f.lit("[a-z']+"), 0)


def word_count(session, source, target):
    counts = (
        session.read.text(f"{source}/*.txt")
        .select(f.explode(words("value")).alias("word"))
        .groupBy("word")
        .count()
    )
    results.lines(target, map(tuple, counts.collect()))


class Flights(DataSource):
    """Flights in SQLite: Spark reads it by a driver for Java, or as the user says."""

    @classmethod
    def name(cls):
        return "flights"

    def schema(self):
        return "carrier string, dest string, arr_delay int"

    def reader(self, schema):
        return FlightsReader(self.options["path"])


class FlightsReader(DataSourceReader):
    def __init__(self, path):
        self.path = path

    def partitions(self):
        return [InputPartition(part) for part in divided.ids(self.path, 2)]

    def read(self, partition):
        return divided.flights(self.path, *partition.value)


def group_by(session, source, target):
    session.dataSource.register(Flights)
    delays = (
        session.read.format("flights")
        .load(source)
        .where("arr_delay IS NOT NULL")
        .groupBy("carrier", "dest")
        .agg(f.mean("arr_delay"), f.max("arr_delay"))
    )
    results.table(target, delays.collect())


def index(session, source, target):
    titles = (
        session.read.json(source, schema="title string, text string")
        .withColumn("words", f.array_distinct(words("text")))
        .select("title", f.explode("words").alias("word"))
        .groupBy("word")
        .agg(f.sort_array(f.collect_list("title")))
    )
    results.lines(target, map(tuple, titles.collect()))


def sort(session, source, target):
    records = session.read.csv(source, schema="key string, value string", sep=" ", quote="")
    with tempfile.TemporaryDirectory(dir=Path(target).parent) as folder:
        records.sort("key", "value").write.csv(f"{folder}/sorted", sep=" ", quote="")
        results.joined(target, sorted(Path(folder, "sorted").glob("part-*")))


WORKLOADS = {"word count": word_count, "group by": group_by, "index": index, "sort": sort}

if __name__ == "__main__":
    with spark.local() as session:
        WORKLOADS[sys.argv[1]](session, *sys.argv[2:])
