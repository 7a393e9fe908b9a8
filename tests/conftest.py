"""The databases. A server that is missing is a skip at a desk and a failure where CI is set.

    database_url    an empty, private database, on each kind of server in turn
    sqlite_url      an empty SQLite file, where the kind of database does not matter

`here` is a clone of the project, for the tests of its README and guides.

HTTPMR_TEST_POSTGRES and HTTPMR_TEST_MARIADB are the URLs of servers on which the tests may
create what they need. Which databases were tested is said at the end of the run.
"""

import os
import shutil
import signal
import sys
import uuid
from pathlib import Path

import pytest
import sqlalchemy
from docslib import clone
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import make_url

from httpmr import sql
from httpmr.sql import engines

SERVERS = {
    "postgresql": os.environ.get(
        "HTTPMR_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test"
    ),
    # PyMySQL reads all certificates of the system for each connection, used or not: 25 ms.
    "mariadb": os.environ.get(
        "HTTPMR_TEST_MARIADB", "mysql+pymysql://root@127.0.0.1:3306/test?ssl_disabled=true"
    ),
}

# The first draw of text reads all of Unicode, once on each machine: how long that takes, or a
# busy machine, says nothing about a test.
settings.register_profile("httpmr", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# For the run that looks whether every branch is taken: the same ones each time.
settings.register_profile("few", settings.get_profile("httpmr"), max_examples=20, derandomize=True)
settings.load_profile("httpmr")

# test_appengine.py runs these, in an environment of their own.
collect_ignore = ["appengine"]

# Where several processes run the tests, the files that take longest come first: else one of the
# processes is at such a file long after the others have ended.
FIRST = (
    *("test_spark", "test_simulator", "test_every_way", "test_broken", "test_benchmarks_chaos"),
    *("test_web_browser", "test_poison", "test_cli", "test_benchmarks_slices"),
    *("test_attack_fuzz", "test_benchmarks_memory", "test_cut_anywhere", "test_docs"),
)

_tested = pytest.StashKey[dict]()


def pytest_configure(config):
    """Let Ctrl-C be tried, and put the tests' files into memory where there is a place for that.

    What the tests are about is processes that die, not machines that lose power: so that disks
    are waited for tells them nothing, and takes most of the time. Nor shall each of the many
    processes that they start compile all modules.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in the background of a script
        signal.signal(signal.SIGINT, signal.default_int_handler)
    memory = Path("/dev/shm")
    if config.option.basetemp is None and os.access(memory, os.W_OK):
        config.option.basetemp = memory / f"httpmr-{uuid.uuid4().hex}"
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(FIRST)))


@pytest.fixture(scope="session")
def servers(pytestconfig):
    """What makes and drops databases: {kind: engine, or the reason why there is none}."""
    found = pytestconfig.stash[_tested] = {}
    engines = {}
    for kind, url in SERVERS.items():
        engine = sqlalchemy.create_engine(
            url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3}
        )
        try:
            with engine.connect() as connection:
                version = connection.dialect.server_version_info
            found[kind] = ".".join(str(part) for part in version)
            engines[kind] = engine
        except (sqlalchemy.exc.DBAPIError, ImportError) as error:
            found[kind] = None
            engines[kind] = str(error).splitlines()[0]
    yield engines
    for engine in engines.values():
        if not isinstance(engine, str):
            engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database_url(request):
    """The URL of an empty, private database, dropped after the test."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    server = request.getfixturevalue("servers")[request.param]
    if isinstance(server, str):
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent(f"no {request.param} at {make_url(SERVERS[request.param])!r}: {server}")
    name = f"httpmr_test_{uuid.uuid4().hex}"
    # In PostgreSQL a schema does as well, and is made fifty times as fast.
    kind = "SCHEMA" if request.param == "postgresql" else "DATABASE"
    cascade = "CASCADE" if request.param == "postgresql" else ""
    if request.param == "postgresql":
        options = f"-csearch_path={name} -csynchronous_commit=off"  # see pytest_configure
        url = server.url.update_query_dict({"options": options})
    else:
        url = server.url.set(database=name)
    _run(server, f"CREATE {kind} {name}")
    yield url.render_as_string(hide_password=False)
    sql.close(sql.engine(url))
    _run(server, f"DROP {kind} {name} {cascade}")


@pytest.fixture(autouse=True)
def few_engines():
    """Forget the engines of a test: a process keeps all it ever made, and each fork looks at each.

    Thousands of databases are met by tests alone.
    """
    before = set(engines._engines)
    yield
    for url in engines._engines.keys() - before:
        made = engines._engines.pop(url)
        sql.close(made)
        engines._readers.pop(made)


@pytest.fixture
def sqlite_url(tmp_path):
    """The URL of a SQLite file that is not there yet."""
    url = f"sqlite:///{tmp_path}/httpmr.db"
    yield url
    sql.close(sql.engine(url))


def _run(server, statement):
    with server.connect() as connection:
        connection.exec_driver_sql(statement)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A clone to work in; what is imported there is forgotten after."""
    environ = clone(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield environ
    sys.modules.pop("wordcount", None)


def pytest_sessionfinish(session):
    """Let a process that runs a part of the tests say which databases it met."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["databases"] = session.config.stash.get(_tested, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Gather what such processes said."""
    found = getattr(node, "workeroutput", {}).get("databases")
    if found:
        node.config.stash[_tested] = node.config.stash.get(_tested, {}) | found


def pytest_terminal_summary(terminalreporter, config):
    found = config.stash.get(_tested, None)
    if found is not None:
        said = [f"{kind} {version or '(no server)'}" for kind, version in found.items()]
        terminalreporter.write_line("databases: sqlite, " + ", ".join(said))
