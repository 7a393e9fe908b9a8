"""Several sources, one after the other, as one.

What their records and keys are is not known here: each is asked for its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import chain
from typing import Any

from httpmr.errors import InputError, RecipeError
from httpmr.interfaces import Pair, Source


class Chain(Source):
    """The records of all of `sources`, in their order: ((name, key), value).

    Of a mapping, a name is its key, a str; of a list, its place: 0, 1, ... Each source may be
    empty, or have no bound. With `mappers.BySource` and `reducers.Join` it is how sources are
    joined by a key.

        >>> from httpmr.sources import Memory
        >>> both = Chain({"b": Memory({1: "one"}), "a": Memory({1: "eins", 2: "zwei"})})
        >>> list(both.read(("b", 1), None))
        [(('a', 1), 'eins'), (('a', 2), 'zwei')]

    A bound that `last` or `split` gave is (name, key, lasts): how far each source goes, up to
    there, was settled when the job began. Where its key is None, it is behind that source.
    """

    def __init__(self, sources: Mapping[str, Source] | Sequence[Source]) -> None:
        named = isinstance(sources, Mapping)
        if not named and not isinstance(sources, (list, tuple)):
            raise RecipeError(f"Chain takes a list of sources, or a dict, not {sources!r:.80}")
        given: Any = sources if named else enumerate(sources)
        self.sources: dict[Any, Source] = dict(given)
        if not self.sources:
            raise RecipeError("Chain needs a source: Chain([first, second])")
        for name, source in self.sources.items():
            if named and not (type(name) is str and name):
                raise RecipeError(f"Chain: the name of a source is a str, not {name!r:.80}")
            if not isinstance(source, Source):
                raise RecipeError(f"Chain: {name!r} is {source!r:.80}, which is no source")
        self._places = {name: place for place, name in enumerate(self.sources)}

    def read(self, after: Any, until: Any) -> Iterator[Pair]:
        return chain.from_iterable(
            _named(name, source.read(low, high))
            for name, source, low, high in self._parts(after, until)
        )

    def last(self) -> Any:
        lasts = tuple(source.last() for source in self.sources.values())
        return next(reversed(self.sources)), None, lasts

    def split(self, after: Any, until: Any, shards: int) -> Iterator[Any]:
        """Give each source's own keys, then a bound behind it.

        How large they are beside each other is not known: each gives the steps asked for.
        """
        end, _, lasts = self._ends(until)
        for name, source, low, high in self._parts(after, until):
            place = self._places[name]
            for key in source.split(low, high, shards):
                yield name, key, lasts[:place]
            if place < end:
                yield name, None, lasts[: place + 1]

    def fingerprint(self, after: Any, until: Any) -> str | None:
        parts = self._parts(after, until)
        told = [(name, source.fingerprint(low, high)) for name, source, low, high in parts]
        if all(one is None for _, one in told):
            return None
        return blake2b(repr(told).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def _parts(self, after: Any, until: Any) -> Iterator[tuple[Any, Source, Any, Any]]:
        """Yield (name, source, low, high) for each source with records in the range."""
        begin, low = (0, None) if after is None else self._place(after)
        if after is not None and low is None:
            begin += 1
        end, high, lasts = self._ends(until)
        for place, (name, source) in enumerate(self.sources.items()):
            if begin <= place <= end:
                to = high if place == end and high is not None else lasts[place]
                yield name, source, low if place == begin else None, to

    def _ends(self, until: Any) -> tuple[int, Any, tuple[Any, ...]]:
        """Return the last place, a key there, and the last key of each source; None is open."""
        opened = (None,) * len(self.sources)
        if until is None:
            return len(opened) - 1, None, opened
        known = tuple(until[2]) if len(until) > 2 else ()
        return *self._place(until), (*known, *opened[len(known) :])

    def _place(self, bound: Any) -> tuple[int, Any]:
        try:
            name, key, *_ = bound
            return self._places[name], key
        except (TypeError, ValueError, KeyError) as error:
            names = ", ".join(map(repr, self.sources))
            message = f"the chain of {names} has no record {bound!r:.80}: start a new job"
            raise InputError(message) from error

    def __repr__(self) -> str:
        named = [f"{name!r}: {source!r}" for name, source in self.sources.items()]
        if type(next(iter(self.sources))) is str:
            return f"Chain({{{', '.join(named)}}})"
        return f"Chain([{', '.join(map(repr, self.sources.values()))}])"


def _named(name: Any, records: Iterator[Pair]) -> Iterator[Pair]:
    return (((name, key), value) for key, value in records)
