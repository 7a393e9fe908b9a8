"""Ready-made mappers: Identity, Count and BySource."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from httpmr.engine import blame
from httpmr.errors import RecipeError
from httpmr.interfaces import Mapper, Pair


class Identity(Mapper):
    """Each record as it is: to sort, gather or copy an input.

    >>> list(Identity().map("key", "value"))
    [('key', 'value')]
    """

    def map(self, key: Any, value: Any) -> Iterator[Pair]:
        yield key, value


class Count(Mapper):
    """Each value as a key, with the number 1: with `reducers.Sum()`, how often each occurs.

    >>> list(Count().map(("books/emma.txt", 0), "a line"))
    [('a line', 1)]
    """

    def map(self, key: Any, value: Any) -> Iterator[Pair]:
        yield value, 1


class BySource(Mapper):
    """For each source of a `sources.Chain` its own mapper; what it gives is marked with the name.

    `mappers` is a dict, or a list, of the same names as the Chain. Of (key, value) it makes
    (key, (name, value)), so that a reducer can tell them apart: `reducers.Join` does.

    >>> both = BySource({"shop": lambda id, row: [(row["city"], id)], "city": Identity()})
    >>> list(both.map(("shop", 7), {"city": "Ulm"})), list(both.map(("city", "Ulm"), "big"))
    ([('Ulm', ('shop', 7))], [('Ulm', ('city', 'big'))])
    """

    def __init__(self, mappers: Mapping[str, Any] | Sequence[Any]) -> None:
        named = isinstance(mappers, Mapping)
        if not named and not isinstance(mappers, (list, tuple)):
            raise RecipeError(f"BySource takes a dict or a list of mappers, not {mappers!r:.80}")
        given: Any = mappers if named else enumerate(mappers)
        self.mappers: dict[Any, Any] = dict(given)
        self._map: dict[Any, Callable[[Any, Any], Iterable[Pair]]] = {}
        for name, mapper in self.mappers.items():
            function = getattr(mapper, "map", mapper)
            if isinstance(mapper, type) or not callable(function):
                what = "a function(key, value), or an object with such a method map"
                raise RecipeError(f"BySource: {name!r} needs {what}, not {mapper!r:.80}")
            self._map[name] = function

    def map(self, key: Any, value: Any) -> list[Pair]:
        try:
            name, inner = key
            function = self._map[name]
        except (TypeError, ValueError, KeyError) as error:
            names = ", ".join(map(repr, self._map))
            remedy = "give a Chain whose sources have these names"
            raise TypeError(f"BySource of {names} got the key {key!r:.80}: {remedy}") from error
        given = function(inner, value)
        if given.__class__ in blame.REFUSED:
            raise blame.not_pairs(function, given)
        pairs = list(given)
        blame.checked(pairs, function)
        return [(given, (name, made)) for given, made in pairs]
