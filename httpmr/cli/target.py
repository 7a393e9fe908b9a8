"""TARGET, which names a Master or a WSGI application: `module:name`, `file.py`, `file.py:name`."""

import importlib
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Callable
from importlib.abc import Loader
from operator import attrgetter
from types import ModuleType
from typing import NamedTuple
from wsgiref.types import WSGIApplication

from httpmr.cli import django
from httpmr.errors import TargetError
from httpmr.web.master import Master
from httpmr.web.pipeline import Pipeline

_TARGET = re.compile(r"(?:(?P<file>.+\.py)|(?P<module>[\w.]+))(?::(?P<name>[\w.]+))?")


class Target(NamedTuple):
    """What a TARGET names, and the Masters of the module it is in: {name: Master}."""

    application: WSGIApplication
    masters: dict[str, Master]


def load(text: str) -> Target:
    """Return the application that `text` names; without a name, its only Master or Pipeline."""
    parts = _TARGET.fullmatch(text)
    if parts is None:
        raise TargetError(f"{text!r} is no TARGET: give file.py, file.py:name or module:name")
    _set_up_django()
    module = file(parts["file"]) if parts["file"] else _module(parts["module"])
    masters: dict[str, Master] = {}
    for name, value in vars(module).items():
        if isinstance(value, Master) and not any(value is known for known in masters.values()):
            masters[name] = value
    place = parts["file"] or parts["module"]
    if parts["name"]:
        return Target(_named(module, parts["name"], place), masters)
    if len(masters) == 1:
        return Target(next(iter(masters.values())), masters)
    lines = [value for value in vars(module).values() if isinstance(value, Pipeline)]
    if len({id(line) for line in lines}) == 1:
        return Target(lines[0], masters)
    if masters:
        names = ", ".join(f"{place}:{name}" for name in sorted(masters))
        raise TargetError(f"{place} has {len(masters)} Masters; say which: {names}")
    raise TargetError(
        f"{place} has no Master at its top level; if it is made elsewhere, give {place}:name"
    )


def master(text: str) -> Master:
    """Return the Master that `text` names; of a Pipeline the first, else the one beside it."""
    application, masters = load(text)
    if isinstance(application, Master):
        return application
    if isinstance(application, Pipeline):
        return application.masters[0]
    if len(masters) == 1:
        return next(iter(masters.values()))
    names = ", ".join(sorted(masters)) or "and there is none beside it"
    raise TargetError(f"{text} is no Master but a WSGI application; name its Master: {names}")


def place(text: str) -> str:
    """Return the path below the mount at which the Master is that `text` names: of a Pipeline."""
    application, _ = load(text)
    return f"/{next(iter(application.mounts))}" if isinstance(application, Pipeline) else ""


def _named(module: ModuleType, name: str, place: str) -> WSGIApplication:
    try:
        application: WSGIApplication = attrgetter(name)(module)
    except AttributeError:
        raise TargetError(f"{place} has no {name!r} at its top level") from None
    if not callable(application):
        kind = type(application).__name__
        raise TargetError(f"{place}:{name} is a {kind}, neither a Master nor a WSGI application")
    return application


def _set_up_django() -> None:
    _find_first(os.getcwd())
    try:
        django.set_up()
    except Exception as error:
        raise broken(error, os.environ[django.SETTINGS]) from error


def _module(name: str) -> ModuleType:
    """Import a module as a program in the working directory would."""
    _find_first(os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise TargetError(
                f"no module {error.name} in {os.getcwd()} or where Python looks"
            ) from None
        raise broken(error, name) from error
    except (Exception, SystemExit) as error:
        raise broken(error, name) from error


def file(path: str, loader: Callable[[str, str], Loader] | None = None) -> ModuleType:
    """Return a file, run as a module; its directory is where it finds its neighbours.

    `loader(name, path)` makes what loads it, if it is not Python's own.
    """
    if not os.path.isfile(path):
        raise TargetError(f"no file {path} in {os.getcwd()}")
    path = os.path.abspath(path)
    _find_first(os.path.dirname(path))
    name = os.path.basename(path)[: -len(".py")]
    if name in sys.modules:  # a file may well be called as a module of someone else's
        name = f"target_{name}"
    spec = importlib.util.spec_from_file_location(name, path, loader=loader and loader(name, path))
    if spec is None or spec.loader is None:
        raise TargetError(f"{path} is no file of Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise broken(error, path) from error
    return module


def _find_first(directory: str) -> None:
    if directory not in sys.path:
        sys.path.insert(0, directory)


def broken(error: BaseException, where: str) -> TargetError:
    """Return the TargetError for what the user's own code raised: file, line and message."""
    said = str(error).splitlines()[:1] or [""]
    if isinstance(error, SyntaxError) and error.filename:
        file, line, said = error.filename, error.lineno, [error.msg]
    else:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename == where]
        file, line, *_ = (own or frames)[-1]
    message = ": ".join(filter(None, [type(error).__name__, *said]))
    return TargetError(f"{os.path.relpath(file)}, line {line}: {message}")
