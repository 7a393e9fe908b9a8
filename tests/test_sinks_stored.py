"""The Stored sink: output as runs of blocks in the job's own store."""

import pytest

from httpmr import keys
from httpmr.errors import Unstorable
from httpmr.interfaces import Batch, Slice
from httpmr.sinks import Stored
from httpmr.sinks.stored import output
from httpmr.stores import MemoryStore, SQLStore
from httpmr.testing import SinkSuite

SLICE = Slice("job", (0,), 0, 1)


class TestInMemory(SinkSuite):
    @pytest.fixture
    def store(self):
        self.opened = MemoryStore()
        return self.opened

    @pytest.fixture
    def sink(self):
        return Stored()

    def published(self, sink, job):
        groups = output(self.opened).groups(job, 0, 0)
        return [(key, value) for key, values in groups for value in values]


class TestInSQL(TestInMemory):
    @pytest.fixture
    def store(self, sqlite_url):
        self.opened = SQLStore(sqlite_url)
        return self.opened


def test_output_is_in_key_order_and_a_keys_values_in_that_of_the_slices():
    store = MemoryStore()
    for number, pairs in enumerate([[("b", 1), ("a", 2), ("b", 3)], [("a", 4), ("b", 5)]]):
        batch = Batch()
        Stored().join(pairs, SLICE._replace(number=number), batch)
        store.commit(batch)
    groups = [(key, list(values)) for key, values in output(store).groups("job", 0, 0)]
    assert groups == [("a", [2, 4]), ("b", [1, 3, 5])]


@pytest.mark.parametrize(
    "pairs",
    [
        [(1, "a"), (2, "b"), (3, "c")],
        [(3, "a"), (1, "b"), (2, "c")],
        [(1, "a"), (1.0, "b"), (True, "c"), (0, "d")],
        [("a", 1), ("a", 2), ("b", 3)],
        [(None, 1), (2, 2), (2.5, 3), ("a", 4), (b"a", 5), (("a", 1), 6)],
        [(("b", 1), 1), (("a", 2), 2)],
        [["a", 1], ["b", 2]],
        [],
    ],
)
def test_output_is_the_same_in_whatever_order_it_comes(pairs):
    store, batch = MemoryStore(), Batch()
    Stored().join(pairs, SLICE, batch)
    store.commit(batch)
    found = [(k, v) for k, values in output(store).groups("job", 0, 0) for v in values]
    assert found == [(k, v) for k, v in sorted(pairs, key=lambda pair: keys.pack(pair[0]))]


def test_a_value_that_cannot_be_stored_is_refused():
    with pytest.raises(Unstorable):
        Stored().join([("a", object())], SLICE, Batch())


@pytest.mark.parametrize("key", [["a"], object(), {}, float("nan")])
def test_a_key_that_cannot_be_stored_is_refused(key):
    for pairs in ([(key, 1)], [("a", 1), (key, 1)], [(key, 1), (key, 2)]):
        with pytest.raises(Unstorable):
            Stored().join(pairs, SLICE, Batch())
