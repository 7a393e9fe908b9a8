"""Apache Beam pipelines, in this process, on the runner that the direct runner takes for batches.

`python -m benchmarks.peers.beam WORKLOAD INPUT OUTPUT` runs one. Nothing is durable: bundles
and groups are in memory, and a pipeline that dies begins again.
"""

import json
import sys
import tempfile
from pathlib import Path

import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.combiners import Count, ToList

from benchmarks.loops import WORD
from benchmarks.peers import divided, results


class MeanAndWorst(beam.CombineFn):
    def create_accumulator(self):
        return 0, 0, -(10**9)

    def add_input(self, group, delay):
        count, total, worst = group
        return count + 1, total + delay, max(worst, delay)

    def merge_accumulators(self, groups):
        counts, totals, worsts = zip(*groups, strict=True)
        return sum(counts), sum(totals), max(worsts)

    def extract_output(self, group):
        count, total, worst = group
        return total / count, worst


def word_count(source, target):
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        (
            pipeline
            | beam.io.ReadFromText(f"{source}/*.txt")
            | beam.FlatMap(lambda line: WORD.findall(line.lower()))
            | Count.PerElement()
            | ToList()
            | beam.Map(lambda pairs: results.lines(target, pairs))
        )


def group_by(source, target):
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        (
            pipeline
            | beam.Create(divided.ids(source, 16))
            | beam.FlatMap(lambda part: divided.flights(source, *part))
            | beam.Filter(lambda flight: flight[2] is not None)
            | beam.Map(lambda flight: (flight[:2], flight[2]))
            | beam.CombinePerKey(MeanAndWorst())
            | beam.Map(lambda pair: (*pair[0], *pair[1]))
            | ToList()
            | beam.Map(lambda rows: results.table(target, rows))
        )


def index(source, target):
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        (
            pipeline
            | beam.io.ReadFromText(source)
            | beam.Map(json.loads)
            | beam.FlatMap(_tokens)
            | beam.GroupByKey()
            | beam.MapTuple(lambda word, titles: (word, sorted(titles)))
            | ToList()
            | beam.Map(lambda pairs: results.lines(target, pairs))
        )


def _tokens(document):
    for word in set(WORD.findall(document["text"].lower())):
        yield word, document["title"]


def sort(source, target):
    """A pipeline has no order: sort what begins alike, each into a part of its own."""
    with tempfile.TemporaryDirectory(dir=Path(target).parent) as folder:
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            (
                pipeline
                | beam.io.ReadFromText(source)
                | beam.Map(lambda line: (line[0], (line[:10], line[11:])))
                | beam.GroupByKey()
                | beam.MapTuple(lambda first, pairs: _write(f"{folder}/{first}", sorted(pairs)))
            )
        results.joined(target, sorted(Path(folder).iterdir()))


def _write(part, pairs):
    with open(part, "w", encoding="ascii", newline="\n") as file:
        file.writelines(f"{key} {value}\n" for key, value in pairs)


WORKLOADS = {"word count": word_count, "group by": group_by, "index": index, "sort": sort}

if __name__ == "__main__":
    WORKLOADS[sys.argv[1]](*sys.argv[2:])
