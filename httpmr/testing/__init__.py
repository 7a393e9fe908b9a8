"""What is shipped for tests: `run`, for users' own jobs, and the suites that backends pass.

`run(master)` runs a job in memory, whole and cut wherever it can be, and compares. Of a new backend
the whole test file is about five lines.

Each suite is a class of pytest tests. Subclass it, say how one is opened, and name what yours
cannot do; the docstring of each shows how. Needs pytest (`pip install "httpmr[test]"`).
"""

import pytest

for _name in ("stores", "store_reads", "store_commits", "store_rivals", "sources", "sinks"):
    pytest.register_assert_rewrite(f"{__name__}.{_name}")

from httpmr.testing.cut import run  # noqa: E402
from httpmr.testing.sinks import SinkSuite  # noqa: E402
from httpmr.testing.sources import SourceSuite  # noqa: E402
from httpmr.testing.stores import OrderedStoreSuite  # noqa: E402

__all__ = ["OrderedStoreSuite", "SinkSuite", "SourceSuite", "run"]
