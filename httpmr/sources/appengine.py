"""The entities of App Engine's datastore, in the order of their keys."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from httpmr import keys
from httpmr.errors import InputError, RecipeError
from httpmr.sources.walk import Walk
from httpmr.trouble import meaning

try:
    from google.appengine.api import datastore, datastore_errors, datastore_types
    from google.appengine.datastore import datastore_query
    from google.appengine.ext import db, ndb
    from google.appengine.runtime import apiproxy_errors
except ModuleNotFoundError as error:
    message = f'AppEngineSource needs App Engine\'s SDK ({error}): pip install "httpmr[appengine]"'
    raise RecipeError(message) from error

FIRST_PAGE, PAGE = 16, 100
"""Entities read at once: few at first, for a slice may end soon; and each may have 1 MiB."""

SAMPLE = 512
"""Keys that tell how a kind is spread: the datastore marks one entity of 128 or so, at random."""

Path = tuple[str | int, ...]

_KEY = datastore_types.KEY_SPECIAL_PROPERTY
_BY_KEY = datastore_query.PropertyOrder(_KEY)
_BACKWARDS = datastore_query.PropertyOrder(_KEY, datastore_query.PropertyOrder.DESCENDING)
_BY_MARK = datastore_query.PropertyOrder(datastore_types.SCATTER_SPECIAL_PROPERTY)


class AppEngineSource(Walk):
    """The entities of a kind, or of a query, by key: (path, entity).

    `query` is an ndb or db model class, a query of one (by an ancestor and by filters for
    equality), or the name of a kind. An entity is an instance of the model, or, where a kind is
    named, a `datastore.Entity`, which is a dict of its properties. Its path is what its key has
    in it: kinds and ids, as ("Author", "poe", "Poem", 5).

    Entities are read in pages, in no transaction: one that changes while the job runs is seen as
    it is when it is reached. The ids that the datastore gives have no order in time, so that new
    entities may become part of the job, wherever it ends. That end is looked up where index.yaml
    has the kind with `__key__` descending; elsewhere it is open.
    """

    def __init__(self, query: Any) -> None:
        self._query = query
        self._flavour = _flavour(query)

    def read(self, after: Any, until: Any) -> Iterator[tuple[Path, Any]]:
        size = FIRST_PAGE
        while True:
            page = self._run(after, "<=", until, limit=size)
            yield from page
            if len(page) < size:
                return
            after = page[-1][0]
            size = min(4 * size, PAGE)

    def last(self) -> Path | None:
        """Return the greatest path; None if there is none, or no index by which to find it."""
        try:
            found = self._paths(order=_BACKWARDS, limit=1)
        except InputError as error:
            if isinstance(error.__cause__, datastore_errors.NeedIndexError):
                return None
            raise
        return found[0] if found else None

    def split(self, after: Any, until: Any, shards: int) -> Iterator[Path]:
        """Cut a large kind where some of its keys lie; walk a small one, and what is filtered."""
        marks = self._marks(shards)
        if marks is None:
            yield from super().split(after, until, shards)
            return
        for mark in marks:
            if _below(after, mark) and _below(mark, until):
                yield mark

    def _marks(self, shards: int) -> list[Path] | None:
        """Return keys of a random sample, at even steps; None where it is too small for that."""
        query = self._base()
        if query.filter_predicate is not None or query.ancestor is not None:
            return None  # it would take an index
        sample = sorted(self._paths(order=_BY_MARK, limit=SAMPLE), key=keys.pack)
        if len(sample) < min(4 * shards, SAMPLE):
            return None
        return sample[:: len(sample) // (4 * shards) or 1]

    def _nth(self, after: Any, until: Any, n: int) -> Path | None:
        found = self._paths(after, until, limit=1, offset=n - 1)
        return found[0] if found else None

    def _any(self, after: Any, until: Any) -> bool:
        return True  # only what is wanted is walked

    def _paths(self, after: Any = None, until: Any = None, **options: Any) -> list[Path]:
        return [path for path, _ in self._run(after, "<", until, keys_only=True, **options)]

    def _run(
        self,
        after: Any,
        below: str,
        until: Any,
        *,
        limit: int,
        offset: int = 0,
        order: Any = _BY_KEY,
        keys_only: bool = False,
    ) -> list[tuple[Path, Any]]:
        """Return a page of (path, entity), or of (path, key)."""
        try:
            query = _between(self._base(), after, below, until, order)
            connect, record = _KEYS if keys_only else self._flavour[1:]
            options = datastore_query.QueryOptions(
                keys_only=keys_only, limit=limit, batch_size=limit, offset=offset
            )
            found = datastore_query.ResultsIterator(query.run(connect(), options))
            return [record(entity) for entity in found]
        except (datastore_errors.Error, apiproxy_errors.Error) as error:
            told = meaning(error, lost=False, in_commit=False)
            raise told or self._refused(str(error) or type(error).__name__) from error

    def _base(self) -> datastore_query.Query:
        query = self._flavour.base()
        if query is None or type(query) is not datastore_query.Query or query.group_by:
            raise self._refused("it is several queries in one")
        if query.order is not None and query.order != _BY_KEY:
            raise self._refused("it has an order of its own")
        return query

    def _refused(self, reason: str) -> InputError:
        said = reason.strip().splitlines()[0]
        remedy = "filter by equality alone, and by anything else in the mapper"
        return InputError(f"{self!r:.200} cannot be read by key ({said}): {remedy}")

    def __repr__(self) -> str:
        query = self._query
        if isinstance(query, type):
            shown = query.__name__
        elif isinstance(query, db.Query):  # its own repr is another one in each process
            shown = f"{query._model_class.__name__}.all()"
        else:
            shown = " ".join(repr(query).split())
        return f"{type(self).__name__}({shown})"


class _Flavour(NamedTuple):
    """How entities are asked for, and what they are: by `ndb`, by `db`, or by neither."""

    base: Callable[[], datastore_query.Query | None]  # None: it takes several
    connect: Callable[[], Any]
    record: Callable[[Any], tuple[Path, Any]]


_KEYS = datastore._GetConnection, lambda key: (tuple(key.to_path()), key)


def _flavour(query: Any) -> _Flavour:
    if isinstance(query, type) and issubclass(query, (ndb.Model, db.Model)):
        model: Any = query
        query = model.query() if issubclass(query, ndb.Model) else model.all()
    if isinstance(query, ndb.Query):
        # Asked by a connection, for what ndb itself is asked for stays in its cache.
        connect = ndb.model.make_connection
        return _Flavour(
            lambda: None if query._needs_multi_query() else query._get_query(connect()),
            connect,
            lambda it: (it.key.flat(), it),
        )
    if isinstance(query, db.Query) and query._model_class is not None:
        made = query._model_class.from_entity
        return _Flavour(
            lambda: _single(query._get_query()),
            datastore._GetConnection,
            lambda it: (tuple(it.key().to_path()), made(it)),
        )
    if isinstance(query, str) and query:
        return _Flavour(
            lambda: _single(datastore.Query(query)),
            datastore._GetConnection,
            lambda it: (tuple(it.key().to_path()), it),
        )
    raise RecipeError(
        "AppEngineSource takes an ndb or db model class, a query of one, or the name of a kind, "
        f"not {query!r:.80}"
    )


def _single(query: Any) -> datastore_query.Query | None:
    return None if isinstance(query, datastore.MultiQuery) else query.GetQuery()


def _between(
    query: datastore_query.Query, after: Any, below: str, until: Any, order: Any
) -> datastore_query.Query:
    """Return a query for those with after < key, and key `below` until."""
    parts = [] if query.filter_predicate is None else [query.filter_predicate]
    for op, path in ((">", after), (below, until)):
        if path is not None:
            key = datastore_types.Key.from_path(*path, namespace=query.namespace)
            parts.append(datastore_query.make_filter(_KEY, op, key))
    every = datastore_query.CompositeFilter
    return datastore_query.Query(
        app=query.app,
        namespace=query.namespace,
        kind=query.kind,
        ancestor=query.ancestor,
        filter_predicate=every(every.AND, parts) if parts else None,
        order=order,
    )


def _below(path: Any, other: Any) -> bool:
    return path is None or other is None or keys.pack(path) < keys.pack(other)
