"""Dask bags, on the scheduler for processes with two of them.

`python -m benchmarks.peers.dask_bag WORKLOAD INPUT OUTPUT` runs one. Nothing is durable: what
is computed is in memory until the whole is done.
"""

import heapq
import json
import sys

import dask
from dask import bag

from benchmarks.loops import WORD
from benchmarks.peers import divided, results

BLOCK = "8MB"


def word_count(source, target):
    words = bag.read_text(f"{source}/*.txt").str.lower().map(WORD.findall).flatten()
    results.lines(target, words.frequencies().compute())


def group_by(source, target):
    parts = bag.from_sequence(divided.ids(source, 4), npartitions=4)
    flights = parts.starmap(lambda first, last: list(divided.flights(source, first, last)))
    known = flights.flatten().filter(lambda flight: flight[2] is not None)
    groups = known.foldby(_place, _with_flight, (0, 0, -(10**9)), _both, (0, 0, -(10**9)))
    results.table(
        target, [(*key, total / count, worst) for key, (count, total, worst) in groups.compute()]
    )


def _place(flight):
    return flight[:2]


def _with_flight(group, flight):
    count, total, worst = group
    return count + 1, total + flight[2], max(worst, flight[2])


def _both(one, other):
    return one[0] + other[0], one[1] + other[1], max(one[2], other[2])


def index(source, target):
    documents = bag.read_text(source, blocksize=BLOCK).map(json.loads)
    titles = documents.map(_tokens).flatten().foldby(0, _with_title, list, _joined, list)
    results.lines(target, titles.compute())


def _tokens(document):
    title = document["title"]
    return [(word, title) for word in set(WORD.findall(document["text"].lower()))]


def _with_title(titles, pair):
    titles.append(pair[1])
    return titles


def _joined(titles, others):
    titles.extend(others)
    return titles


def sort(source, target):
    """A bag does not sort: sort its parts, and merge them here."""
    pairs = bag.read_text(source, blocksize=BLOCK, encoding="ascii").map(_pair)
    parts = dask.compute(*pairs.map_partitions(sorted).to_delayed())
    with open(target, "w", encoding="ascii", newline="\n") as file:
        file.writelines(f"{key} {value}\n" for key, value in heapq.merge(*parts))


def _pair(line):
    return line[:10], line[11:-1]


WORKLOADS = {"word count": word_count, "group by": group_by, "index": index, "sort": sort}

if __name__ == "__main__":
    with dask.config.set(scheduler="processes", num_workers=2, chunksize=1):
        WORKLOADS[sys.argv[1]](*sys.argv[2:])
