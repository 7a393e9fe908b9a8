"""How the parts of a key or a value are spread over named columns."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from httpmr.errors import OutputError, RecipeError
from httpmr.interfaces import Pair


class Columned(Protocol):
    """A sink that spreads pairs: `key` and `value` as given, and as `names` has them."""

    key: Any
    value: Any
    _key: tuple[str, ...]
    _value: tuple[str, ...]
    mode: str


def names(owner: str, what: str, given: Any) -> tuple[str, ...]:
    """Return the names of columns as a tuple: one that stands for itself, or several."""
    found = (given,) if isinstance(given, str) else given
    if not isinstance(found, (tuple, list)) or not all(isinstance(name, str) for name in found):
        found = ()
    if not all(found) or not found:
        example = "'word' or ('year', 'word')"
        raise RecipeError(
            f"{owner}: {what} takes names of columns, as {example}, not {given!r:.80}"
        )
    if len(set(found)) < len(found):
        raise RecipeError(f"{owner}: {what} names a column twice: {', '.join(found)}")
    return tuple(found)


def spread(what: str, columns: Sequence[str], given: Any) -> list[Any]:
    """Return one part for each column: of a tuple or list by position, of a dict by name.

    Anything else is one part. ValueError says how the parts do not fit.
    """
    if isinstance(given, dict):
        if given.keys() != set(columns):
            raise ValueError(f"its {what} has {list(given)} for the columns {list(columns)}")
        return [given[name] for name in columns]
    parts = given if isinstance(given, (tuple, list)) else [given]
    if len(parts) != len(columns):
        raise ValueError(f"its {what} has {len(parts)} parts for the columns {list(columns)}")
    return list(parts)


def rows(sink: Columned, pairs: Iterable[Pair]) -> list[tuple[Any, list[Any]]]:
    """Return (key, parts) for each pair: a part for each column of the sink's key, then its value.

    OutputError for a pair that does not fit.
    """
    found = []
    for key, value in pairs:
        try:
            parts = [key] if isinstance(sink.key, str) else spread("key", sink._key, key)
            if sink.mode != "insert" and None in parts:
                raise ValueError("None is NULL, which no row's key equals: leave it out")
            if isinstance(sink.value, str):
                parts = [*parts, value]
            else:
                parts += spread("value", sink._value, value)
        except ValueError as error:
            raise OutputError(f"{sink.mode} of key {key!r:.80}: {error}", key=key) from None
        found.append((key, parts))
    return found
