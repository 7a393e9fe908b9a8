"""What is read of a table or a select, and how rows become records. Nothing is read here."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy
from sqlalchemy import exc
from sqlalchemy.engine import Dialect


class Shape(NamedTuple):
    """What is read of a table: the columns of the row, then what the key needs besides."""

    key: list
    nullable: list  # those of the key's columns that are
    walked: list  # the key's columns in the table that has them: of a select, one of its tables
    filled: list  # what says of a row of that table that it has a key
    columns: list
    records: Callable  # from rows to records, (key, dict of the row), lazily
    key_of: operator.itemgetter
    plain: bool  # the driver's values are those that SQLAlchemy would give
    exact: bool  # no two keys are the same


def shape(
    columns: Mapping[str, sqlalchemy.ColumnElement],
    key: Sequence[str],
    names: Sequence[str] | None,
    nullable: Sequence[str],
    walked: Sequence[sqlalchemy.ColumnElement] | None,
    dialect: Dialect,
) -> Shape:
    """Return the shape for a key and the columns of these names, or all.

    `nullable` names columns of the key; `walked` are its columns where it is found by an index,
    if they are others.
    """
    names = list(names or columns)
    selected = names + [name for name in key if name not in names]
    places = [selected.index(name) for name in key]
    processed = {name: _processed(columns[name].type, dialect) for name in selected}
    own = [columns[name] for name in key]
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
        records=_records(names, places, len(selected)),
        key_of=operator.itemgetter(*places),
        plain=not any(processed.values()),
        # Of other types, some that differ in the database are the same once they are read.
        exact=whole and not processed[key[0]],
    )


def _processed(kind, dialect):
    """Whether SQLAlchemy makes other values of a type's than the driver gives."""
    try:
        return kind.dialect_impl(dialect).result_processor(dialect, None) is not None
    except (exc.SQLAlchemyError, TypeError):  # it depends on what each result says
        return True


def _records(names, places, width):
    # Unpacking and a dict display are three times as fast as a call and dict(zip(names, row)).
    values = [f"v{at}" for at in range(width)]
    key = values[places[0]] if len(places) == 1 else f"({', '.join(values[at] for at in places)})"
    items = ", ".join(f"{str(name)!r}: {value}" for name, value in zip(names, values, strict=False))
    return eval(f"lambda rows: (({key}, {{{items}}}) for {', '.join(values)}, in rows)")
