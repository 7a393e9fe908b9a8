"""A recipe's parameters as flags: `--name value`, behind those of the command."""

import argparse
from typing import NoReturn

from httpmr.errors import ParameterError
from httpmr.recipe import Recipe
from httpmr.state import Plain


def given(recipe: Recipe, flags: list[str]) -> Plain:
    """Return what flags give of a recipe's parameters, read. ParameterError for wrong ones."""
    if recipe.parameters is None:
        return recipe.read(dict.fromkeys(flags))
    parser = _Parser(add_help=False, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    for field in recipe.parameters.fields:
        flag = f"--{field.name.replace('_', '-')}"
        if field.input == "checkbox":
            parser.add_argument(flag, dest=field.name, action=argparse.BooleanOptionalAction)
        else:
            parser.add_argument(flag, dest=field.name)
    return recipe.read(vars(parser.parse_args(flags)))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        known = " ".join(option for option in self._option_string_actions)
        raise ParameterError(f"{message}; the parameters are {known}", fields={})
