"""The values of a key in order: how long each plane stood between two flights at most.

`sort_values=True` lets the departures of a plane come sorted by time, however many there are, so
the reducer holds two of them. FLIGHTS names other files than the made-up ones here.

    httpmr run examples/21_sorted_values.py
"""

import os
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import httpmr
from httpmr import sources

FLIGHTS = os.environ.get("FLIGHTS", str(Path(__file__).parent / "flights" / "*.csv"))


def departures(place, flight):
    if flight["tailnum"]:
        yield flight["tailnum"], (datetime.fromisoformat(flight["time_hour"]), flight["origin"])


def longest_stay(plane, values):
    stays = [(hour - before, where) for (before, where), (hour, _) in pairwise(values)]
    if stays:
        stay, where = max(stays)
        yield plane, (stay.total_seconds() / 3600, where)


application = httpmr.Master(
    "longest stays",
    source=sources.CSVFiles(FLIGHTS),
    mapper=departures,
    reducer=longest_stay,
    sort_values=True,
    store="sqlite:///stays.db",
    authorize=httpmr.allow_local,
)

if __name__ == "__main__":
    for plane, (hours, where) in application.run().output():
        print(f"{plane}: {hours:g} h after it left {where}")
