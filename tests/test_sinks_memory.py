"""The Memory sink."""

import pytest

from httpmr.budget import Budget
from httpmr.errors import OutputError
from httpmr.interfaces import Batch, Slice
from httpmr.sinks import Memory
from httpmr.stores import MemoryStore, SQLStore
from httpmr.testing import SinkSuite


class TestMemory(SinkSuite):
    @pytest.fixture
    def sink(self):
        return Memory()

    def published(self, sink, job):
        return sink.pairs(job)


def keep(sink, store, job, pairs, number=0):
    batch = Batch()
    sink.join(pairs, Slice(job, (0,), number, 1), batch)
    store.commit(batch)


def test_results_are_those_of_the_newest_job():
    sink, store = Memory(), MemoryStore()
    assert sink.results == {} and sink.pairs() == []
    keep(sink, store, "one", [("a", 1), ("a", 2)])
    keep(sink, store, "one", [("b", 3)], number=1)
    assert sink.results == {"a": 2, "b": 3}
    assert sink.pairs() == [("a", 1), ("a", 2), ("b", 3)]
    sink.finish("two", [], Budget())
    assert sink.results == {}
    assert sink.pairs("one") == [("a", 1), ("a", 2), ("b", 3)]


def test_a_store_that_others_see_is_refused(sqlite_url):
    store = SQLStore(sqlite_url)
    assert not Memory().joins(store)
    with pytest.raises(OutputError, match=r"one process alone.*MemoryStore\(\)"):
        Memory().check(store)


def test_what_a_failing_commit_kept_is_gone():
    sink, store, batch = Memory(), MemoryStore(), Batch()
    sink.join([("a", 1)], Slice("job", (0,), 0, 1), batch)

    def fail(database):
        raise RuntimeError

    batch.sql(fail)
    with pytest.raises(RuntimeError):
        store.commit(batch)
    assert sink.pairs("job") == []


def test_its_name():
    assert repr(Memory()) == "Memory()"
