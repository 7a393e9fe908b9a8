"""The reducer that joins what several sources have for a key."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from httpmr.errors import RecipeError
from httpmr.interfaces import Pair, Reducer


class Join(Reducer):
    """What the sources `names` have for a key, together: (key, one value of each, as a tuple).

    Values are (name, value), as `mappers.BySource` gives them, and come in the order of the
    sources in `sources.Chain`, which must be that of `names`. Each is paired with each of the
    others. A key for which a source has none gives nothing, unless that is one of `outer`: then
    None takes its place. Of one key, what all sources but the last have is held in memory, so
    name the largest last.

    >>> join = Join("customer", "order")
    >>> list(join.reduce(7, iter([("customer", "Ann"), ("order", "tea"), ("order", "ink")])))
    [(7, ('Ann', 'tea')), (7, ('Ann', 'ink'))]
    """

    def __init__(self, *names: Any, outer: Iterable[Any] = ()) -> None:
        outer = (outer,) if isinstance(outer, str) else tuple(outer)
        if len(names) < 2 or len(set(names)) < len(names):
            raise RecipeError(f"Join takes the names of two sources or more, not {names!r:.80}")
        if not set(outer) <= set(names):
            raise RecipeError(f"Join: outer= names some of {names!r:.80}, not {outer!r:.80}")
        self.names = names
        self.outer = outer

    def reduce(self, key: Any, values: Iterator[Any]) -> Iterator[Pair]:
        *before, last = self.names
        held: dict[Any, list[Any]] = {name: [] for name in before}
        latest, sides = 0, None
        for tagged in values:
            place, value = self._told(tagged)
            if place < latest:
                shown = f"{self.names[place]!r} after {self.names[latest]!r}"
                raise ValueError(f"Join got {shown}: name them in the order of the Chain")
            latest = place
            if self.names[place] != last:
                held[self.names[place]].append(value)
                continue
            sides = sides or self._sides(held)
            for others in product(*sides):
                yield key, (*others, value)
        if sides is None and last in self.outer:
            for others in product(*self._sides(held)):
                yield key, (*others, None)

    def _sides(self, held: dict[Any, list[Any]]) -> list[list[Any]]:
        return [found or [None] * (name in self.outer) for name, found in held.items()]

    def _told(self, tagged: Any) -> tuple[int, Any]:
        try:
            name, value = tagged
            return self.names.index(name), value
        except (TypeError, ValueError) as error:
            remedy = "give a Chain of these names, and mappers.BySource"
            message = f"Join of {', '.join(map(repr, self.names))} got {tagged!r:.80}: {remedy}"
            raise TypeError(message) from error

    def __repr__(self) -> str:
        names = ", ".join(map(repr, self.names))
        return f"Join({names}{f', outer={self.outer!r}' if self.outer else ''})"
