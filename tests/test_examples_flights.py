"""The examples over flights, on the made-up ones and, where they are, on real ones."""

import csv
import gzip
import json
from collections import defaultdict
from datetime import datetime
from itertools import islice, pairwise

import pytest
from docslib import ROOT

from httpmr.cli import target

MADE_UP = ROOT / "examples" / "flights" / "january.csv"
REAL = ROOT.parent / "shared" / "data" / "flights.csv.gz"


@pytest.fixture(params=["made up", "real"])
def flights(request, tmp_path, monkeypatch):
    """The rows that an example is to read; its databases and files are in `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    if request.param == "real":
        if not REAL.exists():
            pytest.skip("no real flights here")
        with gzip.open(REAL, "rt") as file, open("real.csv", "w") as copy:
            copy.writelines(islice(file, 2001))
        monkeypatch.setenv("FLIGHTS", str(tmp_path / "real.csv"))
    with open(MADE_UP if request.param == "made up" else "real.csv", newline="") as file:
        return list(csv.DictReader(file))


def application(number):
    [path] = (ROOT / "examples").glob(f"{number}_*.py")
    return target.load(str(path)).application


def test_20_pipeline(flights):
    places = defaultdict(set)
    for flight in flights:
        places[flight["carrier"]].add(flight["dest"])
    expected = sorted((carrier, len(some)) for carrier, some in places.items())
    assert list(application(20).run().output()) == expected


def test_21_sorted_values(flights):
    planes = defaultdict(list)
    for flight in flights:
        if flight["tailnum"]:
            hour = datetime.fromisoformat(flight["time_hour"])
            planes[flight["tailnum"]].append((hour, flight["origin"]))
    expected = {
        plane: max(
            ((after - before).total_seconds() / 3600, where)
            for (before, where), (after, _) in pairwise(sorted(some))
        )
        for plane, some in planes.items()
        if len(some) > 1
    }
    assert list(application(21).run().output()) == sorted(expected.items())


def test_22_total_order(flights):
    job = application(22).run()
    with open("by_delay.csv", newline="") as file:
        delays = [float(row["delay"]) for row in csv.DictReader(file)]
    assert delays == sorted(float(it["arr_delay"]) for it in flights if it["arr_delay"])
    assert len(json.loads(json.dumps(job.record.learned))) == 3


def test_23_top(flights):
    late = [
        (float(it["arr_delay"]), it["carrier"], it["flight"]) for it in flights if it["arr_delay"]
    ]
    assert list(application(23).run().output()) == [(None, sorted(late, reverse=True)[:10])]
