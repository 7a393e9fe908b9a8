"""The result of a peer, in the form in which the loop writes its own; and whether they are one.

`python -m benchmarks.peers.results WORKLOAD RESULT EXPECTED` compares two.
"""

import filecmp
import json
import shutil
import sqlite3
import sys


def lines(target, pairs):
    """Write pairs in key order, a line of JSON each."""
    with open(target, "w", encoding="utf-8") as file:
        for pair in sorted(pairs):
            file.write(json.dumps(pair) + "\n")


def table(target, rows):
    """Write rows of carrier, destination, mean and worst delay to a SQLite table."""
    with sqlite3.connect(target) as connection:
        connection.execute(
            "CREATE TABLE delays (carrier TEXT, dest TEXT, mean REAL, worst INTEGER,"
            " PRIMARY KEY (carrier, dest))"
        )
        connection.executemany("INSERT INTO delays VALUES (?, ?, ?, ?)", sorted(rows))
    connection.close()


def joined(target, parts):
    """Write one file of what files of parts hold, in their order."""
    with open(target, "wb") as whole:
        for part in parts:
            with open(part, "rb") as file:
                shutil.copyfileobj(file, whole, 1 << 20)


def same(workload, result, expected) -> bool:
    """Tell whether a result is what the loop wrote."""
    if workload == "group by":
        return _rows(result) == _rows(expected)
    return filecmp.cmp(result, expected, shallow=False)


def _rows(path):
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT * FROM delays ORDER BY carrier, dest").fetchall()
    connection.close()
    return rows


if __name__ == "__main__":
    if not same(*sys.argv[1:]):
        sys.exit(f"{sys.argv[1]}: the result is not the loop's")
