"""Several sources as one, and what is joined by it."""

import pytest

import httpmr
from httpmr import mappers, reducers, sources, sql, testing
from httpmr.errors import InputError, RecipeError
from httpmr.interfaces import Source
from httpmr.sources import Chain, Memory
from httpmr.testing.sources import SourceSuite

NAMES = {"first": ["a", "b", "c"], "none": [], "second": ["b", "d"], "third": ["x"] * 9}


class Open(Source):
    """Numbers from 1 to `end`, without a bound."""

    def __init__(self, end):
        self.end = end

    def read(self, after, until):
        return ((n, n) for n in range((after or 0) + 1, min(until or self.end, self.end) + 1))


class Told(Memory):
    """Records with a fingerprint, which `change` changes."""

    told = "as they were"

    def fingerprint(self, after, until):
        return self.told


# The suite


class TestList(SourceSuite):
    @pytest.fixture
    def source(self):
        return Chain([Memory({n: n for n in range(5)}), Open(7), Memory({"a": 1, "b": 2})])

    @pytest.fixture
    def expected(self):
        records = [((0, n), n) for n in range(5)] + [((1, n), n) for n in range(1, 8)]
        return [*records, ((2, "a"), 1), ((2, "b"), 2)]


class TestNames(SourceSuite):
    native_order = False  # sources come as they were named, not by their names
    fingerprints = True

    @pytest.fixture
    def source(self, tmp_path):
        path = tmp_path / "lines.txt"
        path.write_text("".join(f"line {n}\n" for n in range(12)))
        told, files = Told((n, n) for n in range(9)), sources.TextFiles(path)
        return Chain({"z": Memory(), "files": files, "b": told, "a": Memory()})

    def change(self, source):
        source.sources["b"].told = "otherwise"


class TestOpenAtTheEnd(SourceSuite):
    @pytest.fixture
    def source(self):
        return Chain([Memory({n: n for n in range(20)}), Open(5)])


class TestChainOfChains(SourceSuite):
    native_order = False

    @pytest.fixture
    def source(self, sqlite_url):
        with sql.writing(sql.engine(sqlite_url)) as connection:
            connection.exec_driver_sql("CREATE TABLE docs (id INTEGER PRIMARY KEY)")
            connection.exec_driver_sql("INSERT INTO docs VALUES (1), (2), (3), (5), (8)")
        table = sources.SQLTable(sqlite_url, "docs", key="id")
        inner = Chain([table, Memory(), Memory(dict.fromkeys(range(4), "m")), Memory()])
        return Chain({"outer": inner, "alone": Memory({1: 2}), "again": inner})


# How far it goes is settled at the beginning


class Growing(Source):
    """Numbers that become more."""

    def __init__(self, end):
        self.end = end

    def read(self, after, until):
        return Open(self.end).read(after, until)

    def last(self):
        return self.end

    def split(self, after, until, shards):
        step = max(1, until // shards)
        return (n for n in range(step, until, step) if n > (after or 0))


def test_what_comes_later_in_any_of_them_is_not_the_jobs():
    growing = [Growing(5), Growing(6), Growing(7)]
    source = Chain(growing)
    last = source.last()
    marks = [None, *source.split(None, last, 2), last]
    before = list(source.read(None, None))
    for one in growing:
        one.end += 3
    for n, after in enumerate(marks):
        for until in marks[n + 1 :]:
            read = [key for key, _ in source.read(after, until)]
            assert all(number <= 5 + place for place, number in read), (after, until)
    assert list(source.read(None, last)) == before
    rest = list(source.split(marks[2], last, 2))
    assert rest == marks[3:-1]


@pytest.mark.parametrize("seed", [1, 3])
def test_a_job_over_many_is_the_same_however_it_is_cut(seed):
    source = Chain({name: Memory(enumerate(words)) for name, words in NAMES.items()})
    master = httpmr.Master(
        "chain", source=source, mapper=mappers.Count(), reducer=reducers.Sum(), store="memory:"
    )
    job = testing.run(master, seed=seed)
    assert dict(job.output()) == {"a": 1, "b": 2, "c": 1, "d": 1, "x": 9}


def test_one_that_is_away_is_told_as_itself(tmp_path):
    source = Chain([Memory({1: 1}), sources.TextFiles(tmp_path / "none.txt")])
    with pytest.raises(InputError, match="no file matches"):
        source.last()


@pytest.mark.parametrize("bound", [("gone", 1), 7, ("a",), (["a"], 1)])
def test_a_bound_of_another_chain_is_told(bound):
    with pytest.raises(InputError, match="the chain of 'a' has no record"):
        list(Chain({"a": Memory()}).read(bound, None))


@pytest.mark.parametrize(
    "given, told",
    [
        ([], "needs a source"),
        ({}, "needs a source"),
        (Memory(), "takes a list of sources, or a dict"),
        ([Memory(), "lines.txt"], "1 is 'lines.txt', which is no source"),
        ([Memory], "which is no source"),
        ({1: Memory()}, "the name of a source is a str, not 1"),
    ],
)
def test_what_is_no_chain_is_told(given, told):
    with pytest.raises(RecipeError, match=told):
        Chain(given)


def test_shows_its_sources():
    assert repr(Chain([Memory(), Memory()])) == "Chain([Memory([]), Memory([])])"
    assert repr(Chain({"a": Memory()})) == "Chain({'a': Memory([])})"


# Joins

PEOPLE = {n: {"name": f"person {n}"} for n in range(1, 7)}
ORDERS = {n: {"buyer": n % 4 + 3, "what": f"thing {n}"} for n in range(1, 15)}
NOTES = {n: {"about": n % 2 + 3, "text": f"note {n}"} for n in range(1, 5)}
SHOP = Chain({"people": Memory(PEOPLE), "orders": Memory(ORDERS), "notes": Memory(NOTES)})


def of_person(id, row):
    yield id, row["name"]


def of_order(id, row):
    yield row["buyer"], row["what"]


class OfNote(httpmr.Mapper):
    def map(self, id, row):
        return [(row["about"], row["text"])]


def joined(*names, **options):
    """The output of a job that joins the sources of these names, cut wherever it can be."""
    every = {"people": of_person, "orders": of_order, "notes": OfNote()}
    master = httpmr.Master(
        "join",
        source=Chain({name: SHOP.sources[name] for name in names}),
        mapper=mappers.BySource({name: every[name] for name in names}),
        reducer=reducers.Join(*names, **options),
        store="memory:",
    )
    return sorted(testing.run(master).output(), key=repr)


def expected(*names, outer=()):
    """The same by nested loops."""
    found = {"people": [(n, row["name"]) for n, row in PEOPLE.items()]}
    found["orders"] = [(row["buyer"], row["what"]) for row in ORDERS.values()]
    found["notes"] = [(row["about"], row["text"]) for row in NOTES.values()]
    rows = []
    for key in {key for name in names for key, _ in found[name]}:
        combined = [()]
        for name in names:
            own = [value for k, value in found[name] if k == key]
            own = own or [None] * (name in outer)
            combined = [(*row, value) for row in combined for value in own]
        rows += [(key, row) for row in combined]
    return sorted(rows, key=repr)


@pytest.mark.parametrize("outer", [(), ("people",), ("orders",), ("people", "orders")])
def test_two_sources_are_joined(outer):
    assert joined("people", "orders", outer=outer) == expected("people", "orders", outer=outer)


@pytest.mark.parametrize("outer", [(), ("orders", "notes"), ("people", "notes")])
def test_three_sources_are_joined(outer):
    names = ("people", "orders", "notes")
    assert joined(*names, outer=outer) == expected(*names, outer=outer)


def test_values_come_in_the_order_of_the_sources():
    def everything(key, values):
        yield key, [name for name, _ in values]

    master = httpmr.Master(
        "order",
        source=Chain({"notes": Memory(NOTES), "orders": Memory(ORDERS), "a": Memory(PEOPLE)}),
        mapper=mappers.BySource({"a": of_person, "orders": of_order, "notes": OfNote()}),
        reducer=everything,
        store="memory:",
    )
    output = dict(testing.run(master).output())
    assert output[3] == ["notes"] * 2 + ["orders"] * 3 + ["a"]


def test_the_last_source_is_not_held_in_memory():
    def endless():
        yield "few", 1
        while True:
            yield "many", 2

    join = reducers.Join("few", "many").reduce("key", endless())
    assert [next(join) for _ in range(3)] == [("key", (1, 2))] * 3
    assert list(reducers.Join("few", "many").reduce("key", iter([("many", 2)] * 3))) == []


@pytest.mark.parametrize(
    "values, error, told",
    [
        (
            [("b", 1), ("a", 1)],
            ValueError,
            "got 'a' after 'b': name them in the order of the Chain",
        ),
        ([("c", 1)], TypeError, "got .*'c', 1.*: give a Chain of these names"),
        ([5], TypeError, "got 5: give a Chain of these names"),
    ],
)
def test_values_that_cannot_be_joined_are_told(values, error, told):
    with pytest.raises(error, match=told):
        list(reducers.Join("a", "b").reduce("key", iter(values)))


def test_a_join_that_cannot_work_is_told():
    for names, options in ((("a",), {}), (("a", "a"), {}), (("a", "b"), {"outer": "c"})):
        with pytest.raises(RecipeError, match=r"^Join"):
            reducers.Join(*names, **options)
    assert repr(reducers.Join("a", "b", outer="b")) == "Join('a', 'b', outer=('b',))"


def test_a_source_without_a_mapper_is_told():
    with pytest.raises(TypeError, match=r"BySource of 'a' got the key \('b', 1\): give a Chain"):
        mappers.BySource({"a": of_person}).map(("b", 1), {})
    for wrong in (5, {"a": OfNote}, [None]):
        with pytest.raises(RecipeError, match=r"^BySource"):
            mappers.BySource(wrong)
    for given in (None, "text", {"a": 1}, [5]):
        with pytest.raises(httpmr.HttpmrError, match=r"yield \(key, value\) pairs"):
            mappers.BySource([lambda key, value, given=given: given]).map((0, 1), {})


def test_a_mapper_of_numbered_sources_is_a_list():
    assert mappers.BySource([of_person, of_order]).map((1, 7), ORDERS[7]) == [(6, (1, "thing 7"))]
