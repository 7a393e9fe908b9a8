"""A connection of a SQLite file's that is held while the file is read page by page.

SQLAlchemy takes as long over a page as SQLite over a hundred rows, and what it looks at meanwhile
pushes the rows out of the processor's cache. What is read is not known here.
"""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

from sqlalchemy import exc
from sqlalchemy.engine import Engine

from httpmr.sql.engines import is_file
from httpmr.sql.prepared import Worded
from httpmr.sql.transactions import translated

MOST = 32
"""Connections that a process holds at most: each is a file that is open, or three."""

# Its own, outside the pool, and named here: what a read that was abandoned leaves is let go when
# Python gets round to it, and must not be lent to another before.
_all: "set[Held]" = set()


class Held:
    """Fetches by one connection, which has neither a transaction nor a lock between statements."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._errors: Any = engine.dialect.loaded_dbapi.Error
        self._busy = Lock()
        self._connection: Any = None
        self._cursor: Any = None

    def fetch(self, query: Worded, values: Mapping[str, Any]) -> Sequence[Any]:
        """Return all rows of one snapshot. Errors are those of `reading`."""
        with self._busy:
            if self._connection is None:
                self._connect()
            try:
                self._cursor.execute(query.text, query.given(values))
                rows: Sequence[Any] = self._cursor.fetchall()
                return rows
            except self._errors as error:
                with translated():
                    raise exc.DBAPIError.instance(None, None, error, self._errors) from error

    def _connect(self) -> None:
        with translated():
            self._connection = self.engine.raw_connection()
            self._connection.detach()
            self._cursor = self._connection.cursor()

    def close(self, wait: bool = True) -> None:
        """Close the connection, but without `wait` none that another thread is fetching by.

        Who fetches again connects anew.
        """
        if self._busy.acquire(blocking=wait):
            try:
                if self._cursor is not None:
                    self._cursor.close()  # a statement that was broken off would keep its lock
                if self._connection is not None:
                    self._connection.close()
                self._connection = self._cursor = None
            finally:
                self._busy.release()


@contextmanager
def held(engine: Engine) -> Iterator[Held | None]:
    """Yield what fetches by one connection for as long as the block, in which user code may run.

    None where another is to be asked for each time: of a server's, or of a user's own engine's,
    there may be few; and where statements are logged or listened to, SQLAlchemy executes them.
    """
    moved = "schema_translate_map" in engine.get_execution_options()
    if len(_all) >= MOST or moved or not is_file(engine) or _is_told(engine):
        yield None
        return
    mine = Held(engine)
    _all.add(mine)
    try:
        yield mine
    finally:
        _all.discard(mine)
        mine.close()


def _is_told(engine: Engine) -> bool:
    """Whether someone is told of statements: by events, or by logs."""
    before: Any = engine.dialect.dispatch
    around: Any = engine.dispatch
    listeners = (
        before.do_execute,
        before.handle_error,
        around.before_cursor_execute,
        around.after_cursor_execute,
    )
    return any(listeners) or engine.logger.isEnabledFor(logging.INFO)


def _close_at_rest() -> None:
    for each in [*_all]:
        each.close(wait=False)


# SQLite's must not be carried over a fork: see the engines.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_close_at_rest)
