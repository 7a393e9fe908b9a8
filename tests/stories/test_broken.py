"""What breaks in the real world: connections that drop, servers that are killed."""

import random
import subprocess
import time

import pytest
from proxies import Dropping, through
from servers import FULL, fetched, rows
from test_every_way import drive, wget_r

from httpmr import keys
from httpmr.stores import SQLStore

# What is tried is the two hundred connections that drop: the slices between them go well anyway.
SLICES, SHARE = (10_000, 0.02) if FULL else (2_000, 0.1)


def test_each_of_thousands_of_slices_is_committed_once(site, sqlite_url, tmp_path):
    """Four drivers, and some two hundred connections dropped."""
    served = site("waitress", sqlite_url, one=SLICES)
    proxy = Dropping(served.port, SHARE, rng=random.Random(3))
    job = served.begin("ones")
    driven = drive(through(job, proxy), tmp_path)  # four lanes
    assert driven.wait(400) == 0
    proxy.close()
    status = fetched(job["status"])
    assert proxy.dropped > SLICES * SHARE / 2
    assert status["records"] == SLICES
    assert rows(job) == {n: n * n for n in range(SLICES)}
    # A map slice that did its one record left one run of output, numbered in its shard; a
    # number twice, or a gap, would be a slice committed twice, or lost.
    store = SQLStore(sqlite_url)
    slices = {}
    for key, _ in store.scan(*keys.span((job["job"], "output index"))):
        _, _, _, _, shard, slice, _ = keys.unpack(key)
        slices.setdefault(shard, []).append(slice)
    store.close()
    assert sum(map(len, slices.values())) == SLICES
    assert all(numbers == list(range(len(numbers))) for numbers in slices.values())


@pytest.mark.parametrize("server", ["waitress", "gunicorn"])
def test_a_killed_server_loses_and_doubles_nothing(site, sqlite_url, tmp_path, server):
    """SIGKILL in the middle of slices, three times, under two drivers that carry on."""
    served = site(server, sqlite_url)
    job = served.begin("slow")
    drivers = [drive(job, tmp_path), wget_r(job, tmp_path)]
    for _ in range(3):
        before = fetched(job["status"])["records"]
        while fetched(job["status"])["records"] <= before:
            time.sleep(0.02)
        served.kill()  # each record takes 20 ms: every lane is in the middle of a slice
        served.start()
    assert [driver.wait(120) for driver in drivers] == [0, 0]
    status = fetched(job["status"])
    assert status["state"] == "done"
    assert status["counters"] == {"mapped": 300}
    assert status["records"] == 300
    assert rows(job) == {digit: sum(range(digit, 300, 10)) for digit in range(10)}


def test_a_driver_outlives_its_server(site, tmp_path):
    """A driver whose server is away for a while goes on when it is back."""
    served = site()
    job = served.begin("slow")
    driver = drive(job, tmp_path)
    served.kill()
    with pytest.raises(subprocess.TimeoutExpired):
        driver.wait(1)
    served.start()
    assert driver.wait(120) == 0
    assert fetched(job["status"])["records"] == 300
