"""What the SQL plug-ins share: engines, transactions, tables and the meaning of errors."""

import ctypes
import gc
import logging
import os
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy
from sqlalchemy import event, exc

from httpmr import sql
from httpmr.errors import InputError, OutputError, RecipeError, StoreFull, Unavailable, Uncertain
from httpmr.sql import dialects

held_module = sys.modules["httpmr.sql.held"]


@pytest.fixture
def numbers(database_url):
    """An engine of a database with a table `numbers`."""
    engine = sql.engine(database_url)
    with sql.writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
    return engine


def put(connection, n):
    connection.exec_driver_sql(f"INSERT INTO numbers VALUES ({n})")


def found(engine):
    with sql.reading(engine) as connection:
        return list(connection.exec_driver_sql("SELECT n FROM numbers ORDER BY n").scalars())


# Engines


def test_there_is_one_engine_to_a_url(database_url, sqlite_url):
    assert sql.engine(database_url) is sql.engine(database_url)
    assert sql.engine(sql.engine(database_url)) is sql.engine(database_url)
    assert sql.engine(sqlite_url + "2") is not sql.engine(database_url)


def test_an_engine_is_given_back_as_it_is():
    engine = sqlalchemy.create_engine("sqlite://")
    assert sql.engine(engine) is engine


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgres://u@h/d", "postgresql+psycopg"),
        ("postgresql://u@h/d", "postgresql+psycopg"),
        ("mysql://u@h/d", "mysql+pymysql"),
        ("mariadb://u@h/d", "mariadb+pymysql"),
    ],
)
def test_a_url_need_not_name_a_driver(url, driver):
    assert sql.engine(url).url.drivername == driver


def test_a_relative_path_stays_what_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = sql.engine("sqlite:///here.db")
    monkeypatch.chdir("/")
    with sql.writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INTEGER)")
    assert (tmp_path / "here.db").exists()
    sql.close(engine)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("httpmr.db", "sqlite:///httpmr.db"),
        ("nosql://somewhere", "knows no database 'nosql'"),
        ("sqlite:////no/such/place/httpmr.db", "no directory /no/such/place"),
        ("sqlite:////", "is a directory"),
        ("postgresql+nodriver://h/d", "nodriver"),
        ("mysql+mysqldb://h/d", "or say mysql+pymysql"),
    ],
)
def test_a_url_that_cannot_work_is_refused_with_the_remedy(url, says, monkeypatch):
    monkeypatch.setitem(sys.modules, "MySQLdb", None)  # in Django's tests PyMySQL stands in for it
    with pytest.raises(RecipeError) as caught:
        sql.engine(url)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_driver_is_named_with_what_installs_it(monkeypatch):
    def absent(*_args, **_options):
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr(sqlalchemy, "create_engine", absent)
    with pytest.raises(RecipeError, match=r'pip install "httpmr\[postgres\]"'):
        sql.engine("postgresql://somewhere.else/d")


# Identity


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("postgresql://u:secret@h/d", "postgres://u@H:5432/d"),
        ("postgresql://u@localhost/d", "postgresql+psycopg://u@127.0.0.1/d"),
        ("mysql://u@h/d", "mariadb+pymysql://u:secret@h:3306/d?charset=utf8mb4"),
    ],
)
def test_urls_of_one_database_have_one_identity(one, other):
    assert sql.identity(one) == sql.identity(other) == sql.identity(sql.engine(other))
    assert "secret" not in sql.identity(one) + sql.identity(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("postgresql://u@h/d", "postgresql://u@h/e"),
        ("postgresql://u@h/d", "postgresql://v@h/d"),
        ("postgresql://u@h/d", "postgresql://u@i/d"),
        ("postgresql://u@h/d", "postgresql://u@h:5433/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d?options=-csearch_path%3Ds"),
        ("postgresql://u@h/d", "mysql://u@h/d"),
    ],
)
def test_urls_of_different_databases_have_different_identities(one, other):
    assert sql.identity(one) != sql.identity(other)


def test_a_sqlite_file_is_known_by_its_real_path(tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    urls = [f"sqlite:///{tmp_path}/a.db", "sqlite:///a.db", f"sqlite:///{tmp_path}/link/a.db"]
    urls += [f"sqlite:///file:{tmp_path}/a.db?uri=true", "sqlite+pysqlite:///../" + tmp_path.name]
    urls[-1] += "/a.db"
    assert {sql.identity(url) for url in urls} == {f"sqlite:{tmp_path}/a.db"}
    assert sql.identity(sqlalchemy.create_engine(urls[1])) == f"sqlite:{tmp_path}/a.db"
    assert sql.identity("sqlite:///b.db") != sql.identity("sqlite:///a.db")


def test_engines_that_cannot_be_told_apart_are_taken_for_different():
    memory = [sqlalchemy.create_engine("sqlite://") for _ in range(2)]
    custom = [sqlalchemy.create_engine("postgresql+psycopg://", creator=len) for _ in range(2)]
    assert len({sql.identity(engine) for engine in memory + custom}) == 4


# Transactions


def test_what_is_written_is_there_at_the_end_and_not_before(numbers):
    with sql.writing(numbers) as connection:
        put(connection, 1)
        assert found(numbers) == []
    assert found(numbers) == [1]


def test_an_error_undoes_all_and_comes_through(numbers):
    with pytest.raises(ZeroDivisionError), sql.writing(numbers) as connection:
        put(connection, 1)
        raise ZeroDivisionError
    with pytest.raises(exc.IntegrityError), sql.writing(numbers) as connection:
        put(connection, 1)
        put(connection, 1)
    with pytest.raises(exc.DBAPIError), sql.writing(numbers) as connection:
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")
    assert found(numbers) == []


def test_no_value_is_in_an_error_or_in_a_log(numbers, caplog):
    """Also where an application lets SQLAlchemy log all statements."""
    caplog.set_level(logging.INFO, "sqlalchemy.engine")
    statement = sqlalchemy.text("INSERT INTO nowhere VALUES (:n)")
    for act in (sql.reading, sql.writing):
        with pytest.raises(exc.DBAPIError, match="nowhere") as raised, act(numbers) as connection:
            connection.execute(statement, {"n": "s3cr3t"})
        assert "s3cr3t" not in str(raised.value) and "hidden" in str(raised.value)
    assert "INSERT INTO nowhere" in caplog.text and "s3cr3t" not in caplog.text


def test_too_long_a_value_is_never_cut(numbers):
    if numbers.dialect.name == "sqlite":
        pytest.skip("SQLite has no lengths")
    with sql.writing(numbers) as connection:
        connection.exec_driver_sql("CREATE TABLE short (word VARCHAR(3))")
    with pytest.raises(exc.DataError), sql.writing(numbers) as connection:
        connection.exec_driver_sql("INSERT INTO short VALUES ('longer')")


def test_a_writer_of_sqlite_has_the_lock_from_the_start(sqlite_url):
    for engine in (sql.engine(sqlite_url), sqlalchemy.create_engine(sqlite_url)):
        other = sqlite3.connect(engine.url.database, timeout=0, isolation_level=None)
        with sql.writing(engine), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")
        other.close()
        engine.dispose()


def test_a_reader_of_sqlite_sees_one_moment_and_stops_nobody(sqlite_url):
    engine = sql.engine(sqlite_url)
    with sql.writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
    driver = sqlite3.connect(engine.url.database)
    driver.execute("PRAGMA journal_mode = WAL")
    driver.close()
    with sql.reading(engine) as connection:
        count = "SELECT count(*) FROM numbers"
        assert connection.exec_driver_sql(count).scalar() == 0
        with sql.writing(engine) as writer:
            put(writer, 1)
        assert connection.exec_driver_sql(count).scalar() == 0
    assert found(engine) == [1]


def test_a_reader_of_a_server_sees_what_was_committed_meanwhile(numbers):
    if numbers.dialect.name == "sqlite":
        pytest.skip("in SQLite a reader's block is one snapshot")
    with sql.reading(numbers) as connection:
        count = "SELECT count(*) FROM numbers"
        assert connection.exec_driver_sql(count).scalar() == 0
        with sql.writing(numbers) as writer:
            put(writer, 1)
        assert connection.exec_driver_sql(count).scalar() == 1


# Connections that are lost. `kill` ends a connection from another one, as a restart would.


PID = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}
KILL = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}


def pid(connection):
    return connection.exec_driver_sql(PID[connection.dialect.name]).scalar()


@pytest.fixture
def kill(numbers):
    if numbers.dialect.name not in KILL:
        pytest.skip("SQLite has no connections to lose")
    other = sqlalchemy.create_engine(numbers.url)

    def kill(pid):
        with other.connect() as connection:
            connection.exec_driver_sql(KILL[numbers.dialect.name].format(pid))

    yield kill
    other.dispose()


def lost_while_idle(numbers, kill):
    with sql.reading(numbers) as reader, sql.writing(numbers) as writer:
        pids = [pid(reader), pid(writer)]
    for number in pids:
        kill(number)


def test_a_connection_lost_while_idle_is_replaced(numbers, kill, monkeypatch):
    monkeypatch.setattr(dialects, "RESTED", 0)
    lost_while_idle(numbers, kill)
    with sql.writing(numbers) as connection:
        put(connection, 1)
    assert found(numbers) == [1]


def test_a_connection_lost_just_after_it_was_used_is_unavailable_once(numbers, kill, monkeypatch):
    monkeypatch.setattr(dialects, "RESTED", 1000)
    lost_while_idle(numbers, kill)
    for asked in (sql.writing, sql.reading):
        with pytest.raises(Unavailable) as caught, asked(numbers) as connection:
            pid(connection)
        assert caught.value.retry
    with sql.writing(numbers) as connection:
        put(connection, 1)
    assert found(numbers) == [1]


def test_a_connection_lost_before_commit_is_unavailable(numbers, kill):
    with pytest.raises(Unavailable) as caught, sql.writing(numbers) as connection:
        put(connection, 1)
        kill(pid(connection))
        put(connection, 2)
    assert caught.value.retry
    assert found(numbers) == []


def test_a_connection_lost_in_commit_is_uncertain(numbers, kill):
    with pytest.raises(Uncertain), sql.writing(numbers) as connection:
        put(connection, 1)
        kill(pid(connection))
    assert found(numbers) == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://nobody@127.0.0.1:1/d",
        "mysql://nobody@127.0.0.1:1/d",
    ],
)
def test_a_server_that_is_not_there_is_unavailable(url):
    with pytest.raises(Unavailable) as caught, sql.reading(sql.engine(url)):
        pass
    assert "\n" not in str(caught.value)


def test_a_lock_that_is_not_to_be_had_is_unavailable(sqlite_url, monkeypatch):
    monkeypatch.setattr(dialects, "WAIT", 0.01)
    engine = sql.engine(f"{sqlite_url}?timeout=0")
    with sql.writing(engine):
        with pytest.raises(Unavailable, match="busy") as caught, sql.writing(engine):
            pass
        assert caught.value.retry
    sql.close(engine)


def test_who_waits_for_sqlite_asks_as_at_first_again_and_again(sqlite_url):
    """SQLite itself would ask ever more seldom; and it waits for no longer than the URL says."""
    engine, asked = sql.engine(f"{sqlite_url}?timeout=0.5"), []
    event.listen(engine, "connect", lambda driver, _: driver.set_trace_callback(asked.append))
    with sql.writing(engine):
        asked.clear()
        with pytest.raises(Unavailable, match="busy"), sql.writing(engine):
            pass
    assert 1 < asked.count("BEGIN IMMEDIATE") <= 2 + 500 // dialects.ROUND
    assert "PRAGMA busy_timeout = 500" in asked  # and then all is as it was
    with sql.writing(engine) as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 500
    sql.close(engine)


@pytest.mark.parametrize("shared", ["", "?cache=shared&uri=true"])
def test_all_writers_of_a_process_have_their_turn(tmp_path, shared):
    file = f"file:{tmp_path}/some.db" if shared else f"{tmp_path}/some.db"
    engine = sql.engine(f"sqlite:///{file}{shared}")
    with sql.writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")

    def write(thread):
        for n in range(20):
            with sql.writing(engine) as connection:
                put(connection, 100 * thread + n)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(found(engine)) == 160


def test_a_full_disk_is_said(sqlite_url):
    engine = sql.engine(sqlite_url)
    with sql.writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (v BLOB)")
    with pytest.raises(StoreFull), sql.writing(engine) as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 10")
        connection.exec_driver_sql("INSERT INTO t VALUES (zeroblob(100000))")
    with sql.writing(engine) as connection:  # the same connection, from the pool
        connection.exec_driver_sql("PRAGMA max_page_count = 1000")
        connection.exec_driver_sql("INSERT INTO t VALUES (zeroblob(100000))")


def test_no_connection_left_is_unavailable(sqlite_url):
    engine = sqlalchemy.create_engine(sqlite_url, pool_size=1, max_overflow=0, pool_timeout=0)
    with sql.reading(engine), pytest.raises(Unavailable, match="in use"), sql.reading(engine):
        pass
    engine.dispose()


# Forks


def exit_code_of_child(work):
    """Fork, and return 0 if work() was true in the child."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 2
    try:
        status = 0 if work() else 1
    finally:
        os._exit(status)


def test_a_child_has_connections_of_its_own(numbers):
    with sql.writing(numbers) as connection:
        put(connection, 1)
        assert exit_code_of_child(lambda: found(numbers) == []) == 0
    assert found(numbers) == [1]
    assert exit_code_of_child(lambda: found(numbers) == [1]) == 0
    assert found(numbers) == [1]


def test_no_idle_connection_is_carried_over_a_fork(numbers):
    found(numbers)
    assert exit_code_of_child(lambda: numbers.pool.checkedin() == 0) == 0
    assert numbers.pool.checkedin() == 0


def test_nor_is_one_of_an_engine_that_was_given(sqlite_url):
    engine = sqlalchemy.create_engine(sqlite_url)
    with sql.writing(sql.engine(engine)) as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
    assert engine.pool.checkedin() == 1
    assert exit_code_of_child(lambda: engine.pool.checkedin() == 0 and found(engine) == []) == 0
    engine.dispose()


def test_a_fork_that_python_was_not_told_of_is_noticed(numbers, monkeypatch):
    """As uWSGI's: libc's own fork runs no hook. The child has to use other connections."""
    session = {
        "sqlite": "SELECT 1",
        "postgresql": "SELECT pg_backend_pid()",
        "mysql": "SELECT connection_id()",
    }[numbers.dialect.name]

    def who():
        with sql.writing(numbers) as connection:
            return connection.exec_driver_sql(session).scalar()

    def another():
        return (who() != parent or session == "SELECT 1") and numbers.pool is not pool

    parent, pool = who(), numbers.pool
    monkeypatch.setattr(os, "fork", ctypes.PyDLL(None).fork)
    assert exit_code_of_child(another) == 0
    assert who() == parent


def test_a_child_has_a_copy_of_sqlite_in_memory():
    engine = sql.engine("sqlite://")
    with sql.writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
        put(connection, 1)
    assert exit_code_of_child(lambda: found(engine) == [1]) == 0
    assert found(engine) == [1]
    sql.close(engine)


# Tables


def test_a_table_is_as_the_database_describes_it(numbers):
    table = sql.table(numbers, "numbers", InputError)
    assert table.c.keys() == ["n"]
    less = sqlalchemy.Table("numbers", sqlalchemy.MetaData())
    assert sql.table(numbers, less, InputError).c.keys() == ["n"]
    with sql.writing(numbers) as connection:
        connection.exec_driver_sql("ALTER TABLE numbers ADD COLUMN m INTEGER")
    assert sql.table(numbers, "numbers", InputError).c.keys() == ["n", "m"]


def test_a_table_may_be_named_with_its_schema(numbers):
    with numbers.connect() as connection:
        schema = {
            "sqlite": "SELECT 'main'",
            "postgresql": "SELECT current_schema()",
            "mysql": "SELECT database()",
        }[numbers.dialect.name]
        schema = connection.exec_driver_sql(schema).scalar()
    assert sql.table(numbers, f"{schema}.numbers", InputError).c.keys() == ["n"]


def test_no_such_table_names_the_near_ones(numbers):
    with pytest.raises(OutputError, match=r"no table 'nubers' in .*: did you mean numbers\?"):
        sql.table(numbers, "nubers", OutputError)
    with pytest.raises(InputError, match="create it") as caught:
        sql.table(numbers, "elsewhere.words", InputError)
    assert caught.value.table == "elsewhere.words"
    with sql.writing(numbers) as connection:
        connection.exec_driver_sql("CREATE TABLE nubers (m INTEGER)")
    assert sql.table(numbers, "nubers", OutputError).c.keys() == ["m"]


def test_a_table_may_refer_to_one_that_is_missing(sqlite_url):
    engine = sql.engine(sqlite_url)
    with sql.writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INTEGER REFERENCES gone (n))")
    assert sql.table(engine, "t", InputError).c.keys() == ["n"]


@pytest.mark.parametrize(
    ("columns", "unique"),
    [
        ("n INTEGER, m INTEGER", set()),
        ("n INTEGER PRIMARY KEY, m INTEGER", {"n"}),
        ("n INTEGER UNIQUE, m INTEGER NOT NULL UNIQUE", {"n", "m"}),
        ("n VARCHAR(9) PRIMARY KEY, m VARCHAR(9) UNIQUE", {"n", "m"}),
        ("n INTEGER, m INTEGER, PRIMARY KEY (m, n)", {"mn"}),
        ("n INTEGER, m INTEGER UNIQUE, UNIQUE (n, m)", {"m", "mn"}),
    ],
)
def test_unique_columns_are_known_however_they_were_declared(database_url, columns, unique):
    engine = sql.engine(database_url)
    with sql.writing(engine) as connection:
        connection.exec_driver_sql(f"CREATE TABLE t ({columns})")
    found = sql.unique(engine, sql.table(engine, "t", InputError))
    assert found == {frozenset(names) for names in unique}


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
def test_an_index_counts_if_it_holds_all_rows_and_whole_values(database_url):
    engine = sql.engine(database_url)
    partly = {
        "sqlite": ["(m) WHERE n > 3", "(lower(n))"],
        "postgresql": ["(m) WHERE n > '3'", "(lower(n))"],
        "mysql": ["(m (3))"],
    }[engine.dialect.name]
    with sql.writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (n VARCHAR(9), m VARCHAR(9))")
        connection.exec_driver_sql("CREATE INDEX plain ON t (n)")
        connection.exec_driver_sql("CREATE UNIQUE INDEX whole ON t (n, m)")
        for number, index in enumerate(partly):
            connection.exec_driver_sql(f"CREATE UNIQUE INDEX part{number} ON t {index}")
    assert sql.unique(engine, sql.table(engine, "t", InputError)) == {frozenset("nm")}


# What is executed many times


def test_what_is_prepared_gives_rows_as_the_driver_does(database_url):
    engine = sql.engine(database_url)
    n = sqlalchemy.bindparam("n", type_=sqlalchemy.Integer)
    query = sql.prepared(sqlalchemy.select(n + 1, n), engine)
    assert [tuple(map(int, row)) for row in query.fetch({"n": 7})] == [(8, 7)]
    assert [tuple(map(int, row)) for row in query.fetch({"n": 1})] == [(2, 1)]


def test_what_sqlalchemy_must_see_to_is_left_to_it(sqlite_url):
    engine = sql.engine(sqlite_url)
    column = sqlalchemy.column("n", sqlalchemy.Integer)

    def worded(query, engine=engine, **how):
        return isinstance(sql.prepared(query, engine, **how), sql.Worded)

    assert worded(sqlalchemy.select(column))
    assert not worded(sqlalchemy.select(column), plain=False)
    assert not worded(sqlalchemy.select(column).where(column.in_([1, 2])))
    # A time is not written so by the driver.
    when = sqlalchemy.bindparam("when", type_=sqlalchemy.DateTime)
    assert not worded(sqlalchemy.select(column).where(sqlalchemy.column("t") > when))
    moved = engine.execution_options(schema_translate_map={None: "other"})
    assert not worded(sqlalchemy.select(column), moved)


@pytest.mark.parametrize("plain", [True, False])
def test_what_is_prepared_changes_rows_and_counts_them(database_url, plain):
    engine = sql.engine(database_url)
    table = sqlalchemy.Table("t", sqlalchemy.MetaData(), sqlalchemy.Column("n", sqlalchemy.Integer))
    n, least, by = table.c.n, *map(sqlalchemy.bindparam, ("least", "added"))
    add = sql.prepared(sqlalchemy.insert(table), engine, plain)
    move = sql.prepared(sqlalchemy.update(table).where(n >= least).values(n=n + by), engine, plain)
    look = sql.prepared(sqlalchemy.select(n).order_by(n), engine, plain)
    with sql.writing(engine) as connection:
        table.create(connection)
        add.change(connection, {"n": 1}, {"n": 2}, {"n": 3})
        add.change(connection, {"n": 4})
        assert move.change(connection, {"least": 3, "added": 10}) == 2
        assert move.change(connection, {"least": 99, "added": 10}) == 0
        assert [n for (n,) in look.within(connection, {})] == [1, 2, 13, 14]
    assert [n for (n,) in look.fetch({})] == [1, 2, 13, 14]


def anew(query):
    return query.fetch({})


def by_one_that_is_held(query):
    with sql.held(query.engine) as held:
        return held.fetch(query, {})


@pytest.mark.parametrize("fetch", [anew, by_one_that_is_held])
def test_errors_of_what_is_prepared_are_told_as_others(tmp_path, fetch):
    url = f"sqlite:///{tmp_path}/busy.db?timeout=0"
    engine = sql.engine(url)
    with pytest.raises(exc.DBAPIError, match="no such table: nowhere"):
        fetch(sql.Worded(engine, "SELECT * FROM nowhere", [], {}))
    with sql.writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE t (n INTEGER)")
    query = sql.Worded(engine, "SELECT n FROM t", [], {})
    other = sqlite3.connect(tmp_path / "busy.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Unavailable, match="busy"):
        fetch(query)
    other.close()
    assert fetch(query) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_connection_that_is_lost_is_let_go(database_url):
    engine = sql.engine(database_url)
    killed = "SELECT pg_terminate_backend(pg_backend_pid())"
    with pytest.raises(Unavailable):
        sql.Worded(engine, killed, None, {}).fetch({})
    assert sql.Worded(engine, "SELECT 1", None, {}).fetch({}) == [(1,)]


# A connection that is held


@pytest.fixture
def filed(sqlite_url):
    """The engine of a file with the table `numbers`, and a query of what is in it."""
    engine = sql.engine(sqlite_url)
    with sql.writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
        put(connection, 1)
        put(connection, 2)
    return engine, sql.Worded(engine, "SELECT n FROM numbers", [], {})


def test_what_is_held_sees_what_others_write_and_is_none_of_the_pool(filed):
    engine, query = filed
    with sql.held(engine) as held:
        assert held.fetch(query, {}) == [(1,), (2,)]
        assert engine.pool.checkedout() == 0
        with sql.writing(engine) as connection:
            put(connection, 3)
        assert held.fetch(query, {}) == [(1,), (2,), (3,)]


def test_what_is_held_is_closed_at_the_end_also_of_what_was_broken_off(filed):
    engine, query = filed
    with pytest.raises(KeyboardInterrupt), sql.held(engine) as held:
        held.fetch(query, {})
        cursor = held._cursor
        cursor.execute(query.text)
        cursor.fetchone()  # a statement in the middle, which holds a lock
        raise KeyboardInterrupt
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        cursor.fetchone()
    other = sqlite3.connect(engine.url.database, timeout=0)
    with other:
        other.execute("INSERT INTO numbers VALUES (3)")
    other.close()
    assert found(engine) == [1, 2, 3]


def test_a_connection_is_held_of_a_file_of_ours_alone(database_url, sqlite_url):
    own = sqlalchemy.create_engine(sqlite_url)
    ours = sql.engine(database_url)
    for engine in (ours, sql.engine("sqlite://"), own):
        with sql.held(engine) as held:
            assert bool(held) == (engine is ours and engine.dialect.name == "sqlite")


def test_only_so_many_are_held(sqlite_url, monkeypatch):
    monkeypatch.setattr(held_module, "MOST", 2)
    engine = sql.engine(sqlite_url)
    with sql.held(engine) as one, sql.held(engine) as two:
        assert one and two
        with sql.held(engine) as three:
            assert three is None
    with sql.held(engine) as one:
        assert one


@pytest.mark.parametrize(
    "name", ["before_cursor_execute", "after_cursor_execute", "do_execute", "handle_error"]
)
def test_nothing_is_held_where_someone_listens(sqlite_url, name):
    engine = sql.engine(sqlite_url)
    listener = engine, name, lambda *given: None
    event.listen(*listener)
    with sql.held(engine) as held:
        assert held is None
    event.remove(*listener)
    with sql.held(engine) as held:
        assert held


def test_nothing_is_held_where_statements_are_logged_or_moved(sqlite_url, caplog):
    engine = sql.engine(sqlite_url)
    with caplog.at_level(logging.INFO, logger="sqlalchemy.engine"), sql.held(engine) as held:
        assert held is None
    engine.update_execution_options(schema_translate_map={None: "other"})
    with sql.held(engine) as held:
        assert held is None


def test_what_was_abandoned_is_none_that_another_uses(filed):
    engine, query = filed

    def reading():
        with sql.held(engine) as held:
            while True:
                yield held.fetch(query, {})

    class Cycle:
        pass

    cycle = Cycle()
    cycle.itself, cycle.reading = cycle, reading()
    next(cycle.reading)
    with sql.writing(engine) as connection:
        put(connection, 3)
        del cycle
        gc.collect()
        put(connection, 4)
    assert found(engine) == [1, 2, 3, 4]
    assert not held_module._all


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_what_is_held_is_not_carried_over_a_fork(filed, journal):
    engine, query = filed
    with engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA journal_mode = {journal}")
    with sql.held(engine) as held:
        held.fetch(query, {})
        told, tell = os.pipe()

        def work():
            with sql.writing(engine) as connection:
                put(connection, 3)
            tell_first = os.read(told, 1)  # the parent let go of the file
            with sql.writing(engine) as connection:
                put(connection, 4)
            return tell_first == b"x" and held.fetch(query, {}) == [(1,), (2,), (3,), (4,)]

        child = os.fork()
        if not child:
            try:
                os._exit(0 if work() else 1)
            finally:
                os._exit(2)
        held.fetch(query, {})
    sql.close(engine)
    os.write(tell, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(told)
    os.close(tell)
    assert found(engine) == [1, 2, 3, 4]
