"""The ready-made mappers."""

import doctest

from httpmr import mappers
from httpmr.interfaces import Mapper


def test_identity_gives_each_record_as_it_is():
    assert list(mappers.Identity().map(("a", 0), {"x": 1})) == [(("a", 0), {"x": 1})]


def test_count_gives_each_value_with_one():
    assert list(mappers.Count().map(7, "word")) == [("word", 1)]


def test_they_are_mappers():
    assert isinstance(mappers.Identity(), Mapper)
    assert isinstance(mappers.Count(), Mapper)


def test_the_examples_in_the_docstrings():
    assert doctest.testmod(mappers).failed == 0
