"""What breaks in the real world: connections that drop, servers that are killed."""

import random
import re
import socket
import subprocess
import threading
import time

import pytest
from servers import FULL, fetched, rows
from test_every_way import drive, wget_r

from httpmr import keys
from httpmr.stores import SQLStore

# What is tried is the two hundred connections that drop: the slices between them go well anyway.
SLICES, SHARE = (10_000, 0.02) if FULL else (2_000, 0.1)


class Dropping:
    """A TCP proxy that drops some of its connections, before or after the server has answered."""

    def __init__(self, port, share, rng):
        self.port, self.share, self.rng = port, share, rng
        self.dropped = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.here = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, socket.create_connection(("127.0.0.1", self.port)) as server:
            try:
                while self._exchange(client, server):
                    pass
            except OSError:
                pass

    def _exchange(self, client, server):
        """Pass one request and its answer on; return whether the connection may go on."""
        request = _message(client)
        if not request:
            return False
        fate = self.rng.random()
        if fate < self.share / 2:
            self.dropped += 1
            return False  # the server never hears of it
        server.sendall(request)
        answer = _message(server)
        if fate < self.share:
            self.dropped += 1
            return False  # the slice is done, and its driver never hears of it
        client.sendall(answer)
        return bool(answer)

    def close(self):
        self.listener.close()


def _message(connection):
    """Read one HTTP message that has a Content-Length, or none."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    want = int(length[1]) if length else 0
    while len(body) < want:
        more = connection.recv(65536)
        if not more:
            break
        body += more
    return head + b"\r\n\r\n" + body


def through(job, site, proxy):
    """The same job at the proxy's address."""
    return {name: url.replace(f":{site.port}/", f":{proxy.here}/") for name, url in job.items()}


def test_each_of_thousands_of_slices_is_committed_once(site, sqlite_url, tmp_path):
    """Four drivers, and some two hundred connections dropped."""
    served = site("waitress", sqlite_url, one=SLICES)
    proxy = Dropping(served.port, SHARE, rng=random.Random(3))
    job = served.begin("ones")
    driven = drive(through(job, served, proxy), tmp_path)  # four lanes
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
