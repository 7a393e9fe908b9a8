"""What is read of a table, and how its rows become records. Nothing is read here."""

import operator
from collections.abc import Callable, Sequence
from typing import NamedTuple

import sqlalchemy
from sqlalchemy import exc
from sqlalchemy.engine import Dialect


class Shape(NamedTuple):
    """What is read of a table: the columns of the row, then what the key needs besides."""

    key: list
    nullable: list  # those of the key's columns that are
    columns: list
    records: Callable  # from rows to records, (key, dict of the row), lazily
    key_of: operator.itemgetter
    plain: bool  # the driver's values are those that SQLAlchemy would give
    exact: bool  # no two keys are the same


def shape(
    known: sqlalchemy.Table,
    given: sqlalchemy.Table,
    key: Sequence[str],
    names: Sequence[str] | None,
    dialect: Dialect,
) -> Shape:
    """Return the shape of a table for a key and the columns of these names, or all.

    The table `given` may say more of its columns than the database knows, which is `known`.
    """
    columns = {column.name: column for column in given.columns}
    names = list(names or columns)
    selected = names + [name for name in key if name not in names]
    places = [selected.index(name) for name in key]
    processed = {name: _processed(columns[name].type, dialect) for name in selected}
    nullable = [columns[name] for name in key if known.columns[name].nullable]
    whole = len(key) == 1 and isinstance(columns[key[0]].type, sqlalchemy.Integer)
    return Shape(
        key=[columns[name] for name in key],
        nullable=nullable,
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
