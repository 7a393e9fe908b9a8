"""What the SQL plug-ins share. Only this folder and the files `*/sql.py` name SQLAlchemy.

    engine(url)                    one SQLAlchemy engine per URL and process
    identity(url)                  which database it is, without the password
    close(engine)                  lets its idle connections go; the next use connects anew
    forked()                       forgets, in a child process, its parent's connections

    reading(engine)                a connection to read with, for the length of a `with` block
    writing(engine)                the same as one transaction, committed when the block ends
    prepared(query, engine)        a statement that is executed many times
    held(engine)                   what fetches by one connection for a while, where there is one
    translated()                   the database's errors as httpmr's own

    table(engine, name, Error)     a table as the database describes it now
    unique(engine, table)          the sets of its columns that are unique
    listed(sets)                   the same as an error shows them
    check_columns(table, ...)      raises Error for a name that is none of its columns
    check_unique(engine, ...)      raises Error for a key that a table does not declare unique
    row_number(held, table, key)   whether a key is SQLite's own number of a row, and since when
    unchanged(name)                the condition that it still is
    shape(columns, key, ...)       what is read of a table, and how its rows become records

    is_select(given)               whether this is a select or a mapped class
    selected(engine, given, ...)   it as it is read by a key, which is proved to come once
    called(given), shown(given)    what errors, and its source, call a table or a select

    bound(columns, key, ...)       the condition that rows are before or behind a key
    parts(key=...)                 the parts of that key, as parameters
    number(name)                   a parameter that is a whole number
    filtered(query, where)         the query of the rows that are wanted alone
    upsert(table, key, ...)        an INSERT that changes the row of the same key
    UPSERTS                        the dialects that have one

    Database                       what names a database: a URL, or an Engine
    Columns, Compare, Held, Prepared, Shape, Statement, Where, Worded   types of what these take
                                   and give

Sources and sinks that use `reading` and `writing` need nothing else: both translate errors.
"""

from httpmr.sql.engines import Database, close, engine, forked, identity
from httpmr.sql.held import Held, held
from httpmr.sql.prepared import Prepared, Statement, Worded, prepared
from httpmr.sql.rowid import row_number, unchanged
from httpmr.sql.selects import called, is_select, selected, shown
from httpmr.sql.shapes import Shape, shape
from httpmr.sql.statements import (
    UPSERTS,
    Columns,
    Compare,
    Where,
    bound,
    filtered,
    number,
    parts,
    upsert,
)
from httpmr.sql.tables import check_columns, check_unique, listed, table, unique
from httpmr.sql.transactions import reading, translated, writing

__all__ = [
    "UPSERTS",
    "Columns",
    "Compare",
    "Database",
    "Held",
    "Prepared",
    "Shape",
    "Statement",
    "Where",
    "Worded",
    "bound",
    "called",
    "check_columns",
    "check_unique",
    "close",
    "engine",
    "filtered",
    "forked",
    "held",
    "identity",
    "is_select",
    "listed",
    "number",
    "parts",
    "prepared",
    "reading",
    "row_number",
    "selected",
    "shape",
    "shown",
    "table",
    "translated",
    "unchanged",
    "unique",
    "upsert",
    "writing",
]
