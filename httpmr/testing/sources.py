"""What every source must do. A source's whole test file:

    class TestMySource(SourceSuite):
        @pytest.fixture
        def source(self):
            return MySource(...)  # with some twenty records or more

The tests begin and end at every key, so a hundred records are enough, and quick.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement, islice, pairwise
from typing import Any

import pytest

from httpmr import codec, keys
from httpmr.interfaces import Pair, Source
from httpmr.recipe import for_many

SHARDS = (1, 2, 5, 50)


class SourceSuite:
    """Subclass it, define the fixture `source`, and say what the source can do."""

    splits = True
    """`split` makes as many shards as it is asked for, or more, where there are records enough."""

    bounded = True
    """`last` gives a bound."""

    native_order = True
    """Keys ascend as `httpmr.keys` packs them; where a collation orders them, they may not."""

    fingerprints = False
    """`fingerprint` tells a change of the input. Then define `change(source)`, which makes one."""

    @pytest.fixture
    def source(self) -> Source:
        raise NotImplementedError("define the fixture `source`")

    @pytest.fixture
    def expected(self) -> list[Pair] | None:
        """The (key, value) pairs in order, where the test can tell; None = it cannot."""
        return None

    def change(self, source: Any) -> None:
        """Change the input, behind the back of `source`."""
        raise NotImplementedError("define change(source)")

    @pytest.fixture
    def records(self, source: Source) -> list[Pair]:
        """Everything the source has."""
        records = list(source.read(None, None))
        assert len(records) >= 10, "too few records to test with"
        return records

    # Reading

    def test_reads_what_is_there_and_the_same_again(
        self, source: Source, records: list[Pair], expected: list[Pair] | None
    ) -> None:
        assert list(source.read(None, None)) == records
        if expected is not None:
            assert records == expected

    def test_keys_are_unique_and_never_none(self, records: list[Pair]) -> None:
        packed = [keys.pack(key) for key, _ in records]
        assert None not in [key for key, _ in records]
        assert len(set(packed)) == len(packed)

    def test_keys_ascend(self, records: list[Pair]) -> None:
        if self.native_order:
            assert all(keys.pack(a) < keys.pack(b) for (a, _), (b, _) in pairwise(records))

    def test_keys_can_be_stored(self, source: Source, records: list[Pair]) -> None:
        for key, _ in records:
            assert codec.loads(codec.dumps(key)) == key
        for key in source.split(None, source.last(), 4):
            assert codec.loads(codec.dumps(key)) == key

    def test_reads_between_any_two_keys(self, source: Source, records: list[Pair]) -> None:
        for i, j in combinations_with_replacement(_some(range(len(records)), 12), 2):
            assert list(source.read(records[i][0], records[j][0])) == records[i + 1 : j + 1]

    def test_reads_on_after_any_key_and_up_to_it(self, source: Source, records: list[Pair]) -> None:
        for n, (key, _) in enumerate(records):
            assert list(source.read(key, None)) == records[n + 1 :]
            assert list(source.read(None, key)) == records[: n + 1]

    def test_reads_lazily_and_can_be_left(self, source: Source, records: list[Pair]) -> None:
        one, other = source.read(None, None), source.read(None, None)
        assert isinstance(one, Iterator)
        assert next(one) == next(other) == records[0]
        assert list(islice(one, 5)) == records[1:6]
        assert next(other) == records[1]
        for reading in (one, other):
            if hasattr(reading, "close"):
                reading.close()

    def test_reads_many_as_it_reads_each(self, source: Source, records: list[Pair]) -> None:
        read_many = for_many(source, "read", "read_many")
        if read_many is None:
            pytest.skip("the source reads each record alone")
        for i, j in combinations_with_replacement(_some(range(len(records)), 5), 2):
            found = read_many(records[i][0], records[j][0])
            pairs = [pair for keys, values in found for pair in zip(keys, values, strict=True)]
            assert pairs == records[i + 1 : j + 1]

    # The last key

    def test_last_is_a_bound_of_all_and_fixed(self, source: Source, records: list[Pair]) -> None:
        last = source.last()
        assert (last is not None) == self.bounded
        assert source.last() == last
        assert list(source.read(None, last)) == records
        assert list(source.read(records[0][0], last)) == records[1:]
        if last is not None:
            assert list(source.read(last, None)) == []
            assert codec.loads(codec.dumps(last)) == last

    # Splitting

    def test_any_split_reads_each_record_once(self, source: Source, records: list[Pair]) -> None:
        last = source.last()
        for shards in SHARDS:
            marks = list(source.split(None, last, shards))
            assert None not in marks
            assert _through(source, marks, last) == records

    def test_a_split_is_at_least_as_fine_as_asked(
        self, source: Source, records: list[Pair]
    ) -> None:
        if self.splits:
            for shards in (2, 3, 4):
                marks = list(source.split(None, source.last(), shards))
                filled = sum(1 for part in _parts(source, marks, source.last()) if part)
                assert filled >= shards

    def test_a_split_goes_on_after_any_of_its_keys(
        self, source: Source, records: list[Pair]
    ) -> None:
        last = source.last()
        marks = list(source.split(None, last, 3))
        for n in _some(range(len(marks)), 6):
            rest = list(source.split(marks[n], last, 3))
            assert _through(source, marks[: n + 1] + rest, last) == records

    def test_a_split_that_is_cut_at_every_key_comes_to_its_end(
        self, source: Source, records: list[Pair]
    ) -> None:
        last = source.last()
        whole = list(source.split(None, last, 3))
        marks: list[Any] = []
        while rest := list(islice(source.split(marks[-1] if marks else None, last, 3), 1)):
            marks += rest
            assert len(marks) <= 4 * len(whole) + 4, "each cut makes the rest of the split finer"
        assert _through(source, marks, last) == records

    def test_a_split_is_lazy(self, source: Source) -> None:
        split = source.split(None, source.last(), 2)
        assert isinstance(split, Iterator)
        next(split, None)

    def test_nothing_is_left_to_split_after_the_last_key(
        self, source: Source, records: list[Pair]
    ) -> None:
        last = source.last()
        for mark in source.split(records[-1][0], last, 4):
            assert list(source.read(mark, last)) == []

    # Knowing that it changed

    def test_a_fingerprint_stays_the_same(self, source: Source, records: list[Pair]) -> None:
        bounds = [None, records[2][0], records[-1][0], source.last()]
        for after, until in pairwise(bounds):
            told = source.fingerprint(after, until)
            assert source.fingerprint(after, until) == told
            assert isinstance(told, str) if self.fingerprints else told is None

    def test_a_fingerprint_tells_a_change(self, source: Source) -> None:
        if self.fingerprints:
            last = source.last()
            before = source.fingerprint(None, last)
            self.change(source)
            assert source.fingerprint(None, last) != before

    # Being looked at

    def test_shows_itself_in_one_line(self, source: Source) -> None:
        assert repr(source).startswith(type(source).__name__ + "(")
        assert "\n" not in repr(source)


def _parts(source: Source, marks: list[Any], last: Any) -> Iterator[list[Pair]]:
    for after, until in pairwise([None, *marks, last]):
        yield list(source.read(after, until))


def _through(source: Source, marks: list[Any], last: Any) -> list[Pair]:
    """Read from mark to mark, as shards do."""
    return [record for part in _parts(source, marks, last) for record in part]


def _some(numbers: Sequence[int], most: int) -> list[int]:
    """At most about `most` of them, the first and the last among them."""
    return sorted({*numbers[:: max(1, len(numbers) // most)], *numbers[-1:]})
