"""A file that is sorted as a whole, made by several reducers: all flights by their delay.

`RangePartitioner` gives each reducer a range of keys, about even by a sample of them, and the
sink writes one partition after the other. FLIGHTS names other files than the made-up ones here.

    httpmr run examples/22_total_order.py && head by_delay.csv
"""

import os
from pathlib import Path

import httpmr
from httpmr import reducers, sinks, sources

FLIGHTS = os.environ.get("FLIGHTS", str(Path(__file__).parent / "flights" / "*.csv"))


def by_delay(place, flight):
    if flight["arr_delay"]:
        yield float(flight["arr_delay"]), (flight["carrier"], flight["flight"], flight["dest"])


application = httpmr.Master(
    "flights by delay",
    source=sources.CSVFiles(FLIGHTS),
    mapper=by_delay,
    reducer=reducers.Identity(),
    partitioner=httpmr.partitioners.RangePartitioner(),
    sink=sinks.CSVFile("by_delay.csv", header=("delay", "carrier", "flight", "dest")),
    store="sqlite:///by_delay.db",
    authorize=httpmr.allow_local,
)

if __name__ == "__main__":
    application.run()
    with open("by_delay.csv", encoding="utf-8") as file:
        print("".join(file.readlines()[:5]), end="")
