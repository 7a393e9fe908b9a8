"""Reducers that compare: Min, Max and Top."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from httpmr import codec
from httpmr.errors import RecipeError
from httpmr.interfaces import Pair, Reducer
from httpmr.reducers.exact import chunks


class _First(Reducer):
    """The first value in an order: one pass, one value in memory."""

    _choose: Any  # which of a list comes first

    def combine(self, key: Any, values: Iterator[Any]) -> Any:
        first: list[Any] = []
        try:
            for chunk in chunks(values):
                if any(value != value for value in chunk):
                    raise _nan(self)
                first = [self._choose(first + chunk)]
        except TypeError as error:
            raise _unordered(self, error) from error
        return first[0]

    def reduce(self, key: Any, values: Iterator[Any]) -> Iterator[Pair]:
        yield key, self.combine(key, values)


class Min(_First):
    """The least value; of equal ones the first. NaN is a ValueError, for it has no place.

    >>> list(Min().reduce("key", iter([2, 1.0, 1])))
    [('key', 1.0)]
    """

    _choose = staticmethod(min)


class Max(_First):
    """The greatest value; of equal ones the first. NaN is a ValueError, for it has no place.

    >>> list(Max().reduce("key", iter(["pear", "apple"])))
    [('key', 'pear')]
    """

    _choose = staticmethod(max)


@dataclass(frozen=True, slots=True)
class Best:
    """What Top.combine gives: the greatest values so far, in descending order."""

    values: tuple[Any, ...]


class Top(Reducer):
    """A list of the `n` greatest values, in descending order; equal ones stay in input order.

    `key` is a function of one value that gives what is compared, as for `sorted`. What is
    compared must not be NaN.

    >>> list(Top(2).reduce("key", iter([3, 9, 4])))
    [('key', [9, 4])]
    >>> list(Top(1, key=len).reduce("key", iter(["fig", "plum", "pear"])))
    [('key', ['plum'])]
    """

    def __init__(self, n: int, key: Callable[[Any], Any] | None = None) -> None:
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise RecipeError(f"Top takes a whole number from 1 on, not {n!r:.40}")
        if key is not None and not callable(key):
            raise RecipeError(f"Top's key= is a function of one value, not {key!r:.40}")
        self.n = n
        self.key = key

    def combine(self, key: Any, values: Iterator[Any]) -> Best:
        return Best(tuple(self._best(values)))

    def reduce(self, key: Any, values: Iterator[Any]) -> Iterator[Pair]:
        yield key, self._best(values)

    def _best(self, values: Iterator[Any]) -> list[Any]:
        try:
            return heapq.nlargest(self.n, _each(values), key=self._compared)
        except TypeError as error:
            raise _unordered(self, error) from error

    def _compared(self, value: Any) -> Any:
        if self.key is not None:
            value = self.key(value)
        if value != value:
            raise _nan(self)
        return value

    def __repr__(self) -> str:
        return f"Top({self.n})" if self.key is None else f"Top({self.n}, key={self.key!r})"


def _each(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if type(value) is Best:
            yield from value.values
        else:
            yield value


def _nan(reducer: Reducer) -> ValueError:
    return ValueError(f"{type(reducer).__name__} cannot place NaN: leave it out in the mapper")


def _unordered(reducer: Reducer, error: TypeError) -> TypeError:
    return TypeError(f"{type(reducer).__name__} compares the values of a key, but {error}")


# Codes 32 to 63 are the package's own; they stand in stored blocks and never change.
codec.register(Best, 35, lambda it: it.values, Best)
