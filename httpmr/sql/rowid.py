"""SQLite's own number of a row, which it keeps whole and single itself, whatever is written."""

import sqlalchemy

from httpmr.sql.held import Held
from httpmr.sql.prepared import Worded
from httpmr.sql.statements import number

_VERSION = "SELECT schema_version FROM pragma_schema_version"
_QUERY = f"""
    {_VERSION}
    WHERE (SELECT count(*) FROM pragma_table_list(?)) = 1
    AND EXISTS (
        SELECT 1 FROM pragma_table_list(?) WHERE schema = 'main' AND type = 'table' AND NOT wr
    )
    AND (SELECT count(*) FROM pragma_table_info(?) WHERE pk) = 1
    AND EXISTS (SELECT 1 FROM pragma_table_info(?) WHERE pk AND name = ? AND type = 'INTEGER')
    AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk')
"""
_PARAMETERS = ("table", "table", "table", "table", "key", "table")
_TELLS = (3, 37)
"""The first version of SQLite that tells a virtual table from others."""


def row_number(held: Held, table: str, key: str) -> int | None:
    """Return the version of the schema in which a key is the row's own number; None, if it is not.

    A column that is declared INTEGER PRIMARY KEY is, unless it has an index of its own, as by
    `DESC` and WITHOUT ROWID. Any other may hold anything, whatever its type. Of a virtual table
    nothing is known, nor of one that has a namesake, which may stand before it.
    """
    if held.engine.dialect.loaded_dbapi.sqlite_version_info < _TELLS:
        return None
    query = Worded(held.engine, _QUERY, _PARAMETERS, {})
    return next((version for (version,) in held.fetch(query, {"table": table, "key": key})), None)


def unchanged(schema: str) -> sqlalchemy.ColumnElement[bool]:
    """Return the condition that the schema is of that version, a parameter of this name."""
    return sqlalchemy.literal_column(f"({_VERSION})") == number(schema)
