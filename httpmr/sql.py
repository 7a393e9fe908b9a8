"""What the SQL plug-ins share: engines, transactions, table look-up and the meaning of errors.

    engine(url)              one SQLAlchemy engine per URL and process
    reading(engine)          a connection to read with, for the length of a `with` block
    writing(engine)          the same as one transaction, committed when the block ends
    table(engine, name, E)   a table as the database describes it; raises E if there is none
    identity(url)            which database it is, without the password
    close(engine)            lets its idle connections go; the next use connects anew
    translated()             the database's errors as httpmr's own

Sources and sinks that use `reading` and `writing` need nothing else: both translate errors.
"""

import atexit
import difflib
import os
import weakref
from contextlib import contextmanager

import sqlalchemy
from sqlalchemy import event, exc
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.pool import QueuePool, SingletonThreadPool

from httpmr.errors import HttpmrError, RecipeError, Unavailable
from httpmr.trouble import meaning

DRIVERS = {
    "postgresql": ("postgresql+psycopg", "postgres"),
    "postgres": ("postgresql+psycopg", "postgres"),
    "mysql": ("mysql+pymysql", "mysql"),
    "mariadb": ("mariadb+pymysql", "mysql"),
}
"""The driver where a URL names none, and the extra that installs it."""

WAIT = 5
"""Seconds to wait for another's lock, and to connect; a slice has no more to spare."""

IDLE = 60
"""Seconds until a transaction of a process that is stopped or gone is ended for it."""

_engines: dict[str, Engine] = {}
_readers: dict[Engine, Engine] = {}
_given: "weakref.WeakSet[Engine]" = weakref.WeakSet()
_tables: "weakref.WeakKeyDictionary[Engine, dict]" = weakref.WeakKeyDictionary()


def engine(database: str | URL | Engine) -> Engine:
    """Return the engine for a URL, the same one each time; an Engine is given back as it is.

    Raises RecipeError for a URL that cannot work. It does not connect.
    """
    if isinstance(database, Engine):
        if database not in _readers:
            _given.add(database)
        return database
    url = _url(database)
    name = url.render_as_string(hide_password=False)
    if name not in _engines:
        # Two threads may both come here; an engine that never connected costs nothing.
        made = _made(url)
        _readers[made] = made if made.dialect.name == "sqlite" else _made(url, reader=True)
        _engines.setdefault(name, made)
    return _engines[name]


def identity(database: str | URL | Engine) -> str:
    """Return a name of the database, the same for two URLs or Engines that name the same one.

    The user is a part of it, for rights and search path are the user's; the password never is.
    """
    url = database.url if isinstance(database, Engine) else _url(database)
    kind = url.get_backend_name().replace("mariadb", "mysql")
    if kind == "sqlite":
        if _in_memory(url):
            return f"sqlite:memory:{id(engine(database)):x}"
        return f"sqlite:{os.path.realpath(_path(url))}"
    place = {name: url.query[name] for name in sorted(_PLACE & url.query.keys())}
    if isinstance(database, Engine) and not (url.host or url.database or place):
        return f"{kind}:engine:{id(database):x}"  # its own function connects; who knows where
    host = "localhost" if url.host in ("127.0.0.1", "::1") else (url.host or "").lower()
    port = url.port or {"postgresql": 5432, "mysql": 3306}.get(kind, "")
    query = "".join(f";{name}={value}" for name, value in place.items())
    return f"{kind}://{url.username or ''}@{host}:{port}/{url.database or ''}{query}"


@contextmanager
def reading(engine: Engine):
    """Yield a connection for reads. Each statement sees what is committed when it begins.

    On SQLite the whole block is one snapshot. Do not keep it while user code runs.
    """
    with translated(), _reader(engine).connect() as connection:
        _begin(connection, "BEGIN")
        yield connection


@contextmanager
def writing(engine: Engine):
    """Yield a connection in a transaction that is committed at the end, rolled back on any error.

    Raises Unavailable or StoreFull (nothing happened), or Uncertain where COMMIT was not answered.
    """
    with translated(), engine.connect() as connection:
        connection = connection.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        transaction = _begin(connection, "BEGIN IMMEDIATE")
        yield connection
        try:
            transaction.commit()
        except exc.DBAPIError as error:
            raise _meaning(error, in_commit=True) from error


def _begin(connection: sqlalchemy.Connection, how: str) -> sqlalchemy.RootTransaction:
    transaction = connection.begin()
    sqlite = connection.dialect.name == "sqlite"
    if sqlite and not connection.connection.dbapi_connection.in_transaction:
        # An engine that is not ours begins at its first write. That is no snapshot, and who
        # comes to write only then is refused at once where another was quicker.
        connection.exec_driver_sql(how)
    return transaction


@contextmanager
def translated():
    """Raise the errors of the database that are nobody's fault as Unavailable or StoreFull.

    Others, such as those of constraints and data types, come through as they are. Unavailable
    has `retry`, True where the same transaction may well succeed at once.
    """
    try:
        yield
    except exc.DBAPIError as error:
        raise _meaning(error) from error
    except exc.TimeoutError as error:
        message = "all connections of this process to the database are in use: try again"
        raise Unavailable(message, retry=False) from error


def table(engine: Engine, table: str | sqlalchemy.Table, error: type[HttpmrError]):
    """Return the table, read from the database once; "schema.name" works. A Table is returned.

    Raises `error`, naming those that are nearly called so, if there is none.
    """
    if isinstance(table, sqlalchemy.Table):
        return table
    known = _tables.setdefault(engine, {})
    if table not in known:
        schema, _, name = table.rpartition(".")
        try:
            with translated():
                known[table] = sqlalchemy.Table(
                    name, sqlalchemy.MetaData(), schema=schema or None, autoload_with=engine
                )
        except (exc.NoSuchTableError, exc.OperationalError) as missing:  # or no such schema
            raise error(_no_table(engine, schema or None, name), table=table) from missing
    return known[table]


def _no_table(engine: Engine, schema: str | None, name: str) -> str:
    inspector = sqlalchemy.inspect(engine)
    try:
        names = inspector.get_table_names(schema) + inspector.get_view_names(schema)
    except exc.DBAPIError:
        names = []  # there is no such schema either
    near = difflib.get_close_matches(name, names, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "create it, or name another"
    return f"no table {name!r} in {identity(engine)}: {hint}"


def close(engine: Engine) -> None:
    """Let the idle connections go. The engine may be used again, and connects anew."""
    engine.dispose()
    _reader(engine).dispose()


# Engines

_PLACE = {"host", "port", "options", "service", "unix_socket"}
"""Parts of a URL's query that say which database it is."""


def _url(database: str | URL) -> URL:
    try:
        url = make_url(database)
    except exc.ArgumentError as error:
        message = "this is no database URL; one looks like sqlite:///httpmr.db"
        raise RecipeError(message) from error
    url = url.set(drivername=DRIVERS.get(url.drivername, (url.drivername,))[0])
    if url.get_backend_name() == "sqlite" and not _in_memory(url):
        path = os.path.abspath(_path(url))  # for chdir must not change which file it is
        if not os.path.isdir(os.path.dirname(path)):
            raise RecipeError(f"no directory {os.path.dirname(path)} for SQLite: make it first")
        if os.path.isdir(path):
            raise RecipeError(f"{path} is a directory, not a SQLite file: name a file in it")
        if "uri" not in url.query:
            url = url.set(database=path)
    return url


def _in_memory(url: URL) -> bool:
    named = "uri" in url.query and url.query.get("mode") == "memory"
    return url.get_backend_name() == "sqlite" and (named or url.database in (None, "", ":memory:"))


def _path(url: URL) -> str:
    return url.database.removeprefix("file:") if "uri" in url.query else url.database


def _made(url: URL, reader: bool = False) -> Engine:
    kind = url.get_backend_name()
    options = {"connect_args": {}, "pool_pre_ping": kind != "sqlite"}
    if _in_memory(url):
        options["poolclass"] = SingletonThreadPool  # what SQLAlchemy takes, but warns of
    wait = "timeout" if kind == "sqlite" else "connect_timeout"
    if wait not in url.query:
        options["connect_args"][wait] = WAIT
    if kind != "sqlite":
        options["isolation_level"] = "AUTOCOMMIT" if reader else "READ COMMITTED"
        options["skip_autocommit_rollback"] = reader
    if kind in ("mysql", "mariadb"):
        options["connect_args"]["init_command"] = _MYSQL
    try:
        made = sqlalchemy.create_engine(url, **options)
    except exc.NoSuchModuleError as error:
        message = f"SQLAlchemy knows no database {url.drivername!r}: check the URL's beginning"
        raise RecipeError(message) from error
    except ImportError as error:
        driver, extra = DRIVERS.get(kind, (None, None))
        ours = url.drivername == driver
        remedy = f'pip install "httpmr[{extra}]"' if ours else f"install it, or say {driver}"
        raise RecipeError(f"{url.drivername} needs {error.name}: {remedy}") from error
    if kind == "sqlite":
        event.listen(made, "connect", _set_sqlite)
        event.listen(made, "begin", _begin_sqlite)
    elif kind == "postgresql":
        event.listen(made, "connect", _set_postgresql)
    return made


def _reader(engine: Engine) -> Engine:
    if engine in _readers or engine.dialect.name != "postgresql":
        return _readers.get(engine, engine)
    return engine.execution_options(isolation_level="AUTOCOMMIT")  # costs no round trip there


_MYSQL = (
    # An empty sql_mode cuts what is too long, silently.
    "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), "
    f"innodb_lock_wait_timeout = {WAIT} /*M!100300 , idle_transaction_timeout = {IDLE} */"
)


def _set_sqlite(connection, _record):
    connection.isolation_level = None  # the module's own BEGINs come too late
    connection.execute("PRAGMA synchronous = FULL")


def _begin_sqlite(connection):
    if begin := connection.get_execution_options().get("sqlite_begin", "BEGIN"):
        connection.exec_driver_sql(begin)


def _set_postgresql(connection, _record):
    before, connection.autocommit = connection.autocommit, True
    connection.execute(
        f"SET lock_timeout = '{WAIT}s'; SET idle_in_transaction_session_timeout = '{IDLE}s'"
    )
    connection.autocommit = before


# A connection must not be used on both sides of a fork, and SQLite's must not even be carried
# over: the idle ones are closed before, and what is in use the child forgets, without closing it.

_inherited: list[QueuePool] = []


def _close_idle():
    for made in [*_readers, *_readers.values()]:
        if isinstance(made.pool, QueuePool) and not made.pool.checkedout():
            made.dispose()


def forked() -> None:
    """Forget, in a child process, the connections that are its parent's."""
    for made in [*_readers, *_readers.values(), *_given]:
        if isinstance(made.pool, QueuePool):  # others: SQLite in memory, which is copied
            _inherited.append(made.pool)
            made.dispose(close=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_close_idle, after_in_child=forked)
atexit.register(_close_idle)


def _meaning(error: exc.DBAPIError, in_commit: bool = False) -> Exception:
    refused = isinstance(error, (exc.IntegrityError, exc.DataError))
    lost = error.connection_invalidated
    return meaning(error.orig, lost=lost, in_commit=in_commit and not refused) or error
