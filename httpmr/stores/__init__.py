"""Where everything durable is kept: the stores, and `open` for one given by its URL.

RedisStore is in `httpmr.stores.redis`, for it needs a library that others do not.
"""

from httpmr.errors import RecipeError
from httpmr.interfaces import OrderedStore
from httpmr.stores.memory import MemoryStore
from httpmr.stores.sql import SQLStore

__all__ = ["MemoryStore", "SQLStore", "open"]


def open(store: str | OrderedStore) -> OrderedStore:
    """Return the store a URL names; "memory:" is one of this process alone. A store is itself."""
    if isinstance(store, OrderedStore):
        return store
    if isinstance(store, str) and store.startswith(("redis:", "rediss:", "unix:")):
        return _redis(store)
    return MemoryStore() if store == "memory:" else SQLStore(store)


def _redis(url):
    try:
        from httpmr.stores.redis import RedisStore
    except ModuleNotFoundError as error:
        raise RecipeError("a store in Redis needs redis-py: pip install redis") from error
    return RedisStore(url)
