"""How an engine is made for each kind of database: how long it waits, how transactions begin."""

import time
from functools import partial
from sqlite3 import SQLITE_BUSY, SQLITE_LOCKED
from typing import Any

import sqlalchemy
from sqlalchemy import event, exc
from sqlalchemy.engine import URL, Engine
from sqlalchemy.pool import SingletonThreadPool

from httpmr.errors import RecipeError
from httpmr.sql.urls import DRIVERS, in_memory

WAIT = 5
"""Seconds to wait for another's lock, and to connect; a slice has no more to spare."""

ROUND = 200
"""Milliseconds after which who waits for SQLite's lock asks for it as at first.

Until then SQLite itself waits, without Python's lock: where many threads asked anew all the time,
the one that has SQLite's lock would wait for Python's, for seconds where processors are busy.
"""

_HELD = (SQLITE_BUSY, SQLITE_LOCKED)

RESTED = 1.0
"""Seconds after which a server's connection is asked whether it is still there."""

_SINCE = "httpmr rested since"

IDLE = 60
"""Seconds until a transaction of a process that is stopped or gone is ended for it."""

MYSQL = (
    # An empty sql_mode cuts what is too long, silently.
    "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), "
    f"innodb_lock_wait_timeout = {WAIT} /*M!100300 , idle_transaction_timeout = {IDLE} */"
)


def made(url: URL, reader: bool = False) -> Engine:
    """Return a new engine; one for reading alone, if it is a server's, commits by itself."""
    kind = url.get_backend_name()
    options: dict[str, Any] = {"connect_args": {}}
    options["hide_parameters"] = True  # they are keys and values, and errors end in logs
    if in_memory(url):
        options["poolclass"] = SingletonThreadPool  # what SQLAlchemy takes, but warns of
    wait = "timeout" if kind == "sqlite" else "connect_timeout"
    if wait not in url.query:
        options["connect_args"][wait] = WAIT
    if kind != "sqlite":
        options["isolation_level"] = "AUTOCOMMIT" if reader else "READ COMMITTED"
        options["skip_autocommit_rollback"] = reader
    if kind in ("mysql", "mariadb"):
        options["connect_args"]["init_command"] = MYSQL
    engine = _created(url, options)
    if kind == "sqlite":
        event.listen(engine, "connect", _set_sqlite)
    else:
        event.listen(engine, "checkin", _rested)
        event.listen(engine, "checkout", partial(_awake, engine.dialect))
        if kind == "postgresql":
            event.listen(engine, "connect", _set_postgresql)
    return engine


def _created(url: URL, options: dict[str, Any]) -> Engine:
    try:
        return sqlalchemy.create_engine(url, **options)
    except exc.NoSuchModuleError as error:
        message = f"SQLAlchemy knows no database {url.drivername!r}: check the URL's beginning"
        raise RecipeError(message) from error
    except ImportError as error:
        driver, extra = DRIVERS.get(url.get_backend_name(), (None, None))
        ours = url.drivername == driver
        remedy = f'pip install "httpmr[{extra}]"' if ours else f"install it, or say {driver}"
        raise RecipeError(f"{url.drivername} needs {error.name}: {remedy}") from error


def _set_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the module's own BEGINs come too late
    connection.execute("PRAGMA synchronous = FULL")


def begin_to_read(connection: sqlalchemy.Connection) -> None:
    """Begin a transaction of SQLite that sees one moment."""
    connection.exec_driver_sql("BEGIN")


def begin_to_write(connection: sqlalchemy.Connection) -> None:
    """Begin a transaction of SQLite that writes, as soon as no other does.

    Who waits for the lock asks for it, and SQLite asks ever more seldom: where many wait, those
    that have for long would be the last to be in luck. So each begins anew again and again, and
    all of them, in whichever processes, get on at one pace.
    """
    driver: Any = connection.connection.dbapi_connection
    errors: Any = connection.dialect.dbapi
    (wait,) = driver.execute("PRAGMA busy_timeout").fetchone()
    driver.execute(f"PRAGMA busy_timeout = {min(wait, ROUND)}")
    began = now = time.monotonic()
    try:
        while now < began + wait / 1000:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except errors.Error as error:
                if getattr(error, "sqlite_errorcode", SQLITE_BUSY) & 0xFF not in _HELD:
                    break
            # Where connections share a cache, who comes too late is refused at once.
            time.sleep(max(0.0, now + ROUND / 1000 - time.monotonic()))
            now = time.monotonic()
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        driver.execute(f"PRAGMA busy_timeout = {wait}")


def _rested(_connection: Any, record: Any) -> None:
    record.info[_SINCE] = time.monotonic()


def _awake(dialect: Any, connection: Any, record: Any, _proxy: Any) -> None:
    """Have a connection that rested for long replaced, and all of its age, if it is lost.

    SQLAlchemy's own way asks each time, which was a third of what a slice asks of a server.
    """
    since = record.info.get(_SINCE)
    if since is None or time.monotonic() - since < RESTED:
        return
    try:
        alive = dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise exc.InvalidatePoolError from error
    if not alive:
        raise exc.InvalidatePoolError


def _set_postgresql(connection: Any, _record: Any) -> None:
    before, connection.autocommit = connection.autocommit, True
    connection.execute(
        f"SET lock_timeout = '{WAIT}s'; SET idle_in_transaction_session_timeout = '{IDLE}s'"
    )
    connection.autocommit = before
