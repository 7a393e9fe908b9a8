"""Sums that do not depend on how their terms are grouped: exact inside, rounded once at the end.

`add` returns a partial sum that can be added to others, in any grouping; `rounded` makes of the
last one what a user expects. Whole numbers and Decimals are their own partial sums. A sum of
floats is kept as a plain float where one holds it exactly, else as `Exact`.

    >>> left, right = add([0.1, 0.2]), add([0.3])
    >>> rounded(add([left, right])) == rounded(add([0.1, add([0.2, 0.3])])) == 0.6
    True
    >>> rounded(add([1, 2])), rounded(add([0.5, 0.5])), rounded(add([Decimal("0.10"), 1]))
    (3, 1.0, Decimal('1.10'))
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")

CHUNK = 4096
"""How many values are looked at together: iterators may be longer than memory."""

DIGITS = 10_000
"""The most a sum of Decimals may need; that many would be 1E+5000 plus 1E-5000."""

_exact = Context(prec=DIGITS, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact])
_mean = Context(prec=28, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])


@dataclass(frozen=True, slots=True)
class Exact:
    """A partial sum of floats that no float holds exactly: a fraction. `float()` rounds it."""

    numerator: int
    denominator: int  # a power of two, as of every float

    def as_integer_ratio(self) -> tuple[int, int]:
        return self.numerator, self.denominator

    def __float__(self) -> float:
        return _divide(self.numerator, self.denominator)


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Yield the values as lists, none of them empty."""
    values = iter(values)
    while chunk := list(islice(values, CHUNK)):
        yield chunk
        if len(chunk) < CHUNK:
            return


def add(values: Iterable[Any]) -> Any:
    """Return the sum of numbers and partial sums: an int, a float, a Decimal or an Exact.

    Infinities and NaN are added as IEEE 754 does: inf and -inf are NaN, and NaN stays. Raises
    TypeError for what is no number, and for float and Decimal together, as Python's + does.
    """
    values = iter(values)
    total = 0
    while chunk := list(islice(values, CHUNK)):
        try:
            quick = sum(chunk, total)
        except (TypeError, ArithmeticError):  # an Exact, another type, or too large to add so
            quick = None
        total = quick if type(quick) is int else _add([total, *chunk])
        if len(chunk) < CHUNK:
            break  # most groups are small, and there are many
    return total


def rounded(total: Any) -> Any:
    """Return a partial sum as a number. Beyond the largest float it is inf or -inf."""
    return float(total) if isinstance(total, Exact) else total


def divided(total: Any, n: int) -> Any:
    """Return a partial sum divided by `n`: a float rounded once, or a Decimal of 28 digits."""
    if isinstance(total, Decimal):
        return _mean.divide(total, Decimal(n))
    if isinstance(total, float) and not math.isfinite(total):
        return total
    numerator, denominator = total.as_integer_ratio()
    return _divide(numerator, denominator * n)


def _add(values: list[Any]) -> Any:
    floats, others = [], []
    for value in values:
        if isinstance(value, float):
            floats.append(value)
        elif isinstance(value, (int, Exact)):
            if value != 0:
                others.append(value)
        elif isinstance(value, Decimal):
            return _add_decimals(values)
        else:
            raise _not_a_number(value)
    if strange := [value for value in floats if not math.isfinite(value)]:
        return sum(strange)
    parts = _parts(floats)
    if not others and len(parts) < 2:
        return sum(parts, 0.0)
    return _shortest(*_add_ratios(parts + others))


def _parts(floats: list[float]) -> list[float]:
    """Return a few floats with the same exact sum.

    fsum rounds the exact sum; what it rounded off is the sum of what then remains.
    """
    parts, rest = [], list(floats)
    try:
        while part := math.fsum(rest):
            parts.append(part)
            rest.append(-part)
    except OverflowError:  # on the way, which says nothing about the sum
        return floats
    return parts


def _add_ratios(values: list[Any]) -> tuple[int, int]:
    total, denominator = 0, 1
    for value in values:
        n, d = value.as_integer_ratio()
        if d > denominator:
            total, denominator = total * (d // denominator), d
        total += n * (denominator // d)
    return total, denominator


def _shortest(numerator: int, denominator: int) -> float | Exact:
    value = _divide(numerator, denominator)
    if math.isfinite(value):
        n, d = value.as_integer_ratio()
        if n * denominator == numerator * d:
            return value
    even = min(numerator & -numerator, denominator)
    return Exact(numerator // even, denominator // even)


def _add_decimals(values: list[Any]) -> Decimal:
    total = Decimal(0)
    for value in values:
        if isinstance(value, (float, Exact)):
            raise TypeError("float and Decimal do not add up: let the mapper yield one of them")
        if not isinstance(value, (int, Decimal)):
            raise _not_a_number(value)
        try:
            total = _exact.add(total, Decimal(value))
        except Inexact:
            raise ValueError(f"a sum of Decimals would need over {DIGITS:,} digits") from None
    return Decimal("NaN") if total.is_nan() else total


def _divide(numerator: int, denominator: int) -> float:
    try:
        return numerator / denominator  # rounded once, however long they are
    except OverflowError:
        return math.inf if numerator > 0 else -math.inf


def _not_a_number(value: Any) -> TypeError:
    return TypeError(
        f"only numbers can be added, not {type(value).__name__} {value!r:.40}: "
        "let the mapper yield int, float or Decimal"
    )
