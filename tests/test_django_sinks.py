"""Rows of Django models: in the store's own database, and in another."""

import pytest
from django.db import connections, models
from djangolib import Author, Book, Each, Novel, Place, Word, site

from httpmr import reducers, sinks, sources
from httpmr.errors import OutputError, RecipeError
from httpmr.interfaces import Batch, Slice
from httpmr.sinks import DjangoModel
from httpmr.stores import MemoryStore, SQLStore
from httpmr.stores.django import DjangoStore
from httpmr.testing import SinkSuite
from httpmr.web import Master

SLICE = Slice("job", (0,), 0, 1)


@pytest.fixture
def library(database_url):
    with site(database_url, [Author, Book, Word, Each]) as connection:
        yield connection


@pytest.fixture
def desk(sqlite_url):
    """Where the kind of database does not matter."""
    with site(sqlite_url, [Author, Book, Word, Each, Novel, Place]) as connection:
        yield connection


class WordsSuite(SinkSuite):
    ordered = False
    replaces = False

    @pytest.fixture
    def sink(self, desk):
        return DjangoModel(Word, key="word", value="count")

    def published(self, sink, job):
        return counts()


def counts():
    return list(Word.objects.values_list("word", "count"))


class TestBesideTheStore(WordsSuite):
    fenced = False


class TestInTheStore(WordsSuite):
    @pytest.fixture
    def sink(self, library):
        return DjangoModel(Word, key="word", value="count")

    @pytest.fixture
    def store(self, sink):
        return DjangoStore()

    def test_it_joins(self, sink, store):
        assert sink.joins(store)
        assert not sink.joins(MemoryStore())
        assert not sink.joins(DjangoStore("other"))


class TestInsertInTheStore(WordsSuite):
    @pytest.fixture
    def store(self, desk):
        return DjangoStore()

    @pytest.fixture
    def sink(self, desk):
        return DjangoModel(Each, key="word", value=("count", "year"), mode="insert")

    @pytest.fixture(autouse=True)
    def whole(self, monkeypatch):
        rows = sinks.django.rows
        monkeypatch.setattr(
            sinks.django, "rows", lambda sink, pairs: rows(sink, [(k, (v, 1)) for k, v in pairs])
        )

    def published(self, sink, job):
        return list(Each.objects.values_list("word", "count"))


class TestUpdateBesideTheStore(WordsSuite):
    fenced = False

    @pytest.fixture
    def sink(self, desk):
        Each.objects.bulk_create(Each(year=1, word=f"key{n:02}") for n in range(10))
        return DjangoModel(Each, key="word", value="count", mode="update")

    def published(self, sink, job):
        return list(Each.objects.filter(count__isnull=False).values_list("word", "count"))


def write(sink, *pairs):
    sink.write(pairs, SLICE)


def join(sink, store, *pairs):
    batch = Batch()
    batch.put(b"key", b"value")
    sink.join(pairs, SLICE, batch)
    store.commit(batch)


# Rows


def test_parts_are_spread_over_fields_which_convert_them(library):
    sink = DjangoModel(Each, key=("word", "year"), value=("facts", "count"))
    sink.check(MemoryStore())
    facts = {"a": [1, None], "b": "é"}
    write(sink, (("w", 2001), (facts, 3)), (("w", "2002"), {"count": "4", "facts": None}))
    write(sink, (["w", 2002], ([1], 5)))
    assert list(Each.objects.order_by("year").values_list("year", "word", "facts", "count")) == [
        (2001, "w", facts, 3),
        (2002, "w", [1], 5),
    ]


def test_of_several_rows_of_one_key_the_last_stays(desk):
    write(DjangoModel(Word, key="word", value="count"), ("a", 1), ("b", 2), ("a", 3), ("a", 4))
    assert sorted(counts()) == [("a", 4), ("b", 2)]


def test_keys_that_the_database_takes_for_one_are_one_row(library):
    sink = DjangoModel(Each, key=("year", "word"), value="count")
    write(sink, ((1, "a"), 1), (("1", "a"), 2))
    assert list(Each.objects.values_list("year", "word", "count")) == [(1, "a", 2)]


def test_fields_have_their_defaults_and_the_time_of_a_change(library):
    sink = DjangoModel(Word, key="word", value="count")
    write(sink, ("a", 1))
    before = Word.objects.get()
    Word.objects.update(by="me")
    write(sink, ("a", 2), ("b", 1))
    after, other = Word.objects.order_by("word")
    assert (after.count, after.by, other.by, after.since) == (2, "me", "us", before.since)
    assert after.changed > before.changed
    update = DjangoModel(Word, key="word", value="count", mode="update")
    update.check(MemoryStore())
    write(update, ("a", 5), ("nobody", 6))
    last = Word.objects.get(word="a")
    assert (last.count, last.changed > after.changed, last.since) == (5, True, before.since)
    assert Word.objects.count() == 2


def test_a_foreign_key_takes_the_key_of_the_other(library):
    ann = Author.objects.create(name="ann")
    Book.everything.bulk_create(Book(title="t", code=code) for code in "ab")
    for value in ("author", "author_id"):
        sink = DjangoModel(Book, key="code", value=value, mode="update")
        sink.check(MemoryStore())
        write(sink, ("a" if value == "author" else "b", ann.pk))
    assert list(Book.everything.values_list("author__name", flat=True)) == ["ann", "ann"]


def test_rows_that_a_manager_hides_are_changed_too(desk):
    Book.everything.create(title="t", code="a", gone=True)
    write(DjangoModel(Book, key="code", value="title", mode="update"), ("a", "new"))
    assert Book.everything.get().title == "new"


def test_thousands_of_rows(library):
    sink = DjangoModel(Word, key="word", value="count")
    pairs = [(f"word{n}", n) for n in range(1200)]
    write(sink, *pairs)
    write(sink, *pairs[:700])
    assert sorted(counts()) == sorted(pairs)


# Rows that are refused

GOOD = [(f"word{n}", n) for n in range(20)]


@pytest.mark.parametrize("value", [None, "many", 2**70])
def test_a_row_that_is_refused_is_named(library, value):
    sink, store = DjangoModel(Word, key="word", value="count"), DjangoStore()
    for attempt in (lambda *pairs: write(sink, *pairs), lambda *pairs: join(sink, store, *pairs)):
        with pytest.raises(OutputError, match=r"upsert of key 'wrong' was refused: .") as error:
            attempt(*GOOD[:13], ("wrong", value), *GOOD[13:])
        assert error.value.key == "wrong"
        assert "\n" not in str(error.value)
        assert (counts(), store.get([b"key"])) == ([], {})
        attempt(*GOOD)
        assert sorted(counts()) == sorted(GOOD)
        Word.objects.all().delete()


def test_a_double_insert_is_refused(desk):
    sink, store = DjangoModel(Word, key="word", value="count", mode="insert"), DjangoStore()
    join(sink, store, ("a", 1))
    with pytest.raises(OutputError, match="insert of key 'a' was refused") as error:
        join(sink, store, ("b", 1), ("a", 2), ("c", 3))
    assert error.value.key == "a"
    assert counts() == [("a", 1)]


@pytest.mark.parametrize("pair", [(None, 1), (("a", "b"), 1), (("one", None), 1)])
def test_a_pair_that_does_not_fit_is_named(desk, pair):
    key = "word" if pair[0] is None else ("year", "word")
    value = "count" if pair[0] is None or None in pair[0] else ("count", "facts")
    sink = DjangoModel(Word if pair[0] is None else Each, key=key, value=value)
    with pytest.raises(OutputError, match="upsert of key") as error:
        write(sink, pair)
    assert error.value.key == pair[0]


def test_a_table_that_is_not_there_is_no_pairs_fault(library):
    sink, store = DjangoModel(Word, key="word", value="count"), DjangoStore()
    with library.schema_editor() as editor:
        editor.delete_model(Word)
    for mode in ("upsert", "update"):
        with pytest.raises(OutputError, match=r"books_word.*migrate"):
            DjangoModel(Word, key="word", value="count", mode=mode).check(store)
    for attempt in (lambda: write(sink, *GOOD), lambda: join(sink, store, *GOOD)):
        with pytest.raises(OutputError, match=r"cannot be written: .*books_word") as error:
            attempt()
        assert not hasattr(error.value, "key")


# Before the job


def test_inserts_are_for_the_stores_own_database(desk, tmp_path):
    sink = DjangoModel(Word, key="word", value="count", mode="insert")
    for store in (MemoryStore(), SQLStore(f"sqlite:///{tmp_path}/jobs.db")):
        with pytest.raises(OutputError, match=r'twice.*upsert.*store="django:default"'):
            sink.check(store)
    sink.check(DjangoStore())
    with pytest.raises(OutputError, match="rows twice: start a new job"):
        sink.check_retry("job", [], True)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"model": "Word"}, "no model 'Word'"),
        ({"model": "books.Nothing"}, "no model 'books.Nothing'"),
        ({"model": None}, "a model is a class of yours"),
        ({"model": models.Model}, "a model is a class of yours"),
        ({"mode": "replace"}, "mode is 'upsert' or 'insert' or 'update'"),
        ({"key": ()}, "takes names"),
        ({"key": ("word", "word")}, "names a column twice"),
        ({"value": "word"}, "names a column twice"),
        ({"value": "cuont"}, "no column 'cuont': did you mean count"),
        ({"key": "by"}, r"not unique by just by.*\(it is by: id; word\)"),
        ({"value": "by"}, "needs a value for its field 'count'"),
        ({"model": Novel, "key": "code", "value": "pages"}, "several tables"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused(desk, wrong, says):
    options = {"model": Word, "key": "word", "value": "count", **wrong}
    with pytest.raises((RecipeError, OutputError), match=says) as error:
        DjangoModel(**options).check(MemoryStore())
    assert "\n" not in str(error.value)


def test_a_model_of_several_tables_can_be_updated(desk):
    novel = Novel.objects.create(title="t", code="a")
    sink = DjangoModel(Novel, key="code", value=("pages", "title"), mode="update")
    sink.check(MemoryStore())
    write(sink, ("a", (3, "new")))
    novel.refresh_from_db()
    assert (novel.pages, novel.title) == (3, "new")


def test_another_unique_key_that_an_upsert_would_meet_is_told_in_mysql(library):
    sink = DjangoModel(Book, key="code", value=("title", "isbn"))
    if library.vendor == "mysql":
        with pytest.raises(OutputError, match="also unique by isbn"):
            sink.check(MemoryStore())
        DjangoModel(Book, key="code", value="title").check(MemoryStore())
    else:
        sink.check(MemoryStore())
        with pytest.raises(OutputError, match="key 'b' was refused"):
            write(sink, ("a", ("t", 1)), ("b", ("t", 1)))


def test_it_shows_what_it_is():
    sink = DjangoModel(Each, key="word", value=["count"], mode="update", using="other")
    shown = "books.Each, key='word', value=['count'], mode='update', using='other'"
    assert repr(sink) == f"DjangoModel({shown})"
    assert sink.guarantee == "keyed"


# A job


def test_a_job_from_models_to_models_in_their_database(library):
    Book.objects.bulk_create(Book(title=f"t{n % 4}", code=f"c{n}") for n in range(100))
    master = Master(
        "titles",
        source=sources.DjangoQuerySet(Book),
        mapper=lambda key, book: [(book.title, 1)],
        reducer=reducers.Sum(),
        sink=sinks.DjangoModel(Word, key="word", value="count"),
        store="django:",
    )
    assert master.run().state == "done"
    assert sorted(counts()) == [(f"t{n}", 25) for n in range(4)]
    assert connections["default"].in_atomic_block is False
