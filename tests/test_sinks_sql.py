"""The SQLTable sink, on each database: in the store's own and in another."""

import math
from types import SimpleNamespace

import pytest
import sqlalchemy

from httpmr import sql
from httpmr.errors import OutputError, RecipeError, Unavailable
from httpmr.interfaces import Batch, Slice
from httpmr.sinks import SQLTable
from httpmr.stores import MemoryStore, SQLStore
from httpmr.testing import SinkSuite

SLICE = Slice("job", (0,), 0, 1)


def execute(url, *statements):
    with sql.writing(sql.engine(url)) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def rows(url, table="words"):
    with sql.reading(sql.engine(url)) as connection:
        return [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}")]


class WordsSuite(SinkSuite):
    ordered = False
    replaces = False

    @pytest.fixture
    def sink(self, database_url):
        execute(database_url, "CREATE TABLE words (word VARCHAR(80) PRIMARY KEY, count INTEGER)")
        return SQLTable(database_url, "words", key="word", value="count")

    def published(self, sink, job):
        return rows(sink.database)


class TestBesideTheStore(WordsSuite):
    fenced = False


class TestInTheStore(WordsSuite):
    @pytest.fixture
    def store(self, database_url):
        return SQLStore(database_url)

    def test_it_joins(self, sink, store):
        assert sink.joins(store)


class TestInsertInTheStore(WordsSuite):
    @pytest.fixture
    def store(self, sqlite_url):
        return SQLStore(sqlite_url)

    @pytest.fixture
    def sink(self, sqlite_url):
        execute(sqlite_url, "CREATE TABLE words (word VARCHAR(80), count INTEGER)")
        return SQLTable(sqlite_url, "words", key="word", value="count", mode="insert")


class TestUpdateBesideTheStore(WordsSuite):
    fenced = False

    @pytest.fixture
    def sink(self, sqlite_url):
        execute(
            sqlite_url,
            "CREATE TABLE words (word VARCHAR(80), count INTEGER)",
            *(f"INSERT INTO words VALUES ('key{n:02}', NULL)" for n in range(10)),
        )
        return SQLTable(sqlite_url, "words", key="word", value="count", mode="update")

    def published(self, sink, job):
        return [row for row in rows(sink.database) if row[1] is not None]


@pytest.fixture
def url(sqlite_url):
    """Where the kind of database does not matter."""
    return sqlite_url


def write(sink, *pairs):
    sink.write(pairs, SLICE)


def join(sink, store, *pairs):
    batch = Batch()
    batch.put(b"key", b"value")
    sink.join(pairs, SLICE, batch)
    store.commit(batch)


# Rows


def test_parts_are_spread_over_columns(database_url):
    execute(
        database_url,
        "CREATE TABLE words (a INTEGER, b VARCHAR(9), x INTEGER, y INTEGER, PRIMARY KEY (a, b))",
    )
    sink = SQLTable(database_url, "words", key=("b", "a"), value=("y", "x"))
    sink.check(MemoryStore())
    write(sink, (("one", 1), (3, 4)), (("two", 2), {"x": 5, "y": 6}), (["six", 6], [7, None]))
    assert sorted(rows(database_url)) == [(1, "one", 4, 3), (2, "two", 5, 6), (6, "six", None, 7)]


def test_of_several_rows_of_one_key_the_last_stays(database_url):
    execute(database_url, "CREATE TABLE words (word VARCHAR(80) PRIMARY KEY, count INTEGER)")
    sink = SQLTable(database_url, "words", key="word", value="count")
    write(sink, ("a", 1), ("b", 2), ("a", 3), ("a", 4), ("b", 5))
    assert sorted(rows(database_url)) == [("a", 4), ("b", 5)]


def test_an_upsert_leaves_other_columns_alone(database_url):
    execute(
        database_url,
        "CREATE TABLE words (word VARCHAR(80) UNIQUE, n INTEGER, kept INTEGER DEFAULT 7)",
        "INSERT INTO words VALUES ('a', 1, 3)",
    )
    sink = SQLTable(database_url, "words", key="word", value="n")
    sink.check(MemoryStore())
    write(sink, ("a", 2), ("b", 5))
    assert sorted(rows(database_url)) == [("a", 2, 3), ("b", 5, 7)]


def test_an_update_passes_over_keys_without_a_row(database_url):
    execute(
        database_url,
        "CREATE TABLE words (id INTEGER PRIMARY KEY, word VARCHAR(80) NOT NULL, n INTEGER)",
        "INSERT INTO words VALUES (1, 'a', 0), (2, 'b', 0), (3, 'a', 0)",
    )
    sink = SQLTable(database_url, "words", key="word", value="n", mode="update")
    sink.check(MemoryStore())
    write(sink, ("a", 5), ("nobody", 6))
    assert sorted(rows(database_url)) == [(1, "a", 5), (2, "b", 0), (3, "a", 5)]


def test_thousands_of_rows(database_url):
    execute(database_url, "CREATE TABLE words (word VARCHAR(80) PRIMARY KEY, count INTEGER)")
    sink = SQLTable(database_url, "words", key="word", value="count")
    pairs = [(f"word{n}", n) for n in range(5000)]
    write(sink, *pairs)
    write(sink, *pairs[:1000])
    assert sorted(rows(database_url)) == sorted(pairs)


def test_names_that_need_quotes(database_url):
    table = sqlalchemy.Table(
        "order",
        sqlalchemy.MetaData(),
        sqlalchemy.Column("Group by", sqlalchemy.String(9), primary_key=True),
        sqlalchemy.Column("in all", sqlalchemy.Integer),
    )
    table.create(sql.engine(database_url))
    sink = SQLTable(database_url, "order", key="Group by", value="in all")
    sink.check(MemoryStore())
    write(sink, ("a", 1), ("b", 2))
    with sql.reading(sql.engine(database_url)) as connection:
        found = connection.execute(table.select().order_by(*table.primary_key)).fetchall()
    assert found == [("a", 1), ("b", 2)]


def test_a_table_that_was_given_fills_its_own_columns(url):
    table = sqlalchemy.Table(
        "words",
        sqlalchemy.MetaData(),
        sqlalchemy.Column("word", sqlalchemy.String(80), primary_key=True),
        sqlalchemy.Column("n", sqlalchemy.Integer),
        sqlalchemy.Column("by", sqlalchemy.String(80), nullable=False, default="us"),
    )
    table.create(sql.engine(url))
    execute(url, "ALTER TABLE words ADD COLUMN m INTEGER")
    sink = SQLTable(sql.engine(url), table, key="word", value="n")
    sink.check(MemoryStore())
    write(sink, ("a", 1))
    assert rows(url) == [("a", 1, "us", None)]
    with pytest.raises(OutputError, match="no column 'm'"):
        SQLTable(url, table, key="word", value="m").check(MemoryStore())


# Rows that are refused


@pytest.fixture
def strict(database_url):
    execute(
        database_url,
        "CREATE TABLE words (word VARCHAR(80) PRIMARY KEY, n INTEGER NOT NULL CHECK (n < 1000))",
    )
    return SQLTable(database_url, "words", key="word", value="n")


GOOD = [(f"word{n}", n) for n in range(100)]


@pytest.mark.parametrize("value", [None, 5000, {"a": 1}, object()])
def test_a_row_that_the_database_refuses_is_named(strict, value):
    with pytest.raises(OutputError, match=r"upsert of key 'wrong' was refused: .") as error:
        write(strict, *GOOD[:70], ("wrong", value), *GOOD[70:])
    assert error.value.key == "wrong"
    assert "\n" not in str(error.value)
    assert "INSERT" not in str(error.value)
    assert rows(strict.database) == []
    write(strict, *GOOD)
    assert len(rows(strict.database)) == 100


@pytest.mark.parametrize("value", [None, 5000])
def test_a_row_that_the_database_refuses_in_the_commit_is_named(strict, value):
    store = SQLStore(strict.database)
    with pytest.raises(OutputError, match=r"key 'wrong' was refused: .") as error:
        join(strict, store, *GOOD[:70], ("wrong", value), *GOOD[70:])
    assert error.value.key == "wrong"
    assert rows(strict.database) == []
    assert store.get([b"key"]) == {}
    join(strict, store, *GOOD)
    assert len(rows(strict.database)) == 100
    assert store.get([b"key"]) == {b"key": b"value"}


def test_a_word_that_is_too_long_is_refused_where_the_database_tells(database_url, strict):
    if database_url.startswith("sqlite"):
        return
    with pytest.raises(OutputError, match=r"key 'xxx.* was refused") as error:
        write(strict, ("a", 1), ("x" * 81, 1))
    assert error.value.key == "x" * 81


def test_a_double_insert_is_refused(database_url):
    execute(database_url, "CREATE TABLE words (word VARCHAR(80) PRIMARY KEY, n INTEGER)")
    sink, store = (
        SQLTable(database_url, "words", key="word", value="n", mode="insert"),
        SQLStore(database_url),
    )
    join(sink, store, ("a", 1))
    with pytest.raises(OutputError, match="insert of key 'a' was refused") as error:
        join(sink, store, ("b", 1), ("a", 2), ("c", 3))
    assert error.value.key == "a"


@pytest.mark.parametrize(
    ("key", "value", "pair"),
    [
        (("a", "b"), "x", ("one", 1)),
        (("a", "b"), "x", (("one", 2, 3), 1)),
        ("a", ("x", "y"), ("one", 1)),
        ("a", ("x", "y"), ("one", (1, 2, 3))),
        ("a", ("x", "y"), ("one", {"x": 1})),
        ("a", ("x", "y"), ("one", {"x": 1, "z": 1})),
        ("a", "x", (None, 1)),
        (("a", "b"), "x", (("one", None), 1)),
    ],
)
def test_a_pair_that_does_not_fit_the_columns_is_named(url, key, value, pair):
    sink = SQLTable(url, "words", key=key, value=value)
    with pytest.raises(OutputError, match="upsert of key") as error:
        write(sink, pair)
    assert error.value.key == pair[0]
    with pytest.raises(OutputError):
        sink.join([pair], SLICE, Batch())


def test_a_table_that_was_dropped_is_no_pairs_fault(strict):
    store = SQLStore(strict.database)
    write(strict, *GOOD)
    execute(strict.database, "DROP TABLE words")
    for attempt in (lambda: write(strict, *GOOD), lambda: join(strict, store, *GOOD)):
        with pytest.raises(OutputError, match=r"cannot be written: .*words") as error:
            attempt()
        assert not hasattr(error.value, "key")


def test_a_database_that_is_away_is_to_be_tried_again():
    sink = SQLTable("postgresql://nobody@127.0.0.1:1/test", "words", key="a", value="b")
    with pytest.raises(Unavailable):
        sink.check(MemoryStore())
    with pytest.raises(Unavailable):
        write(sink, ("a", 1))


# Checks before the job


def check(url, table="words", store=None, **options):
    SQLTable(url, table, **{"key": "word", "value": "n", **options}).check(store or MemoryStore())


def test_a_missing_table_prints_the_statement_that_creates_it(database_url):
    options = {"key": ("word", "year"), "value": ("n", "share of")}
    with pytest.raises(OutputError, match=r"no table 'words' in .*CREATE TABLE words") as error:
        check(database_url, **options)
    assert "\n" not in str(error.value)
    statement = str(error.value).partition(" as by ")[2]
    execute(database_url, statement)
    check(database_url, **options)
    sink = SQLTable(database_url, "words", **options)
    big = [(("a", "2008"), (2**40, 0.5)), (("A", "2008"), (1, 1)), (("a ", "2008"), (1, 1))]
    write(sink, *big)
    assert len(rows(database_url)) == 3
    assert [float(n) for word, _, n, _ in rows(database_url) if word == "a"] == [2**40]


def test_a_table_that_is_nearly_called_so_is_told(url):
    execute(url, "CREATE TABLE words (word TEXT PRIMARY KEY, n INTEGER)")
    with pytest.raises(OutputError, match="did you mean words"):
        check(url, table="wrods")


def test_a_missing_column_is_told(url):
    execute(url, "CREATE TABLE words (word TEXT PRIMARY KEY, count INTEGER)")
    with pytest.raises(OutputError, match="no column 'cuont': did you mean count"):
        check(url, value="cuont")


def test_an_upsert_needs_a_unique_key_on_just_its_columns(database_url):
    execute(
        database_url,
        "CREATE TABLE words (word VARCHAR(80), year INTEGER, n INTEGER, PRIMARY KEY (word, year))",
    )
    with pytest.raises(OutputError, match=r"no unique key of just word.*word, year"):
        check(database_url)
    check(database_url, key=("year", "word"))
    check(database_url, mode="update")
    execute(database_url, "CREATE UNIQUE INDEX by_word ON words (word)")
    check(database_url, value=("year", "n"))


def test_an_index_of_some_rows_is_not_unique(url):
    execute(
        url,
        "CREATE TABLE words (word TEXT, n INTEGER)",
        "CREATE UNIQUE INDEX some ON words (word) WHERE n > 3",
    )
    with pytest.raises(OutputError, match=r"no unique key.*unique are: no columns"):
        check(url)


def test_a_column_that_must_be_filled_is_told(database_url):
    execute(
        database_url,
        "CREATE TABLE words (word VARCHAR(80) PRIMARY KEY, n INTEGER, "
        "since INTEGER NOT NULL DEFAULT 0, title VARCHAR(80) NOT NULL)",
    )
    with pytest.raises(OutputError, match=r"a value for its column 'title'.*\bupdate\b"):
        check(database_url)
    check(database_url, mode="update")
    check(database_url, value=("n", "title"))


def test_a_number_that_the_database_gives_need_not_be_filled(database_url):
    kinds = {"sqlite": "INTEGER", "postgresql": "SERIAL", "mysql": "INTEGER AUTO_INCREMENT"}
    kind = kinds[sql.engine(database_url).dialect.name]
    execute(
        database_url,
        f"CREATE TABLE words (id {kind} PRIMARY KEY, word VARCHAR(80) UNIQUE, n INTEGER)",
    )
    check(database_url)
    write(SQLTable(database_url, "words", key="word", value="n"), ("a", 1), ("a", 2), ("b", 3))
    assert sorted(row[1:] for row in rows(database_url)) == [("a", 2), ("b", 3)]


def test_another_unique_key_that_an_upsert_would_meet_is_told_in_mysql(database_url):
    execute(
        database_url,
        "CREATE TABLE words (word VARCHAR(80) PRIMARY KEY, n INTEGER UNIQUE, m INTEGER UNIQUE)",
    )
    if sql.engine(database_url).dialect.name == "mysql":
        with pytest.raises(OutputError, match="also unique by n"):
            check(database_url)
    else:
        check(database_url)
        sink = SQLTable(database_url, "words", key="word", value="n")
        with pytest.raises(OutputError, match="key 'b' was refused"):
            write(sink, ("a", 1), ("b", 1))


def test_inserts_are_for_the_stores_own_database(url, tmp_path):
    execute(url, "CREATE TABLE words (word TEXT, n INTEGER)")
    for store in (MemoryStore(), SQLStore(f"sqlite:///{tmp_path}/jobs.db")):
        with pytest.raises(OutputError, match=r"twice.*upsert"):
            check(url, store=store, mode="insert")
    check(url, store=SQLStore(url), mode="insert")


def test_a_check_sees_what_was_mended(url):
    with pytest.raises(OutputError, match="no table"):
        check(url)
    execute(url, "CREATE TABLE words (word TEXT)")
    with pytest.raises(OutputError, match="no column"):
        check(url)
    execute(url, "ALTER TABLE words ADD COLUMN n INTEGER")
    with pytest.raises(OutputError, match="no unique key"):
        check(url)
    execute(url, "CREATE UNIQUE INDEX by_word ON words (word)")
    check(url)
    write(SQLTable(url, "words", key="word", value="n"), ("a", math.pi))


# What is wrong with a recipe


@pytest.mark.parametrize(
    "wrong",
    [
        {"database": "nonsense"},
        {"table": None},
        {"table": ""},
        {"key": None},
        {"key": ()},
        {"key": ("a", "a")},
        {"value": ""},
        {"value": 3},
        {"key": "x"},
        {"key": ("a", "x")},
        {"mode": "replace"},
    ],
)
def test_a_recipe_that_cannot_work_is_refused_at_once(wrong):
    right = {"database": "sqlite:///out.db", "table": "t", "key": "a", "value": ("x", "y")}
    with pytest.raises(RecipeError) as error:
        SQLTable(**{**right, **wrong})
    assert "\n" not in str(error.value)


def test_a_database_without_upserts_is_told_at_once():
    driver = SimpleNamespace(__version__="2.3", paramstyle="format", Binary=bytes)
    engine = sqlalchemy.create_engine("mssql+pymssql://host/words", module=driver)
    with pytest.raises(RecipeError, match='no upsert in mssql: use mode="update"'):
        SQLTable(engine, "words", key="word", value="n")
    SQLTable(engine, "words", key="word", value="n", mode="update")


def test_its_name_shows_no_password():
    url = "postgresql://me:s3cret@db.example/words?sslpassword=s3cret"
    sink = SQLTable(url, "words", key="word", value=("n", "m"), mode="update")
    shown = "'postgresql+psycopg://me:***@db.example/words', 'words', key='word'"
    assert repr(sink) == f"SQLTable({shown}, value=('n', 'm'), mode='update')"


def test_a_database_in_memory_has_one_connection_and_whole_transactions():
    execute("sqlite://", "CREATE TABLE kept (word TEXT PRIMARY KEY, count INTEGER)")
    sink = SQLTable("sqlite://", "kept", key="word", value="count")
    batch = Batch()
    sink.join([("the", 1)], SLICE, batch)
    with pytest.raises(KeyboardInterrupt), sql.writing(sql.engine("sqlite://")) as connection:
        for call in batch.calls:
            call(connection)
        raise KeyboardInterrupt
    assert rows("sqlite://", "kept") == []
    write(sink, ("the", 2))
    assert rows("sqlite://", "kept") == [("the", 2)]


def test_an_engine_of_the_users_own(database_url):
    engine = sqlalchemy.create_engine(database_url)
    execute(engine, "CREATE TABLE words (word VARCHAR(80) PRIMARY KEY, n INTEGER NOT NULL)")
    sink = SQLTable(engine, "words", key="word", value="n")
    sink.check(MemoryStore())
    write(sink, *GOOD)
    with pytest.raises(OutputError, match="key 'wrong' was refused"):
        write(sink, ("new", 1), ("wrong", None))
    assert sorted(rows(engine)) == sorted(GOOD)
    assert sink.joins(SQLStore(database_url))
    sql.close(engine)
