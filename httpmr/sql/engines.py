"""The engines of this process: one per URL, another to read with, and what a fork does to them."""

import atexit
import os
import weakref
from collections.abc import Iterator
from threading import Lock

from sqlalchemy.engine import URL, Engine
from sqlalchemy.pool import QueuePool

from httpmr.sql import dialects, urls

Database = str | URL | Engine

_engines: dict[str, Engine] = {}
_readers: dict[Engine, Engine] = {}
_given: "weakref.WeakSet[Engine]" = weakref.WeakSet()
_process = os.getpid()


def engine(database: Database) -> Engine:
    """Return the engine for a URL, the same one each time; an Engine is given back as it is.

    Raises RecipeError for a URL that cannot work. It does not connect.
    """
    if isinstance(database, Engine):
        if database not in _readers:
            _given.add(database)
        return database
    url = urls.parsed(database)
    name = url.render_as_string(hide_password=False)
    if name not in _engines:
        # Two threads may both come here; an engine that never connected costs nothing.
        made = dialects.made(url)
        sqlite = made.dialect.name == "sqlite"
        _readers[made] = made if sqlite else dialects.made(url, reader=True)
        _engines.setdefault(name, made)
    return _engines[name]


def reader(engine: Engine) -> Engine:
    """Return the engine to read with: its connections hold no transaction, except on SQLite."""
    if engine in _readers or engine.dialect.name != "postgresql":
        return _readers.get(engine, engine)
    return engine.execution_options(isolation_level="AUTOCOMMIT")  # costs no round trip there


def is_file(engine: Engine) -> bool:
    """Tell whether an engine is a URL's, and its database a file of SQLite's."""
    return _readers.get(engine) is engine and isinstance(engine.pool, QueuePool)


def identity(database: Database) -> str:
    """Return a name of the database, the same for two URLs or Engines that name the same one.

    The password is not in it. SQLite in memory is each engine's own.
    """
    url = database.url if isinstance(database, Engine) else urls.parsed(database)
    kind = "sqlite:memory" if urls.in_memory(url) else f"{url.get_backend_name()}:engine"
    return urls.place(url) or f"{kind}:{id(engine(database)):x}"


def close(engine: Engine) -> None:
    """Let the idle connections go. The engine may be used again, and connects anew."""
    engine.dispose()
    reader(engine).dispose()


# A connection must not be used on both sides of a fork, and SQLite's must not even be carried
# over: the idle ones are closed before, and what is in use the child forgets, without closing it.

_inherited: list[QueuePool] = []
_noticing = Lock()


def _pooled() -> Iterator[tuple[Engine, QueuePool]]:
    """Yield each engine that has a pool, and the pool; SQLite in memory has none: it is copied."""
    for made in [*_readers, *_readers.values(), *_given]:
        if isinstance(made.pool, QueuePool):
            yield made, made.pool


def _close_idle() -> None:
    for made, pool in _pooled():
        if not pool.checkedout():
            made.dispose()


def forked() -> None:
    """Forget, in a child process, the connections that are its parent's."""
    global _process
    for made, pool in _pooled():
        _inherited.append(pool)
        made.dispose(close=False)
    _process = os.getpid()


def notice_fork() -> None:
    """Do what `forked` does, if Python was not told of a fork: uWSGI's are not Python's own."""
    if _process != os.getpid():
        with _noticing:  # no other thread goes on with a connection of the parent's
            if _process != os.getpid():
                forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_close_idle, after_in_child=forked)
atexit.register(_close_idle)
