"""Count distinct things in two steps: how many places each carrier flies to.

The second recipe reads what the first left in the store. Nothing is held in memory, however many
different things there are. FLIGHTS names other files than the made-up ones here.

    httpmr run examples/20_pipeline.py
"""

import os
from pathlib import Path

import httpmr
from httpmr import reducers, sources

FLIGHTS = os.environ.get("FLIGHTS", str(Path(__file__).parent / "flights" / "*.csv"))
COMMON = {"store": "sqlite:///places.db", "authorize": httpmr.allow_local}


def routes(place, flight):
    yield (flight["carrier"], flight["dest"]), 1


def carriers(place, route):
    """Each (carrier, dest) comes once, with the number of its flights."""
    (carrier, _), _ = route
    yield carrier, 1


each = httpmr.Master(
    "flights of a route",
    source=sources.CSVFiles(FLIGHTS),
    mapper=routes,
    reducer=reducers.Count(),
    **COMMON,
)
places = httpmr.Master(
    "places of a carrier",
    source=sources.Output(each),
    mapper=carriers,
    reducer=reducers.Count(),
    **COMMON,
)
application = httpmr.Pipeline([each, places])

if __name__ == "__main__":
    for carrier, count in application.run().output():
        print(f"{carrier}: {count}")
