"""Join files with a table: each plane of the table with each of its flights, which are in files.

Both are read by one job, which emits them by the plane's number: the planes first, then the
flights. The names of the airlines are few, so they lie beside each flight. FLIGHTS names other
files than the made-up ones here.

    httpmr run examples/30_join.py && head -n 3 flown.csv
"""

import os
import sqlite3
from pathlib import Path

import httpmr
from httpmr import mappers, reducers, sinks, sources

FLIGHTS = os.environ.get("FLIGHTS", str(Path(__file__).parent / "flights" / "*.csv"))
DATABASE = "sqlite:///planes.db"
AIRLINES = {"AA": "American", "B6": "JetBlue", "DL": "Delta", "UA": "United"}


def of_plane(number, plane):
    yield number, plane["maker"]


def of_flight(place, pair):
    flight, airlines = pair
    yield flight["tailnum"], f"{airlines.get(flight['carrier'], 'another')} to {flight['dest']}"


application = httpmr.Master(
    "planes and their flights",
    source=sources.Chain(
        {
            "plane": sources.SQLTable(DATABASE, "planes", key="tailnum"),
            "flight": sources.Lookup(sources.CSVFiles(FLIGHTS), sources.Memory(AIRLINES)),
        }
    ),
    mapper=mappers.BySource({"plane": of_plane, "flight": of_flight}),
    reducer=reducers.Join("plane", "flight"),
    sink=sinks.CSVFile("flown.csv", header=("plane", "maker", "flight")),
    store=DATABASE,
    authorize=httpmr.allow_local,
)

with sqlite3.connect("planes.db") as db:  # what your application already has
    db.execute("CREATE TABLE IF NOT EXISTS planes (tailnum TEXT PRIMARY KEY, maker TEXT)")
    makers = {"A": "Airbus", "B": "Boeing", "C": "Embraer"}  # of those that end in D, none is known
    planes = [(f"N{n}{end}", makers[end]) for n in range(100, 1000) for end in makers]
    db.executemany("INSERT OR IGNORE INTO planes VALUES (?, ?)", planes)

if __name__ == "__main__":
    application.run()
    print(*Path("flown.csv").read_text().splitlines()[:3], sep="\n")
