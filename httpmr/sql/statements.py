"""What each dialect wants said in its own way: a bound on a key's columns, and an upsert."""

import operator
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any

import sqlalchemy

Columns = Sequence[sqlalchemy.ColumnElement[Any]]
Compare = Callable[[Any, Any], sqlalchemy.ColumnElement[bool]]
"""One of `operator`'s gt, ge, lt and le."""

Where = str | sqlalchemy.ColumnElement[bool] | None

ROW_VALUES = ("postgresql", "sqlite")
"""Dialects that find `(a, b) > (x, y)` in an index."""

UPSERTS = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
"""The dialects that have an upsert, an INSERT that changes the row of the same key; whose it is.

It is imported when it is needed: the dialects that a process does not use would take a tenth of
the time in which it starts.
"""


def bound(
    columns: Columns, key: str, compare: Compare, dialect: str
) -> sqlalchemy.ColumnElement[bool]:
    """Return `columns` compared with the parts of a key: gt, le or lt, from left to right.

    The parts are parameters of the statement: `parts` gives them to the key of that name. It is
    worded such that the database finds the rows in the index of a key of several columns.
    """
    values = [sqlalchemy.bindparam(f"{key}_{n}", type_=c.type) for n, c in enumerate(columns)]
    if dialect in ROW_VALUES and len(columns) > 1:
        return compare(sqlalchemy.tuple_(*columns), sqlalchemy.tuple_(*values))
    greater = compare is operator.gt
    strict, weak = (operator.gt, operator.ge) if greater else (operator.lt, operator.le)
    condition = compare(columns[-1], values[-1])
    for column, value in zip(columns[-2::-1], values[-2::-1], strict=True):
        # The first half looks redundant; it is what the index is searched by.
        condition = weak(column, value) & (strict(column, value) | condition)
    return condition


def parts(**keys: Sequence[Any] | None) -> dict[str, Any]:
    """Return the parameters that are the parts of keys, by name; None is no key."""
    given = {name: key for name, key in keys.items() if key is not None}
    return {f"{name}_{n}": part for name, key in given.items() for n, part in enumerate(key)}


def number(name: str) -> sqlalchemy.BindParameter[int]:
    """Return a parameter that is a whole number."""
    return sqlalchemy.bindparam(name, type_=sqlalchemy.Integer())


def filtered(query: sqlalchemy.Select[Any], where: Where) -> sqlalchemy.Select[Any]:
    """Return the query of the rows that are wanted alone: SQL text, an expression, or None."""
    if isinstance(where, str):
        # Not `text`, which would take a colon in it for a parameter.
        where = sqlalchemy.literal_column(f"({where}\n)")
    return query if where is None else query.where(where)


def upsert(
    table: sqlalchemy.Table, key: Iterable[str], value: Iterable[str], dialect: str
) -> sqlalchemy.Insert:
    """Return the INSERT; it changes the columns `value` of the row that has the same `key`.

    The database must have just these columns as a unique key. MySQL is not told which key is
    meant: there it changes the row that is the same by any unique key of the table.
    """
    insert = import_module(f"sqlalchemy.dialects.{UPSERTS[dialect]}").insert(table)
    statement: sqlalchemy.Insert
    if dialect in ("mysql", "mariadb"):
        new = {name: insert.inserted[name] for name in value}
        statement = insert.on_duplicate_key_update(new)
    else:
        new = {name: insert.excluded[name] for name in value}
        statement = insert.on_conflict_do_update(index_elements=list(key), set_=new)
    return statement
