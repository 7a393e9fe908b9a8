"""The input of each workload, made once in a folder: real text and flights where they are.

`python -m benchmarks.inputs WORKLOAD FOLDER SCALE` makes one, and says what it is. Each is
repeated until the hand-written loop takes five to ten seconds, so that imports do not count; of the
flights a small scale takes the first. Where `../shared/data` is not, the standard library's source
text and made-up flights serve.
"""

import csv
import gzip
import json
import os
import random
import sqlite3
import sys
from itertools import islice
from pathlib import Path

REAL = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
DOCUMENT = 1_050  # characters, about: 14,407 documents in 15 MB
FLIGHTS = 336_776


def text(folder: Path, times: int) -> str:
    """Write text files, the whole text `times` over; say what it is."""
    folder.mkdir(parents=True)
    found, said = _texts()
    for time in range(times):
        for number, path in enumerate(found):
            os.symlink(path, folder / f"{time:03}-{number:03}.txt")
    return f"{said}, {times} times"


def _texts():
    real = sorted((REAL / "text").glob("*.txt"))
    if real:
        return real, "15 MB of English books"
    library = sorted(Path(os.__file__).parent.rglob("*.py"))
    return [p for p in library if _readable(p)], "the standard library's source text"


def _readable(path):
    try:
        path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError):
        return False
    return True


def flights(path: Path, times: float) -> str:
    """Write a SQLite table of flights, `times` over, or the first of them; say what it is."""
    rows, said = _flights(max(1000, round(FLIGHTS * times)))
    times = max(1, round(times))
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE flights (id INTEGER PRIMARY KEY, carrier TEXT NOT NULL,"
            " dest TEXT NOT NULL, arr_delay INTEGER)"
        )
        for _ in range(times):
            connection.executemany(
                "INSERT INTO flights (carrier, dest, arr_delay) VALUES (?, ?, ?)", rows
            )
    connection.close()
    return f"{said}, {times} times"


def _flights(most):
    real = REAL / "flights.csv.gz"
    if real.exists():
        with gzip.open(real, "rt", newline="") as file:
            rows = [
                (row["carrier"], row["dest"], _number(row["arr_delay"]))
                for row in islice(csv.DictReader(file), most)
            ]
        return rows, f"{len(rows):,} flights of 2013"
    rng = random.Random(2013)
    rows = [
        (f"C{rng.randrange(16)}", f"D{rng.randrange(105)}", rng.randrange(-60, 300))
        for _ in range(min(most, FLIGHTS))
    ]
    return rows, f"{len(rows):,} made-up flights"


def _number(text):
    return int(float(text)) if text not in ("", "NA") else None


def documents(path: Path, times: int) -> str:
    """Write documents as JSON lines of a title and a text, `times` over; say what they are."""
    found, said = _texts()
    count = 0
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(times):
            for source in found:
                whole = source.read_text(encoding="utf-8")
                for start in range(0, len(whole), DOCUMENT):
                    record = {"title": f"d{count:07}", "text": whole[start : start + DOCUMENT]}
                    file.write(json.dumps(record) + "\n")
                    count += 1
    return f"{count:,} documents of {said}"


def records(path: Path, times: int) -> str:
    """Write a million records of 100 bytes, `times` over, in random order; say what they are."""
    rng = random.Random(100)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    with open(path, "w", encoding="ascii", newline="\n") as file:
        for _ in range(times * 1_000_000):
            key = "".join(rng.choices(letters, k=10))
            file.write(key + " " + key[::-1] * 8 + key[:8] + "\n")
    return f"{times * 1_000_000:,} records of 100 bytes"


MAKERS = {
    "word count": (text, "text", 20),
    "group by": (flights, "flights.db", 64),
    "index": (documents, "documents.jsonl", 7),
    "sort": (records, "records.txt", 3),
}


def main(workload, folder, scale):
    """Make a workload's input in `folder`; print what it is."""
    maker, name, times = MAKERS[workload]
    times *= float(scale)
    print(maker(Path(folder) / name, times if maker is flights else max(1, round(times))))


if __name__ == "__main__":
    main(*sys.argv[1:])
