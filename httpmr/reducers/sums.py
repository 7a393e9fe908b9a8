"""Reducers that add up: Count, Sum and Mean."""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from httpmr import codec
from httpmr.interfaces import Pair, Reducer
from httpmr.reducers.exact import Exact, add, chunks, divided, rounded

_value = itemgetter(1)


@dataclass(frozen=True, slots=True)
class Counted:
    """What Count.combine gives: `n` values."""

    n: int


class Count(Reducer):
    """How many values there are, whatever they are.

    >>> list(Count().reduce("key", iter(["a", None, 7])))
    [('key', 3)]
    """

    def combine(self, key: Any, values: Iterator[Any]) -> Counted:
        n = 0
        for chunk in chunks(values):
            counted = [value.n for value in chunk if type(value) is Counted]
            n += len(chunk) - len(counted) + sum(counted)
        return Counted(n)

    def reduce(self, key: Any, values: Iterator[Any]) -> Iterator[Pair]:
        yield key, self.combine(key, values).n


class Sum(Reducer):
    """The sum of int, float or Decimal values (a bool counts as 0 or 1).

    Whole numbers give an int, Decimals a Decimal, both exactly. With a float among them the
    result is the float nearest to the exact sum, as by `math.fsum`; beyond the largest float it
    is inf, and inf and NaN count as in IEEE 754. Float and Decimal together are a TypeError.

    >>> list(Sum().reduce("key", iter([0.1] * 10)))
    [('key', 1.0)]
    """

    def combine(self, key: Any, values: Iterator[Any]) -> Any:
        return add(values)

    def tally(self, totals: dict[Any, Any], pairs: list[Pair]) -> bool:
        try:
            if type(sum(map(_value, pairs))) is not int:
                return False
        except (TypeError, ArithmeticError):
            return False
        total = totals.get
        for key, value in pairs:
            totals[key] = total(key, 0) + value
        return True

    def reduce(self, key: Any, values: Iterator[Any]) -> Iterator[Pair]:
        yield key, rounded(add(values))


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

    def combine(self, key: Any, values: Iterator[Any]) -> Averaged:
        total, n = 0, 0
        for chunk in chunks(values):
            averaged = [value for value in chunk if type(value) is Averaged]
            if averaged:
                n += sum(value.n - 1 for value in averaged)
                chunk = [value.total if type(value) is Averaged else value for value in chunk]
            n += len(chunk)
            total = add([total, *chunk])
        return Averaged(total, n)

    def reduce(self, key: Any, values: Iterator[Any]) -> Iterator[Pair]:
        averaged = self.combine(key, values)
        yield key, divided(averaged.total, averaged.n)


# Codes 32 to 63 are the package's own; they stand in stored blocks and never change.
codec.register(Counted, 32, lambda it: it.n, Counted)
codec.register(Exact, 33, Exact.as_integer_ratio, lambda parts: Exact(*parts))
codec.register(Averaged, 34, lambda it: (it.total, it.n), lambda parts: Averaged(*parts))
