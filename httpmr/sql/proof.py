"""That the key of a select comes once, by what the database declares unique.

A table has one row for a key if unique columns of it are part of the key, or are equal, in a join
or in `where`, to columns of which that was said before. So each table must be found; but of a
select that is grouped by its key, none need be. Nothing of the select itself is read.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy.engine import Engine
from sqlalchemy.sql import elements, operators

from httpmr.errors import InputError
from httpmr.sql.tables import listed, table, unique

_Place = tuple[str, str]  # the name of a table in the select, and that of its column


class Proof:
    """What a select has to be for its key to come once; `key` is what errors call that."""

    def __init__(
        self,
        engine: Engine,
        froms: Iterable[sqlalchemy.FromClause],
        query: sqlalchemy.Select[Any],
        key: str,
    ) -> None:
        self.engine = engine
        self.groups = query._group_by_clauses
        self.key = key
        self.tables: dict[str, sqlalchemy.FromClause] = {}
        self.outer: set[str] = set()  # tables that an outer join may leave out of a row
        self.equal: list[tuple[Any, Any, set[str] | None]] = []  # and whose columns that fixes
        self.known: dict[str, sqlalchemy.Table | None] = {}  # as the database knows them
        self.declared: dict[str, set[frozenset[str]]] = {}
        for one in froms:
            self._add(one, outer=False)
        self._add_equal(query.whereclause, None)

    def of(self, key: Sequence[Any]) -> tuple[list[sqlalchemy.ColumnClause[Any]], list[bool]]:
        """Return the key's columns in the table that has them, and whether each may be NULL.

        Raises InputError where there is no proof, and says what there is instead.
        """
        columns: list[Any]
        columns = [one.element if isinstance(one, sqlalchemy.Label) else one for one in key]
        if not all(map(_is_column, columns)):
            raise self._wrong("is no column of a table: name a column, not what is made of one")
        names = {_name(column.table) for column in columns}
        if len(names) > 1:
            what = f"is of several tables, {' and '.join(sorted(map(str, names)))}"
            raise self._wrong(f"{what}: name a unique key of one of them")
        [name] = names
        if name not in self.tables:
            raise self._wrong("is of no table that is selected from: name a column of one")
        if name in self.outer:
            what = f"may be NULL, for {self._shown(name)} is outer joined"
            raise self._wrong(f"{what}: begin the join with that table, or join() it")
        self._check_once(name, {_place(column) for column in columns})
        real = self._real(name)
        return columns, [real is None or real.columns[one.name].nullable for one in columns]

    def _check_once(self, first: str, key: set[_Place]) -> None:
        grouped = {_place(one) if _is_column(one) else None for one in self.groups}
        if grouped and (None in grouped or not key <= grouped):
            raise self._wrong("is not what the rows are grouped by: group_by() columns, with these")
        needed = {place[0] for place in grouped - key if place} if grouped else set(self.tables)
        for name in sorted(needed - self._single(key), key=lambda name: name != first):
            shown, there = self._shown(name), listed(self._unique(name))
            if name == first:
                remedy = f"unique are {there}; name these, or group_by() the key"
                raise self._wrong(f"is not declared unique in {shown}: {remedy}")
            what = f"may come more than once: {shown}, where unique are {there}, is not joined by"
            remedy = "join it by these, take the key from it, or group_by() the key"
            if self._real(name) is None:
                remedy = "use a scalar_subquery(), or group_by() the key"
            raise self._wrong(f"{what} these: {remedy}")

    def _single(self, key: set[_Place]) -> set[str]:
        """Return the tables that have at most one row for each value of the columns `key`."""
        fixed, single = set(key), set[str]()
        while True:
            before = len(fixed), len(single)
            single |= {name for name in self.tables if self._has(name, fixed)}
            for one, other, allowed in self.equal:
                for side, across in ((one, other), (other, one)):
                    known = not _is_column(across) or _place(across) in fixed
                    known = known or _name(across.table) in single
                    if _is_column(side) and known:
                        name, column = _place(side)
                        if allowed is None or name in allowed:
                            fixed.add((name, column))
            if before == (len(fixed), len(single)):
                return single

    def _has(self, name: str, fixed: set[_Place]) -> bool:
        """Tell whether unique columns of a table are all among the fixed ones."""
        columns = {column for table, column in fixed if table == name}
        return bool(columns) and any(known <= columns for known in self._unique(name))

    def _unique(self, name: str) -> set[frozenset[str]]:
        """Return the sets of columns that are declared unique in a table."""
        if name not in self.declared:
            real = self._real(name)
            self.declared[name] = set() if real is None else unique(self.engine, real)
        return self.declared[name]

    def _real(self, name: str) -> sqlalchemy.Table | None:
        """Return the table as the database knows it; None for what is none, as a subquery."""
        if name not in self.known:
            one = _behind(self.tables[name])
            real = isinstance(one, sqlalchemy.Table)
            self.known[name] = table(self.engine, one, InputError) if real else None
        return self.known[name]

    def _add(self, one: sqlalchemy.FromClause, outer: bool) -> set[str]:
        """Add a table, or those of a join; return their names."""
        if not isinstance(one, sqlalchemy.Join):
            self.tables[_name(one)] = one
            self.outer |= {_name(one)} if outer else set()
            return {_name(one)}
        left = self._add(one.left, outer or one.full)
        right = self._add(one.right, outer or one.full or one.isouter)
        # What has no partner in an outer join is there all the same, and equal to nothing.
        self._add_equal(one.onclause, set() if one.full else right if one.isouter else None)
        return left | right

    def _add_equal(self, clause: Any, allowed: set[str] | None) -> None:
        if isinstance(clause, elements.Grouping):
            self._add_equal(clause.element, allowed)
        elif isinstance(clause, elements.BooleanClauseList) and clause.operator is operators.and_:
            for part in clause.clauses:
                self._add_equal(part, allowed)
        elif isinstance(clause, elements.BinaryExpression) and clause.operator is operators.eq:
            sides = clause.left, clause.right
            plain = all(
                isinstance(side, elements.BindParameter) or _is_column(side) for side in sides
            )
            # Values of different kinds are compared as neither is: '1' and '01' may both equal 1.
            if plain and _kind(clause.left) is _kind(clause.right):
                self.equal.append((*sides, allowed))

    def _wrong(self, what: str) -> InputError:
        return InputError(f"{self.key} {what}")

    def _shown(self, name: str) -> str:
        one = _behind(self.tables[name])
        return f"table {one.name}" if isinstance(one, sqlalchemy.Table) else "a subquery"


def _behind(one: Any) -> Any:
    """Return what an alias is one of."""
    return one.element if isinstance(one, sqlalchemy.Alias) else one


def _name(one: Any) -> str:
    """Return what tells a table from the others of a select."""
    return str(getattr(one, "fullname", one.name))


def _is_column(one: Any) -> bool:
    return isinstance(one, elements.ColumnClause) and one.table is not None


def _kind(one: Any) -> type:
    kind: type = one.type._type_affinity
    return sqlalchemy.Numeric if issubclass(kind, sqlalchemy.Integer) else kind


def _place(column: Any) -> _Place:
    return _name(column.table), column.name
