"""The stores: each passes the shipped suite; then what is each one's own."""

import pytest
import sqlalchemy

from httpmr import sql
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
