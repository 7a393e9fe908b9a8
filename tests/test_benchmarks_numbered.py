"""The numbers that the benchmarks count are a source like any other."""

import pytest

from benchmarks.numbered import Numbers
from httpmr.testing import SourceSuite


class TestNumbers(SourceSuite):
    @pytest.fixture
    def source(self):
        return Numbers(100)

    @pytest.fixture
    def expected(self):
        return [(n, n) for n in range(100)]
