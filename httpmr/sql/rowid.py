"""SQLite's own number of a row, which it keeps whole and single itself, whatever is written."""

from collections.abc import Sequence

import sqlalchemy
from sqlalchemy.engine import Engine

from httpmr.sql.statements import number
from httpmr.sql.transactions import reading

_VERSION = "SELECT schema_version FROM pragma_schema_version"
_TELLS = (3, 37)
"""The first version of SQLite that tells a virtual table from others."""


def row_number(engine: Engine, table: str, key: Sequence[str]) -> int | None:
    """Return the version of the schema in which a key is the row's own number; None, if it is not.

    A column that is declared INTEGER PRIMARY KEY is, unless it has an index of its own, as by
    `DESC` and WITHOUT ROWID. Any other may hold anything, whatever its type. Of a virtual table
    nothing is known, nor of one that others stand before.
    """
    if engine.dialect.loaded_dbapi.sqlite_version_info < _TELLS:
        return None
    with reading(engine) as connection:
        ask = connection.exec_driver_sql
        kinds = ask("SELECT schema, type, wr FROM pragma_table_list(?)", (table,)).all()
        keys = ask("SELECT name, type FROM pragma_table_info(?) WHERE pk", (table,)).all()
        indexes = ask("SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk'", (table,)).all()
        version: int = ask(_VERSION).scalar_one()
    own = kinds == [("main", "table", 0)] and keys == [(*key, "INTEGER")] and not indexes
    return version if own else None


def unchanged(version: str) -> sqlalchemy.ColumnElement[bool]:
    """Return the condition that the schema is of that version, a parameter of this name."""
    return sqlalchemy.literal_column(f"({_VERSION})") == number(version)
