"""Programs of octopy: what each of the four names means, and that Python 2 runs as it is."""

import sys
import warnings

import pytest
from octopylib import PROGRAMS

import httpmr.testing
from httpmr.cli import octopy as command
from httpmr.cli import target
from httpmr.cli.main import main
from httpmr.contrib import octopy, python2
from httpmr.contrib.octopy import Positions
from httpmr.errors import HttpmrError, InputError, TargetError
from httpmr.testing import SourceSuite


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """Let no test see the modules that another one loaded."""
    modules = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    yield
    for name in set(sys.modules) - modules:
        if name.startswith("program"):
            del sys.modules[name]


def loaded(code, name="program.py", encoding="utf-8"):
    with open(name, "w", encoding=encoding) as file:
        file.write(code)
    return target.file(name, python2.Loader)


def made(code):
    return octopy.program(vars(loaded(code)), "program.py")


FOUR = """
source = {"k": "v"}
def mapfn(key, value): yield key, value
def reducefn(key, values): return values
def final(key, value): print(key, value)
"""


# Programs


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_prints_what_it_did(name, capsys):
    code, printed = PROGRAMS[name]
    program = made(code)
    job = octopy.master(program, name, "memory:").run()
    assert (job.state, job.bad_records) == ("done", []), job.record.error
    command.finish(program, job)
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("name", ["word count", "tuples for keys"])
def test_a_program_may_be_cut_anywhere(name):
    program = made(PROGRAMS[name][0])
    httpmr.testing.run(octopy.master(program, name, "memory:"))


def test_final_is_called_after_all_in_the_order_of_keys():
    program = made(
        "source = range(200)\ncalls = []\n"
        "def mapfn(key, value): yield (value * 7) % 200, value\n"
        "def reducefn(key, values): calls.append('reduce'); return {key: values}\n"
        "def final(key, value): calls.append((key, value))\n"
    )
    calls = program.final.__globals__["calls"]
    command.finish(program, octopy.master(program, "p", "memory:").run())
    assert calls[:200] == ["reduce"] * 200
    assert calls[200:] == [(n, {n: [n * 143 % 200]}) for n in range(200)]


@pytest.mark.parametrize("empty", ["{}", "[]", "()", "xrange(0)"])
def test_an_empty_source_ends_without_any_client(empty, capsys):
    loaded(FOUR.replace('{"k": "v"}', empty))
    assert main(["octopy", "server", "program.py", "--port", "0"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("source = ", "sauce = ", "program.py has no source"),
        ('{"k": "v"}', "iter([1])", "source is a list_iterator, which has no source[key]"),
        ("def mapfn", "def map_fn", "program.py has no mapfn: define mapfn(key, value)"),
        ("def reducefn", "def reduce_fn", "no reducefn: define reducefn(key, values)"),
        ("def final(key, value): print(key, value)", "final = 3", "final is a int"),
        ("def final", "1 / 0\ndef final", "program.py, line 5: ZeroDivisionError"),
        ("def mapfn(key", "def mapfn(+", "program.py, line 3: bad input: neither Python 3, nor"),
        ("def mapfn(", "def mapfn(((", "program.py, line 6: EOF in multi-line statement: neither"),
        ("def mapfn", 'x = """\ndef mapfn', "EOF in multi-line string: neither Python 3, nor"),
        ("\ndef mapfn", "  \n  def mapfn", "program.py, line 3: "),
        ("source", "s\0ource", "program.py"),
    ],
)
def test_what_is_no_program_is_told_in_one_line(before, after, reason, capsys):
    with open("program.py", "w") as file:
        file.write(FOUR.replace(before, after, 1))
    assert main(["octopy", "server", "program.py", "--port", "0"]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("httpmr: ") and reason in told


def test_a_value_that_cannot_be_read_pauses_the_job_and_names_its_key():
    program = made(FOUR.replace('{"k": "v"}', 'type("S", (dict,), {"__getitem__": None})(k=1)'))
    job = octopy.master(program, "p", "memory:").run()
    assert job.state == "paused"
    assert "source['k'] cannot be read (TypeError: " in job.record.error["message"]


def test_a_source_that_cannot_be_walked_is_told():
    class Broken:
        def __iter__(self):
            raise OSError("no such drive")

    with pytest.raises(InputError, match=r"cannot be walked \(OSError: no such drive\)"):
        Positions(Broken())


# Python 2


def test_python_3_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(python2, "fixed", None)
    module = loaded("import os\nfile = os\nhalf = 1 / 2\ndef f(long): return [long, file]\n")
    assert module.half == 0.5


def test_what_fissix_cannot_read_and_python_3_can_is_left_as_it_is():
    module = loaded(
        "match {}:\n    case {}:\n        x = 3\n\ndef f(frame):\n    return frame.iteritems()\n"
    )
    assert (module.x, module.__spec__.loader.old) == (3, True)


@pytest.mark.parametrize(
    ("text", "old"),
    [
        ("print 'x'", True),
        ("x = raw_input", True),
        ("try:\n    xrange\nexcept NameError:\n    xrange = range", False),
        ("from old import unicode as long\nlong", False),
        ("from old import *\nlong", False),
        ("x.has_key(1)", True),
        ("class C:\n    def has_key(self): return self.has_key()", False),
        ("import re; re.compile('\\d')", False),
    ],
)
def test_what_is_taken_for_python_2(text, old):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert python2.is_python2(text) is old


def test_the_encoding_that_a_file_declares_is_kept():
    code = '# coding: latin-1\nprint "\xe9",\nx = u"\xe9"\n'
    assert loaded(code, encoding="latin-1").x == "\xe9"


def test_a_file_in_another_encoding_is_told():
    with pytest.raises(TargetError, match="declare its encoding"):
        loaded('x = "\xe9"', encoding="latin-1")


def test_what_stays_python_2_is_told(capsys):
    command._module(loaded('def f():\n    raise "an old string"\n\nprint 1\n').__file__)
    told = capsys.readouterr().err
    assert "is Python 2, and made Python 3" in told
    assert "Line 2: could not convert" in told


def test_without_fissix_its_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "fissix.refactor", None)
    with pytest.raises(HttpmrError, match=r'pip install "httpmr\[octopy\]"'):
        loaded("print 1")
    assert loaded("x = 1", "program_3.py").x == 1


# The source


class TestOfADict(SourceSuite):
    fingerprints = True

    def change(self, source):
        keys = [key for _, (key, _) in source.read(None, None)]
        source.__init__({("another", key): 0 for key in keys})

    @pytest.fixture
    def source(self):
        return Positions({("key", -n): n for n in range(40)})

    @pytest.fixture
    def expected(self):
        return [(n, (("key", -n), n)) for n in range(40)]


class TestOfAListReadAtOnce(SourceSuite):
    fingerprints = True

    def change(self, source):
        source.__init__([str(n) for n in range(41)], whole=True)

    @pytest.fixture
    def source(self):
        return Positions([str(n) for n in range(40)], whole=True)

    @pytest.fixture
    def expected(self):
        return [(n, (n, str(n))) for n in range(40)]


def test_it_is_another_input_where_its_keys_are_others():
    prints = {Positions(given).fingerprint(None, None) for given in ({1: 2}, {2: 2}, {1: 3}, {})}
    assert len(prints) == 3


def test_it_is_read_by_one_process_where_there_are_several():
    class Counting(dict):
        reads = 0

        def __getitem__(self, key):
            self.reads += 1
            return super().__getitem__(key)

    given = Counting(a=1, b=2)
    source = Positions(given, whole=True)
    assert [list(source.read(None, None)) for _ in range(3)] and given.reads == 2
