"""A statement that is executed many times: worded once, and given to the driver as it is.

SQLAlchemy takes as long over a statement as a driver over two hundred rows. What is selected or
changed is not known here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import exc
from sqlalchemy.engine import Engine

from httpmr.sql.engines import reader
from httpmr.sql.transactions import reading, translated

Statement = sqlalchemy.Select[Any] | sqlalchemy.Insert | sqlalchemy.Update


class Prepared:
    """A statement that SQLAlchemy sees to each time."""

    def __init__(self, engine: Engine, statement: Statement) -> None:
        self.engine = engine
        self.statement = statement

    def fetch(self, values: Mapping[str, Any]) -> Sequence[Any]:
        """Return all rows of one snapshot. Errors are those of `reading`."""
        with reading(self.engine) as connection:
            return self.within(connection, values)

    def within(self, connection: sqlalchemy.Connection, values: Mapping[str, Any]) -> Sequence[Any]:
        """Return all rows, as a part of the connection's transaction."""
        return connection.execute(self.statement, values).fetchall()

    def change(self, connection: sqlalchemy.Connection, *values: Mapping[str, Any]) -> int:
        """Change rows as a part of the connection's transaction; return how many it were.

        With several `values` the statement is executed for each, and the number is unknown.
        """
        return connection.execute(self.statement, list(values)).rowcount


class Worded(Prepared):
    """A statement in the words of an engine's driver, which gives its rows as they are."""

    def __init__(
        self, engine: Engine, text: str, names: Sequence[str] | None, fixed: Mapping[str, Any]
    ) -> None:
        self.engine = engine
        self.text = text
        self.names = names  # of the parameters in a row, where they have no names
        self.fixed = fixed  # the parameters that are the same each time

    def fetch(self, values: Mapping[str, Any]) -> Sequence[Any]:
        # One statement needs no transaction, which on SQLite would be two more.
        with translated(), reader(self.engine).connect() as connection:
            return self.within(connection, values)

    def within(self, connection: sqlalchemy.Connection, values: Mapping[str, Any]) -> Sequence[Any]:
        # By way of SQLAlchemy, which tells listeners, and lets go of what broke in the middle.
        result = connection.exec_driver_sql(self.text, self.given(values))
        cursor: Any = result.cursor
        try:
            rows: Sequence[Any] = cursor.fetchall()  # without an object of SQLAlchemy's for each
        except connection.dialect.loaded_dbapi.Error as error:
            raise _told(connection, cursor, error) from error
        except BaseException:
            connection.invalidate()
            raise
        result.close()
        return rows

    def change(self, connection: sqlalchemy.Connection, *values: Mapping[str, Any]) -> int:
        given = [self.given(each) for each in values]
        result = connection.exec_driver_sql(self.text, given if len(given) > 1 else given[0])
        return result.rowcount

    def given(self, values: Mapping[str, Any]) -> Any:
        """Return the parameters as the driver wants them."""
        given = {**self.fixed, **values}
        return given if self.names is None else tuple([given[name] for name in self.names])


def _told(connection: sqlalchemy.Connection, cursor: Any, error: Exception) -> exc.StatementError:
    """Return an error of the driver's as SQLAlchemy's; a connection that is lost is let go."""
    raw: Any = connection.connection
    lost = connection.dialect.is_disconnect(error, raw, cursor)  # type: ignore[arg-type]
    if lost:
        connection.invalidate(error)
    base: Any = connection.dialect.loaded_dbapi.Error
    return exc.DBAPIError.instance(None, None, error, base, connection_invalidated=lost)


def prepared(
    statement: Statement, engine: Engine, plain: bool = True, binary: bool = False
) -> Prepared:
    """Return a statement prepared: worded, unless SQLAlchemy must see to some of it each time.

    `plain`: what comes of it is wanted as the driver gives it. `binary`: all that it is given is
    bytes or numbers, which every driver takes as they are.
    """
    if not plain or "schema_translate_map" in engine.get_execution_options():
        return Prepared(engine, statement)
    dialect = engine.dialect
    compiled = statement.compile(dialect=dialect)
    kinds = [parameter.type.dialect_impl(dialect) for parameter in compiled.binds.values()]
    processed = not binary and any(kind.bind_processor(dialect) for kind in kinds)
    if processed or compiled.literal_execute_params or compiled.post_compile_params:
        return Prepared(engine, statement)
    return Worded(engine, str(compiled), compiled.positiontup, compiled.params)
