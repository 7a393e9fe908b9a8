"""The greatest of all: the ten flights that were most late.

All pairs have one key. Its combiner keeps ten of each slice's, so that this is no bottleneck.
FLIGHTS names other files than the made-up ones here.

    httpmr run examples/23_top.py
"""

import os
from pathlib import Path

import httpmr
from httpmr import reducers, sources

FLIGHTS = os.environ.get("FLIGHTS", str(Path(__file__).parent / "flights" / "*.csv"))


def delays(place, flight):
    if flight["arr_delay"]:
        yield None, (float(flight["arr_delay"]), flight["carrier"], flight["flight"])


application = httpmr.Master(
    "most late",
    source=sources.CSVFiles(FLIGHTS),
    mapper=delays,
    reducer=reducers.Top(10),
    store="sqlite:///late.db",
    authorize=httpmr.allow_local,
)

if __name__ == "__main__":
    [(_, latest)] = application.run().output()
    for delay, carrier, flight in latest:
        print(f"{carrier} {flight}: {delay:g} minutes")
