"""The loop divided between two processes, as a person would with multiprocessing.

`python -m benchmarks.peers.by_hand WORKLOAD INPUT OUTPUT` runs one. Nothing is durable: a
process that dies takes everything with it.
"""

import json
import sys
import tempfile
from itertools import islice
from multiprocessing import Pool
from pathlib import Path
from statistics import median_low

from benchmarks.loops import WORD
from benchmarks.peers import divided, results

PROCESSES = 2


def word_count(source, target):
    counts = {}
    with Pool(PROCESSES) as pool:
        for part in pool.imap_unordered(_words, sorted(Path(source).glob("*.txt"))):
            for word, count in part.items():
                counts[word] = counts.get(word, 0) + count
    results.lines(target, counts.items())


def _words(path):
    counts = {}
    with open(path, encoding="utf-8", newline="\n") as file:
        for line in file:
            for word in WORD.findall(line.lower()):
                counts[word] = counts.get(word, 0) + 1
    return counts


def group_by(source, target):
    groups = {}
    with Pool(PROCESSES) as pool:
        parts = [(source, *part) for part in divided.ids(source, PROCESSES)]
        for part in pool.starmap(_groups, parts):
            for key, (count, total, worst) in part.items():
                group = groups.setdefault(key, [0, 0, worst])
                group[0] += count
                group[1] += total
                group[2] = max(group[2], worst)
    results.table(
        target, [(*key, total / count, worst) for key, (count, total, worst) in groups.items()]
    )


def _groups(source, first, last):
    groups = {}
    for carrier, dest, delay in divided.flights(source, first, last):
        if delay is not None:
            group = groups.get((carrier, dest))
            if group is None:
                groups[carrier, dest] = [1, delay, delay]
            else:
                group[0] += 1
                group[1] += delay
                if delay > group[2]:
                    group[2] = delay
    return groups


def index(source, target):
    with Pool(PROCESSES) as pool:
        parts = [(source, *part) for part in divided.offsets(source, PROCESSES)]
        titles, *others = pool.starmap(_titles, parts)
    for other in others:
        for word, found in other.items():
            titles.setdefault(word, []).extend(found)
    results.lines(target, titles.items())


def _titles(source, start, stop):
    titles = {}
    for line in divided.lines(source, start, stop):
        document = json.loads(line)
        for word in set(WORD.findall(document["text"].lower())):
            titles.setdefault(word, []).append(document["title"])
    return titles


def sort(source, target):
    """Sort the lower half of the keys in one process, the upper in the other.

    Each reads all of the input: to send a half to another process costs more than to read it.
    """
    with open(source, encoding="ascii", newline="\n") as file:
        middle = median_low(line[:10] for line in islice(file, 1_001))
    with tempfile.TemporaryDirectory(dir=Path(target).parent) as folder, Pool(PROCESSES) as pool:
        halves = [(source, "", middle, f"{folder}/0"), (source, middle, "\x7f", f"{folder}/1")]
        results.joined(target, pool.starmap(_sorted, halves))


def _sorted(source, first, before, part):
    with open(source, encoding="ascii", newline="\n") as file:
        pairs = [(line[:10], line[11:-1]) for line in file if first <= line[:10] < before]
    pairs.sort()
    with open(part, "w", encoding="ascii", newline="\n") as file:
        file.writelines(f"{key} {value}\n" for key, value in pairs)
    return part


WORKLOADS = {"word count": word_count, "group by": group_by, "index": index, "sort": sort}

if __name__ == "__main__":
    WORKLOADS[sys.argv[1]](*sys.argv[2:])
