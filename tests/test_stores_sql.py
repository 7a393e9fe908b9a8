"""What is SQLStore's own: what it refuses, what joins it, and what it does in trouble."""

import contextlib
import sqlite3
import threading

import pytest
import sqlalchemy
from sqlalchemy import event, exc

from httpmr import sql
from httpmr.errors import Conflict, RecipeError, StoreFull, Unavailable, Uncertain
from httpmr.interfaces import VALUE_BYTES, Batch
from httpmr.sql import dialects
from httpmr.sql.engines import reader
from httpmr.stores import SQLStore
from httpmr.stores.sql import CHUNK
from httpmr.testing.entries import everything, put
from httpmr.testing.store_rivals import together


@pytest.mark.parametrize(
    ("database", "says"),
    [
        ("sqlite://", "MemoryStore"),
        ("sqlite:///:memory:", "MemoryStore"),
        ("sqlite:///file:name?mode=memory&uri=true", "MemoryStore"),
        ("sqlite:////no/such/place/httpmr.db", "no directory"),
        (None, "database URL"),
    ],
)
def test_what_cannot_hold_a_store_is_refused_when_it_is_made(database, says):
    with pytest.raises(RecipeError, match=says):
        SQLStore(database)


def test_a_file_that_is_no_database_is_said(tmp_path):
    (tmp_path / "some.db").write_bytes(b"something else, and not too short" * 100)
    with pytest.raises(Unavailable, match="file is not a database"):
        SQLStore(f"sqlite:///{tmp_path}/some.db").get([b"a"])


def test_a_table_of_someone_else_is_refused(database_url):
    with sql.writing(sql.engine(database_url)) as connection:
        connection.exec_driver_sql("CREATE TABLE mine (n INTEGER PRIMARY KEY)")
    with pytest.raises(RecipeError, match=r"mine in .* is not httpmr's"):
        SQLStore(database_url, table="mine").get([b"a"])


def test_two_tables_are_two_stores(database_url):
    one, other = SQLStore(database_url, table="one"), SQLStore(database_url, table="other")
    put(one, {b"a": b"1"})
    assert (everything(one), everything(other)) == ({b"a": b"1"}, {})


def test_sqlite_has_the_clock_it_was_given(sqlite_url):
    assert SQLStore(sqlite_url, clock=lambda: 7.0).now() == 7.0


def test_sqlite_writes_ahead_and_durably(sqlite_url):
    store = SQLStore(sqlite_url)
    store.get([b"a"])
    with sql.reading(sql.engine(sqlite_url)) as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_an_engine_is_used_at_the_level_a_store_needs(database_url):
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has one level")
    engine = sqlalchemy.create_engine(database_url, isolation_level="REPEATABLE READ")
    levels = []
    batch = Batch()
    batch.sql(lambda connection: levels.append(connection.get_isolation_level()))
    SQLStore(engine).commit(batch)
    assert levels == ["READ COMMITTED"]
    engine.dispose()


# Errors of what joins


@pytest.fixture
def store(database_url):
    """A store beside a table `words` of short words, none twice."""
    store = SQLStore(database_url, sleep=lambda _seconds: None)
    store.url = database_url
    with sql.writing(sql.engine(database_url)) as connection:
        connection.exec_driver_sql("CREATE TABLE words (word VARCHAR(9) PRIMARY KEY, n INTEGER)")
    yield store
    store.close()


def says(statement):
    return lambda connection: connection.exec_driver_sql(statement)


def words(store):
    with sql.reading(sql.engine(store.url)) as connection:
        return dict(connection.exec_driver_sql("SELECT word, n FROM words").all())


@pytest.mark.parametrize(
    ("statements", "kinds"),
    [
        (["INSERT INTO words VALUES ('a', 1)"] * 2, exc.IntegrityError),
        (["INSERT INTO words VALUES ('longer than 9', 1)"], exc.DataError),
        (["INSERT INTO nowhere VALUES (1)"], exc.DBAPIError),
    ],
)
def test_an_error_of_what_joins_comes_as_it_is(store, statements, kinds):
    if kinds is exc.DataError and store.url.startswith("sqlite"):
        pytest.skip("SQLite has no lengths")
    batch = Batch()
    batch.expect(b"a", None)
    batch.put(b"a", b"1")
    for statement in statements:
        batch.sql(says(statement))
    with pytest.raises(kinds):
        store.commit(batch)
    assert (everything(store), words(store)) == ({}, {})


def test_an_error_that_is_hidden_loses_nothing_in_silence(store):
    def hides(connection):
        with contextlib.suppress(exc.DBAPIError):
            connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")

    batch = Batch()
    batch.put(b"a", b"1")
    batch.sql(hides)
    try:
        store.commit(batch)
    except exc.DBAPIError:
        assert everything(store) == {}
    else:
        assert everything(store) == {b"a": b"1"}


# Trouble


def test_a_deadlock_of_what_joins_is_tried_again(store):
    if store.url.startswith("sqlite"):
        pytest.skip("SQLite has one writer at a time")
    with sql.writing(sql.engine(store.url)) as connection:
        connection.exec_driver_sql("INSERT INTO words VALUES ('a', 0), ('b', 0)")
    meet = threading.Barrier(2)

    def work(who):
        met = []

        def join(connection):
            for word in ("ab", "ba")[who]:
                connection.exec_driver_sql(f"UPDATE words SET n = n + 1 WHERE word = '{word}'")
                if not met:
                    met.append(meet.wait())

        batch = Batch()
        batch.put(b"%d" % who, b"")
        batch.sql(join)
        store.commit(batch)

    together(2, work)
    assert (everything(store), words(store)) == ({b"0": b"", b"1": b""}, {"a": 2, "b": 2})


KINDS = {
    "postgresql": ("SELECT pg_backend_pid()", "SELECT pg_terminate_backend({})"),
    "mysql": ("SELECT connection_id()", "KILL {}"),
}


def lose(store, times):
    """Return a call that ends its own connection, the first so many times it runs."""
    engine = sql.engine(store.url)
    if engine.dialect.name not in KINDS:
        pytest.skip("SQLite has no connections to lose")
    left = [None] * times

    def call(connection):
        ask, kill = KINDS[engine.dialect.name]
        number = connection.exec_driver_sql(ask).scalar()
        if left:
            left.pop()
            with sql.reading(engine) as other:
                other.exec_driver_sql(kill.format(number))

    return call


def test_a_connection_lost_before_commit_is_replaced_and_the_batch_tried_again(store):
    batch = Batch()
    batch.expect(b"a", None)
    batch.put(b"a", b"1")
    batch.sql(says("INSERT INTO words VALUES ('a', 1)"))
    batch.sql(lose(store, 1))
    store.commit(batch)
    assert (everything(store), words(store)) == ({b"a": b"1"}, {"a": 1})


@pytest.fixture
def cut_off(store, monkeypatch):
    """A store that holds b"a", all of whose connections were lost just now."""
    monkeypatch.setattr(dialects, "RESTED", 1000)
    if store.database.startswith("sqlite"):
        pytest.skip("SQLite has no connections to lose")
    batch = Batch()
    batch.put(b"a", b"1")
    store.commit(batch)
    end_all(store.url)
    return store


def test_connections_lost_just_now_are_replaced(cut_off):
    assert cut_off.get([b"a"]) == {b"a": b"1"}
    assert everything(cut_off) == {b"a": b"1"}
    batch = Batch()
    batch.put(b"a", b"1")
    batch.put(b"b", b"2")
    cut_off.commit(batch)
    assert everything(cut_off) == {b"a": b"1", b"b": b"2"}


def test_a_read_of_very_many_on_a_connection_lost_just_now(cut_off):
    assert cut_off.get([b"a", *(b"%d" % number for number in range(CHUNK))]) == {b"a": b"1"}


def test_who_is_stopped_in_a_read_leaves_nothing_for_the_next(store):
    batch = Batch()
    batch.put(b"a", b"1")
    batch.put(b"b", b"2")
    store.commit(batch)
    pooled = reader(sql.engine(store.url))
    stops = [True]

    def stop(*_args):
        if stops:
            stops.pop()
            raise KeyboardInterrupt

    event.listen(pooled, "after_cursor_execute", stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            store.get([b"a"])
        assert store.get([b"b"]) == {b"b": b"2"}
        assert everything(store) == {b"a": b"1", b"b": b"2"}
    finally:
        event.remove(pooled, "after_cursor_execute", stop)


def test_what_listens_to_an_engine_hears_what_is_read(store):
    store.get([b"a"])
    heard = []

    def hear(_connection, _cursor, statement, *_args):
        heard.append(statement)

    pooled = reader(sql.engine(store.url))
    event.listen(pooled, "before_cursor_execute", hear)
    try:
        store.get([b"a"])
        everything(store)
    finally:
        event.remove(pooled, "before_cursor_execute", hear)
    assert [statement.split()[0] for statement in heard].count("SELECT") == 2


def test_to_change_one_value_takes_one_statement(store):
    put(store, {b"a": b"1"})
    heard = []

    def hear(_connection, _cursor, statement, *_args):
        heard.append(statement.split()[0])

    engine = sql.engine(store.url)
    event.listen(engine, "before_cursor_execute", hear)
    batch = Batch()
    batch.expect(b"a", b"1")
    batch.put(b"a", b"2")
    try:
        store.commit(batch)
    finally:
        event.remove(engine, "before_cursor_execute", hear)
    assert heard == ["UPDATE"]
    assert everything(store) == {b"a": b"2"}


def test_an_engine_that_moves_tables_is_asked_by_sqlalchemy_alone(sqlite_url):
    engine = sqlalchemy.create_engine(sqlite_url)
    store = SQLStore(engine.execution_options(schema_translate_map={None: "main"}))
    put(store, {b"a": b"1", b"b": b"1"})
    for before, after in [(b"1", b"2"), (b"2", b"3")]:
        batch = Batch()
        batch.expect(b"a", before)
        batch.put(b"a", after)
        store.commit(batch)
    with pytest.raises(Conflict):
        store.commit(batch)
    assert everything(store) == {b"a": b"3", b"b": b"1"}
    engine.dispose()


def end_all(url):
    """End all connections of this process, as a restart would."""
    engine = sql.engine(url)
    ask, kill = KINDS[engine.dialect.name]
    numbers = []
    for pooled in (engine, reader(engine)):
        with pooled.connect() as connection:
            numbers.append(connection.exec_driver_sql(ask).scalar())
    other = sqlalchemy.create_engine(engine.url)
    for number in numbers:
        with other.connect() as connection:
            connection.exec_driver_sql(kill.format(number))
    other.dispose()


def test_a_store_that_stays_away_is_unavailable(store):
    batch = Batch()
    batch.put(b"a", b"1")
    batch.sql(lose(store, 1000))
    with pytest.raises(Unavailable):
        store.commit(batch)
    assert everything(store) == {}


def test_a_connection_lost_in_commit_is_uncertain_and_never_tried_again(store):
    call, runs = lose(store, 1), []
    engine = sql.engine(store.url)
    sqlalchemy.event.listen(engine, "commit", lambda connection: runs and call(connection))
    put(store, {b"a": b"1"})
    batch = Batch()
    batch.put(b"a", b"2")
    batch.sql(runs.append)
    with pytest.raises(Uncertain):
        store.commit(batch)
    assert len(runs) == 1
    assert everything(store) == {b"a": b"1"}


class Time:
    """A clock that goes on only by sleeping."""

    def __init__(self, then=None):
        self.now, self.pauses, self.then = 0.0, [], then

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds
        if self.then:
            self.then(len(self.pauses))


def test_a_busy_store_is_tried_for_a_while_and_then_unavailable(sqlite_url):
    put(SQLStore(sqlite_url), {b"a": b"1"})
    other = sqlite3.connect(sql.engine(sqlite_url).url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    time = Time()
    url = f"{sqlite_url}?timeout=0"
    store = SQLStore(url, monotonic=time, sleep=time.sleep, rng=lambda: 1.0)
    with pytest.raises(Unavailable, match="busy"):
        put(store, {b"a": b"2"})
    assert 5 < len(time.pauses) < 20
    assert time.pauses[:4] == [0.01, 0.02, 0.04, 0.08]
    assert max(time.pauses) <= 0.5
    assert everything(store) == {b"a": b"1"}  # readers are not held up

    time = Time(then=lambda pauses: pauses == 3 and other.execute("ROLLBACK"))
    store = SQLStore(url, monotonic=time, sleep=time.sleep, rng=lambda: 0.5)
    put(store, {b"a": b"2"})
    assert time.pauses == [0.005, 0.01, 0.02]
    assert everything(store) == {b"a": b"2"}
    other.close()
    store.close()


def test_a_full_disk_changes_nothing_and_is_said(sqlite_url):
    engine = sqlalchemy.create_engine(sqlite_url)
    pages = {"at most": 60}

    @sqlalchemy.event.listens_for(engine, "checkout")
    def limit(connection, _record, _proxy):
        connection.execute(f"PRAGMA max_page_count = {pages['at most']}")

    store = SQLStore(engine)
    put(store, {b"a": b"1"})
    batch = Batch()
    batch.put(b"a", b"2")
    batch.put(b"b", b"2" * VALUE_BYTES)
    with pytest.raises(StoreFull, match="no room"):
        store.commit(batch)
    assert everything(store) == {b"a": b"1"}
    pages["at most"] = 1000
    store.commit(batch)
    assert everything(store)[b"a"] == b"2"
    store.close()
