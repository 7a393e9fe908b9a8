"""Output as entities in App Engine's datastore."""

from collections.abc import Sequence
from typing import Any

from httpmr.errors import OutputError, RecipeError
from httpmr.interfaces import OrderedStore, Pair, Sink, Slice
from httpmr.sinks.columns import names, spread
from httpmr.trouble import meaning

try:
    from google.appengine.api import datastore_errors
    from google.appengine.ext import db, ndb
    from google.appengine.runtime import apiproxy_errors
except ModuleNotFoundError as error:
    message = f'AppEngineSink needs App Engine\'s SDK ({error}): pip install "httpmr[appengine]"'
    raise RecipeError(message) from error

AT_ONCE = 500
"""Entities in one request; the SDK cuts those that are large into more."""

_ERRORS = (datastore_errors.Error, apiproxy_errors.Error)
# What the SDK raises for what an entity cannot hold.
_REFUSALS = (*_ERRORS, ValueError, TypeError, OverflowError, AttributeError)


class AppEngineSink(Sink):
    """Each pair is an entity, put by its own key: done twice, it is there once.

    Without a model, a pair's value is the entity, of ndb or db, with a key that is complete; the
    pair's key is not used. With one, an ndb or db model class, the pair's key is the entity's id,
    or a path as AppEngineSource gives it, and its value goes to the properties `value`: one name
    takes it whole, several take its parts, those of a tuple by position, of a dict by name.

    What is there under the same key is replaced. If a job gives several pairs of one key, the
    entity is that of the last to be put.
    """

    guarantee = "keyed"

    def __init__(self, model: Any = None, *, value: str | Sequence[str] | None = None) -> None:
        if model is not None and not _is_model(model):
            raise RecipeError(f"AppEngineSink takes an ndb or db model class, not {model!r:.80}")
        if (model is None) != (value is None):
            raise RecipeError(
                "AppEngineSink takes a model and value=, the names of its properties; or neither, "
                "where the values are entities"
            )
        self.model, self.value = model, value
        if model is not None:
            is_ndb = issubclass(model, ndb.Model)
            self._kind = model._get_kind() if is_ndb else model.kind()
            self._key = _ndb_key if is_ndb else _db_key
        self._value = () if value is None else names("AppEngineSink", "value", value)

    def check(self, store: OrderedStore) -> None:
        """Raise OutputError unless the model has the properties."""
        if self.model is None or issubclass(self.model, (ndb.Expando, db.Expando)):
            return
        known = _properties(self.model)
        for name in self._value:
            if name not in known:
                raise OutputError(
                    f"{self.model.__name__} has no property {name!r}, but "
                    f"{', '.join(sorted(known)) or 'none'}: name such in value="
                )

    def write(self, pairs: Sequence[Pair], slice: Slice) -> None:
        """Put the entities, in some requests; OutputError names the pair of one that is refused."""
        entities: dict[tuple[Any, ...], Pair] = {}
        for key, value in pairs:
            try:
                entity = value if self.model is None else self._made(key, value)
                entities[_place(entity)] = key, entity
            except _REFUSALS as error:
                raise self._refused(key, error) from error
        found = list(entities.values())  # one for each place, which one request may not put twice
        for at in range(0, len(found), AT_ONCE):
            self._put(found[at : at + AT_ONCE])

    def _made(self, key: Any, value: Any) -> Any:
        parts = [value] if isinstance(self.value, str) else spread("value", self._value, value)
        path = key if isinstance(key, tuple) else (self._kind, key)
        kind, last = path[-2:] if len(path) > 1 else (None, None)
        if kind != self._kind or not isinstance(last, (str, int)) or isinstance(last, bool):
            raise ValueError(f"it takes a str, an int, or a path that ends in ({self._kind!r}, id)")
        key = self._key(path)
        return self.model(key=key, **dict(zip(self._value, parts, strict=True)))

    def _put(self, some: list[Pair]) -> None:
        try:
            _put([entity for _, entity in some])
        except _REFUSALS as error:
            if (told := meaning(error, lost=False, in_commit=False)) is not None:
                raise told from error
            if len(some) == 1:
                raise self._refused(some[0][0], error) from error
            for pair in some:  # which of them it is; to put the others twice does no harm
                self._put([pair])

    def _refused(self, key: Any, error: Exception) -> OutputError:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        return OutputError(f"the entity of key {key!r:.80} cannot be put: {said:.300}", key=key)

    def __repr__(self) -> str:
        shown = "" if self.model is None else f"{self.model.__name__}, value={self.value!r}"
        return f"AppEngineSink({shown})"


def _is_model(model: Any) -> bool:
    return isinstance(model, type) and issubclass(model, (ndb.Model, db.Model))


def _ndb_key(path: Sequence[Any]) -> ndb.Key:
    return ndb.Key(flat=path)


def _db_key(path: Sequence[Any]) -> db.Key:
    return db.Key.from_path(*path)


def _properties(model: Any) -> set[str]:
    """Return the names by which the properties are set; stored, they may have others."""
    if issubclass(model, ndb.Model):
        return {it._code_name for it in model._properties.values()}
    return set(model.properties())


def _place(entity: Any) -> tuple[Any, ...]:
    """Return what is different for any two entities; ValueError if it is not known yet."""
    if not isinstance(entity, (ndb.Model, db.Model)):
        raise ValueError(f"{type(entity).__name__} is no entity of ndb or db: name a model")
    if isinstance(entity, ndb.Model):
        key = entity.key
        path = key.flat() if key is not None else (None,)
    else:
        key = entity.key() if entity.has_key() else None
        path = key.to_path() if key is not None else (None,)
    if path[-1] is None:
        raise ValueError("it has no id, and put twice it would be there twice: give it one")
    return key.app(), key.namespace(), *path


def _put(entities: list[Any]) -> None:
    if by_ndb := [it for it in entities if isinstance(it, ndb.Model)]:
        # Not kept in ndb's own cache, where it would be until the request ends.
        ndb.put_multi(by_ndb, use_cache=False)
    if by_db := [it for it in entities if isinstance(it, db.Model)]:
        db.put(by_db)
