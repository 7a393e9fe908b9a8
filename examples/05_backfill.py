"""Fill in a new column of a table that is in use: a mapper, no reducer, rows updated in place.

httpmr run examples/05_backfill.py && sqlite3 people.db "SELECT * FROM people"
"""

import sqlite3

import httpmr
from httpmr import sinks, sources

DATABASE = "sqlite:///people.db"
PEOPLE = ["Ada Lovelace", "Blaise Pascal", "Carl Friedrich Gauss", "Dorothy Vaughan", "Mononym"]


def surname(id, row):
    """The new value of a row, under the row's own key."""
    _, space, last = row["name"].rpartition(" ")
    httpmr.count("with a surname" if space else "with one name only")
    yield id, last


backfill = httpmr.Master(
    "surnames",
    source=sources.SQLTable(DATABASE, "people", key="id", where="surname IS NULL"),
    mapper=surname,
    sink=sinks.SQLTable(DATABASE, "people", key="id", value="surname", mode="update"),
    store=DATABASE,
    authorize=httpmr.allow_local,
)


def create_table():
    """Make what your application already has: a table, and the column that is still empty."""
    with sqlite3.connect("people.db") as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'people'").fetchone():
            return
        db.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, surname TEXT)")
        db.executemany("INSERT INTO people (name) VALUES (?)", [(name,) for name in PEOPLE])


create_table()

if __name__ == "__main__":
    job = backfill.run()
    print(job.counters)
    with sqlite3.connect("people.db") as db:
        for name, last in db.execute("SELECT name, surname FROM people"):
            print(f"{name}: {last}")
