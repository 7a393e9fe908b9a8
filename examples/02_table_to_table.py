"""Count the words in a text field of a table's rows, into another table: 50 mappers, 20 reducers.

The store is in the database of both tables, so a slice's rows and its progress are one commit.

    httpmr run examples/02_table_to_table.py && sqlite3 posts.db "SELECT * FROM words"
"""

import re
import sqlite3
from pathlib import Path

import httpmr
from httpmr import reducers, sinks, sources

DATABASE = "sqlite:///posts.db"


class Words(httpmr.Mapper):
    def map(self, id, row):
        for word in re.findall(r"[a-z']+", row["body"].lower()):
            yield word, 1


wordcount = httpmr.Master(
    "wordcount",
    source=sources.SQLTable(DATABASE, "posts", key="id", columns=["body"]),
    mapper=Words(),
    reducer=reducers.Sum(),
    sink=sinks.SQLTable(DATABASE, "words", key="word", value="count"),
    store=DATABASE,
    num_mappers=50,
    num_reducers=20,
    authorize=httpmr.allow_local,
)


def create_tables():
    """Make what your application already has: here, a row for each line of the texts."""
    with sqlite3.connect("posts.db") as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'posts'").fetchone():
            return
        db.execute("CREATE TABLE posts (id INTEGER PRIMARY KEY, author TEXT, body TEXT NOT NULL)")
        db.execute("CREATE TABLE words (word TEXT PRIMARY KEY, count INTEGER NOT NULL)")
        for path in sorted(Path(__file__).with_name("texts").glob("*.txt")):
            lines = [(path.stem, line) for line in path.read_text().splitlines()]
            db.executemany("INSERT INTO posts (author, body) VALUES (?, ?)", lines)


create_tables()

if __name__ == "__main__":
    wordcount.run()
    with sqlite3.connect("posts.db") as db:
        for row in db.execute("SELECT count, word FROM words ORDER BY count DESC LIMIT 10"):
            print("{:4} {}".format(*row))
