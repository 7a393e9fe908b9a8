"""The entities of the datastore as records: by ndb, by db, and by the name of a kind."""

from itertools import pairwise

import pytest
from google.appengine.api import datastore_errors, namespace_manager
from google.appengine.ext import db, ndb
from google.appengine.runtime import apiproxy_errors

from httpmr.errors import InputError, RecipeError, StoreFull, Unavailable
from httpmr.sources.appengine import AppEngineSource
from httpmr.testing import SourceSuite

DESCENDING = """indexes:
- kind: {kind}
  properties:
  - name: __key__
    direction: desc
"""


class Poem(ndb.Model):
    """By ndb."""

    title = ndb.StringProperty()
    old = ndb.BooleanProperty(default=False)


class Song(db.Model):
    """By db."""

    title = db.StringProperty()
    old = db.BooleanProperty(default=False)

    def __eq__(self, other):
        return db.to_dict(self) == db.to_dict(other)


def poems(count=10):
    """Write poems with numbers, with names, and with parents."""
    author = ndb.Key("Author", "poe")
    ndb.put_multi(
        [Poem(id=n + 1, title=f"poem {n}", old=n % 2 == 0) for n in range(count)]
        + [Poem(id=name, title=name, old=True) for name in ("a", "A", "é", "\U0001f600")]
        + [Poem(id=n, parent=author, title=f"by poe {n}") for n in (1, "x")]
    )


def songs():
    parent = db.Key.from_path("Author", "poe")
    db.put(
        [Song(key=db.Key.from_path("Song", n + 1), title=f"{n}", old=n % 2 == 0) for n in range(18)]
        + [Song(key_name=name, title=name, old=True) for name in ("a", "Z")]
        + [Song(key_name="x", parent=parent, title="with a parent")]
    )


@pytest.fixture
def descending(tmp_path):
    """What index.yaml has to declare, for `last` to find the last key."""
    (tmp_path / "index.yaml").write_text(DESCENDING.format(kind="Poem"))


@pytest.mark.usefixtures("descending")
class TestNdb(SourceSuite):
    @pytest.fixture
    def source(self):
        poems()
        return AppEngineSource(Poem)

    @pytest.fixture
    def expected(self):
        return [(poem.key.flat(), poem) for poem in Poem.query().order(Poem.key)]


class TestNdbQuery(SourceSuite):
    bounded = False

    @pytest.fixture
    def source(self):
        poems(20)
        return AppEngineSource(Poem.query(Poem.old == True))  # noqa: E712

    @pytest.fixture
    def expected(self):
        return [(poem.key.flat(), poem) for poem in Poem.query().order(Poem.key) if poem.old]


class TestDb(SourceSuite):
    bounded = False

    @pytest.fixture
    def source(self):
        songs()
        return AppEngineSource(Song.all().filter("old =", True).order("__key__"))


def titles(source, after=None, until=None):
    return [entity.title for _, entity in source.read(after, until)]


def test_a_kind_gives_what_is_there():
    songs()
    read = list(AppEngineSource("Song").read(("Song", 3), ("Song", 5)))
    assert read == [(("Song", n), {"title": f"{n - 1}", "old": n % 2 == 1}) for n in (4, 5)]


def test_the_descendants_of_an_ancestor():
    poems()
    source = AppEngineSource(Poem.query(ancestor=ndb.Key("Author", "poe")))
    assert titles(source) == ["by poe 1", "by poe x"]
    assert titles(source, ("Author", "poe", "Poem", 1)) == ["by poe x"]
    assert list(source.split(None, None, 2)) == [
        ("Author", "poe", "Poem", 1),
        ("Author", "poe", "Poem", "x"),
    ]
    old = Song.all().ancestor(db.Key.from_path("Author", "poe"))
    songs()
    assert titles(AppEngineSource(old)) == ["with a parent"]


def test_a_large_kind_is_split_by_a_sample(monkeypatch):
    ndb.put_multi([Poem(id=n) for n in range(1, 201)])
    source = AppEngineSource(Poem)
    monkeypatch.setattr(source, "_nth", None)  # it is not walked
    marks = list(source.split(None, None, 4))
    assert len(marks) >= 16
    sizes = [len(list(source.read(*ends))) for ends in pairwise([None, *marks, None])]
    assert sum(sizes) == 200 and max(sizes) < 60
    assert list(source.split(marks[4], marks[9], 4)) == marks[5:9]


def test_a_namespace_is_its_own():
    poems()
    namespace_manager.set_namespace("shop")
    ndb.put_multi([Poem(id=n, title="shop") for n in range(1, 21)])
    source = AppEngineSource(Poem)  # the one that is set when it is read
    assert titles(source, ("Poem", 18)) == ["shop", "shop"]
    namespace_manager.set_namespace("")
    assert "shop" not in titles(source)
    source = AppEngineSource(Poem.query(namespace="shop"))
    assert titles(source) == ["shop"] * 20
    assert titles(source, ("Poem", 18), ("Poem", 19)) == ["shop"]
    assert ("Poem", 12) in list(source.split(None, None, 4))


def test_what_is_read_is_not_kept():
    poems()
    ndb.get_context().clear_cache()
    assert len(titles(AppEngineSource(Poem))) > 10
    assert not ndb.get_context()._cache


def test_it_is_told_as_it_was_given():
    shown = [repr(AppEngineSource(given)) for given in (Poem, Song, Song.all(), "Song")]
    assert shown == [f"AppEngineSource({it})" for it in ("Poem", "Song", "Song.all()", "'Song'")]
    assert "old" in repr(AppEngineSource(Poem.query(Poem.old == True)))  # noqa: E712


@pytest.mark.parametrize("given", [None, 5, "", dict, db.Query(), [Poem]])
def test_what_is_no_query_is_refused(given):
    with pytest.raises(RecipeError, match="takes an ndb or db model class"):
        AppEngineSource(given)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(lambda: Poem.query().order(Poem.title), id="in another order"),
        pytest.param(lambda: Poem.query().order(-Poem.key), id="backwards"),
        pytest.param(lambda: Poem.query(Poem.title > "a"), id="a range of another property"),
        pytest.param(lambda: Poem.query(Poem.title.IN(["a", "b"])), id="several queries"),
        pytest.param(lambda: Poem.query(projection=["title"], distinct=True), id="distinct"),
        pytest.param(lambda: Song.all().order("title"), id="db, in another order"),
        pytest.param(lambda: Song.all().filter("title >", "a"), id="db, a range"),
        pytest.param(lambda: Song.all().filter("title IN", ["a", "b"]), id="db, several"),
    ],
)
def test_what_cannot_be_read_by_key_says_so(query):
    poems()
    source = AppEngineSource(query())
    for ask in (
        lambda: list(source.read(("Poem", 1), None)),
        lambda: list(source.split(None, None, 2)),
    ):
        with pytest.raises(InputError, match="filter by equality alone"):
            ask()


def test_a_datastore_that_is_away_is_not_the_inputs_fault(bed):
    source = AppEngineSource(Poem)
    for error, means in [
        (datastore_errors.Timeout, Unavailable),
        (apiproxy_errors.OverQuotaError, StoreFull),
    ]:

        def away(*args):
            raise error("no answer")  # noqa: B023

        bed.get_stub("datastore_v3")._Dynamic_RunQuery = away
        with pytest.raises(means, match="no answer"):
            list(source.read(None, None))
