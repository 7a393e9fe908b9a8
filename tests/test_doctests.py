"""The examples in the docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

import httpmr

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(httpmr.__path__, "httpmr.")
    if not module.name.endswith(("__main__", ".appengine"))  # test_appengine.py has its own Python
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert not failed


def test_there_are_some():
    finder = doctest.DocTestFinder(exclude_empty=True)
    tried = {
        name
        for name in MODULES
        for test in finder.find(importlib.import_module(name))
        if test.examples
    }
    assert {"httpmr.keys", "httpmr.codec.codec", "httpmr.budget", "httpmr.reducers"} <= tried
