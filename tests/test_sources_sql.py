"""Rows of database tables, in keyset pages."""

import datetime
import uuid
from decimal import Decimal
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql

from httpmr import sql
from httpmr.errors import InputError, RecipeError, Unavailable
from httpmr.sources import SQLTable, walk
from httpmr.sources import sql as module
from httpmr.testing.sources import SourceSuite

NOON = datetime.datetime(2026, 1, 1, 12)


def create(url, *columns, rows=(), name="docs"):
    """Make a table of `columns` with `rows`, a dict each; return it."""
    table = sa.Table(name, sa.MetaData(), *columns)
    with sql.writing(sql.engine(url)) as connection:
        table.create(connection)
        if rows:
            connection.execute(table.insert(), list(rows))
    return table


@pytest.fixture
def statements(monkeypatch):
    """What is given to each statement that sources execute, and the rows that come of it."""
    seen = []
    fetch = SQLTable._fetch

    def spy(self, query, given=None, held=None):
        rows = fetch(self, query, given, held)
        seen.append((given, rows))
        return rows

    monkeypatch.setattr(SQLTable, "_fetch", spy)
    return seen


def passed(given):
    """Return how many rows a statement passes over; one that reads a page passes over none."""
    return (given or {}).get("httpmr_passed", 0)


# The suite


class TestOneColumn(SourceSuite):
    @pytest.fixture
    def source(self, database_url):
        columns = sa.Column("id", sa.Integer, primary_key=True), sa.Column("title", sa.String(20))
        rows = [{"id": n * n, "title": f"title {n}"} for n in range(1, 31)]
        create(database_url, *columns, rows=rows)
        return SQLTable(database_url, "docs", key="id")

    @pytest.fixture
    def expected(self):
        return [(n * n, {"id": n * n, "title": f"title {n}"}) for n in range(1, 31)]


class TestSomeRowsAndColumns(SourceSuite):
    @pytest.fixture
    def source(self, database_url):
        rows = [{"id": n, "code": f"{n:02}", "x": n % 3} for n in range(1, 46)]
        columns = sa.Column("id", sa.Integer, primary_key=True), sa.Column("x", sa.Integer)
        code = sa.Column("code", sa.String(20), unique=True, nullable=False)
        create(database_url, *columns, code, rows=rows)
        where = "x = 1 or x = 0 and '%:x' <> ''"
        return SQLTable(database_url, "docs", key="code", columns=["x", "id"], where=where)

    @pytest.fixture
    def expected(self):
        return [(f"{n:02}", {"x": n % 3, "id": n}) for n in range(1, 46) if n % 3 != 2]


class TestTwoColumns(SourceSuite):
    native_order = False  # each database orders text in its own way

    @pytest.fixture
    def source(self, database_url):
        names = ["b", "a b", "B", "é", "Z", "_", "zz", "a-b"]
        if database_url.startswith("mysql"):
            names.remove("B")  # which is b there
        columns = sa.Column("name", sa.String(20)), sa.Column("n", sa.BigInteger)
        rows = [{"name": name, "n": n} for name in names for n in range(4)]
        create(database_url, *columns, sa.PrimaryKeyConstraint("name", "n"), rows=rows)
        return SQLTable(database_url, "docs", key=("name", "n"))


# Keys of many types

BINARY = sa.LargeBinary().with_variant(mysql.VARBINARY(20), "mysql", "mariadb")
KEYS = {
    "three columns": ([sa.Integer] * 3, [(n // 9, n // 3 % 3, n % 3) for n in range(27)]),
    "moments": ([sa.DateTime], [(NOON + n * datetime.timedelta(hours=7),) for n in range(9)]),
    "days": ([sa.Date, sa.Integer], [(NOON.date(), n) for n in range(9)]),
    "decimals": ([sa.Numeric(10, 2)], [(Decimal(n) / 4,) for n in range(9)]),
    "uuids": ([sa.Uuid], [(uuid.UUID(int=n * 7**40 % 2**128, version=4),) for n in range(9)]),
    "bytes": ([BINARY], [(bytes([n, 255 - n]),) for n in range(9)]),
}


@pytest.mark.filterwarnings("ignore:.*Decimal objects natively")
@pytest.mark.parametrize("kind", KEYS)
def test_keys_of_any_type_are_bounds(database_url, kind):
    types, keys = KEYS[kind]
    names = "abc"[: len(types)]
    columns = [sa.Column(n, t, autoincrement=False) for n, t in zip(names, types, strict=True)]
    rows = [dict(zip(names, key, strict=True)) for key in reversed(keys)]
    table = create(database_url, *columns, sa.PrimaryKeyConstraint(*names), rows=rows)
    source = SQLTable(sql.engine(database_url), table, key=tuple(names))
    read = [key for key, _ in source.read(None, source.last())]
    assert sorted(read) == sorted(keys if len(types) > 1 else [key for (key,) in keys])
    for n, key in enumerate(read):
        assert [key for key, _ in source.read(key, None)] == read[n + 1 :]
        assert [key for key, _ in source.read(None, key)] == read[: n + 1]
    assert list(source.split(None, source.last(), 50)) == read[:-1]


# Rows as tuples


def test_rows_as_tuples_are_in_the_order_of_the_columns(database_url):
    columns = (
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(9)),
        sa.Column("price", sa.Numeric(8, 2)),
        sa.Column("when", sa.DateTime),
    )
    rows = [{"id": n, "name": f"n{n}", "price": Decimal(n) / 4, "when": NOON} for n in (1, 2, 3)]
    create(database_url, *columns, rows=rows)

    def read(*names, key="id"):
        source = SQLTable(database_url, "docs", key=key, columns=names, rows=tuple)
        return list(source.read(None, None))

    assert read("id", "name") == [(n, (n, f"n{n}")) for n in (1, 2, 3)]
    assert read("name") == [(n, (f"n{n}",)) for n in (1, 2, 3)]
    assert read("price", "id", "when") == [(n, (Decimal(n) / 4, n, NOON)) for n in (1, 2, 3)]
    assert all(type(row) is tuple for _, row in read("name", "price") + read("id", "price"))
    assert read("name", "id", key=("id", "name"))[2] == ((3, "n3"), ("n3", 3))


class TestTuples(SourceSuite):
    @pytest.fixture
    def source(self, database_url):
        columns = sa.Column("id", sa.Integer, primary_key=True), sa.Column("title", sa.String(20))
        create(database_url, *columns, rows=[{"id": n, "title": f"{n}"} for n in range(1, 31)])
        return SQLTable(database_url, "docs", key="id", columns=("title", "id"), rows=tuple)

    @pytest.fixture
    def expected(self):
        return [(n, (f"{n}", n)) for n in range(1, 31)]


class TestTuplesWithoutTheKey(SourceSuite):
    @pytest.fixture(params=[range(1, 31), [n * n for n in range(1, 31)], range(-21, 41, 2)])
    def ids(self, request):
        return list(request.param)

    @pytest.fixture
    def source(self, database_url, ids, monkeypatch):
        monkeypatch.setattr(module, "FIRST_PAGE", 4)
        columns = sa.Column("id", sa.Integer, primary_key=True), sa.Column("title", sa.String(20))
        create(database_url, *columns, rows=[{"id": n, "title": f"{n}"} for n in ids])
        return SQLTable(database_url, "docs", key="id", columns=("title",), rows=tuple)

    @pytest.fixture
    def expected(self, ids):
        return [(n, (f"{n}",)) for n in ids]


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"rows": tuple}, "tuple without columns"), ({"rows": list, "columns": ["id"]}, "list")],
)
def test_what_rows_cannot_be_is_told(sqlite_url, settings, told):
    with pytest.raises(RecipeError, match=rf"rows is dict, or tuple with columns=.*{told}"):
        SQLTable(sqlite_url, "docs", key="id", **settings)


def test_they_show_what_rows_are(sqlite_url):
    assert "rows=tuple" in repr(SQLTable(sqlite_url, "docs", key="id", columns=["id"], rows=tuple))


# Pages and steps


def numbers(url, n, **options):
    columns = sa.Column("id", sa.Integer, primary_key=True), sa.Column("x", sa.Text)
    create(url, *columns, rows=[{"id": i, "x": "x"} for i in range(1, n + 1)])
    return SQLTable(url, "docs", key="id", **options)


@pytest.fixture
def own_engine(sqlite_url):
    """An engine of a user's, whose connections may be few."""
    engine = sa.create_engine(sqlite_url, pool_size=1, max_overflow=0, pool_timeout=0)
    yield engine
    engine.dispose()


def test_pages_begin_small_and_grow_to_their_limit(sqlite_url, own_engine, statements):
    numbers(sqlite_url, 4000)
    for database, pages in (
        (sqlite_url, [64, 128, *14 * [256], 224]),
        (own_engine, [64, 128, 256, 512, 1024, 2016]),
    ):
        statements.clear()
        reading = SQLTable(database, "docs", key="id").read(None, None)
        next(reading)
        assert [len(rows) for _, rows in statements] == [64]
        assert len(list(reading)) == 3999
        assert [len(rows) for _, rows in statements] == pages


def test_from_range_to_range_that_is_read_to_its_end_pages_stay_as_large(own_engine, statements):
    source = numbers(own_engine, 4000)
    assert len(list(source.read(None, 2000))) == 2000
    assert len(list(source.read(2000, 3000))) == 1000
    assert [len(rows) for _, rows in statements] == [64, 128, 256, 512, 1024, 16, 1000]
    statements.clear()
    next(source.read(3000, None))
    next(source.read(3000, None))
    assert [len(rows) for _, rows in statements] == [1000, 64], "the first was not read to its end"


def test_pages_of_heavy_rows_are_short(sqlite_url, statements, monkeypatch):
    monkeypatch.setattr(module, "PAGE_BYTES", 20)
    assert len(list(numbers(sqlite_url, 100).read(None, None))) == 100
    assert [len(rows) for _, rows in statements][:3] == [64, 10, 10]


def test_many_may_read_at_once_and_write_between_pages(database_url):
    source = numbers(database_url, 200)
    reading = [source.read(None, None) for _ in range(30)]
    assert [next(each)[0] for each in reading] == [1] * 30
    with sql.writing(sql.engine(database_url)) as connection:
        connection.exec_driver_sql("DELETE FROM docs WHERE id = 200")
    assert [len(list(each)) for each in reading] == [198] * 30


def test_an_engine_whose_connections_are_few_has_one_left_between_pages(sqlite_url, own_engine):
    numbers(sqlite_url, 200)
    source = SQLTable(own_engine, "docs", key="id")
    one, other = source.read(None, None), source.read(None, None)
    assert [next(one), next(other)] == [(1, {"id": 1, "x": "x"})] * 2


def test_no_transaction_is_held_between_pages(database_url):
    source = numbers(database_url, 200)
    reading = source.read(None, None)
    next(reading)
    with sql.writing(sql.engine(database_url)) as connection:
        connection.exec_driver_sql("DELETE FROM docs WHERE id = 150")
        connection.exec_driver_sql("UPDATE docs SET x = 'y' WHERE id = 160")
    rows = dict(reading)
    assert 150 not in rows
    assert rows[160]["x"] == "y"


def test_steps_are_even_and_no_statement_is_long(database_url, statements, monkeypatch):
    monkeypatch.setattr(walk, "COUNTED", 128)
    source = numbers(database_url, 900)
    marks = list(source.split(None, source.last(), 16))
    assert {b - a for a, b in pairwise(marks)} == {8}
    assert 900 - marks[-1] <= 8
    assert list(source.split(marks[50], source.last(), 16)) == marks[51:]
    assert max(passed(given) for given, _ in statements) < 2 * 128


class Slow:
    """A database whose statements take `each` seconds, and `row` for a row, by its own clock."""

    def __init__(self, source, monkeypatch, each, row):
        self.now, self.took = 0.0, []
        source.clock = lambda: self.now
        fetch = source._fetch

        def slow(query, given=None, held=None):
            rows = fetch(query, given, held)
            self.took.append(each + row * (passed(given) + len(rows)))
            self.now += self.took[-1]
            return rows

        monkeypatch.setattr(source, "_fetch", slow)


@pytest.mark.parametrize(("each", "row"), [(0.0, 0.001), (0.05, 0.001), (0.05, 0.0002)])
def test_steps_are_short_where_the_database_is_slow(sqlite_url, monkeypatch, each, row):
    monkeypatch.setattr(walk, "COUNTED", 5000)
    source = numbers(sqlite_url, 6000, where="id < 100 or id > 5900")
    last = source.last()
    slow = Slow(source, monkeypatch, each, row)
    marks = list(source.split(None, last, 8))
    assert max(slow.took) <= each + 2 * walk.SLOW
    assert 8 < len(marks) < 100
    # Cut after any key, it goes on with the same steps, and is never long about the next.
    for n in range(0, len(marks), 7):
        began = slow.now
        rest = source.split(marks[n], last, 8)
        if n + 1 < len(marks):
            assert next(rest) > marks[n]
            assert slow.now - began <= walk.SLOW + 2 * max(slow.took)
    parts = zip([None, *marks], [*marks, last], strict=True)
    read = [key for after, until in parts for key, _ in source.read(after, until)]
    assert read == [*range(1, 100), *range(5901, 6001)]


def test_a_database_that_answers_late_is_not_asked_for_small_steps(sqlite_url, monkeypatch):
    monkeypatch.setattr(walk, "COUNTED", 4096)
    source = numbers(sqlite_url, 6000)
    last = source.last()
    slow = Slow(source, monkeypatch, each=0.5, row=0.00001)
    assert list(source.split(None, last, 8)) == list(range(512, 6000, 512))
    asked = len(slow.took)
    assert asked < 20
    list(source.split(5000, last, 8))
    assert len(slow.took) == asked + 2, "how long a step is has been found out"


def test_split_leaves_out_where_nothing_is_wanted(sqlite_url):
    source = numbers(sqlite_url, 6400, where="id > 6000 or id = 10")
    marks = list(source.split(None, source.last(), 128))
    assert sum(1 for mark in marks if mark > 6000) >= 12
    assert sum(1 for mark in marks if 100 < mark <= 6000) <= 12
    read = [list(source.read(a, b)) for a, b in zip([None, *marks], [*marks, None], strict=True)]
    assert [key for part in read for key, _ in part] == [10, *range(6001, 6401)]


def test_an_empty_table_has_nothing(database_url):
    source = numbers(database_url, 0)
    assert (list(source.read(None, None)), source.last()) == ([], None)
    assert list(source.split(None, None, 8)) == []


def test_where_and_table_can_be_expressions(database_url):
    numbers(database_url, 20)
    table = sa.Table("docs", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    source = SQLTable(database_url, table, key="id", where=(table.c.id > 5) | (table.c.id == 2))
    assert [row for _, row in source.read(None, 7)] == [{"id": 2}, {"id": 6}, {"id": 7}]


def test_a_view_into_where_cannot_break_out(sqlite_url):
    source = numbers(sqlite_url, 10, where="id = 2 or id = 9 -- and no more")
    assert [key for key, _ in source.read(None, 5)] == [2]


# Keys that need not be read


@pytest.fixture(scope="module")
def some(tmp_path_factory):
    """A table of numbers, to be filled, and its source."""
    url = f"sqlite:///{tmp_path_factory.mktemp('some')}/some.db"
    return url, numbers(url, 1, columns=("x",), rows=tuple)


@given(
    gone=st.sets(st.integers(-30, 30)),
    ranges=st.lists(st.tuples(st.integers(-35, 35) | st.none(), st.integers(-35, 35)), min_size=1),
)
def test_keys_are_what_they_are_whatever_is_left_out(some, gone, ranges):
    url, source = some
    there = [n for n in range(-30, 31) if n not in gone]
    with sql.writing(sql.engine(url)) as connection:
        connection.exec_driver_sql("DELETE FROM docs")
        for n in there:
            connection.exec_driver_sql("INSERT INTO docs VALUES (?, ?)", (n, f"x{n}"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FIRST_PAGE", 2)
        patch.setattr(module, "HELD_PAGE", 8)
        for after, until in ranges:
            wanted = [n for n in there if (after is None or n > after) and n <= until]
            assert list(source.read(after, until)) == [(n, (f"x{n}",)) for n in wanted]


def without_keys(statements):
    """Return how many rows each statement gave that did not select their keys."""
    return [len(rows) for _, rows in statements if rows and len(rows[0]) == 1]


def test_keys_that_leave_none_out_are_not_read(sqlite_url, statements):
    source = numbers(sqlite_url, 2000, columns=("x",), rows=tuple)
    assert [key for key, _ in source.read(None, 2000)] == list(range(1, 2001))
    assert without_keys(statements) == [128, *7 * [256], 16], "all but the first page's"


def test_guesses_become_few_where_some_are_left_out_and_many_where_none_is(sqlite_url, statements):
    source = numbers(sqlite_url, 40_000, columns=("x",), rows=tuple)
    with sql.writing(sql.engine(sqlite_url)) as connection:
        connection.exec_driver_sql("DELETE FROM docs WHERE id <= 20000 AND id % 600 = 0")
    there = [n for n in range(1, 20_001) if n % 600]
    assert [key for key, _ in source.read(None, 20_000)] == there
    assert without_keys(statements) == [128, 256, 255], "the one that was wrong is the last"
    statements.clear()
    assert len(list(source.read(20_000, 40_000))) == 20_000
    assert sum(without_keys(statements)) > 10_000


@pytest.mark.parametrize(
    "table",
    [
        "TABLE docs (id INT PRIMARY KEY, x TEXT)",
        "TABLE docs (id INTEGER PRIMARY KEY DESC, x TEXT)",
        "TABLE docs (id INTEGER PRIMARY KEY, x TEXT) WITHOUT ROWID",
        "TABLE docs (n INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE, x TEXT)",
    ],
)
def test_keys_that_may_be_no_whole_numbers_are_read(sqlite_url, table, statements):
    with sql.writing(sql.engine(sqlite_url)) as connection:
        connection.exec_driver_sql(f"CREATE {table}")
        for n in (1, 2, 3, 4, 5, 5.5, 6.5, 8):
            connection.exec_driver_sql("INSERT INTO docs (id, x) VALUES (?, 'x')", (n,))
    source = SQLTable(sqlite_url, "docs", key="id", columns=("x",), rows=tuple)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FIRST_PAGE", 2)
        assert [key for key, _ in source.read(0, 8)] == [1, 2, 3, 4, 5, 5.5, 6.5, 8]
    assert not without_keys(statements)


@pytest.mark.parametrize("what", ["where", "Table", "Engine", "select", "dicts", "key", "no bound"])
def test_keys_are_read_where_what_is_selected_may_be_more_than_a_table(
    sqlite_url, own_engine, what, statements
):
    numbers(sqlite_url, 1000)
    columns = sa.Column("id", sa.Integer, primary_key=True), sa.Column("x", sa.Text)
    table = sa.Table("docs", sa.MetaData(), *columns)
    given = {"Table": table, "select": sa.select(table)}.get(what, "docs")
    options = {"columns": ("id", "x") if what == "key" else ("x",), "rows": tuple}
    if what == "where":
        options["where"] = "x = 'x'"
    if what == "dicts":
        options["rows"] = dict
    database = own_engine if what == "Engine" else sqlite_url
    source = SQLTable(database, given, key="id", **options)
    read = [key for key, _ in source.read(0, None if what == "no bound" else 1000)]
    assert read == list(range(1, 1001))
    assert not without_keys(statements)


NAMESAKES = [
    "TEMP VIEW docs AS SELECT 1 AS id",
    "TEMP TABLE docs (id INTEGER PRIMARY KEY)",
    "TABLE other.docs (id INTEGER PRIMARY KEY)",
]


@pytest.mark.parametrize("namesake", NAMESAKES)
def test_a_table_with_a_namesake_is_not_known_for_its_numbers(sqlite_url, namesake):
    numbers(sqlite_url, 9)
    engine = sql.engine(sqlite_url)
    with sql.held(engine) as held:

        def execute(statement):
            held.fetch(sql.Worded(engine, statement, [], {}), {})

        assert sql.row_number(held, "docs", "id") is not None
        assert sql.row_number(held, "docs", "x") is None
        execute("ATTACH ':memory:' AS other")
        execute(f"CREATE {namesake}")
        assert sql.row_number(held, "docs", "id") is None


def test_a_sqlite_that_tells_too_little_is_not_asked(sqlite_url, monkeypatch):
    numbers(sqlite_url, 9)
    engine = sql.engine(sqlite_url)
    with sql.held(engine) as held:
        assert sql.row_number(held, "docs", "id") is not None
        monkeypatch.setattr(engine.dialect.loaded_dbapi, "sqlite_version_info", (3, 36, 9))
        assert sql.row_number(held, "docs", "id") is None


def test_a_table_that_is_made_anew_is_read_as_it_is(sqlite_url, statements):
    source = numbers(sqlite_url, 2000, columns=("x",), rows=tuple)
    reading = source.read(0, 2000)
    assert [next(reading)[0] for _ in range(448)] == list(range(1, 449))
    assert without_keys(statements) == [128, 256]
    new = [n + 0.5 for n in range(2000)]
    with sql.writing(sql.engine(sqlite_url)) as connection:
        connection.exec_driver_sql("DROP TABLE docs")
        connection.exec_driver_sql("CREATE TABLE docs (id INT PRIMARY KEY, x TEXT)")
        connection.exec_driver_sql("INSERT INTO docs VALUES (?, 'x')", [(n,) for n in new])
    assert [key for key, _ in reading] == new[448:]
    assert [key for key, _ in source.read(0, 2000)] == new


# What a key must be


def test_a_key_that_is_not_unique_is_told(database_url):
    columns = sa.Column("id", sa.Integer, primary_key=True), sa.Column("x", sa.Integer)
    pair = sa.Column("a", sa.Integer), sa.Column("b", sa.Integer)
    create(database_url, *columns, *pair, sa.UniqueConstraint("a", "b"))
    told = r"key x of table docs is not declared unique: unique are a, b; id; name these"
    for use in (
        lambda s: list(s.read(None, None)),
        SQLTable.last,
        lambda s: list(s.split(0, 1, 2)),
    ):
        with pytest.raises(InputError, match=told):
            use(SQLTable(database_url, "docs", key="x"))
    with pytest.raises(InputError, match="key a of table docs is not declared unique"):
        SQLTable(database_url, "docs", key="a").last()
    for key in ("id", ("a", "b"), ("x", "id")):
        assert SQLTable(database_url, "docs", key=key).last() is None


def test_a_column_that_is_unique_by_its_own_declaration_is_a_key(database_url):
    with sql.writing(sql.engine(database_url)) as connection:
        connection.exec_driver_sql("CREATE TABLE docs (word VARCHAR(9) UNIQUE, n INTEGER)")
        connection.exec_driver_sql("INSERT INTO docs VALUES ('b', 2), ('a', 1)")
    source = SQLTable(database_url, "docs", key="word", columns=["n"])
    assert list(source.read(None, source.last())) == [("a", {"n": 1}), ("b", {"n": 2})]


@pytest.mark.parametrize("kind", [sa.Enum("z", "b", "a"), mysql.SET("z", "b", "a")])
def test_a_key_that_is_sorted_by_one_order_and_compared_by_another_is_told(database_url, kind):
    """Some of its rows would never be read: MariaDB sorts z before b, and finds it after."""
    if "mysql" not in database_url:
        pytest.skip("other databases sort and compare alike")
    id = sa.Column("id", sa.Integer, primary_key=True)
    create(database_url, id, sa.Column("kind", kind, unique=True, nullable=False))
    source = SQLTable(database_url, "docs", key="kind")
    with pytest.raises(InputError, match=r"key kind is a .* name another unique column"):
        next(source.read(None, None))
    with pytest.raises(InputError, match=r"key kind is a .* name another unique column"):
        source.last()


def test_a_key_that_is_unique_in_part_of_the_table_is_told(database_url):
    columns = sa.Column("id", sa.Integer), sa.Column("x", sa.Integer)
    table = create(database_url, *columns)
    with pytest.raises(InputError, match="add a primary key, or a unique constraint"):
        SQLTable(database_url, "docs", key="id").last()
    if not database_url.startswith("mysql"):
        some = dict.fromkeys(["postgresql_where", "sqlite_where"], table.c.x > 1)
        with sql.writing(sql.engine(database_url)) as connection:
            sa.Index("part", table.c.id, unique=True, **some).create(connection)
        fresh = sa.create_engine(database_url)
        with pytest.raises(InputError, match="not declared unique"):
            SQLTable(fresh, "docs", key="id").last()
        fresh.dispose()


@pytest.mark.parametrize("key", ["code", ("code", "id")])
def test_a_null_in_the_key_is_told(database_url, key):
    columns = sa.Column("id", sa.Integer, primary_key=True), sa.Column("code", sa.Integer)
    rows = [{"id": 1, "code": 1}, {"id": 2, "code": None}, {"id": 3, "code": 3}]
    create(database_url, *columns, sa.UniqueConstraint("code"), rows=rows)
    told = "a row of table docs has NULL in its key code.*leave it out by where="
    with pytest.raises(InputError, match=told):
        SQLTable(database_url, "docs", key=key).last()
    with pytest.raises(InputError, match=told):
        list(SQLTable(database_url, "docs", key=key).read(None, None))
    filled = SQLTable(database_url, "docs", key=key, where="code IS NOT NULL")
    assert [row["id"] for _, row in filled.read(None, filled.last())] == [1, 3]


def test_a_rounded_key_does_not_read_for_ever(database_url):
    if database_url.startswith("sqlite"):
        pytest.skip("keeps floats whole")
    kind = mysql.FLOAT().with_variant(sa.REAL(), "postgresql")
    columns = [sa.Column("f", kind, primary_key=True, autoincrement=False)]
    create(database_url, *columns, rows=[{"f": 0.1 * n} for n in range(100)])
    with pytest.raises(InputError, match="is after itself, as rounded numbers are"):
        list(SQLTable(database_url, "docs", key="f").read(None, None))


# What is not there


def test_an_unknown_table_or_column_is_told(database_url):
    numbers(database_url, 3)
    with pytest.raises(InputError, match=r"no table 'dosc' .*did you mean docs"):
        SQLTable(database_url, "dosc", key="id").last()
    missing = sa.Table("dosc", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    with pytest.raises(InputError, match=r"no table 'dosc' .*did you mean docs"):
        SQLTable(database_url, missing, key="id").last()
    with pytest.raises(InputError, match="no column 'idd': did you mean id"):
        SQLTable(database_url, "docs", key="idd").last()
    with pytest.raises(InputError, match="no column 'text': did you mean"):
        list(SQLTable(database_url, "docs", key="id", columns=["id", "text"]).read(None, None))


def test_a_wrong_where_is_told_in_one_line(database_url):
    numbers(database_url, 3)
    source = SQLTable(database_url, "docs", key="id", where="colour = 1")
    with pytest.raises(InputError, match=r"table docs cannot be read \(.*colour") as caught:
        list(source.read(None, None))
    assert "\n" not in str(caught.value)


def test_a_database_that_is_away_is_nobodys_fault():
    source = SQLTable("postgresql+psycopg://someone@127.0.0.1:9/x", "docs", key="id")
    with pytest.raises(Unavailable):
        source.last()


@pytest.mark.parametrize(
    "table, options, told",
    [
        (None, {"key": "id"}, "table is a name or a SQLAlchemy Table"),
        ("", {"key": "id"}, "table is a name or a SQLAlchemy Table"),
        ("t", {"key": ()}, "key needs names of columns"),
        ("t", {"key": 5}, "key needs names of columns"),
        ("t", {"key": ("a", "a")}, "key names a column twice"),
        ("t", {"key": "id", "columns": []}, "columns needs names"),
        ("t", {"key": "id", "columns": "title"}, "columns needs names"),
        ("t", {"key": "id", "where": {"x": 1}}, "where is SQL text or an expression"),
    ],
)
def test_what_cannot_work_is_told_at_once(sqlite_url, table, options, told):
    with pytest.raises(RecipeError, match=told):
        SQLTable(sqlite_url, table, **options)
    with pytest.raises(RecipeError, match="no database URL"):
        SQLTable("not a URL", "t", key="id")


def test_shows_itself_without_the_password():
    url = "postgresql+psycopg://me:secret@host/db"
    source = SQLTable(url, "docs", key=("a", "b"), columns=["x"], where="x > 1")
    assert repr(source) == (
        "SQLTable('postgresql+psycopg://me:***@host/db', 'docs', key=('a', 'b'), columns=['x'], "
        "where='x > 1')"
    )
