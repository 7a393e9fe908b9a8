"""The version of a recipe: what its code and settings come to, as one short text for each part.

A job keeps the versions it began with, so that a request which has other code does not go on with
it unasked. Code is the source text of the classes and functions, without comments and layout;
settings are the plain values that their objects have. Modules that they use are not looked into:
whoever wants more, or less, gives the recipe a `version`.
"""

import ast
import inspect
import re
import textwrap
from hashlib import blake2b
from types import FunctionType
from typing import Any

from httpmr.errors import Conflict
from httpmr.interfaces import Sink, Source
from httpmr.ledger import Ledger
from httpmr.recipe import Recipe
from httpmr.state import Job

_PARTS = ("source", "mapper", "reducer", "combine", "partitioner", "sink")
_PLAIN = (type(None), bool, int, float, str, bytes)
_SIMPLE = (*_PLAIN, list, tuple, set, frozenset, dict)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PACKAGE = __name__.partition(".")[0]
_DEEPEST = 20


def versions(recipe: Recipe) -> dict[str, str]:
    """Return the version of each part, the same in every process that has the same code."""
    if recipe.version is not None:
        return {"version": recipe.version}
    parts = {part: getattr(recipe, part) for part in _PARTS}
    if recipe.sort_values:
        parts["sort_values"] = recipe.sort_values
    return {part: _digest(_told(value, 0)) for part, value in parts.items()}


def changed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return the parts that are not what they were; none for a job that kept no versions."""
    parts = {**before, **now} if before else {}
    return [part for part in parts if before.get(part) != now.get(part)]


def checked(ledger: Ledger, job: Job, now: dict[str, str]) -> Job:
    """Return the job; paused, if it runs and began with other code than there is here."""
    parts = changed(job.versions, now) if job.state == "running" else ()
    if not parts:
        return job
    message = (
        f"the code changed since the job began ({', '.join(parts)}): resume to go on with what it "
        "is now, or cancel and start again"
    )
    try:
        return ledger.change(job, state="paused", error={"message": message})
    except Conflict:
        return ledger.job(job.recipe, job.id) or job


def _digest(told: Any) -> str:
    return blake2b(repr(told).encode("utf-8", "backslashreplace"), digest_size=6).hexdigest()


def _told(value: Any, depth: int) -> Any:
    """Return what makes a value what it is, the same in each process."""
    kind = type(value)
    if isinstance(value, _PLAIN) or depth > _DEEPEST:
        return value if kind in _PLAIN else kind.__qualname__
    if kind in (list, tuple):
        return [kind.__name__, *(_told(item, depth + 1) for item in value)]
    if kind in (set, frozenset, dict):
        items = value.items() if kind is dict else value
        return [kind.__name__, *sorted(repr(_told(item, depth + 1)) for item in items)]
    if inspect.ismethod(value):
        return ["method", value.__name__, _told(value.__self__, depth + 1)]
    if inspect.isfunction(value):
        bound = [value.__defaults__, value.__kwdefaults__, _closed_over(value)]
        return ["function", _source(value), _told(bound, depth + 1)]
    if inspect.isclass(value):
        return _class(value)
    return [_class(kind), _settings(value, depth)]


def _settings(value: Any, depth: int) -> list[Any]:
    """Return an object's public attributes that are plain or functions, and what it shows."""
    named = {n: v for n, v in getattr(value, "__dict__", {}).items() if not n.startswith("_")}
    settings = {n: v for n, v in named.items() if isinstance(v, _SIMPLE) or inspect.isfunction(v)}
    shown = _ADDRESS.sub("", repr(value)) if isinstance(value, (Source, Sink)) else ""
    return [shown, _told(settings, depth + 1)]


def _class(kind: type) -> list[Any]:
    """Return a class's name and source, and those of its bases, as far as they are the user's."""
    theirs = [base for base in kind.__mro__ if not _ours(base)]
    return [kind.__qualname__, *map(_source, theirs)]


def _ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in (_PACKAGE, "builtins", "abc", "typing")


def _source(thing: Any) -> Any:
    """Return the source without comments and layout; where there is none, the code itself."""
    try:
        text = textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError):
        return _compiled(thing)
    try:
        return ast.unparse(ast.parse(text))
    except SyntaxError:  # a lambda's source is the line it stands in
        return " ".join(text.split())


def _compiled(thing: Any) -> list[Any]:
    thing = getattr(thing, "__code__", thing)
    if inspect.iscode(thing):
        inside = [_compiled(c) if inspect.iscode(c) else repr(c) for c in thing.co_consts]
        return [thing.co_code, list(thing.co_names), inside]
    own = [value for _, value in sorted(vars(thing).items()) if inspect.isfunction(value)]
    return [thing.__qualname__, *map(_compiled, own)]


def _closed_over(function: FunctionType) -> dict[str, Any]:
    """Return the plain values and functions that a function closes over; objects may change."""
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # not yet, as of a function that calls itself
            continue
        if isinstance(value, _PLAIN) or inspect.isfunction(value):
            found[name] = value
    return found
