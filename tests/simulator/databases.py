"""A database that is the home of one trial after another: its store, and a table for output."""

from sqlalchemy import Column, Integer, MetaData, String, Table, delete, select

from httpmr import sql
from httpmr.sinks import SQLTable
from httpmr.stores import SQLStore


class Home:
    """The database of a URL, which must be empty at first."""

    def __init__(self, url):
        self.url = url
        self.store = SQLStore(url)
        # No key: a row that is written twice is there twice.
        self.table = Table("out", MetaData(), Column("word", String(20)), Column("n", Integer))
        with sql.writing(sql.engine(url)) as connection:
            self.table.create(connection)
        self.store.get([b"-"])  # makes its table

    def cleared(self):
        """Return the store, with nothing left in it or in the table."""
        with sql.writing(sql.engine(self.url)) as connection:
            connection.exec_driver_sql("DELETE FROM httpmr")
            connection.execute(delete(self.table))
        return self.store

    def sink(self):
        return SQLTable(self.url, self.table, key="word", value="n", mode="insert")

    def rows(self):
        with sql.reading(sql.engine(self.url)) as connection:
            return sorted(tuple(row) for row in connection.execute(select(self.table)))
