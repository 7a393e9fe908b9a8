"""A store in the datastore."""

import pytest

from httpmr.stores.appengine import AppEngineStore
from httpmr.testing import OrderedStoreSuite


class TestAppEngineStore(OrderedStoreSuite):
    shared_between_processes = False  # the testbed's datastore is in this process's memory

    @pytest.fixture
    def store(self):
        return AppEngineStore()

    def another(self, store):
        return AppEngineStore()
