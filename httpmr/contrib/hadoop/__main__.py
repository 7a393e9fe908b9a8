"""One task of Hadoop's, as its command: what is named there, and the streams it is given."""

import argparse
import importlib
import os
import sys
from operator import attrgetter

from httpmr.contrib.hadoop.task import Task, say
from httpmr.engine import blame
from httpmr.errors import HttpmrError, ParameterError, TargetError
from httpmr.recipe import Recipe
from httpmr.web.master import Master

FORMS = {
    "offsets": "map: before each line come its offset and a tab (ignoreKey=false)",
    "keys": "map: before each line come its key and a tab (KeyValueTextInputFormat)",
    "records": "map: each line is a packed pair",
}


def main(argv: list[str] | None = None) -> int:
    """Run one task; return its exit code. Takes the process's standard streams for itself."""
    parser = argparse.ArgumentParser(prog="python -m httpmr.contrib.hadoop", allow_abbrev=False)
    parser.add_argument("task", choices=("map", "combine", "reduce", "records"))
    parser.add_argument("target", metavar="TARGET", help="file.py, file.py:name or module:name")
    forms = parser.add_mutually_exclusive_group()
    for form, told in FORMS.items():
        forms.add_argument(f"--{form}", action="store_const", const=form, dest="form", help=told)
    parser.set_defaults(form="lines")
    parser.add_argument("--packed", action="store_true", help="write what map --records reads")
    args, flags = parser.parse_known_args(argv)
    try:
        with os.fdopen(os.dup(0), "rb") as input, os.fdopen(os.dup(1), "wb", 1 << 16) as output:
            # What user code and its children read or print is none of the records.
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(2, 1)
            recipe = _recipe(args.target, flags)
            task = Task(recipe, input, output, sys.stderr, os.environ, args.packed)
            if args.task == "map":
                task.map(args.form)
            else:
                getattr(task, args.task)()
    except (HttpmrError, OSError) as error:  # of the streams: Hadoop has had enough
        say(sys.stderr, str(error))
        return 1
    return 0


def _recipe(target: str, flags: list[str]) -> Recipe:
    """Return the recipe of the Master that TARGET names, with these parameters."""
    place, _, name = target.partition(":")
    folder, file = os.path.split(place)
    sys.path.insert(0, os.path.abspath(folder))
    module_name = file.removesuffix(".py")
    try:
        module = importlib.import_module(module_name)
        found = [attrgetter(name)(module)] if name else vars(module).values()
    except blame.FAULTS as error:
        if isinstance(error, ModuleNotFoundError) and error.name == module_name:
            where = os.path.abspath(folder)
            raise TargetError(f"no {place} in {where}: -files takes it there") from None
        raise TargetError(f"{target} cannot be loaded: {blame.told(error)}") from error
    masters = {id(one): one for one in found if isinstance(one, Master)}
    if len(masters) != 1:
        raise TargetError(f"{target} names {len(masters)} Masters: say which one, as {place}:name")
    [master] = masters.values()
    recipe: Recipe = master.recipe
    return recipe.of(recipe.read(_given(recipe, flags)))


def _given(recipe: Recipe, flags: list[str]) -> dict[str, str]:
    fields = recipe.parameters.fields if recipe.parameters else ()
    boxes = {field.name for field in fields if field.input == "checkbox"}
    given: dict[str, str] = {}
    rest = iter(flags)
    for flag in rest:
        name, equals, value = flag.partition("=")
        if not name.startswith("--"):
            raise ParameterError(f"{flag!r} is no parameter: give --name value", fields={})
        name = name[2:].replace("-", "_")
        if name.removeprefix("no_") in boxes and not equals:
            given[name.removeprefix("no_")] = "false" if name.startswith("no_") else "true"
        else:
            given[name] = value if equals else next(rest, "")
    return given


if __name__ == "__main__":
    sys.exit(main())
