"""A select, or a mapped class, as a table: what it selects, and what it is called.

A page of it is `SELECT ... FROM (the select) WHERE key > ... ORDER BY key LIMIT ...`, so that it
means what the user wrote, wherever it is cut. Its key is of one of its tables, whose index leads
through it. Whether that key comes once is proved elsewhere.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import exc
from sqlalchemy.engine import Engine

from httpmr.errors import InputError, RecipeError
from httpmr.sql.proof import Proof
from httpmr.sql.tables import near


class Selected(NamedTuple):
    """A select as it is read: its columns, and those of the key in the table that has them."""

    columns: Mapping[str, Any]
    walked: Sequence[sqlalchemy.ColumnClause[Any]]
    nullable: list[str]  # names of columns of the key


def is_select(given: Any) -> bool:
    """Tell whether this is a select or a mapped class. RecipeError for one that has no pages."""
    if isinstance(given, type):
        return hasattr(given, "__mapper__")
    if isinstance(given, sqlalchemy.CompoundSelect):
        raise RecipeError("SQLTable: a union has no key: read its selects by sources.Chain([...])")
    if not isinstance(given, sqlalchemy.Select):
        return False
    if given._order_by_clauses:
        remedy = "leave order_by() out, and let the mapper emit what to sort by"
        raise RecipeError(f"SQLTable: rows are read in the order of the key: {remedy}")
    # Which rows these leave is for each page another question.
    cut = (given._limit_clause, given._offset_clause, given._fetch_clause)
    if any(clause is not None for clause in cut):
        remedy = "leave it out, and say by where() which rows are wanted"
        raise RecipeError(f"SQLTable: a select with limit() or offset() has no pages: {remedy}")
    return True


def select_of(given: Any) -> sqlalchemy.Select[Any]:
    """Return the select; of a mapped class, that of its attributes that are columns."""
    if isinstance(given, sqlalchemy.Select):
        return given
    attributes = sqlalchemy.inspect(given).column_attrs
    return sqlalchemy.select(*(getattr(given, attribute.key) for attribute in attributes))


def called(given: Any) -> str:
    """Return what errors call a table: its name, or the class, or what a select selects from."""
    if isinstance(given, sqlalchemy.Select):
        tables = list(_leaves(_froms(given)))
        names = [one.name if hasattr(one, "fullname") else "a subquery" for one in tables]
        return f"the select from {', '.join(names)}"
    return f"table {given.__name__ if isinstance(given, type) else given}"


def shown(given: Any) -> str:
    """Return a table as its source shows it: a select in one line, with its values."""
    if isinstance(given, type):
        return given.__name__
    if not isinstance(given, sqlalchemy.Select):
        return repr(str(given))
    try:
        text = str(given.compile(compile_kwargs={"literal_binds": True}))
    except (exc.CompileError, NotImplementedError):  # of some types no value can be written so
        text = str(given)
    return f"<{' '.join(text.split())}>"


def selected(
    engine: Engine, given: Any, where: Any, key: Sequence[str], names: Sequence[str]
) -> Selected:
    """Return the select or mapped class, of rows for which `where` holds, as it is read by a key.

    Raises InputError for a key that may come twice, and where a column of these names is missing.
    """
    name = called(given)
    try:
        query = select_of(given) if where is None else select_of(given).where(where)
        _check_names(query, (*key, *names), name)
        chosen = [query.selected_columns[part] for part in key]
        proof = Proof(engine, _froms(query), query, f"key {', '.join(key)} of {name}")
        walked, nullable = proof.of(chosen)
        columns = dict(query.subquery("httpmr_rows").columns.items())
    except exc.SQLAlchemyError as error:
        why = str(error).strip().splitlines()[0]
        raise InputError(f"{name} cannot be read: {why}") from error
    return Selected(
        columns, walked, [part for part, null in zip(key, nullable, strict=True) if null]
    )


def _check_names(query: sqlalchemy.Select[Any], wanted: Iterable[str], name: str) -> None:
    """Raise InputError unless each column has a name of its own, and these are among them."""
    columns = dict(query.selected_columns.items())
    for key, column in columns.items():
        own = getattr(column, "name", key)
        if key.startswith("_") or not isinstance(own, str):
            raise InputError(f"{name}: {column} has no name: give it one by .label()")
        if re.fullmatch(re.escape(own) + r"_+\d+", key):
            remedy = "give one another name by .label()"
            raise InputError(f"{name}: two columns are called {own!r}: {remedy}")
    for key in wanted:
        if key not in columns:
            hint = f": did you mean {near(key, columns)}?" if columns else ""
            raise InputError(f"{name} has no column {key!r}{hint}")


def _froms(query: sqlalchemy.Select[Any]) -> Sequence[sqlalchemy.FromClause]:
    if query._propagate_attrs.get("compile_state_plugin") == "orm":
        from sqlalchemy import orm

        # A subquery does not load along what relationships lead to.
        query = query.options(orm.lazyload("*"))
    return query.get_final_froms()


def _leaves(froms: Iterable[Any]) -> Iterator[Any]:
    """Yield the tables of joins."""
    for one in froms:
        if isinstance(one, sqlalchemy.Join):
            yield from _leaves((one.left, one.right))
        else:
            yield one
