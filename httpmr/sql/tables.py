"""Tables as the database describes them: their columns, and which of these are unique."""

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import exc
from sqlalchemy.engine import Engine

from httpmr.errors import HttpmrError
from httpmr.sql.engines import identity
from httpmr.sql.transactions import translated


def table(
    engine: Engine,
    table: str | sqlalchemy.Table,
    error: type[HttpmrError],
    remedy: Callable[[str | None, str], str] = lambda _schema, _name: "create it",
) -> sqlalchemy.Table:
    """Return the table as it is now in the database; "schema.name" works, and so does a Table.

    Raises `error` if there is none: it names those that are nearly called so, and the remedy.
    """
    schema, name = _split(table)
    try:
        with translated():
            # Without the tables it refers to, which may be many, or missing.
            return sqlalchemy.Table(
                name, sqlalchemy.MetaData(), schema=schema, autoload_with=engine, resolve_fks=False
            )
    except (exc.NoSuchTableError, exc.OperationalError) as missing:  # or no such schema
        close = difflib.get_close_matches(name, _names(engine, schema))
        hint = f"did you mean {' or '.join(close)}? Or " if close else ""
        message = f"no table {name!r} in {identity(engine)}: {hint}{remedy(schema, name)}"
        raise error(message, table=str(table)) from missing


def unique(engine: Engine, table: sqlalchemy.Table) -> set[frozenset[str]]:
    """Return the sets of columns, by name, whose values come once in a table, taken together.

    What an index holds of some rows, of expressions or of the beginnings of values is not counted.
    """
    with translated():
        inspector = sqlalchemy.inspect(engine)
        # SQLAlchemy overlooks `word VARCHAR(9) UNIQUE` in SQLite; its index is an automatic one.
        more = {"include_auto_indexes": True} if engine.dialect.name == "sqlite" else {}
        indexes = inspector.get_indexes(table.name, table.schema, **more)
        key = inspector.get_pk_constraint(table.name, table.schema)
    found: list[list[Any]] = [key["constrained_columns"]]
    for index in indexes:
        options = index.get("dialect_options", {})
        partly = any(option.endswith(("_where", "_length")) for option in options)
        if index["unique"] and not partly and None not in index["column_names"]:
            found.append(index["column_names"])
    return {frozenset(columns) for columns in found if columns}


def listed(unique: set[frozenset[str]]) -> str:
    """Return sets of columns as an error lists them."""
    return "; ".join(sorted(", ".join(sorted(columns)) for columns in unique)) or "no columns"


def check_columns(
    table: sqlalchemy.Table,
    given: str | sqlalchemy.Table,
    names: Iterable[str],
    error: type[HttpmrError],
) -> None:
    """Raise `error` for a name that is no column of the table, with those nearly called so.

    `given` is what the user named the table by: a Table may leave some of the columns out.
    """
    kept = {column.name for column in getattr(given, "columns", table.columns)}
    known = [column.name for column in table.columns if column.name in kept]
    for name in names:
        if name not in known:
            message = f"table {table} has no column {name!r}: did you mean {near(name, known)}?"
            raise error(message, table=str(table))


def check_unique(
    engine: Engine, table: sqlalchemy.Table, key: Sequence[str], error: type[HttpmrError]
) -> None:
    """Raise `error` for a key that the table does not declare unique, with what it does."""
    found = unique(engine, table)
    if not any(columns <= set(key) for columns in found):
        message = f"key {', '.join(key)} of table {table} is not declared unique"
        remedy = f"unique are {listed(found)}; name these, or add a constraint"
        if not found:
            remedy = "no columns are: add a primary key, or a unique constraint"
        raise error(f"{message}: {remedy}", table=str(table))


def near(name: str, known: Iterable[str]) -> str:
    """Return the names that are nearly `name`, or all, as an error offers them."""
    known = list(known)
    return " or ".join(difflib.get_close_matches(name, known, n=3) or known)


def _split(table: str | sqlalchemy.Table) -> tuple[str | None, str]:
    """Return (schema or None, name)."""
    if isinstance(table, sqlalchemy.Table):
        return table.schema, table.name
    schema, _, name = table.rpartition(".")
    return schema or None, name


def _names(engine: Engine, schema: str | None) -> list[str]:
    try:
        inspector = sqlalchemy.inspect(engine)
        return inspector.get_table_names(schema) + inspector.get_view_names(schema)
    except exc.DBAPIError:
        return []  # there is no such schema either
