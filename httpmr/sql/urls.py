"""Database URLs: the driver where none is named, SQLite's file, and which database it is."""

import os

from sqlalchemy import exc
from sqlalchemy.engine import URL, make_url

from httpmr.errors import RecipeError

DRIVERS = {
    "postgresql": ("postgresql+psycopg", "postgres"),
    "postgres": ("postgresql+psycopg", "postgres"),
    "mysql": ("mysql+pymysql", "mysql"),
    "mariadb": ("mariadb+pymysql", "mysql"),
}
"""The driver where a URL names none, and the extra that installs it."""

PLACE = {"host", "port", "options", "service", "unix_socket"}
"""Parts of a URL's query that say which database it is."""


def parsed(database: str | URL) -> URL:
    """Return the URL with its driver, and SQLite's path absolute; RecipeError if it cannot work."""
    try:
        url = make_url(database)
    except exc.ArgumentError as error:
        message = "this is no database URL; one looks like sqlite:///httpmr.db"
        raise RecipeError(message) from error
    url = url.set(drivername=DRIVERS.get(url.drivername, (url.drivername,))[0])
    if url.get_backend_name() == "sqlite" and not in_memory(url):
        path = os.path.abspath(_path(url))  # for chdir must not change which file it is
        if not os.path.isdir(os.path.dirname(path)):
            raise RecipeError(f"no directory {os.path.dirname(path)} for SQLite: make it first")
        if os.path.isdir(path):
            raise RecipeError(f"{path} is a directory, not a SQLite file: name a file in it")
        if "uri" not in url.query:
            url = url.set(database=path)
    return url


def in_memory(url: URL) -> bool:
    """Tell whether it is SQLite without a file."""
    named = "uri" in url.query and url.query.get("mode") == "memory"
    return url.get_backend_name() == "sqlite" and (named or url.database in (None, "", ":memory:"))


def place(url: URL) -> str | None:
    """Return a name of the database, the same for all URLs of it; None if the URL does not tell.

    The user is a part of it, for rights and search path are the user's; the password never is.
    """
    kind = url.get_backend_name().replace("mariadb", "mysql")
    if kind == "sqlite":
        return None if in_memory(url) else f"sqlite:{os.path.realpath(_path(url))}"
    query = [(name, url.query[name]) for name in sorted(PLACE & url.query.keys())]
    if not (url.host or url.database or query):
        return None  # its Engine's own function connects, or the environment says where
    host = "localhost" if url.host in ("127.0.0.1", "::1") else (url.host or "").lower()
    port = url.port or str({"postgresql": 5432, "mysql": 3306}.get(kind, ""))
    options = "".join(f";{name}={value}" for name, value in query)
    return f"{kind}://{url.username or ''}@{host}:{port}/{url.database or ''}{options}"


def _path(url: URL) -> str:
    path = url.database or ""
    return path.removeprefix("file:") if "uri" in url.query else path
