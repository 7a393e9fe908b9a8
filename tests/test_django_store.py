"""A store in the database of a Django site, by the site's own connections."""

import threading

import pytest
from django.db import DatabaseError, IntegrityError, connections, transaction
from djangolib import site

from httpmr import sql, stores
from httpmr.errors import RecipeError, Unavailable, Uncertain
from httpmr.interfaces import Batch
from httpmr.sql import django
from httpmr.stores import SQLStore
from httpmr.stores.django import DjangoStore
from httpmr.testing import OrderedStoreSuite
from httpmr.testing.entries import everything, put


@pytest.fixture(autouse=True)
def threads_close_what_they_opened(monkeypatch):
    """Do what Django does at the end of a request."""
    run = threading.Thread.run

    def closing(self):
        try:
            run(self)
        finally:
            connections.close_all()

    monkeypatch.setattr(threading.Thread, "run", closing)


@pytest.fixture
def store(database_url):
    """A store beside a table `words`, on each kind of database."""
    with site(database_url) as connection:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE words (word VARCHAR(9) PRIMARY KEY)")
        store = DjangoStore()
        store.url = database_url
        yield store


class TestDjangoStore(OrderedStoreSuite):
    joined_by_calls = True

    @pytest.fixture
    def store(self, store):
        return store

    def another(self, store):
        return DjangoStore()

    def writes_word(self, word):
        return lambda connection: says(connection, f"INSERT INTO words VALUES ('{word}')")

    def words(self, store):
        return words()


def says(connection, statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def words():
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT word FROM words")
        return sorted(word for (word,) in cursor.fetchall())


@pytest.fixture
def sqlite(sqlite_url):
    with site(sqlite_url) as connection:
        yield connection


def joining(call):
    batch = Batch()
    batch.put(b"key", b"value")
    batch.sql(call)
    return batch


def test_it_is_the_same_store_as_one_by_url(store):
    other = SQLStore(store.url)
    put(other, {b"a": b"1"})
    put(store, {b"b": b"2"})
    assert everything(store) == everything(other) == {b"a": b"1", b"b": b"2"}
    assert abs(store.now() - other.now()) < 5
    sql.close(sql.engine(store.url))


def test_it_is_opened_by_a_url(sqlite):
    assert stores.open("django:").alias == "default"
    other = stores.open("django:other")
    assert (other.alias, other.database) == ("other", "django:other")
    with pytest.raises(RecipeError, match="DATABASES has no 'other': it has default"):
        other.get([b"a"])


def test_a_table_of_someone_else_is_refused(store):
    with pytest.raises(RecipeError, match="the table words in django:default is not httpmr's"):
        DjangoStore(table="words").get([b"a"])


def test_two_tables_are_two_stores(store):
    one, other = DjangoStore(table="one"), DjangoStore(table="other")
    put(one, {b"a": b"1"})
    assert (everything(one), everything(other)) == ({b"a": b"1"}, {})


def test_many_keys_are_read_at_one_moment(store):
    entries = {b"%05d" % n: b"%d" % n for n in range(1500)}
    for at in range(0, 1500, 300):
        put(store, dict(sorted(entries.items())[at : at + 300]))
    assert store.get(list(entries)) == entries


# Transactions of the site's


def test_a_commit_within_a_transaction_of_the_site_is_refused(sqlite):
    store = DjangoStore()
    with transaction.atomic(), pytest.raises(RecipeError, match=r"contrib\.django\.urls"):
        put(store, {b"a": b"1"})
    assert everything(store) == {}


def test_a_database_without_autocommit_is_refused(sqlite_url):
    with site(sqlite_url, AUTOCOMMIT=False), pytest.raises(RecipeError, match="AUTOCOMMIT off"):
        put(DjangoStore(), {b"a": b"1"})


def test_what_joins_and_hides_an_error_undoes_nothing_in_silence(store):
    def hides(connection):
        try:
            with transaction.atomic(savepoint=False):
                says(connection, "INSERT INTO words VALUES ('a')")
                says(connection, "INSERT INTO words VALUES ('a')")
        except IntegrityError:
            pass

    with pytest.raises(DatabaseError):
        store.commit(joining(hides))
    assert (everything(store), words()) == ({}, [])


def test_a_stricter_level_of_the_site_is_left_for_a_commit(database_url):
    if not database_url.startswith("postgresql"):
        pytest.skip("where a row that is locked is always read anew")
    with site(database_url) as connection:
        connection.settings_dict["OPTIONS"]["isolation_level"] = 3  # REPEATABLE READ
        levels = []

        def look(connection):
            with connection.cursor() as cursor:
                cursor.execute("SHOW transaction_isolation")
                levels.extend(cursor.fetchone())

        DjangoStore().commit(joining(look))
        with transaction.atomic():
            look(connection)
        assert levels == ["read committed", "repeatable read"]


# Trouble


def test_a_rival_s_lock_is_waited_for_and_then_told(sqlite_url):
    with site(sqlite_url, OPTIONS={"timeout": 0.01}):
        slept = []
        store = DjangoStore(sleep=slept.append)
        put(store, {b"a": b"1"})
        taken, done = threading.Event(), threading.Event()

        def rival():
            with transaction.atomic():
                says(connections["default"], "DELETE FROM httpmr WHERE 0")
                taken.set()
                done.wait(60)
            connections.close_all()

        thread = threading.Thread(target=rival)
        thread.start()
        assert taken.wait(60)
        assert store.get([b"a"]) == {b"a": b"1"}
        with pytest.raises(Unavailable, match="busy"):
            put(store, {b"a": b"2"})
        assert len(slept) > 2
        done.set()
        thread.join()
        put(store, {b"a": b"3"})
        assert everything(store) == {b"a": b"3"}


def killed(connection):
    """End the connection from the server's side, as a restart does."""
    vendor = connection.vendor
    with connection.cursor() as cursor:
        own = "pg_backend_pid()" if vendor == "postgresql" else "CONNECTION_ID()"
        cursor.execute(f"SELECT {own}")
        [[number]] = cursor.fetchall()
    connections.settings["killer"] = connections.settings["default"]
    with connections["killer"].cursor() as cursor:
        end = "SELECT pg_terminate_backend(%s)" if vendor == "postgresql" else "KILL %s"
        cursor.execute(end, [number])
    connections["killer"].close()
    del connections["killer"], connections.settings["killer"]


def test_a_connection_that_was_lost_is_made_anew(store):
    if store.url.startswith("sqlite"):
        pytest.skip("SQLite has no connections to lose")
    put(store, {b"a": b"1"})
    killed(connections["default"])
    assert store.get([b"a"]) == {b"a": b"1"}
    killed(connections["default"])
    put(store, {b"a": b"2"})
    assert everything(store) == {b"a": b"2"}


def test_a_connection_lost_within_a_commit_is_tried_again(store):
    if store.url.startswith("sqlite"):
        pytest.skip("SQLite has no connections to lose")
    put(store, {b"a": b"1"})
    tries = []

    def lose(connection):
        tries.append(connection.connection)
        if len(tries) == 1:
            killed(connection)
        says(connection, "INSERT INTO words VALUES ('once')")

    store.commit(joining(lose))
    assert (len(tries), words()) == (2, ["once"])
    assert everything(store) == {b"a": b"1", b"key": b"value"}


def test_a_connection_lost_in_commit_is_told_as_not_known(store, monkeypatch):
    if store.url.startswith("sqlite"):
        pytest.skip("SQLite has no connections to lose")
    put(store, {b"a": b"1"})
    own = connections["default"]
    commit = own._commit

    def cut():
        killed(own)
        return commit()

    monkeypatch.setattr(own, "_commit", cut)
    with pytest.raises(Uncertain):
        put(store, {b"a": b"2"})
    monkeypatch.undo()
    assert everything(store) == {b"a": b"1"}


def test_a_server_that_is_away_is_to_be_tried_again():
    with pytest.raises(Unavailable), away():
        DjangoStore(sleep=lambda _: None).get([b"a"])


def away():
    return site("postgresql://nobody@127.0.0.1:1/test?options=-cx%3D1")


def test_in_memory_it_is_one_process_s_own(sqlite_url):
    with site(sqlite_url):
        assert DjangoStore().durable
    with site("sqlite:///:memory:"):
        store = DjangoStore()
        assert not store.durable
        put(store, {b"a": b"1"})
        assert everything(store) == {b"a": b"1"}


def test_statements_are_not_kept_where_debug_is_set(sqlite):
    store = DjangoStore()
    sqlite.force_debug_cursor = True
    put(store, {b"a": b"secret" * 1000})
    assert everything(store)
    assert not any("secret" in str(query) for query in sqlite.queries)
    assert len(str(sqlite.queries)) < 3000


def test_a_connection_of_the_parent_is_not_used_by_a_child(store):
    own = connections["default"]
    put(store, {b"a": b"1"})
    before = own.connection
    own.httpmr_opened_in = -1  # as if this were another process
    assert store.get([b"a"]) == {b"a": b"1"}
    assert own.connection is not before
    assert own.httpmr_opened_in > 0
    django._inherited.pop().close()
