"""The databases that a store is measured on: SQLite, and the servers that answer on loopback.

HTTPMR_TEST_POSTGRES and HTTPMR_TEST_MARIADB name others, as for the tests. Each measurement has
a table of its own there, and drops it.
"""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy

SERVERS = {
    "PostgreSQL": os.environ.get(
        "HTTPMR_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test"
    ),
    # PyMySQL reads all certificates of the system for each connection, used or not: 25 ms.
    "MariaDB": os.environ.get(
        "HTTPMR_TEST_MARIADB", "mysql+pymysql://root@127.0.0.1:3306/test?ssl_disabled=true"
    ),
}


def answering() -> tuple[dict[str, str], list[str]]:
    """Return {name: URL} of what can be measured ("" is a file), and who was left out, and why."""
    found, absent = {"SQLite": ""}, []
    for name, url in SERVERS.items():
        try:
            engine = sqlalchemy.create_engine(url, connect_args={"connect_timeout": 3})
            with engine.connect():
                found[name] = url
            engine.dispose()
        except (sqlalchemy.exc.DBAPIError, ImportError) as error:
            absent.append(f"{name} is left out: {str(error).splitlines()[0]}")
    return found, absent


@contextmanager
def table(url: str) -> Iterator[str]:
    """Yield the name of a table that is not there, and drop what was made of it."""
    name = f"httpmr_{uuid.uuid4().hex}"
    try:
        yield name
    finally:
        if url:
            engine = sqlalchemy.create_engine(url)
            sqlalchemy.Table(name, sqlalchemy.MetaData()).drop(engine, checkfirst=True)
            engine.dispose()
