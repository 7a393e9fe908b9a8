"""The ready-made reducers: their results never depend on how values were combined."""

import doctest
import functools
import itertools
import math
import operator
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpmr import codec, reducers
from httpmr.errors import HttpmrError, RecipeError
from httpmr.reducers import exact, identity, order, sums

ALL = [
    reducers.Count(),
    reducers.Sum(),
    reducers.Min(),
    reducers.Max(),
    reducers.Mean(),
    reducers.Top(3),
]

floats = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.one_of(st.integers(), floats, st.booleans())
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=3)


@st.composite
def grouped(draw, values, min_size=1):
    """Values, and the same cut into neighbours, some of which are to be combined, twice."""
    flat = draw(st.lists(values, min_size=min_size, max_size=12))
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(flat) - 1)), max_size=4)))
    bounds = [0, *cuts, len(flat)]
    groups = [flat[a:b] for a, b in itertools.pairwise(bounds) if a < b]
    return flat, [(group, draw(st.booleans())) for group in groups], draw(st.booleans())


def result(reducer, values):
    [(key, value)] = reducer.reduce("k", iter(values))
    assert key == "k"
    return value


def combined(reducer, groups, again):
    """Combine as the engine may: some groups, through the codec, and perhaps all once more."""
    values = []
    for group, combine in groups:
        values += [reducer.combine("k", iter(group))] if combine else group
    if again:
        values = [reducer.combine("k", iter(values))]
    return result(reducer, codec.loads(codec.dumps(values)))


def same(a, b):
    return type(a) is type(b) and (a == b or (a != a and b != b))


@pytest.mark.parametrize("reducer", ALL, ids=lambda it: type(it).__name__)
@given(grouped(numbers))
def test_grouping_does_not_matter(reducer, case):
    flat, groups, again = case
    assert same(combined(reducer, groups, again), result(reducer, flat))


@pytest.mark.parametrize("reducer", ALL, ids=lambda it: type(it).__name__)
@given(grouped(decimals))
def test_grouping_does_not_matter_for_decimals(reducer, case):
    flat, groups, again = case
    assert same(combined(reducer, groups, again), result(reducer, flat))


@pytest.mark.parametrize("reducer", [reducers.Sum(), reducers.Mean()])
@given(grouped(st.sampled_from([1.5, -2, math.inf, -math.inf, math.nan, 1e308, -1e308])))
def test_grouping_does_not_matter_for_infinities_and_nan(reducer, case):
    flat, groups, again = case
    assert same(combined(reducer, groups, again), result(reducer, flat))


@given(grouped(floats))
def test_a_sum_of_floats_is_that_of_fsum(case):
    flat, groups, again = case
    try:
        expected = math.fsum(flat)
    except OverflowError:
        return
    assert combined(reducers.Sum(), groups, again) == expected


@given(st.lists(st.integers() | st.booleans(), min_size=1))
def test_a_sum_of_whole_numbers_is_an_int(values):
    assert same(result(reducers.Sum(), values), sum(values))


@given(st.lists(st.integers(-(2**70), 2**70) | st.floats(-1e300, 1e300), min_size=1))
def test_mixed_numbers_are_rounded_once(values):
    exact = sum(map(Fraction, values))
    assert result(reducers.Sum(), values) == (exact if values_are_int(values) else float(exact))
    assert result(reducers.Mean(), values) == float(exact / len(values))


def values_are_int(values):
    return all(isinstance(value, int) for value in values)


@given(st.lists(decimals, min_size=1))
def test_a_sum_of_decimals_is_exact(values):
    total = functools.reduce(operator.add, map(Fraction, values))
    assert Fraction(result(reducers.Sum(), values)) == total


def test_decimals_keep_their_places():
    assert str(result(reducers.Sum(), [Decimal("1.10"), Decimal("2.20")])) == "3.30"
    assert str(result(reducers.Sum(), [Decimal("1.10"), 2])) == "3.10"
    assert result(reducers.Mean(), [Decimal(1), Decimal(2)]) == Decimal("1.5")


def test_decimal_infinities_and_nan():
    assert result(reducers.Sum(), [Decimal("Infinity"), 1]) == Decimal("Infinity")
    assert result(reducers.Sum(), [Decimal("Infinity"), Decimal("-Infinity")]).is_nan()
    assert result(reducers.Mean(), [Decimal("NaN"), 1]).is_nan()


def test_a_sum_beyond_the_largest_float_is_infinite_and_comes_back():
    assert result(reducers.Sum(), [1e308, 1e308]) == math.inf
    assert result(reducers.Sum(), [-(10**400), 0.5]) == -math.inf
    assert result(reducers.Sum(), [1e308, 1e308, -1e308, -1e308]) == 0.0
    assert result(reducers.Mean(), [1e308, 1e308]) == 1e308


def test_more_values_than_are_looked_at_together():
    many = [0.1] * (3 * exact.CHUNK + 1)
    assert result(reducers.Sum(), many) == math.fsum(many)
    assert result(reducers.Sum(), [1] * len(many)) == len(many)
    assert result(reducers.Count(), many) == len(many)
    assert result(reducers.Mean(), many) == 0.1
    assert result(reducers.Max(), [*many, 7, *many]) == 7


@pytest.mark.parametrize("wrong", ["abc", None, (1,), [1], 1j])
@pytest.mark.parametrize("reducer", [reducers.Sum(), reducers.Mean()])
def test_what_is_no_number_is_named(reducer, wrong):
    with pytest.raises(TypeError, match="only numbers") as caught:
        result(reducer, [1, wrong])
    assert type(wrong).__name__ in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [[0.0, Decimal(0)], [Decimal(0), 0.0], [Decimal(1), 1, 1.5]])
def test_float_and_decimal_do_not_mix(values):
    with pytest.raises(TypeError, match="float and Decimal"):
        result(reducers.Sum(), values)


def test_a_sum_of_decimals_too_far_apart_is_refused():
    with pytest.raises(ValueError, match="10,000 digits"):
        result(reducers.Sum(), [Decimal("1E+9000"), Decimal("1E-9000")])


def test_a_count_is_not_taken_for_a_value():
    count = reducers.Count()
    five = count.combine("k", iter("abcde"))
    assert result(count, [5, five, 5]) == 7
    mean = reducers.Mean()
    assert result(mean, [mean.combine("k", iter([1, 2, 3])), 6]) == 3.0


@given(grouped(st.tuples(st.integers(0, 3), st.integers())))
def test_the_first_of_equals_is_kept(case):
    flat, groups, again = case
    top = reducers.Top(2, key=operator.itemgetter(0))
    assert combined(top, groups, again) == sorted(flat, key=lambda it: -it[0])[:2]
    assert same(result(reducers.Min(), [2, 1.0, True, 1]), 1.0)
    assert same(result(reducers.Max(), [1, True, 0, 1.0]), 1)


@pytest.mark.parametrize("reducer", [reducers.Min(), reducers.Max(), reducers.Top(2)])
def test_values_without_an_order_are_named(reducer):
    name = type(reducer).__name__
    with pytest.raises(TypeError, match=f"{name} compares"):
        result(reducer, [1, "a"])
    with pytest.raises(ValueError, match=f"{name} cannot place NaN"):
        result(reducer, [1, math.nan])


def test_identity_keeps_all_in_order():
    assert list(reducers.Identity().reduce("k", iter([3, 1, 3]))) == [("k", 3), ("k", 1), ("k", 3)]
    assert reducers.Identity().combine is None


@pytest.mark.parametrize("n", [0, -1, 1.5, "3", True, None])
def test_top_refuses_a_number_it_cannot_use(n):
    with pytest.raises(RecipeError, match="Top takes"):
        reducers.Top(n)


def test_top_refuses_a_key_that_is_no_function():
    with pytest.raises(HttpmrError, match="key="):
        reducers.Top(1, key="name")
    assert repr(reducers.Top(3)) == "Top(3)"
    assert repr(reducers.Top(3, key=len)) == "Top(3, key=<built-in function len>)"


@pytest.mark.parametrize("module", [reducers, exact, identity, order, sums])
def test_the_examples_in_the_docstrings(module):
    assert doctest.testmod(module).failed == 0


class TestTally:
    """Sums of many pairs at once: what combining gives, or nothing."""

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.one_of(st.integers(), st.booleans()))))
    def test_whole_numbers_are_added_up(self, pairs):
        totals = {"a": 7}
        assert reducers.Sum().tally(totals, pairs)
        expected = {"a": 7 + sum(v for k, v in pairs if k == "a")}
        for key in {k for k, _ in pairs} - {"a"}:
            expected[key] = sum(v for k, v in pairs if k == key)
        assert totals == expected
        assert set(map(type, totals.values())) == {int}

    @pytest.mark.parametrize("other", [1.5, Decimal(1), Fraction(1), "x", None, sums.Exact(1, 2)])
    def test_anything_else_is_left_as_it_was(self, other):
        totals = {"a": 7}
        assert not reducers.Sum().tally(totals, [("a", 1), ("b", other), ("a", 2)])
        assert totals == {"a": 7}
