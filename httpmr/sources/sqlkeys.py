"""Keys as a database gave them: none may be NULL, none the one before. Nothing is read here."""

from collections.abc import Sequence
from typing import Any

from httpmr import sql
from httpmr.errors import InputError


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
