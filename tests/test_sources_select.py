"""Selects and mapped classes as tables: what they give, and when their key comes once."""

import operator
import random
from itertools import combinations, product

import pytest
import sqlalchemy as sa
from sqlalchemy import orm

import httpmr
from httpmr import reducers, sql, testing
from httpmr.errors import InputError, RecipeError
from httpmr.sources import SQLTable
from httpmr.testing.sources import SourceSuite


class Base(orm.DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customers"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column("full_name", sa.String(20))
    note: orm.Mapped[str | None] = orm.mapped_column(sa.String(20), deferred=True)
    orders: orm.Mapped[list["Order"]] = orm.relationship(lazy="joined", back_populates="customer")


class Order(Base):
    __tablename__ = "orders"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    customer_id: orm.Mapped[int | None] = orm.mapped_column(sa.ForeignKey(Customer.id))
    total: orm.Mapped[int]
    customer: orm.Mapped[Customer] = orm.relationship(back_populates="orders")


class Line(Base):
    __tablename__ = "lines"
    order_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey(Order.id), primary_key=True)
    number: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    what: orm.Mapped[str] = orm.mapped_column(sa.String(20))


class Person(Base):
    __tablename__ = "people"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    kind: orm.Mapped[str] = orm.mapped_column(sa.String(20))
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}  # noqa: RUF012


class Guest(Person):
    __mapper_args__ = {"polymorphic_identity": "guest"}  # noqa: RUF012


class Writer(Person):
    __tablename__ = "writers"
    id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey(Person.id), primary_key=True)
    pen: orm.Mapped[str] = orm.mapped_column(sa.String(20))
    __mapper_args__ = {"polymorphic_identity": "writer"}  # noqa: RUF012


CUSTOMERS = [{"id": n, "full_name": f"name {n}"} for n in range(1, 6)]
ORDERS = [{"id": n, "customer_id": n % 4 + 1 if n % 5 else None, "total": n} for n in range(1, 31)]
LINES = [
    {"order_id": n, "number": m, "what": f"{n}.{m}"} for n in range(1, 31) for m in range(n % 3)
]


def fill(url):
    """Make the tables; return the URL."""
    with sql.writing(sql.engine(url)) as connection:
        Base.metadata.create_all(connection)
        for kind, rows in ((Customer, CUSTOMERS), (Order, ORDERS), (Line, LINES)):
            connection.execute(kind.__table__.insert(), rows)
    return url


@pytest.fixture
def url(database_url):
    return fill(database_url)


@pytest.fixture
def lite(sqlite_url):
    return fill(sqlite_url)


JOINED = sa.select(Order.id.label("number"), Order.total, Customer.name).join(Order.customer)


# The suite


class TestJoin(SourceSuite):
    @pytest.fixture
    def source(self, lite):
        return SQLTable(lite, JOINED.where(Order.total > 2), key="number")

    @pytest.fixture
    def expected(self):
        return [
            (n, {"number": n, "total": n, "name": f"name {n % 4 + 1}"})
            for n in range(3, 31)
            if n % 5
        ]


class TestCompositeKeyAndOuterJoins(SourceSuite):
    @pytest.fixture
    def source(self, url):
        lines, orders = Line.__table__, Order.__table__.alias()
        query = sa.select(lines.c.order_id, lines.c.number, Customer.id.label("customer"))
        query = query.select_from(lines).join(orders, lines.c.order_id == orders.c.id)
        query = query.outerjoin(Customer, orders.c.customer_id == Customer.id)
        options = {"columns": ["customer"], "where": "customer is null or customer > 1"}
        return SQLTable(url, query, key=("order_id", "number"), **options)

    @pytest.fixture
    def expected(self):
        of = {order["id"]: order["customer_id"] for order in ORDERS}
        lines = [(line["order_id"], line["number"]) for line in LINES]
        return [(key, {"customer": of[key[0]]}) for key in lines if of[key[0]] != 1]


class TestGroups(SourceSuite):
    @pytest.fixture
    def source(self, lite):
        count = sa.func.count().label("n")
        return SQLTable(
            lite, sa.select(Line.order_id, count).group_by(Line.order_id), key="order_id"
        )

    @pytest.fixture
    def expected(self):
        return [(n, {"order_id": n, "n": n % 3}) for n in range(1, 31) if n % 3]


class TestMappedClass(SourceSuite):
    @pytest.fixture
    def source(self, lite):
        return SQLTable(lite, Order, key="id", columns=["id", "total"])

    @pytest.fixture
    def expected(self):
        return [(n, {"id": n, "total": n}) for n in range(1, 31)]


# What a mapped class gives


def test_of_a_class_the_attributes_are_the_names(lite):
    source = SQLTable(lite, Customer, key="id")
    records = list(source.read(None, source.last()))
    assert records[0] == (1, {"id": 1, "name": "name 1", "note": None})
    assert len(records) == 5, "what a relationship leads to multiplies nothing"
    assert Customer(**records[0][1]).name == "name 1"


def test_of_a_class_that_inherits_only_its_own_are_read(lite):
    with orm.Session(sql.engine(lite)) as session:
        session.add_all([Person(id=1), Guest(id=2), Writer(id=3, pen="Bell")])
        session.commit()
    found = [
        dict(SQLTable(lite, kind, key="id").read(None, None)) for kind in (Person, Guest, Writer)
    ]
    assert [list(rows) for rows in found] == [[1, 2, 3], [2], [3]]
    assert found[2][3] == {"id": 3, "kind": "writer", "pen": "Bell"}


def test_where_names_attributes_or_in_text_what_comes_of_them(lite):
    for table in (Order, sa.select(Order.id, Order.total)):
        for where in (Order.total > 27, "total > 27"):
            source = SQLTable(lite, table, key="id", where=where)
            assert [key for key, _ in source.read(None, source.last())] == [28, 29, 30]
    source = SQLTable(lite, Order, key="id", where=Customer.id == Order.customer_id)
    assert len(list(source.read(None, None))) == 24
    with pytest.raises(InputError, match="may come more than once: table customers"):
        SQLTable(lite, Order, key="id", where=Customer.id > 2).last()


def test_a_select_of_a_class_does_not_follow_its_relationships(lite):
    assert len(list(SQLTable(lite, sa.select(Customer), key="id").read(None, None))) == 5


# A select means the same wherever it is cut


@pytest.mark.parametrize(
    "query",
    [
        sa.select(Order.id, sa.func.row_number().over(order_by=Order.total).label("n")),
        sa.select(Order.id, Order.total).distinct().where(Order.total % 2 == 0),
        sa.select(Order.id, sa.func.count(Line.number).label("n"))
        .outerjoin(Line, Line.order_id == Order.id)
        .group_by(Order.id)
        .having(sa.func.count(Line.number) > 1),
        sa.select(Customer.id, sa.func.sum(Order.total).label("n"))
        .join(Order)
        .group_by(Customer.id, Customer.name),
        sa.select(Order.id, sa.func.count().label("n")).where(sa.literal(True)).group_by(Order.id),
    ],
    ids=["window", "distinct", "having", "joined groups", "groups"],
)
def test_a_page_is_a_part_of_the_whole(url, query):
    with sql.reading(sql.engine(url)) as connection:
        whole = {row[0]: dict(row._mapping) for row in connection.execute(query)}
    source = SQLTable(url, query, key="id")
    for key in sorted(whole):
        assert [row for _, row in source.read(key - 1, key)] == [whole[key]]
    assert dict(source.read(None, source.last())) == whole


def test_a_whole_job_may_be_cut_after_each_record(lite):
    def of_customer(_, row):
        yield row["name"], row["total"]

    source = SQLTable(lite, JOINED, key="number")
    master = httpmr.Master(
        "totals", source=source, mapper=of_customer, reducer=reducers.Sum(), store="memory:"
    )
    expected = {}
    for order in ORDERS:
        if order["customer_id"]:
            name = f"name {order['customer_id']}"
            expected[name] = expected.get(name, 0) + order["total"]
    assert dict(testing.run(master).output()) == expected


# It is as quick as a table


def test_statements_are_built_once_and_pages_are_found_by_the_index(url, monkeypatch):
    source = SQLTable(url, JOINED, key="number")
    seen = []
    fetch = SQLTable._fetch
    monkeypatch.setattr(SQLTable, "_fetch", lambda *args: seen.append(args) or fetch(*args))
    for n in range(1, 5):
        next(source.read(n, 30))
    assert len({id(query) for _, query, *_ in seen}) == 1
    _, query, values, *_ = seen[-1]
    assert isinstance(query, sql.Worded), "rows come as the driver gives them"
    if url.startswith("sqlite"):
        explain = f"EXPLAIN QUERY PLAN {query.text}"
        plan = sql.Worded(query.engine, explain, query.names, query.fixed).fetch(values)
        told = " ".join(str(row[-1]) for row in plan)
        assert "SEARCH orders" in told
        assert "TEMP B-TREE" not in told and "MATERIALIZE" not in told


def test_last_and_split_are_found_in_the_index_of_the_table_alone(lite):
    source = SQLTable(lite, JOINED.where(Order.total == 2), key="number")
    assert source.last() == 30
    assert [key for key, _ in source.read(None, 30)] == [2]


# Which keys come once

ON = Line.order_id == Order.id
BY = Order.customer_id == Customer.id
TWICE = orm.aliased(Customer)
L, O, C = Line.__table__, Order.__table__, Customer.__table__  # noqa: E741
A, B, D = (sa.Table(n, Base.metadata, sa.Column("id", sa.Integer, primary_key=True),
                    sa.Column("x", sa.Integer)) for n in "abd")  # fmt: skip
W = sa.Table("w", Base.metadata, sa.Column("id", sa.Integer, primary_key=True))
ONCE = {
    "one table": (sa.select(Order.id), "id"),
    "a join to one": (sa.select(Order.id).join(Customer, BY), "id"),
    "a join the other way": (sa.select(Order.id).select_from(Customer).join(Order, BY), "id"),
    "an outer join to one": (sa.select(Order.id).outerjoin(Customer, BY), "id"),
    "by where": (sa.select(Order.id).where(BY), "id"),
    "to one and on": (
        sa.select(Line.order_id, Line.number).join(Order, ON).join(Customer, BY),
        ("order_id", "number"),
    ),
    "part of a key by a value": (sa.select(Order.id).join(Line, ON & (Line.number == 0)), "id"),
    "one chosen": (sa.select(Order.id).where(Customer.id == 3), "id"),
    "itself": (sa.select(Order.id).join(TWICE, Order.customer_id == TWICE.id), "id"),
    "through what is equal": (
        sa.select(Order.id).join(A, A.c.x == Order.id).join(B, B.c.id == A.c.x).group_by(Order.id),
        "id",
    ),
    "groups that are one": (
        sa.select(Customer.id).join(Order, BY).group_by(Customer.id, C.c.full_name),
        "id",
    ),
}
TWICE_OVER = {
    "not unique": (
        sa.select(Order.id, Order.customer_id),
        "customer_id",
        "customer_id .*not declared unique in table orders: unique are id; name these, or group_by",
    ),
    "half a key": (
        sa.select(Line.order_id),
        "order_id",
        "not declared unique .*unique are number, order_id",
    ),
    "to many": (
        sa.select(Order.id).join(Line, ON),
        "id",
        "table lines, where unique are number, order_id, is not joined by these",
    ),
    "to all": (sa.select(Order.id, Customer.name), "id", "table customers, where unique are id"),
    "or": (sa.select(Order.id).join(Customer, BY | (Customer.id == 1)), "id", "table customers"),
    "not equal": (
        sa.select(Order.id).join(Customer, Order.customer_id >= Customer.id),
        "id",
        "customers",
    ),
    "itself": (sa.select(Order.id).join(TWICE, Order.customer_id == TWICE.name), "id", "customers"),
    "left out": (
        sa.select(Order.id).select_from(Customer).outerjoin(Order, BY),
        "id",
        "table orders is outer joined: begin the join",
    ),
    "full": (sa.select(Order.id).join(Customer, BY, full=True), "id", "outer joined"),
    "only where it is there": (
        sa.select(D.c.id).select_from(
            D.join(A, sa.true()).outerjoin(B, (D.c.x == B.c.id) & (A.c.id == B.c.x))
        ),
        "id",
        "table a, where",
    ),
    "groups by more": (
        sa.select(Order.id).join(Line, ON).group_by(Order.id, Line.number),
        "id",
        "table lines",
    ),
    "groups by else": (
        sa.select(Order.id).group_by(Order.total),
        "id",
        "not what the rows are grouped by",
    ),
    "groups by what is made": (
        sa.select(Order.id).group_by(Order.id, Order.total % 2),
        "id",
        "grouped by",
    ),
    "of two": (
        sa.select(Order.id, Customer.id.label("c")).join(Customer, BY),
        ("id", "c"),
        "of several tables, customers and orders",
    ),
    "of another kind": (
        sa.select(Order.id).join(C, sa.cast(Order.id, sa.String) == C.c.id),
        "id",
        "customers",
    ),
    "of another type": (sa.select(C.c.id).join(W, C.c.full_name == W.c.id), "id", "table w, where"),
    "made": (sa.select((Order.id + 1).label("id")), "id", "is no column of a table"),
    "subquery": (sa.select(sa.select(Order.id).subquery().c.id), "id", "in a subquery"),
    "joined subquery": (
        sa.select(Order.id).join(sa.select(Line).subquery(), sa.true()),
        "id",
        "use a scalar_subquery",
    ),
    "missing": (sa.select(Order.id), "idd", "no column 'idd': did you mean id"),
    "two of a name": (
        sa.select(Order.id, Customer.id).join(Customer, BY),
        "id",
        "two columns are called 'id'",
    ),
    "no name": (
        sa.select(Order.id, Order.total * 2),
        "id",
        r"has no name: give it one by .label\(\)",
    ),
    "no table": (sa.select(sa.table("docs", sa.column("id"))), "id", "unique"),
}


@pytest.mark.filterwarnings("ignore:SELECT statement has a cartesian product")
@pytest.mark.parametrize("case", ONCE)
def test_a_key_that_comes_once_is_taken(lite, case):
    query, key = ONCE[case]
    keys = [key for key, _ in SQLTable(lite, query, key=key).read(None, None)]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("case", TWICE_OVER)
def test_a_key_that_may_come_twice_is_told(lite, case):
    query, key, told = TWICE_OVER[case]
    for use in (SQLTable.last, lambda source: list(source.read(None, None))):
        with pytest.raises(InputError, match=told) as caught:
            use(SQLTable(lite, query, key=key))
        assert "\n" not in str(caught.value)


def test_a_function_that_makes_rows_is_told_before_any_is_read(url):
    if not url.startswith("postgresql"):
        pytest.skip("has no such functions among columns")
    query = sa.select(Order.id, sa.func.generate_series(1, Order.id - 28).label("n"))
    source = SQLTable(url, query, key="id")
    with pytest.raises(InputError, match="key 30 of the select from orders comes twice"):
        next(source.read(None, source.last()))


@pytest.mark.filterwarnings("ignore:SELECT statement has a cartesian product")
def test_no_key_is_taken_that_comes_twice(sqlite_url):
    """Many joins of three small tables, on pairs of columns in which most values come often."""
    engine = sql.engine(sqlite_url)
    with sql.writing(engine) as connection:
        for table in (A, B, D):
            table.create(connection)
            rows = [{"id": n, "x": x} for n, x in enumerate([1, 1, 2, 3, 7, None])]
            connection.execute(table.insert(), rows)
    pairs = list(product(A.c, B.c))
    more = list(product((*A.c, *B.c), D.c))
    ons = [*combinations(more, 1), *combinations(more, 2)]
    cases = list(product(pairs, ons, product((True, False), repeat=2), (A.c.id, B.c.id, D.c.id)))
    taken = refused = 0
    with engine.connect() as connection:
        for pair, on, outer, key in random.Random(1).sample(cases, 250):
            joined = A.join(B, operator.eq(*pair), isouter=outer[0])
            joined = joined.join(D, sa.and_(*(one == other for one, other in on)), isouter=outer[1])
            query = sa.select(key.label("key")).select_from(joined)
            try:
                SQLTable(engine, query, key="key").last()
            except InputError:
                refused += 1
            else:
                taken += 1
                found = connection.execute(query).scalars().all()
                assert None not in found and len(set(found)) == len(found), str(query)
    assert min(taken, refused) > 20


# What cannot be paged at all


@pytest.mark.parametrize(
    "query, told",
    [
        (sa.select(Order.id).order_by(Order.total), r"leave order_by\(\) out"),
        (sa.select(Order.id).limit(5), r"limit\(\) or offset\(\) has no pages: leave it out"),
        (sa.select(Order.id).offset(5), r"limit\(\) or offset\(\) has no pages"),
        (sa.select(Order.id).fetch(5), "has no pages"),
        (sa.union(sa.select(Order.id), sa.select(Line.number)), r"union .*sources\.Chain"),
        (sa.text("SELECT 1"), "a mapped class or a select"),
        (Base, "a mapped class or a select"),
    ],
)
def test_a_select_without_pages_is_told_at_once(sqlite_url, query, told):
    with pytest.raises(RecipeError, match=told):
        SQLTable(sqlite_url, query, key="id")


def test_a_null_in_a_group_is_told(url):
    query = sa.select(Order.customer_id, sa.func.count().label("n")).group_by(Order.customer_id)
    with pytest.raises(InputError, match=r"NULL in its key customer_id: .*leave it out by where="):
        SQLTable(url, query, key="customer_id").last()
    source = SQLTable(url, query.where(Order.customer_id.is_not(None)), key="customer_id")
    assert [key for key, _ in source.read(None, source.last())] == [1, 2, 3, 4]


def test_shows_what_it_selects_with_its_values(sqlite_url):
    one, other = (SQLTable(sqlite_url, JOINED.where(Order.total > n), key="number") for n in (1, 2))
    assert "<SELECT orders.id AS number" in repr(one)
    assert "orders.total > 1>, key='number')" in repr(one)
    assert repr(one) != repr(other), "so that a job notices"
    assert repr(SQLTable(sqlite_url, Order, key="id")).endswith(", Order, key='id')")
