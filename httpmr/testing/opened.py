"""How a store is opened in the tests of stores, and what it can do."""

from collections.abc import Callable
from typing import Any

import pytest

from httpmr.interfaces import OrderedStore


class Opened:
    """What a suite says of its store: see OrderedStoreSuite."""

    shared_between_processes = True
    """Another process sees the same data; the tests fork, and call `forked()` in the child."""

    joined_by_calls = False
    """`batch.sql` works. Needs the two methods `writes_word` and `words`."""

    @pytest.fixture
    def store(self) -> OrderedStore:
        raise NotImplementedError(f"{type(self).__name__} needs a fixture `store`: an empty one")

    def another(self, store: OrderedStore) -> OrderedStore:
        """Open the same data once more, as another machine would."""
        return store

    def writes_word(self, word: str) -> Callable[[Any], None]:
        """Return what, given to `batch.sql`, writes a word beside the store's own data."""
        raise NotImplementedError

    def words(self, store: OrderedStore) -> list[str]:
        """Return the words that were written so, sorted."""
        raise NotImplementedError

    def _needs(self, capability: bool, name: str) -> None:
        if not capability:
            pytest.skip(f"{type(self).__name__} is not {name}")
