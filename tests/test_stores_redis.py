"""The store in Redis, on a server that the tests start: the suite, and how it goes wrong."""

import os
import shutil
import socket
import subprocess
import time
from uuid import uuid4

import pytest
import redis

from httpmr import reducers, stores
from httpmr.errors import RecipeError, StoreFull, Unavailable, Uncertain
from httpmr.interfaces import Batch
from httpmr.sources import Memory
from httpmr.stores.redis import RedisStore
from httpmr.testing import OrderedStoreSuite
from httpmr.web import Master


class Server:
    """A Redis server of the test's own, on a free port, its data in a folder."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self):
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self.folder), "--save", "", "--appendonly", "yes"]
        command += ["--appendfsync", "always"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.client = redis.Redis(port=self.port)
        for _ in range(600):
            try:
                self.client.ping()
                return
            except redis.ConnectionError:  # starting, or still loading what it had
                time.sleep(0.05)
        raise AssertionError("redis-server does not answer")

    def kill(self):
        self.client.close()
        self.process.kill()
        self.process.wait()

    def url(self):
        return f"redis://127.0.0.1:{self.port}/0?prefix={uuid4().hex}"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not shutil.which("redis-server"):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no redis-server")
    made = Server(tmp_path_factory.mktemp("redis"))
    yield made
    made.kill()


@pytest.fixture
def store(server):
    store = RedisStore(server.url())
    yield store
    store.close()


def putting(key, value=b"x"):
    batch = Batch()
    batch.put(key, value)
    return batch


class TestRedisStore(OrderedStoreSuite):
    @pytest.fixture
    def store(self, server):
        url = server.url()
        store = RedisStore(url)
        store.url = url
        yield store
        store.close()

    def another(self, store):
        return RedisStore(store.url)


def test_two_prefixes_are_two_stores(server):
    one, other = RedisStore(server.url()), RedisStore(server.url())
    one.commit(putting(b"a"))
    assert other.get([b"a"]) == {} and list(other.scan(b"", b"\xff")) == []
    one.close()
    other.close()


def test_a_whole_job_by_two_processes(server):
    master = Master(
        "squares",
        source=Memory({n: n for n in range(500)}),
        mapper=lambda key, value: [(value % 7, value * value)],
        reducer=reducers.Sum(),
        store=server.url(),
    )
    job = master.run(processes=2)
    assert dict(job.output()) == {k: sum(n * n for n in range(k, 500, 7)) for k in range(7)}
    master.work.store.close()


def test_what_was_committed_is_there_after_the_server_was_killed(server):
    url = server.url()
    store = RedisStore(url)
    store.commit(putting(b"a", b"kept"))
    server.kill()
    with pytest.raises(Unavailable, match="does not answer"):
        store.get([b"a"])
    with pytest.raises(Unavailable):
        store.commit(putting(b"b"))
    server.start()
    assert store.get([b"a", b"b"]) == {b"a": b"kept"}
    store.close()


def test_a_connection_lost_in_a_commit_is_told_as_not_known(store, monkeypatch):
    store.commit(putting(b"a", b"1"))
    script = store._commit

    def lost(keys, args):
        script(keys, args)
        raise redis.ConnectionError("Connection closed by server.")

    monkeypatch.setattr(store, "_commit", lost)
    with pytest.raises(Uncertain):
        store.commit(putting(b"a", b"2"))
    assert store.get([b"a"]) == {b"a": b"2"}


def test_a_server_without_room_says_so_and_nothing_happens(server, store):
    store.commit(putting(b"a", b"1"))
    server.client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreFull):
            store.commit(putting(b"a", b"2"))
        assert store.get([b"a"]) == {b"a": b"1"}
    finally:
        server.client.config_set("maxmemory", 0)
    store.commit(putting(b"a", b"3"))


def test_a_server_that_forgets_its_scripts_is_told_them_again(server, store):
    store.commit(putting(b"a", b"1"))
    server.client.script_flush()
    store.commit(putting(b"b", b"2"))
    assert list(store.scan(b"", b"z")) == [(b"a", b"1"), (b"b", b"2")]


def test_a_url_opens_it(server):
    url = server.url()
    assert isinstance(stores.open(url), RedisStore)
    assert repr(stores.open(url)) == f"RedisStore('redis://127.0.0.1:{server.port}/0')"
    assert "hunter2" not in repr(stores.open("redis://me:hunter2@localhost/0"))
    with pytest.raises(RecipeError, match="a URL is as redis://host:6379/0"):
        stores.open("redis://localhost:many/0")
