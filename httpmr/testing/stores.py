"""What every ordered store must do, as a suite that a new store's tests inherit."""

from typing import Any

import pytest

from httpmr.errors import Conflict
from httpmr.interfaces import Batch, OrderedStore
from httpmr.testing.entries import everything, put
from httpmr.testing.store_commits import Commits
from httpmr.testing.store_reads import Reads
from httpmr.testing.store_rivals import Rivals


class OrderedStoreSuite(Reads, Commits, Rivals):
    """The contract of OrderedStore as tests. A store's whole test file:

        class TestMyStore(OrderedStoreSuite):
            @pytest.fixture
            def store(self, tmp_path):
                yield MyStore(tmp_path)

            def another(self, store):
                return MyStore(store.path)

    `store` is an empty store for one test. What a store cannot do, and what it can do beyond the
    contract, is named by the capabilities of `Opened`.
    """

    # What joins a commit

    def test_what_joins_happens_with_the_batch(self, store: OrderedStore) -> None:
        self._needs(self.joined_by_calls, "joined by calls")
        batch = Batch()
        batch.put(b"a", b"1")
        batch.sql(self.writes_word("one"))
        batch.sql(self.writes_word("two"))
        store.commit(batch)
        assert (everything(store), self.words(store)) == ({b"a": b"1"}, ["one", "two"])
        assert store.database is not None

    def test_where_what_joins_fails_nothing_happens(self, store: OrderedStore) -> None:
        self._needs(self.joined_by_calls, "joined by calls")
        put(store, {b"a": b"1", b"b": b"2"})
        batch = Batch()
        batch.expect(b"a", b"1")
        batch.put(b"a", b"2")
        batch.delete(b"b")
        batch.sql(self.writes_word("one"))
        batch.sql(fails)
        with pytest.raises(ZeroDivisionError):
            store.commit(batch)
        assert (everything(store), self.words(store)) == ({b"a": b"1", b"b": b"2"}, [])

    @pytest.mark.parametrize("expected", [b"2", None])
    def test_a_conflict_comes_before_the_errors_of_what_joins(
        self, store: OrderedStore, expected: bytes | None
    ) -> None:
        self._needs(self.joined_by_calls, "joined by calls")
        put(store, {b"a": b"1"})
        batch = Batch()
        batch.expect(b"a", expected)
        batch.put(b"a", b"3")
        batch.sql(fails)
        with pytest.raises(Conflict):
            store.commit(batch)


def fails(_connection: Any) -> None:
    raise ZeroDivisionError("what joins has failed")
