"""The tree of errors: one root, evidence as attributes, and the picture in the docstring."""

import copy
import inspect
import pickle
import re

import pytest

from httpmr import errors

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("cls", CLASSES)
def test_there_is_one_root(cls):
    assert issubclass(cls, errors.HttpmrError)
    assert inspect.getdoc(cls)


def test_the_picture_is_the_tree():
    """Each class stands in the docstring, indented under the one it is made of."""
    path, drawn = ["HttpmrError"], {"HttpmrError": "Exception"}
    for line in errors.__doc__.splitlines():
        if found := re.match(r"    ([│ ]*)[├└]── (\w+)", line):
            depth = len(found[1]) // 4 + 1
            del path[depth:]
            drawn[found[2]] = path[-1]
            path.append(found[2])
    assert drawn == {cls.__name__: cls.__base__.__name__ for cls in CLASSES}


def test_evidence_is_attributes_of_its_own():
    error = errors.Unfit("a job that is done cannot pause", state="done")
    assert str(error) == error.message == "a job that is done cannot pause"
    assert error.state == "done" and error.evidence == {"state": "done"}
    assert not hasattr(errors.Unfit("one without"), "state")


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_crosses_processes_whole(again):
    error = again(errors.Unstorable("no", value=[1]))
    assert type(error) is errors.Unstorable
    assert (str(error), error.message, error.value) == ("no", "no", [1])


def test_the_module_imports_nothing():
    assert not re.search(r"^\s*(import|from) ", inspect.getsource(errors), re.MULTILINE)
