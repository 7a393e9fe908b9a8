"""How the parts of a key or a value are spread over named columns."""

from httpmr.errors import RecipeError


def names(owner, what, given):
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


def spread(what, columns, given):
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
