"""A Django site for tests: its models, and the databases that it is given one after another.

A process has one Django in it, so settings are made once, and what is there already is used. The
tables are made by Django itself; `site` gives them to each test anew.
"""

from contextlib import contextmanager

import django
import pymysql
from django.apps import AppConfig
from django.conf import settings
from django.db import connections, models
from sqlalchemy.engine import make_url

# As sites do that have PyMySQL for mysqlclient, which must be compiled.
pymysql.install_as_MySQLdb()


class Books(AppConfig):
    """The application of the models below."""

    name, label = "djangolib", "books"


if not settings.configured:
    settings.configure(
        SECRET_KEY="x",
        USE_TZ=True,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="djangolib",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "djangolib.Books"],
        DATABASES={"default": {}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    )
    django.setup()

urlpatterns = []


class Author(models.Model):
    name = models.CharField(max_length=40)

    class Meta:
        app_label = "books"


class Kept(models.Manager):
    def get_queryset(self):
        return super().get_queryset().filter(gone=False)


class Book(models.Model):
    """A book as sites have them: a manager that hides some, an order, a relation, unique fields."""

    title = models.CharField(max_length=40)
    code = models.CharField(max_length=20, unique=True)
    isbn = models.IntegerField(unique=True, null=True)
    author = models.ForeignKey(Author, models.CASCADE, null=True)
    gone = models.BooleanField(default=False)

    objects = Kept()
    everything = models.Manager()

    class Meta:
        app_label = "books"
        ordering = ("-title",)


class Tag(models.Model):
    book = models.ForeignKey(Book, models.CASCADE)
    name = models.CharField(max_length=20)

    class Meta:
        app_label = "books"


class Word(models.Model):
    word = models.CharField(max_length=20, unique=True)
    count = models.IntegerField()
    by = models.CharField(max_length=20, default="us")
    changed = models.DateTimeField(auto_now=True)
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "books"


class Each(models.Model):
    """A word count of each year, which no single field is unique of."""

    year = models.IntegerField()
    word = models.CharField(max_length=20)
    facts = models.JSONField(null=True)
    count = models.IntegerField(null=True)

    class Meta:
        app_label = "books"
        constraints = (models.UniqueConstraint(fields=["year", "word"], name="each_once"),)


class Moment(models.Model):
    at = models.DateTimeField(primary_key=True)

    class Meta:
        app_label = "books"


class Named(models.Model):
    id = models.UUIDField(primary_key=True)

    class Meta:
        app_label = "books"


class Novel(Book):
    pages = models.IntegerField(default=0)

    class Meta:
        app_label = "books"


class Place(models.Model):
    pk = models.CompositePrimaryKey("shelf", "position")
    shelf = models.IntegerField()
    position = models.IntegerField()

    class Meta:
        app_label = "books"


MODELS = [Author, Book, Tag, Word, Each, Moment, Named, Novel, Place]


def options(url):
    """Return what stands in DATABASES for a URL."""
    url = make_url(url)
    if url.get_backend_name() == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": url.database}
    found = {
        "NAME": url.database,
        "HOST": url.host,
        "PORT": str(url.port),
        "USER": url.username or "",
        "PASSWORD": url.password or "",
    }
    if url.get_backend_name() == "postgresql":
        extra = {"options": url.query["options"]}
        return {"ENGINE": "django.db.backends.postgresql", **found, "OPTIONS": extra}
    extra = {"ssl_disabled": True, "charset": "utf8mb4"}
    return {"ENGINE": "django.db.backends.mysql", **found, "OPTIONS": extra}


@contextmanager
def site(url, tables=(), alias="default", **more):
    """Let an alias of the site be the database of a URL, with the tables of some models."""
    before = connections.settings.get(alias)
    connections.settings[alias] = options(url) | more
    connections.configure_settings(connections.settings)
    _forget(alias)
    try:
        if tables:
            with connections[alias].schema_editor() as editor:
                for model in tables:
                    editor.create_model(model)
        yield connections[alias]
    finally:
        connections[alias].close()
        _forget(alias)
        if before is None:
            del connections.settings[alias]
        else:
            connections.settings[alias] = before


def _forget(alias):
    if alias in {one.alias for one in connections.all(initialized_only=True)}:
        del connections[alias]
