"""The databases that chaos comes to: each time an empty one, gone afterwards."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import sqlalchemy
from sqlalchemy.engine import make_url

from httpmr import sql


class Home(NamedTuple):
    """A database of a kind ("SQLite", "PostgreSQL", "MariaDB"), and a folder, both empty.

    `server` is the URL of the server that it is on; "" for SQLite.
    """

    kind: str
    server: str
    url: str
    folder: str


@contextmanager
def folder() -> Iterator[str]:
    """Yield a folder: in memory where there is a place for that, for no machine loses power."""
    memory = "/dev/shm"
    within = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="httpmr-chaos-", dir=within) as made:
        os.chmod(made, 0o755)  # a database in it runs as a user of its own
        yield made


@contextmanager
def home(kind: str, server: str, killed: bool = False) -> Iterator[Home]:
    """Yield an empty Home on a server.

    One that will be `killed` must have written what it committed; others need not wait for that.
    """
    with folder() as place:
        if not server:
            url = f"sqlite:///{place}/jobs.db"
            yield Home(kind, server, url, place)
            sql.close(sql.engine(url))
            return
        with _schema(server, killed) as url:
            yield Home(kind, server, url, place)
            sql.close(sql.engine(url))


@contextmanager
def _schema(server, killed):
    """Make a schema, or what MariaDB calls a database, and drop it with all that is in it."""
    name = f"httpmr_chaos_{uuid.uuid4().hex}"
    postgres = make_url(server).get_backend_name() == "postgresql"
    kind, cascade = ("SCHEMA", "CASCADE") if postgres else ("DATABASE", "")
    engine = sqlalchemy.create_engine(server, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE {kind} {name}")
    if postgres:
        options = f"-csearch_path={name}" + " -csynchronous_commit=off" * (not killed)
        url = engine.url.update_query_dict({"options": options})
    else:
        url = engine.url.set(database=name)
    try:
        yield url.render_as_string(hide_password=False)
    finally:
        with suppress(sqlalchemy.exc.DBAPIError), engine.connect() as connection:
            connection.exec_driver_sql(f"DROP {kind} {name} {cascade}")
        engine.dispose()
