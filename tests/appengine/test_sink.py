"""Output as entities: those that the job gives, and those that a model is for."""

import pytest
from google.appengine.api import datastore, datastore_errors, datastore_types
from google.appengine.ext import db, ndb
from google.appengine.runtime import apiproxy_errors

from httpmr.errors import OutputError, RecipeError, StoreFull, Unavailable
from httpmr.interfaces import Slice
from httpmr.sinks import appengine
from httpmr.sinks.appengine import AppEngineSink
from httpmr.stores import MemoryStore
from httpmr.testing import SinkSuite

SLICE = Slice("job", (0,), 0, 1)


class Count(ndb.Model):
    """By ndb; one of its properties has another name where it is stored."""

    number = ndb.IntegerProperty("n")
    share = ndb.FloatProperty()


class OldCount(db.Model):
    """By db."""

    number = db.IntegerProperty()
    share = db.FloatProperty()


class Keyed(SinkSuite):
    ordered = False  # a query's order is that of keys
    replaces = False  # what earlier jobs left is there, too
    fenced = False  # it is keyed


class TestNdb(Keyed):
    @pytest.fixture
    def sink(self):
        return AppEngineSink(Count, value="number")

    def published(self, sink, job):
        return [(count.key.id(), count.number) for count in Count.query()]


class TestDb(Keyed):
    @pytest.fixture
    def sink(self):
        return AppEngineSink(OldCount, value="number")

    def published(self, sink, job):
        return [(count.key().name(), count.number) for count in OldCount.all()]


def put(sink, *pairs):
    sink.write(pairs, SLICE)


def test_values_that_are_entities_are_put_as_they_are():
    parent = ndb.Key("Year", 1845)
    both = [("x", Count(id="raven", parent=parent, number=1)), ("x", OldCount(key_name="a"))]
    for _ in range(2):
        put(AppEngineSink(), *both)
    assert [count.key.flat() for count in Count.query()] == [("Year", 1845, "Count", "raven")]
    assert [count.key().name() for count in OldCount.all()] == ["a"]


def test_a_value_may_be_spread_over_properties():
    sink = AppEngineSink(Count, value=("number", "share"))
    put(sink, ("a", (1, 0.5)), (7, {"share": 0.25, "number": 2}))
    assert [(it.key.id(), it.number, it.share) for it in Count.query()] == [
        (7, 2, 0.25),
        ("a", 1, 0.5),
    ]


@pytest.mark.parametrize("model", [Count, OldCount])
def test_a_path_is_a_key(model):
    path = ("Year", 1845, model.__name__, 5)
    put(AppEngineSink(model, value="number"), (path, 1))
    assert datastore.Get(datastore_types.Key.from_path(*path)) is not None


def test_of_one_key_the_last_is_there(bed):
    """And there alone: Firestore refuses a request that puts an entity twice."""
    stub = bed.get_stub("datastore_v3")
    real, sizes = stub._Dynamic_Put, []
    stub._Dynamic_Put = lambda ask, *args: (sizes.append(len(ask.entity)), real(ask, *args))
    put(AppEngineSink(Count, value="number"), ("a", 1), ("b", 2), ("a", 3))
    assert sizes == [2]
    assert {it.key.id(): it.number for it in Count.query()} == {"a": 3, "b": 2}


def test_many_take_several_requests(monkeypatch):
    monkeypatch.setattr(appengine, "AT_ONCE", 5)
    put(AppEngineSink(Count, value="number"), *((f"k{n}", n) for n in range(12)))
    assert Count.query().count() == 12


def test_what_is_put_is_not_kept():
    put(AppEngineSink(Count, value="number"), ("a", 1))
    assert not ndb.get_context()._cache


@pytest.mark.parametrize(
    ("sink", "key", "value", "why"),
    [
        (AppEngineSink(), "k", 5, "int is no entity"),
        (AppEngineSink(), "k", Count(number=1), "no id"),
        (AppEngineSink(), "k", OldCount(number=1), "no id"),
        (AppEngineSink(Count, value="number"), "k", "many", "nteger"),
        (AppEngineSink(OldCount, value="number"), "k", "many", "int"),
        (AppEngineSink(Count, value="number"), "", 1, "no id"),
        (AppEngineSink(Count, value="number"), 0, 1, "id"),
        (AppEngineSink(OldCount, value="number"), 0, 1, "id"),
        (AppEngineSink(Count, value="number"), "k" * 2000, 1, "500"),
        (AppEngineSink(Count, value="number"), True, 1, "takes a str, an int, or a path"),
        (AppEngineSink(Count, value="number"), 1.5, 1, "takes a str, an int, or a path"),
        (AppEngineSink(Count, value="number"), ("Year", 5), 1, "ends in"),
        (AppEngineSink(Count, value="number"), (), 1, "ends in"),
        (AppEngineSink(Count, value="number"), (1, 2, "Count", 5), 1, "kind"),
        (AppEngineSink(Count, value=("number", "share")), "k", 1, "1 parts"),
    ],
)
def test_what_cannot_be_put_is_named(sink, key, value, why):
    with pytest.raises(OutputError, match=why) as caught:
        put(sink, (key, value))
    assert caught.value.key == key
    assert "\n" not in caught.value.message


class Text(ndb.Model):
    """Of any size."""

    text = ndb.TextProperty()


def test_what_the_datastore_refuses_is_named():
    sink = AppEngineSink(Text, value="text")
    with pytest.raises(OutputError, match="the entity of key 'b' cannot be put") as caught:
        put(sink, ("a", "x"), ("b", "x" * 1_100_000), ("c", "x"))
    assert caught.value.key == "b"


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (datastore_errors.Timeout, Unavailable),
        (datastore_errors.TransactionFailedError, Unavailable),
        (apiproxy_errors.DeadlineExceededError, Unavailable),
        (apiproxy_errors.OverQuotaError, StoreFull),
    ],
)
def test_a_datastore_that_is_away_is_no_pairs_fault(bed, error, means):
    def away(*args):
        raise error("no answer")

    bed.get_stub("datastore_v3")._Dynamic_Put = away
    with pytest.raises(means, match="no answer"):
        put(AppEngineSink(Count, value="number"), ("a", 1))


def test_a_property_that_is_missing_is_told_before():
    store = MemoryStore()
    for model in (Count, OldCount):
        with pytest.raises(OutputError, match="no property 'n', but number, share: name such"):
            AppEngineSink(model, value="n").check(store)

    class Any(ndb.Expando):
        pass

    AppEngineSink(Any, value="n").check(store)
    put(AppEngineSink(Any, value="n"), ("a", 1))
    assert Any.get_by_id("a").n == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: AppEngineSink("Count", value="number"),
        lambda: AppEngineSink(Count),
        lambda: AppEngineSink(value="number"),
        lambda: AppEngineSink(Count, value=("number", "number")),
    ],
)
def test_what_it_is_made_of_is_checked(make):
    with pytest.raises(RecipeError, match="AppEngineSink"):
        make()
