"""What is read of a table or a select, and how rows become records. Nothing is read here."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import exc
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from httpmr.errors import InputError
from httpmr.sql.statements import Columns

Values = Callable[[Sequence[Any]], list[Any]]
"""Makes of each row, as it is fetched, what is given of it: a dict or a tuple."""


class Shape(NamedTuple):
    """What is read of a table: the columns of the row, then what the key needs besides."""

    key: Columns
    nullable: Columns  # those of the key's columns that are
    walked: Columns  # the key's columns in the table that has them: of a select, one of its tables
    filled: Columns  # what says of a row of that table that it has a key
    columns: Columns
    values: Values
    key_of: Callable[[Any], Any]
    plain: bool  # the driver's values are those that SQLAlchemy would give
    exact: bool  # no two keys are the same


def shape(
    columns: Mapping[str, sqlalchemy.ColumnElement[Any]],
    key: Sequence[str],
    names: Sequence[str] | None,
    nullable: Sequence[str],
    walked: Columns | None,
    dialect: Dialect,
    kind: type = dict,
) -> Shape:
    """Return the shape for a key and the columns of these names, or all; rows are of this kind.

    `nullable` names columns of the key; `walked` are its columns where it is found by an index,
    if they are others. InputError for a key that its database sorts and compares by two orders.
    """
    for name in key:
        if _of_two_orders(columns[name].type, dialect):
            named = f"key {name} is a {columns[name].type!r:.60}"
            why = f"which {dialect.name} sorts as listed and compares as text"
            raise InputError(f"{named}, {why}: name another unique column as key=")
    names = list(names or columns)
    selected = names + [name for name in key if name not in names]
    places = [selected.index(name) for name in key]
    processed = {name: _processed(columns[name].type, dialect) for name in selected}
    own = [columns[name] for name in key]
    key_of = operator.itemgetter(*places)
    # A function among a select's columns may make several rows of one, and nothing tells.
    whole = walked is None and len(key) == 1 and isinstance(own[0].type, sqlalchemy.Integer)
    walked = own if walked is None else list(walked)
    return Shape(
        key=own,
        nullable=[columns[name] for name in key if name in nullable],
        walked=walked,
        filled=[
            column.is_not(None)
            for name, column in zip(key, walked, strict=True)
            if name in nullable
        ],
        columns=[columns[name] for name in selected],
        values=_tuples(names) if kind is tuple else _dicts(names, len(selected)),
        key_of=key_of,
        plain=not any(processed.values()),
        # Of other types, some that differ in the database are the same once they are read.
        exact=whole and not processed[key[0]],
    )


def _of_two_orders(kind: TypeEngine[Any], dialect: Dialect) -> bool:
    listed = isinstance(kind, sqlalchemy.Enum) and kind.native_enum
    return (listed or kind.__visit_name__ == "SET") and dialect.name in ("mysql", "mariadb")


def _processed(kind: TypeEngine[Any], dialect: Dialect) -> bool:
    """Whether SQLAlchemy makes other values of a type's than the driver gives."""
    try:
        return kind.dialect_impl(dialect).result_processor(dialect, None) is not None
    except (exc.SQLAlchemyError, TypeError):  # it depends on what each result says
        return True


def _dicts(names: Sequence[str], width: int) -> Values:
    # Unpacking and a dict display are three times as fast as a call and dict(zip(names, row)).
    values = [f"v{at}" for at in range(width)]
    items = ", ".join(f"{str(name)!r}: {value}" for name, value in zip(names, values, strict=False))
    made: Values = eval(f"lambda rows: [{{{items}}} for {', '.join(values)}, in rows]")
    return made


def _tuples(names: Sequence[str]) -> Values:
    count = len(names)

    def values(rows: Sequence[Any]) -> list[Any]:
        if rows and len(rows[0]) > count:  # those of the key besides
            return [tuple(row[:count]) for row in rows]
        # Those of most drivers are tuples already.
        if isinstance(rows, list) and (not rows or type(rows[0]) is tuple):
            return rows
        return list(map(tuple, rows))

    return values
