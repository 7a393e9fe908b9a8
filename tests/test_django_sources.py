"""The objects of Django querysets, in pages by key."""

import datetime
import uuid

import pytest
from django.db import connections, models
from django.db.models import Count, Exists, OuterRef, Window
from django.db.models.functions import RowNumber
from django.test.utils import CaptureQueriesContext
from djangolib import Author, Book, Each, Moment, Named, Novel, Place, Tag, site

from httpmr import reducers, sources
from httpmr.errors import InputError, RecipeError, Unavailable
from httpmr.jobs.version import versions
from httpmr.sources import DjangoQuerySet
from httpmr.sources import django as module
from httpmr.testing.sources import SourceSuite
from httpmr.web import Master

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


@pytest.fixture
def library(database_url):
    with site(database_url, [Author, Book, Tag, Novel]) as connection:
        yield connection


@pytest.fixture
def shelf(sqlite_url):
    """Where the kind of database does not matter."""
    with site(sqlite_url, [Author, Book, Tag, Moment, Named, Novel, Place, Each]) as connection:
        yield connection


def books(n, **more):
    ann = Author.objects.create(name="ann")
    made = [
        Book(title=f"t{i % 4}", code=f"c{i:04}", author=ann, gone=i % 5 == 0, **more)
        for i in range(1, n + 1)
    ]
    Book.everything.bulk_create(made)


# The suite


class TestModel(SourceSuite):
    @pytest.fixture
    def source(self, shelf):
        books(30)
        return DjangoQuerySet(Book)

    @pytest.fixture
    def expected(self, source):
        found = [(book.pk, book) for book in Book.objects.order_by("pk")]
        assert len(found) == 24
        return found


class TestValues(SourceSuite):
    @pytest.fixture
    def source(self, library):
        books(40)
        found = Book.everything.using("default").filter(gone=False).exclude(title="t3")
        return DjangoQuerySet(found, key="code", values=("title", "author__name"))

    @pytest.fixture
    def expected(self, source):
        kept = (n for n in range(1, 41) if n % 5 and n % 4 != 3)
        return [(f"c{n:04}", {"title": f"t{n % 4}", "author__name": "ann"}) for n in kept]


class TestFunction(SourceSuite):
    native_order = False

    @pytest.fixture
    def source(self, shelf):
        Place.objects.bulk_create(Place(shelf=n // 4, position=n % 4) for n in range(24))
        return DjangoQuerySet(lambda: Place.objects.filter(shelf__gt=0))

    @pytest.fixture
    def expected(self, source):
        return [((n // 4, n % 4), Place(shelf=n // 4, position=n % 4)) for n in range(4, 24)]


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        (Moment, [NOON + n * datetime.timedelta(hours=7, microseconds=1) for n in range(9)]),
        (Named, [uuid.UUID(int=n * 7**40 % 2**128, version=4) for n in range(9)]),
    ],
)
def test_keys_of_any_type_are_bounds(database_url, model, keys):
    with site(database_url, [model]):
        model.objects.bulk_create(model(pk=key) for key in reversed(keys))
        source = DjangoQuerySet(model)
        read = [key for key, _ in source.read(None, source.last())]
        assert sorted(read) == sorted(keys)
        keys = read
        for n, key in enumerate(keys):
            assert [key for key, _ in source.read(key, None)] == keys[n + 1 :]
            assert [key for key, _ in source.read(None, key)] == keys[: n + 1]
        assert list(source.split(None, source.last(), 50)) == keys[:-1]


# What is kept of a queryset


def read(source):
    return list(source.read(None, source.last()))


def test_a_model_may_be_named_and_given_as_what_it_is_asked_by(shelf):
    books(10)
    ann = Author.objects.get()
    all_of_them = [Book.everything, Book.everything.all(), lambda: Book.everything, ann.book_set]
    for records in (*all_of_them, Book.everything.order_by("id"), Book.everything.order_by("pk")):
        kept = 8 if records is all_of_them[-1] else 10
        assert len(read(DjangoQuerySet(records))) == kept, records
    places = [DjangoQuerySet(records) for records in (Book, Book.objects, lambda: Book)]
    assert [len(read(source)) for source in places] == [8, 8, 8]


def test_a_model_is_found_by_its_label(shelf):
    books(4)
    source = DjangoQuerySet("books.Book")
    assert len(read(source)) == 4
    assert repr(source) == "DjangoQuerySet(books.Book, key='pk')"


def test_related_objects_come_with_theirs(shelf):
    books(20)
    Tag.objects.bulk_create(Tag(book=book, name="x") for book in Book.objects.all())
    source = DjangoQuerySet(Book.objects.select_related("author").prefetch_related("tag_set"))
    with CaptureQueriesContext(shelf) as queries:
        for _, book in source.read(None, None):
            assert (book.author.name, [tag.name for tag in book.tag_set.all()]) == ("ann", ["x"])
    assert len(queries) == 2


def test_annotations_count_whole_groups(shelf):
    books(20)
    for book in Book.objects.all():
        Tag.objects.bulk_create(Tag(book=book, name=f"x{n}") for n in range(book.pk % 3))
    found = Book.objects.annotate(tags=Count("tag")).filter(tags__gt=0)
    expected = {pk: pk % 3 for pk in range(1, 21) if pk % 5 and pk % 3}
    assert {key: book.tags for key, book in read(DjangoQuerySet(found))} == expected
    rows = read(DjangoQuerySet(found, values=("tags", "pk")))
    assert [(key, row) for key, row in rows] == [
        (pk, {"tags": n, "pk": pk}) for pk, n in expected.items()
    ]


def test_rows_that_a_join_doubles_are_told_wherever_they_are(shelf, monkeypatch):
    books(130)
    for book in Book.objects.filter(pk=78):  # the 63rd; the first page ends after the 64th
        Tag.objects.bulk_create([Tag(book=book, name="a"), Tag(book=book, name="b")])
    others = Book.objects.exclude(pk=78)
    Tag.objects.bulk_create(Tag(book=book, name="a") for book in others)
    for first in (63, 64, 65):
        monkeypatch.setattr(module, "FIRST_PAGE", first)
        source = DjangoQuerySet(Book.objects.filter(tag__name__in=["a", "b"]))
        with pytest.raises(InputError, match=r"key 78 .* comes twice.*\.distinct\(\)"):
            read(source)
    once = [
        Book.objects.filter(tag__name__in=["a", "b"]).distinct(),
        Book.objects.filter(Exists(Tag.objects.filter(book=OuterRef("pk")))),
    ]
    for found in once:
        assert len(read(DjangoQuerySet(found))) == 104


def test_no_transaction_is_held_between_pages(library):
    books(200)
    source = DjangoQuerySet(Book.everything)
    reading = source.read(None, None)
    next(reading)
    assert not library.in_atomic_block
    Book.everything.filter(pk=150).delete()
    Book.everything.filter(pk=160).update(title="new")
    found = dict(reading)
    assert 150 not in found
    assert found[160].title == "new"


def test_pages_grow_and_those_of_heavy_objects_are_short(shelf, monkeypatch):
    sizes = []
    page = DjangoQuerySet._page

    def spy(self, *args):
        rows = page(self, *args)
        sizes.append(min(len(rows), args[-1]))
        return rows

    monkeypatch.setattr(DjangoQuerySet, "_page", spy)
    Each.objects.bulk_create(Each(year=n, word="w", facts={"a": ["b" * 50]}) for n in range(800))
    assert len(read(DjangoQuerySet(Each))) == 800
    assert sizes == [64, 128, 256, 256, 96]
    sizes.clear()
    monkeypatch.setattr(module, "PAGE_BYTES", 1000)
    assert len(read(DjangoQuerySet(Each))) == 800
    assert sizes[0] == 64 and 5 < max(sizes[1:]) < 20


def test_objects_that_refer_to_each_other_are_weighed(shelf):
    books(3)
    [(_, book), *_] = read(DjangoQuerySet(Book.objects.select_related("author")))
    book.author.loves = book
    book.author._state.fields_cache["loves"] = book
    assert module._weight(book, module.DEEPEST) < 1000


def test_split_leaves_out_where_nothing_is_wanted(shelf):
    Each.objects.bulk_create(Each(year=n, word="w") for n in range(1, 3201))
    source = DjangoQuerySet(Each.objects.filter(year__gt=3000))
    marks = list(source.split(None, source.last(), 64))
    assert sum(1 for mark in marks if mark > 3000) >= 3
    assert sum(1 for mark in marks if mark <= 3000) <= 12


# What cannot be paged


UNFIT = {
    "a slice": lambda: Book.objects.all()[:10],
    "has an order": lambda: Book.objects.order_by("title"),
    "an order of its own": lambda: Book.objects.order_by("pk").reverse(),
    "order_by": lambda: Book.objects.order_by("-pk"),
    "a union": lambda: Book.objects.all().union(Book.objects.all()),
    "a job that groups": lambda: Book.objects.distinct("title"),
    'say values=("a", "b")': lambda: Book.objects.values("title"),
    "makes other rows": lambda: Book.objects.values_list("title", flat=True),
    "values()": lambda: Book.objects.values("title").annotate(n=Count("id")),
    "window function": lambda: Book.objects.annotate(n=Window(RowNumber())),
    "select_for_update": lambda: Book.objects.select_for_update(),
}


@pytest.mark.parametrize("says", UNFIT)
def test_what_cannot_be_paged_is_told_at_once(says):
    with pytest.raises(RecipeError, match="cannot be read in pages") as error:
        DjangoQuerySet(UNFIT[says]())
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    source = DjangoQuerySet(UNFIT[says])  # a function is asked when it is needed
    with pytest.raises(InputError) as error:
        list(source.read(None, None))
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"records": None}, "a model is a class of yours"),
        ({"records": int}, "a model is a class of yours"),
        ({"records": models.Model}, "a model is a class of yours"),
        ({"records": [1]}, "a model is a class of yours"),
        ({"key": ""}, "name of a unique field"),
        ({"key": ("a", "b")}, "name of a unique field"),
        ({"key": "title"}, r"Book\.title is not unique.*code, id, isbn"),
        ({"key": "cod"}, "no column 'cod': did you mean code"),
        ({"key": "tag"}, "no column 'tag'"),
        ({"values": "title"}, "values are names"),
        ({"values": ()}, "values are names"),
        ({"values": (1,)}, "values are names"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_at_once(wrong, says):
    options = {"records": Book, **wrong}
    with pytest.raises(RecipeError, match=says):
        source = DjangoQuerySet(**options)
        source._asked()  # of int, which can be called


def test_a_null_in_the_key_is_told(library):
    books(12)
    Book.everything.filter(pk__gt=3).update(isbn=models.F("pk"))
    for source in (DjangoQuerySet(Book, key="isbn"), DjangoQuerySet(Book.everything, key="isbn")):
        with pytest.raises(InputError, match=r"NULL in its key.*isbn__isnull=False"):
            source.last()
    filled = DjangoQuerySet(Book.objects.filter(isbn__isnull=False), key="isbn")
    assert [key for key, _ in read(filled)] == [4, 6, 7, 8, 9, 11, 12]
    assert list(filled.split(None, 12, 20)) == [4, 6, 7, 8, 9, 11]


def test_a_table_that_is_not_there_is_told(shelf):
    with connections["default"].schema_editor() as editor:
        editor.delete_model(Tag)
    for use in (DjangoQuerySet.last, lambda source: list(source.read(None, None))):
        with pytest.raises(InputError, match=r"no such table: books_tag.*migrate") as error:
            use(DjangoQuerySet(Tag))
        assert "\n" not in str(error.value)


def test_fields_that_are_not_there_are_told(shelf):
    source = DjangoQuerySet(Book, values=("titel",))
    with pytest.raises(InputError, match="titel"):
        list(source.read(None, None))


def test_a_database_that_is_away_is_to_be_tried_again():
    source = DjangoQuerySet(Book)
    with site("postgresql://nobody@127.0.0.1:1/test?options=-cx%3D1"), pytest.raises(Unavailable):
        source.last()


# As a recipe's


def test_it_shows_what_it_is(shelf):
    source = DjangoQuerySet(Book.objects.filter(title="x"), key="code", values=["id", "title"])
    shown = "Exact(Col(books_book, books.Book.title), 'x')"
    assert shown in repr(source)
    assert repr(source).startswith("DjangoQuerySet(books.Book, where=(AND: ")
    assert repr(source).endswith(", key='code', values=['id', 'title'])")
    assert repr(DjangoQuerySet(UNFIT["a slice"])).startswith("DjangoQuerySet(<lambda>")


def test_other_filters_are_other_code(shelf):
    def version(records):
        source = DjangoQuerySet(records)
        made = Master("m", source=source, mapper=lambda key, book: [], store="memory:")
        return versions(made.recipe)["source"]

    tags = Exists(Tag.objects.filter(book=OuterRef("pk")))
    assert version(Book.objects.filter(tags)) == version(Book.objects.filter(tags))
    different = [Book.objects.filter(title="x"), Book.objects.filter(title="y"), Book.everything]
    different += [
        Book,
        Tag,
        lambda: Book.objects.filter(title="x"),
        lambda: Book.objects.all(),
    ]
    found = [version(records) for records in different]
    assert len(set(found)) == len(found)


def test_a_job_in_processes_reads_by_connections_of_their_own(database_url):
    with site(database_url, [Author, Book, Tag]):
        books(300)
        master = Master(
            "titles",
            source=sources.DjangoQuerySet(Book),
            mapper=lambda key, book: [(book.title, 1)],
            reducer=reducers.Sum(),
            store="django:",
        )
        job = master.run(processes=2)
        assert job.state == "done"
        assert dict(job.output()) == {f"t{n}": 60 for n in range(4)}
        assert Book.everything.count() == 300  # the parent's connection is still its own
