"""Keys of a database's rows: how they are named, and what they must be. Nothing is read here."""

from collections.abc import Sequence
from typing import Any

from httpmr import sql
from httpmr.errors import InputError, RecipeError


def names(what: str, given: Any) -> tuple[str, ...]:
    """Return the names of columns that an argument `what` gives; RecipeError if it does not."""
    found: tuple[str, ...] = tuple(given) if isinstance(given, (tuple, list)) else ()
    if not found or not all(isinstance(name, str) and name for name in found):
        raise RecipeError(f"SQLTable: {what} needs names of columns, as 'id' or ('a', 'b')")
    if len(set(found)) < len(found):
        raise RecipeError(f"SQLTable: {what} names a column twice: {', '.join(found)}")
    return found


def sound(keys: Sequence[Any], after: Any, parts: bool) -> int:
    """Return how many of the keys that follow `after` can be gone on after, from the first on.

    `parts`: they have several, of which some may be NULL.
    """
    if not parts and len({None, after, *keys}) == len({None, after}) + len(keys):
        return len(keys)
    for number, key in enumerate(keys):
        if is_wrong(key, after, parts):
            return number
        after = key
    return len(keys)


def is_wrong(key: Any, before: Any, parts: bool) -> bool:
    """Tell whether a key cannot be gone on after."""
    return key is None or key == before or (parts and None in key)


def wrong(table: Any, names: Sequence[str], key: Any, before: Any) -> InputError:
    """Return what is wrong with such a key, of columns of these names."""
    if key is None or (len(names) > 1 and None in key):
        return null(table, names)
    why = "is after itself, as rounded numbers are: name another unique column as key="
    if sql.is_select(table):
        why = "comes twice, though its tables have it once"
        why += ": select no function that makes several rows of one"
    return InputError(f"key {key!r} of {sql.called(table)} {why}", key=key)


def null(table: Any, names: Sequence[str]) -> InputError:
    """Return the error for rows that have no key."""
    message = f"a row of {sql.called(table)} has NULL in its key {', '.join(names)}"
    return InputError(f"{message}: fill it in, leave it out by where=, or use another key")
