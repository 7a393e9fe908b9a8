"""Ready-made reducers: Identity, Count, Sum, Min, Max, Mean and Top.

All but Identity are their own combiners, and none of their results depends on how a job was cut
into slices. Each yields one pair for a key:

    >>> def of(reducer, *values):
    ...     return list(reducer.reduce("key", iter(values)))
    >>> of(Sum(), 1, 2, 3), of(Count(), "a", "b"), of(Max(), 3, 9, 4)
    ([('key', 6)], [('key', 2)], [('key', 9)])

What `combine` gives stands for several values and is for the same reducer's `reduce` alone.
Count, Mean and Top have a type of their own for it: a count of 5 is never taken for the value 5.
"""

import heapq
from dataclasses import dataclass
from typing import Any

from httpmr import codec
from httpmr.errors import RecipeError
from httpmr.exact import Exact, add, chunks, divided, rounded
from httpmr.interfaces import Reducer


class Identity(Reducer):
    """Each value as it came, in input order: a job that only sorts and gathers.

    >>> list(Identity().reduce("key", iter([2, 1])))
    [('key', 2), ('key', 1)]
    """

    def reduce(self, key, values):
        for value in values:
            yield key, value


@dataclass(frozen=True, slots=True)
class Counted:
    """What Count.combine gives: `n` values."""

    n: int


class Count(Reducer):
    """How many values there are, whatever they are.

    >>> list(Count().reduce("key", iter(["a", None, 7])))
    [('key', 3)]
    """

    def combine(self, key, values):
        n = 0
        for chunk in chunks(values):
            counted = [value.n for value in chunk if type(value) is Counted]
            n += len(chunk) - len(counted) + sum(counted)
        return Counted(n)

    def reduce(self, key, values):
        yield key, self.combine(key, values).n


class Sum(Reducer):
    """The sum of int, float or Decimal values (a bool counts as 0 or 1).

    Whole numbers give an int, Decimals a Decimal, both exactly. With a float among them the
    result is the float nearest to the exact sum, as by `math.fsum`; beyond the largest float it
    is inf, and inf and NaN count as in IEEE 754. Float and Decimal together are a TypeError.

    >>> list(Sum().reduce("key", iter([0.1] * 10)))
    [('key', 1.0)]
    """

    def combine(self, key, values):
        return add(values)

    def reduce(self, key, values):
        yield key, rounded(add(values))


class _First(Reducer):
    """The first value in an order: one pass, one value in memory."""

    def combine(self, key, values):
        first = []
        try:
            for chunk in chunks(values):
                if any(value != value for value in chunk):
                    raise _nan(self)
                first = [self._choose(first + chunk)]
        except TypeError as error:
            raise _unordered(self, error) from error
        return first[0]

    def reduce(self, key, values):
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
class Averaged:
    """What Mean.combine gives: the partial sum of `n` values."""

    total: Any
    n: int


class Mean(Reducer):
    """The mean: the exact sum, divided and rounded once, to a float.

    Decimals give a Decimal of 28 digits. Otherwise as `Sum`.

    >>> list(Mean().reduce("key", iter([1, 2]))), list(Mean().reduce("key", iter([0.1] * 3)))
    ([('key', 1.5)], [('key', 0.1)])
    """

    def combine(self, key, values):
        total, n = 0, 0
        for chunk in chunks(values):
            averaged = [value for value in chunk if type(value) is Averaged]
            if averaged:
                n += sum(value.n - 1 for value in averaged)
                chunk = [value.total if type(value) is Averaged else value for value in chunk]
            n += len(chunk)
            total = add([total, *chunk])
        return Averaged(total, n)

    def reduce(self, key, values):
        averaged = self.combine(key, values)
        yield key, divided(averaged.total, averaged.n)


@dataclass(frozen=True, slots=True)
class Best:
    """What Top.combine gives: the greatest values so far, in descending order."""

    values: tuple


class Top(Reducer):
    """A list of the `n` greatest values, in descending order; equal ones stay in input order.

    `key` is a function of one value that gives what is compared, as for `sorted`. What is
    compared must not be NaN.

    >>> list(Top(2).reduce("key", iter([3, 9, 4])))
    [('key', [9, 4])]
    >>> list(Top(1, key=len).reduce("key", iter(["fig", "plum", "pear"])))
    [('key', ['plum'])]
    """

    def __init__(self, n, key=None):
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise RecipeError(f"Top takes a whole number from 1 on, not {n!r:.40}")
        if key is not None and not callable(key):
            raise RecipeError(f"Top's key= is a function of one value, not {key!r:.40}")
        self.n = n
        self.key = key

    def combine(self, key, values):
        return Best(tuple(self._best(values)))

    def reduce(self, key, values):
        yield key, self._best(values)

    def _best(self, values):
        try:
            return heapq.nlargest(self.n, _each(values), key=self._compared)
        except TypeError as error:
            raise _unordered(self, error) from error

    def _compared(self, value):
        if self.key is not None:
            value = self.key(value)
        if value != value:
            raise _nan(self)
        return value

    def __repr__(self):
        return f"Top({self.n})" if self.key is None else f"Top({self.n}, key={self.key!r})"


def _each(values):
    for value in values:
        if type(value) is Best:
            yield from value.values
        else:
            yield value


def _nan(reducer):
    return ValueError(f"{type(reducer).__name__} cannot place NaN: leave it out in the mapper")


def _unordered(reducer, error):
    return TypeError(f"{type(reducer).__name__} compares the values of a key, but {error}")


# Codes 32 to 63 are the package's own; they stand in stored blocks and never change.
codec.register(Counted, 32, lambda it: it.n, Counted)
codec.register(Exact, 33, Exact.as_integer_ratio, lambda parts: Exact(*parts))
codec.register(Averaged, 34, lambda it: (it.total, it.n), lambda parts: Averaged(*parts))
codec.register(Best, 35, lambda it: it.values, Best)
