"""Python 2 made Python 3 as it is loaded, by fissix, which rewrites source text.

What Python 3 can run is left alone. What no text tells stays as it is: whether `/` divides whole
numbers, whether a string is text or bytes. It is not known here what a program is for.
"""

import ast
import io
import os
import tokenize
import warnings
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from httpmr.errors import HttpmrError, TargetError

_GONE = (
    "apply basestring buffer cmp execfile file intern long raw_input reduce reload unichr unicode "
    "xrange"
)
_NAMES = frozenset(_GONE.split())
_METHODS = frozenset(["has_key", "iteritems", "iterkeys", "itervalues"])

# It would take a module that lies beside the program for one of the same package.
_UNFIT = "fissix.fixes.fix_import"

_LEFT = {"cmp": lambda a, b: (a > b) - (a < b), "file": open}
"""Builtins of Python 2 that no fixer replaces."""


class Loader(SourceFileLoader):
    """Loads one file; `old`: it was Python 2; `notes` says, line by line, what stayed so in vain.

    It is compiled when the loader is made: TargetError where it cannot be, HttpmrError where that
    takes fissix.
    """

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name, path)
        text = read(path)
        self.old = is_python2(text)
        self.notes: list[str] = []
        refused = None
        if self.old:
            try:
                text, self.notes = fixed(text, path)
            except TargetError as error:  # it may be newer than fissix knows
                refused = error
        try:
            self._code: CodeType = _compiled(text, path)
        except (SyntaxError, ValueError) as error:
            raise refused or _refused(path, error) from None

    def exec_module(self, module: ModuleType) -> None:
        if self.old:
            vars(module).update(_LEFT)
        exec(self._code, vars(module))


def read(path: str) -> str:
    """Return a program's text, in the encoding that it declares; TargetError if it has none."""
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (SyntaxError, UnicodeDecodeError) as error:
        remedy = "declare its encoding in its first line, as # coding: latin-1"
        raise TargetError(f"{os.path.relpath(path)} cannot be read ({error}): {remedy}") from None
    except OSError as error:
        raise TargetError(f"{os.path.relpath(path)} cannot be read: {error.strerror}") from None


def is_python2(text: str) -> bool:
    """Whether Python 3 cannot run it: not compile it, or not find what it uses.

    >>> is_python2("print 1"), is_python2("print(1)"), is_python2("print(xrange(9))")
    (True, False, True)
    """
    try:
        tree = _compiled(text, "", ast.PyCF_ONLY_AST)
        _compiled(text, "")
    except SyntaxError:
        return True
    except ValueError:
        return False
    used, bound = set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.ExceptHandler(name=name):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.alias(name=name, asname=other):
                bound.add(other or name)
            case ast.Attribute(attr=name) if name in _METHODS:
                used.add(name)
    return bool((used - bound) & (_NAMES | _METHODS)) and "*" not in bound


def fixed(text: str, path: str) -> tuple[str, list[str]]:
    """Return Python 3 for Python 2, and what was in vain, in lines; `path` is for messages."""
    try:
        from fissix.pgen2.parse import ParseError
        from fissix.pgen2.tokenize import TokenError
        from fissix.refactor import RefactoringTool, get_fixers_from_package
    except ImportError:
        raise HttpmrError(
            f"{os.path.relpath(path)} is not Python 3; if it is Python 2, that takes fissix: "
            'pip install "httpmr[octopy]"'
        ) from None
    fixers = [name for name in get_fixers_from_package("fissix.fixes") if name != _UNFIT]
    failed: Exception | None = None
    for options in ({}, {"print_function": True}):  # some say print(x, file=f), and no import
        tool = RefactoringTool(fixers, options)
        try:
            tree = tool.refactor_string(_untabbed(text.rstrip() + "\n"), path)
            return str(tree), [" ".join(str(note).split()) for note in tool.fixer_log[1:]]
        except (ParseError, TokenError, IndentationError) as error:
            failed = failed or error
    assert failed is not None
    raise _refused(path, failed)


def _untabbed(text: str) -> str:
    """Indent by blanks, a tab going on to the next eighth column, where tabs and blanks mix.

    A line that begins within a string is left as it is.
    """
    from fissix.pgen2 import tokenize as old

    lines = text.splitlines(keepends=True)
    inside: set[int] = set()
    for kind, _, (first, _), (last, _), _ in old.generate_tokens(io.StringIO(text).readline):
        if kind == old.STRING:
            inside.update(range(first, last))
    for n, line in enumerate(lines):
        body = line.lstrip(" \t")
        if n not in inside:
            lines[n] = line[: len(line) - len(body)].expandtabs(8) + body
    return "".join(lines)


def _compiled(text: str, path: str, flags: int = 0) -> Any:
    with warnings.catch_warnings():
        # Such as an escape in a string that is none: the program is as it is.
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        return compile(text, path, "exec", flags, dont_inherit=True)


def _refused(path: str, error: Exception) -> TargetError:
    """Return what to say of a text that neither Python reads; fissix has errors of two kinds."""
    line = getattr(error, "lineno", None)
    said = getattr(error, "msg", None) or error.args[0]
    if line is None and (place := getattr(error, "context", None)):  # (blanks, (line, column))
        line = place[1][0]
    elif line is None and len(error.args) > 1:
        line = error.args[1][0]
    where = os.path.relpath(path) + ("" if line is None else f", line {line}")
    return TargetError(f"{where}: {said}: neither Python 3, nor Python 2 that can be made so")
