"""Reading and writing for the length of a `with` block, and what the database's errors mean."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy
from sqlalchemy import exc
from sqlalchemy.engine import Engine

from httpmr.errors import Unavailable
from httpmr.sql.dialects import begin_to_read, begin_to_write
from httpmr.sql.engines import notice_fork, reader
from httpmr.trouble import meaning


@contextmanager
def reading(engine: Engine) -> Iterator[sqlalchemy.Connection]:
    """Yield a connection for reads. Each statement sees what is committed when it begins.

    On SQLite the whole block is one snapshot. Do not keep it while user code runs.
    """
    with translated(), reader(engine).connect() as connection:
        _begin(connection, begin_to_read)
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[sqlalchemy.Connection]:
    """Yield a connection in a transaction that is committed at the end, rolled back on any error.

    Raises Unavailable or StoreFull (nothing happened), or Uncertain where COMMIT was not answered.
    """
    with translated(), engine.connect() as connection:
        transaction = _begin(connection, begin_to_write)
        yield connection
        try:
            transaction.commit()
        except exc.DBAPIError as error:
            raise _meaning(error, in_commit=True) from error


@contextmanager
def translated() -> Iterator[None]:
    """Raise the errors of the database that are nobody's fault as Unavailable or StoreFull.

    Others, such as those of constraints and data types, come through as they are. Unavailable
    has `retry`, True where the same transaction may well succeed at once.
    """
    notice_fork()
    try:
        yield
    except exc.DBAPIError as error:
        raise _meaning(error) from error
    except exc.TimeoutError as error:
        message = "all connections of this process to the database are in use: try again"
        raise Unavailable(message, retry=False) from error


def _begin(
    connection: sqlalchemy.Connection, begin: Callable[[sqlalchemy.Connection], None]
) -> sqlalchemy.RootTransaction:
    transaction = connection.begin()
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.dbapi_connection
        if not driver.in_transaction:
            # Ours would not begin at all, another at its first write. That is no snapshot, and who
            # comes to write only then is refused at once where another was quicker.
            begin(connection)
    return transaction


def _meaning(error: exc.DBAPIError, in_commit: bool = False) -> Exception:
    refused = isinstance(error, (exc.IntegrityError, exc.DataError))
    lost = error.connection_invalidated
    return meaning(error.orig or error, lost=lost, in_commit=in_commit and not refused) or error
