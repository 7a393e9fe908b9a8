"""App Engine's datastore, as the SDK's own testbed has it in memory, empty for each test."""

import pytest
from google.appengine.ext import testbed


@pytest.fixture(autouse=True)
def bed(tmp_path):
    """The services that are used. The datastore knows what index.yaml in `tmp_path` declares."""
    bed = testbed.Testbed()
    bed.activate()
    bed.init_datastore_v3_stub(require_indexes=True, root_path=str(tmp_path))
    bed.init_memcache_stub()
    yield bed
    bed.deactivate()
