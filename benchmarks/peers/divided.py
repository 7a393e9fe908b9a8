"""The input in parts, for what does not divide it (or does not read SQLite) by itself."""

import os
import sqlite3
from itertools import pairwise


def ids(source, parts):
    """Return the ranges (first, last) of a flights table's ids, about equal in length."""
    with sqlite3.connect(source) as connection:
        first, last = connection.execute("SELECT min(id), max(id) FROM flights").fetchone()
    connection.close()
    ends = [first + (last + 1 - first) * part // parts for part in range(parts + 1)]
    return [(start, stop - 1) for start, stop in pairwise(ends)]


def flights(source, first, last):
    """Yield (carrier, destination, delay or None) of the flights in a range of ids."""
    connection = sqlite3.connect(source)
    try:
        yield from connection.execute(
            "SELECT carrier, dest, arr_delay FROM flights WHERE id BETWEEN ? AND ? ORDER BY id",
            (first, last),
        )
    finally:
        connection.close()


def offsets(source, parts):
    """Return the ranges (start, stop) of a file, about equal in length, each of whole lines."""
    size = os.path.getsize(source)
    ends = [0]
    with open(source, "rb") as file:
        for part in range(1, parts):
            file.seek(size * part // parts)
            file.readline()
            ends.append(file.tell())
    ends.append(size)
    return list(pairwise(ends))


def lines(source, start, stop):
    """Yield the lines of a file, as bytes, from `start` up to `stop`."""
    with open(source, "rb") as file:
        file.seek(start)
        while start < stop:
            line = file.readline()
            start += len(line)
            yield line
