"""The example that joins: what it gives is what two loops over the same give."""

import csv
import subprocess
import sys

from docslib import ROOT

EXAMPLE = ROOT / "examples" / "30_join.py"
MAKERS = {"A": "Airbus", "B": "Boeing", "C": "Embraer"}
AIRLINES = {"AA": "American", "B6": "JetBlue", "DL": "Delta", "UA": "United"}


def flown():
    with open(ROOT / "examples" / "flights" / "january.csv", newline="") as file:
        for row in csv.DictReader(file):
            maker = MAKERS.get(row["tailnum"][-1:])
            if maker:
                yield [row["tailnum"], maker, f"{AIRLINES[row['carrier']]} to {row['dest']}"]


def test_30_join(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, str(EXAMPLE)]
    environ = {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) == 3
    with open("flown.csv", newline="") as file:
        [header, *rows] = csv.reader(file)
    assert header == ["plane", "maker", "flight"]
    assert sorted(rows) == sorted(flown())
    assert len(rows) > 50
