"""Where everything durable is kept: the stores, and `open` for one given by its URL."""

from httpmr.interfaces import OrderedStore
from httpmr.stores.memory import MemoryStore
from httpmr.stores.sql import SQLStore

__all__ = ["MemoryStore", "SQLStore", "open"]


def open(store: str | OrderedStore) -> OrderedStore:
    """Return the store a URL names; "memory:" is one of this process alone. A store is itself."""
    if isinstance(store, OrderedStore):
        return store
    return MemoryStore() if store == "memory:" else SQLStore(store)
