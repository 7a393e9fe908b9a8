"""Where everything durable is kept: the stores, and `open` for one given by its URL.

RedisStore is in `httpmr.stores.redis`, DjangoStore in `httpmr.stores.django` and AppEngineStore in
`httpmr.stores.appengine`, for they need libraries that others do not.
"""

from httpmr.errors import RecipeError
from httpmr.interfaces import OrderedStore
from httpmr.stores.memory import MemoryStore
from httpmr.stores.sql import SQLStore

__all__ = ["MemoryStore", "SQLStore", "open"]


def open(store: str | OrderedStore) -> OrderedStore:
    """Return the store a URL names; "memory:" is one of this process alone. A store is itself.

    "django:" is the default database of a Django site, "django:other" another of its DATABASES;
    "appengine:" is in the datastore of an App Engine application, "appengine:other" is another.
    """
    if isinstance(store, OrderedStore):
        return store
    if isinstance(store, str) and store.startswith(("redis:", "rediss:", "unix:")):
        return _redis(store)
    if isinstance(store, str) and store.startswith("django:"):
        return _django(store.removeprefix("django:"))
    if isinstance(store, str) and store.startswith("appengine:"):
        return _appengine(store.removeprefix("appengine:"))
    return MemoryStore() if store == "memory:" else SQLStore(store)


def _redis(url: str) -> OrderedStore:
    try:
        from httpmr.stores.redis import RedisStore
    except ModuleNotFoundError as error:
        raise RecipeError("a store in Redis needs redis-py: pip install redis") from error
    return RedisStore(url)


def _django(alias: str) -> OrderedStore:
    try:
        from httpmr.stores.django import DjangoStore
    except ModuleNotFoundError as error:
        raise RecipeError('a store in Django needs it: pip install "httpmr[django]"') from error
    return DjangoStore(alias or "default")


def _appengine(name: str) -> OrderedStore:
    from httpmr.stores.appengine import AppEngineStore

    return AppEngineStore(name or "httpmr")
