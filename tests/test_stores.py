"""The stores: each passes the shipped suite. What is SQLStore's own is in test_stores_sql."""

import threading

import pytest
import sqlalchemy

from httpmr import sql, stores
from httpmr.interfaces import Batch
from httpmr.stores import MemoryStore, SQLStore
from httpmr.testing import OrderedStoreSuite


class TestMemoryStore(OrderedStoreSuite):
    shared_between_processes = False
    joined_by_calls = True

    @pytest.fixture
    def store(self):
        return MemoryStore()

    def writes_word(self, word):
        return lambda database: database.setdefault(word)

    def words(self, store):
        return sorted(store.database)


class TestSQLStore(OrderedStoreSuite):
    joined_by_calls = True

    @pytest.fixture
    def store(self, database_url):
        store = SQLStore(database_url)
        store.url = database_url
        with sql.writing(sql.engine(database_url)) as connection:
            connection.exec_driver_sql("CREATE TABLE words (word VARCHAR(9) PRIMARY KEY)")
        yield store
        store.close()

    def another(self, store):
        return SQLStore(sqlalchemy.create_engine(store.url))

    def writes_word(self, word):
        return lambda connection: connection.exec_driver_sql(f"INSERT INTO words VALUES ('{word}')")

    def words(self, store):
        with sql.reading(sql.engine(store.url)) as connection:
            return sorted(connection.exec_driver_sql("SELECT word FROM words").scalars())


# MemoryStore's own


def test_a_memory_store_is_this_process_s_alone():
    assert not MemoryStore().durable
    assert MemoryStore().database is not MemoryStore().database


def test_a_memory_store_has_the_clock_it_was_given():
    assert MemoryStore(clock=lambda: 7.0).now() == 7.0


def test_nobody_sees_a_memory_store_in_the_middle_of_a_commit():
    store = MemoryStore()
    seen = []
    reader = threading.Thread(target=lambda: seen.append(store.get([b"a"])))

    def join(_database):
        reader.start()
        reader.join(timeout=0.05)
        assert seen == []

    batch = Batch()
    batch.put(b"a", b"1")
    batch.sql(join)
    store.commit(batch)
    reader.join()
    assert seen == [{b"a": b"1"}]


# The menu


def test_open_takes_a_store_or_its_url(sqlite_url):
    store = MemoryStore()
    assert stores.open(store) is store
    assert isinstance(stores.open("memory:"), MemoryStore)
    assert stores.open(sqlite_url).database == sql.identity(sqlite_url)


# Both


def test_an_absent_key_must_be_put(sqlite_url):
    for store in (MemoryStore(), SQLStore(sqlite_url)):
        batch = Batch()
        batch.expect(b"a", None)
        with pytest.raises(ValueError, match="must be put"):
            store.commit(batch)
