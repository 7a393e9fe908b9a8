"""The loop a person would write, for each workload: one process, nothing durable but its result.

`python -m benchmarks.loops WORKLOAD INPUT OUTPUT` runs one. The result is written in key order,
a line of JSON each, or to a SQLite table where the workload says so.
"""

import json
import re
import sqlite3
import sys
from pathlib import Path

WORD = re.compile(r"[a-z']+")


def word_count(source, target):
    counts = {}
    for path in sorted(Path(source).glob("*.txt")):
        with open(path, encoding="utf-8", newline="\n") as file:
            for line in file:
                for word in WORD.findall(line.lower()):
                    counts[word] = counts.get(word, 0) + 1
    _write(target, counts)


def group_by(source, target):
    groups = {}
    with sqlite3.connect(source) as connection:
        for carrier, dest, delay in connection.execute(
            "SELECT carrier, dest, arr_delay FROM flights ORDER BY id"
        ):
            if delay is not None:
                group = groups.get((carrier, dest))
                if group is None:
                    groups[carrier, dest] = [1, delay, delay]
                else:
                    group[0] += 1
                    group[1] += delay
                    if delay > group[2]:
                        group[2] = delay
    connection.close()
    with sqlite3.connect(target) as connection:
        connection.execute(
            "CREATE TABLE delays (carrier TEXT, dest TEXT, mean REAL, worst INTEGER,"
            " PRIMARY KEY (carrier, dest))"
        )
        connection.executemany(
            "INSERT INTO delays VALUES (?, ?, ?, ?)",
            [(*key, total / count, worst) for key, (count, total, worst) in sorted(groups.items())],
        )
    connection.close()


def index(source, target):
    titles = {}
    with open(source, encoding="utf-8") as file:
        for line in file:
            document = json.loads(line)
            for word in set(WORD.findall(document["text"].lower())):
                titles.setdefault(word, []).append(document["title"])
    _write(target, titles)


def sort(source, target):
    with open(source, encoding="ascii", newline="\n") as file:
        lines = file.readlines()
    pairs = [(line[:10], line[11:-1]) for line in lines]
    pairs.sort()
    with open(target, "w", encoding="ascii", newline="\n") as file:
        file.writelines(f"{key} {value}\n" for key, value in pairs)


def _write(target, result):
    with open(target, "w", encoding="utf-8") as file:
        for key in sorted(result):
            file.write(json.dumps([key, result[key]]) + "\n")


LOOPS = {"word count": word_count, "group by": group_by, "index": index, "sort": sort}

if __name__ == "__main__":
    LOOPS[sys.argv[1]](*sys.argv[2:])
