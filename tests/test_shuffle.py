"""The shuffle: blocks hold what was put in them, and a merge is what sorting everything gives."""

import random
from collections import defaultdict
from datetime import date
from decimal import Decimal
from itertools import islice, pairwise
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from httpmr import codec, keys
from httpmr.errors import Damaged, Unavailable, Unstorable
from httpmr.interfaces import BATCH_BYTES, VALUE_BYTES, Batch
from httpmr.shuffle import (
    BLOCK_BYTES,
    FAN_IN,
    Columns,
    Placed,
    Runs,
    blocks,
    cut,
    gather,
    ordered,
    single,
)
from httpmr.shuffle.merge import merge
from httpmr.shuffle.reading import AT_ONCE, Entry
from httpmr.stores import MemoryStore

KEYS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([1.0, True, False, Decimal("1.00"), 0.5, -2.0]),
    st.text("ab\0é", max_size=2),
    st.sampled_from([None, b"a", date(2020, 1, 1), (1, "a"), (1.0, "a"), ()]),
)


def grouped(pairs):
    groups = defaultdict(list)
    gather(groups, pairs)
    return groups


def run(pairs, size, by=None):
    """One run as small blocks of at most `size` values: (entry fields, columns) in order."""
    columns = ordered(grouped(pairs), by=by)
    at, ends = 0, blocks._ends(columns)
    while at < len(columns.values):
        piece = blocks._piece(columns, ends, at, size)
        at += len(piece.values)
        yield piece


def merged(runs, size=3, after=None, opened=None, asked=None, by=None):
    """The merge of runs of pairs, each cut into tiny blocks, as a list of (key, values)."""
    held, entries = {}, []
    for number, pairs in enumerate(runs):
        for n, piece in enumerate(run(pairs, size, by)):
            kind = blocks._KINDS[keys.kind(piece.keys)]
            first, last = piece.keys[0], piece.keys[-1]
            entry = Entry((number,), first, last, kind, len(piece.keys), len(piece.values), None)
            entries.append(entry._replace(ref=(number, n)))
            held[number, n] = piece

    read = reader(held, opened, asked)
    return [(key, list(values)) for key, values in merge(entries, read, after, by)]


def reader(pieces, opened=None, asked=None):
    """Read pieces, as `merge` asks for them; note which were, one by one and as they were."""

    def read(refs):
        assert 0 < len(refs) <= AT_ONCE
        if asked is not None:
            asked.append(refs)
        if opened is not None:
            opened.extend(refs)
        return [pieces[ref] for ref in refs]

    return read


def model(runs):
    """What a merge means: gather everything in input order, and sort the keys."""
    groups = grouped(pair for pairs in runs for pair in pairs)
    return [(key, groups[key]) for key in sorted(groups, key=keys.pack)]


def numbered(runs):
    """Give each pair a value of its own, so that their order can be seen."""
    return [[(key, (r, n)) for n, key in enumerate(run)] for r, run in enumerate(runs)]


def exactly(groups):
    """As bytes, so that 1, 1.0 and True are told apart."""
    return codec.dumps([list(group) for group in groups])


RUNS = st.one_of(
    st.lists(st.lists(KEYS, max_size=12), max_size=6),
    st.lists(st.lists(st.integers(0, 9), max_size=12), max_size=6),
    st.lists(st.lists(st.text("abc", max_size=2), max_size=12), max_size=6),
    st.lists(st.lists(st.sampled_from([b"", b"\0", b"\xff"]), max_size=12), max_size=6),
).map(numbered)


class TestMerge:
    @given(RUNS, st.integers(1, 5))
    def test_a_merge_is_what_sorting_everything_gives(self, runs, size):
        """Groups in key order, values in run order, each key in the form first emitted."""
        assert exactly(merged(runs, size)) == exactly(model(runs))

    @given(RUNS, st.integers(1, 5), st.integers(1, 20))
    def test_however_little_is_sorted_at_a_time(self, runs, size, groups):
        with mock.patch("httpmr.shuffle.merge._GROUPS", groups):
            assert exactly(merged(runs, size)) == exactly(model(runs))

    @given(RUNS, st.integers(1, 5), st.data())
    def test_it_can_begin_anywhere(self, runs, size, data):
        whole = model(runs)
        if not whole:
            return
        at = data.draw(st.integers(0, len(whole) - 1))
        key, values = whole[at]
        assert merged(runs, size, (key, None)) == whole[at + 1 :]
        n = data.draw(st.integers(0, len(values)))
        assert merged(runs, size, (key, n)) == [(key, values[n:]), *whole[at + 1 :]]

    @given(RUNS, st.integers(1, 5), st.integers(1, 20), st.data())
    def test_values_can_be_sorted_too(self, runs, size, groups, data):
        """Those that are equal stay in run order; and it can begin anywhere."""

        def by(value):
            return -value[1] // 3

        whole = [(key, sorted(values, key=by)) for key, values in model(runs)]
        with mock.patch("httpmr.shuffle.merge._GROUPS", groups):
            assert exactly(merged(runs, size, by=by)) == exactly(whole)
        if whole:
            at = data.draw(st.integers(0, len(whole) - 1))
            key, values = whole[at]
            n = data.draw(st.integers(0, len(values)))
            rest = [(key, values[n:]), *whole[at + 1 :]]
            assert merged(runs, size, (key, n), by=by) == rest

    @given(RUNS, KEYS)
    def test_it_can_begin_at_a_key_that_is_not_there(self, runs, key):
        later = [g for g in model(runs) if keys.pack(g[0]) > keys.pack(key)]
        same = [g for g in model(runs) if g[0] == key]
        assert merged(runs, after=(key, None)) == later
        assert merged(runs, after=(key, 0)) == same + later
        if not same:
            assert merged(runs, after=(key, 3)) == later

    def test_equal_keys_of_different_types_are_one(self):
        runs = [[(True, "a")], [(1, "b"), ("1", "x")], [(1.0, "c"), (Decimal(1), "d")]]
        assert exactly(merged(runs)) == exactly([(True, ["a", "b", "c", "d"]), ("1", ["x"])])

    def test_a_place_between_numbers_of_another_type_is_found(self):
        runs = [[(n, n) for n in range(5)]]
        assert merged(runs, after=(2.5, None)) == [(3, [3]), (4, [4])]
        assert merged(runs, after=(Decimal("2.0"), 0))[0] == (2, [2])

    def test_a_group_may_go_on_over_many_blocks_of_many_runs(self):
        runs = [[("a", r), *[("k", (r, n)) for n in range(50)], ("z", r)] for r in range(4)]
        assert merged(runs, size=7) == model(runs)
        for n in (1, 6, 7, 8, 49, 50, 51, 120, 200):
            assert merged(runs, 7, ("k", n))[0] == ("k", model(runs)[1][1][n:])

    def test_blocks_that_were_passed_are_not_opened(self):
        opened = []
        runs = [[("k", (r, n)) for n in range(20)] for r in range(3)]
        merged(runs, size=5, after=("k", 42), opened=opened)
        assert opened == [(2, 0), (2, 1), (2, 2), (2, 3)]
        opened.clear()
        runs = [[(r * 10 + n, n) for n in range(10)] for r in range(5)]
        merged(runs, size=5, after=(34, None), opened=opened)
        assert opened == [(3, 1), (4, 0), (4, 1)]

    def test_within_a_group_only_blocks_that_have_others_too_are_opened_on_the_way(self):
        opened = []
        runs = [[("a", r), *[("k", (r, n)) for n in range(28)], ("z", r)] for r in range(3)]
        assert merged(runs, 5, ("k", 45), opened)[0] == ("k", model(runs)[1][1][45:])
        first, last = 0, 5
        assert opened[:3] == [(run, first) for run in range(3)]
        assert sorted(set(opened[3:])) == [(0, last), (1, 3), (1, 4), (1, last)] + [
            (2, n) for n in range(1, 6)
        ]
        assert len(opened) == len(set(opened))

    @pytest.mark.parametrize("skipped", [0, 1, 4, 5, 28, 60, 84])
    def test_it_is_known_how_many_values_a_group_has_at_most(self, skipped):
        runs = [[("a", r), *[("k", (r, n)) for n in range(28)], ("z", r)] for r in range(3)]
        pieces = [piece for pairs in runs for piece in run(pairs, 5)]
        entries = [
            Entry((n // 6,), p.keys[0], p.keys[-1], "s", len(p.keys), len(p.values), n)
            for n, p in enumerate(pieces)
        ]
        key, values = next(merge(entries, reader(pieces), ("k", skipped)))
        most = len(values) if isinstance(values, list) else values.most()
        left = len(list(values))
        assert (key, left) == ("k", 84 - skipped)
        assert most == left, "there is nothing that the index cannot tell, here"

    def test_a_block_is_opened_only_when_the_merge_comes_to_it(self):
        opened = []
        pieces = {}
        entries = []
        for r in range(100):
            columns = ordered(grouped([(r * 2, 0), (r * 2 + 1, 0)]))
            pieces[r] = columns
            entries.append(Entry((r,), *columns.keys, "i", 2, 2, r))
        groups = merge(entries, reader(pieces, opened))
        for _ in range(3):
            next(groups)
        assert opened == [0, 1]

    def test_blocks_that_are_needed_together_are_read_together(self):
        """A store may be far away: 40 runs are opened, and a long group is read, in few reads."""
        runs = [[(n * 40 + r, r) for n in range(10)] for r in range(40)]
        asked = []
        assert merged(runs, size=10, asked=asked) == model(runs)
        assert [len(refs) for refs in asked] == [AT_ONCE, AT_ONCE, 8]
        runs = [[("k", (r, n)) for n in range(10)] for r in range(40)]
        asked.clear()
        assert merged(runs, size=5, asked=asked) == model(runs)
        assert [len(refs) for refs in asked] == [1, 2, 4, 8, AT_ONCE, AT_ONCE, AT_ONCE, AT_ONCE, 1]

    def test_also_where_they_are_passed_over(self):
        """A slice goes on within a group of many runs, most with others in the same block."""
        runs = [[("k", 0)], *([("k", r), ("z", r)] for r in range(1, 40))]
        asked = []
        found = merged(runs, size=10, after=("k", 30), asked=asked)
        assert found == [("k", list(range(30, 40))), model(runs)[1]]
        assert [len(refs) for refs in asked] == [AT_ONCE, AT_ONCE, 1, 2, 4]
        pieces = [piece for pairs in runs for piece in run(pairs, 10)]
        entries = [
            Entry((n,), "k", "kz"[n > 0], "s", 1 + (n > 0), 1 + (n > 0), n) for n in range(40)
        ]
        asked.clear()
        groups = merge(entries, reader(pieces, asked=asked))
        assert [key for key, _ in groups] == ["k", "z"], "of the first group no value is walked"
        assert [len(refs) for refs in asked] == [AT_ONCE, AT_ONCE, 7]

    def test_values_not_walked_are_passed_over(self):
        runs = [[("a", n) for n in range(30)] + [("b", n)] for n in range(3)]
        pieces = [piece for pairs in runs for piece in run(pairs, 4)]
        entries = [
            Entry((n // 8,), p.keys[0], p.keys[-1], "s", len(p.keys), len(p.values), n)
            for n, p in enumerate(pieces)
        ]
        opened = []
        groups = merge(entries, reader(pieces, opened))
        key, values = next(groups)
        assert (key, next(iter(values))) == ("a", 0)
        assert [(key, list(values)) for key, values in groups] == [("b", [0, 1, 2])]
        assert opened == [0, 7, 15, 23], "nor opened, but where others are in the block"

    def test_an_error_is_kept_for_whoever_comes_after_one_that_swallows_it(self):
        pieces = list(run([("a", n) for n in range(30)], 4))
        entries = [Entry((0,), "a", "a", "s", 1, len(p.values), n) for n, p in enumerate(pieces)]

        def read(refs):
            if 3 in refs:
                raise Unavailable("away")
            return [pieces[ref] for ref in refs]

        _, values = next(merge(entries, read))
        with pytest.raises(Unavailable):
            list(values)
        assert isinstance(values.error, Unavailable)

    def test_sorted_values_are_read_as_they_are_walked_and_the_rest_passed_over(self):
        runs = [[("a", n) for n in range(first, 60, 2)] + [("b", 9)] for first in (0, 1)]
        pieces, entries = {}, []
        for number, pairs in enumerate(runs):
            for n, piece in enumerate(run(pairs, 3)):
                at = (number, n)
                first, last = piece.keys[0], piece.keys[-1]
                entries.append(Entry((number,), first, last, "s", 1, len(piece.values), at))
                pieces[at] = piece
        opened = []
        walked = merge(entries, reader(pieces, opened), by=keys.pack)
        key, values = next(walked)
        assert [next(iter(values)) for _ in range(5)] == list(range(5))
        assert (key, len(opened)) == ("a", 2)
        assert [(key, list(values)) for key, values in walked] == [("b", [9, 9])]

    def test_an_error_among_sorted_values_is_kept_too(self):
        entries = [Entry((n,), "a", "a", "s", 1, 1, n) for n in range(2)]

        def read(refs):
            raise Unavailable("away")

        [(_, values)] = islice(merge(entries, read, by=keys.pack), 1)
        with pytest.raises(Unavailable):
            list(values)
        assert isinstance(values.error, Unavailable)

    def test_nothing_gives_nothing(self):
        assert merged([]) == merged([[]]) == merged([], after=("a", 1)) == []


class TestBlocks:
    @given(st.lists(st.tuples(KEYS, st.one_of(st.integers(), st.text(), st.tuples()))))
    def test_what_is_packed_comes_back_exactly(self, pairs):
        columns = ordered(grouped(pairs))
        assert codec.dumps(list(blocks.unpack(blocks.pack(columns)))) == codec.dumps(list(columns))

    def test_counts_are_left_out_where_all_are_one(self):
        assert ordered({"b": [1], "a": [2]}) == Columns(["a", "b"], None, [2, 1])
        assert ordered({"b": [1, 2], "a": [2]}) == Columns(["a", "b"], [1, 2], [2, 1, 2])
        assert single({"b": 1, "a": 2}, ["b", "a"]) == Columns(["a", "b"], None, [2, 1])

    def test_only_the_keys_asked_for_are_taken(self):
        assert ordered({"b": [1], "a": [2], "c": [3]}, ["c", "a"]) == Columns(
            ["a", "c"], None, [2, 3]
        )
        assert single({"b": 1, "a": 2, "c": 3}, ["c", "a"]) == Columns(["a", "c"], None, [2, 3])

    def test_damage_is_noticed_wherever_it_is(self):
        data = blocks.pack(ordered({"a": [1, 2, 3], "b": ["x" * 100]}))
        for at in range(len(data)):
            with pytest.raises(Damaged, match="checksum"):
                blocks.unpack(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            with pytest.raises(Damaged, match="checksum"):
                blocks.unpack(data[:at])

    def test_a_key_without_an_order_is_refused(self):
        with pytest.raises(Unstorable, match="NaN"):
            ordered({float("nan"): [1]})
        with pytest.raises(Unstorable, match="not builtins"):
            ordered({frozenset(): [1]})

    def test_what_cannot_be_hashed_is_no_key(self):
        for key in ([1], {}, ("a", [1])):
            with pytest.raises(Unstorable, match=r"cannot be a key.*use None, a number, str"):
                gather(defaultdict(list), [("fine", 1), (key, 2)])


def noise(size, seed=0):
    """Text that does not compress."""
    return random.Random(seed).randbytes(size)


def cut_and_checked(groups):
    """Cut groups, check that nothing is lost and what entries say; return the raw sizes."""
    columns = ordered(groups)
    found = defaultdict(list)
    sizes = []
    for block in cut(columns):
        held = blocks.unpack(block.data)
        assert block.values == len(held.values)
        for key, count in zip(held.keys, held.counts or [1] * len(held.keys), strict=True):
            found[key] += held.values[:count]
            del held.values[:count]
        assert not held.values
        assert (block.first, block.last) == (held.keys[0], held.keys[-1])
        assert block.groups == len(held.keys)
        assert len(block.data) <= VALUE_BYTES
        raw = len(codec.dumps(list(blocks.unpack(block.data))))
        assert raw <= 2 * BLOCK_BYTES or block.values == 1
        sizes.append(raw)
    assert list(found) == columns.keys
    assert found == groups
    return sizes


class TestCut:
    @given(
        st.lists(
            st.tuples(st.text("abcd", max_size=3), st.sampled_from([1, 40, 3000, 70_000, 200_000])),
            max_size=60,
        ),
    )
    @settings(max_examples=60, deadline=None)
    def test_nothing_is_lost_and_blocks_are_few(self, sizes):
        groups = grouped((key, b"x" * size) for key, size in sizes)
        made = cut_and_checked(groups)
        for one, two in pairwise(made):
            assert one + two > BLOCK_BYTES / 2

    @given(
        st.lists(
            st.tuples(
                st.sampled_from([0, 1, 9, 400, 9000, 30_000]),
                st.sampled_from([0, 1, "title", "x" * 90, None, {}]),
            ),
            max_size=60,
        ),
    )
    @settings(max_examples=60, deadline=None)
    def test_values_that_hold_others_are_cut_as_well(self, sizes):
        groups = {n: [[item] * size] for n, (size, item) in enumerate(sizes)}
        groups |= {-1: [7]} if len(sizes) % 2 else {}
        made = cut_and_checked(groups)
        for one, two in pairwise(made):
            assert one + two > BLOCK_BYTES / 2

    def test_values_of_very_different_lengths_are_packed_about_twice(self, monkeypatch):
        rng, packed, dumps = random.Random(1), [], codec.dumps
        groups = {n: [["title"] * int(rng.paretovariate(0.5))] for n in range(3000)}
        groups = {n: [value[:50_000] for value in held] for n, held in groups.items()}
        monkeypatch.setattr(codec, "dumps", lambda value: packed.append(dumps(value)) or packed[-1])
        list(cut(ordered(groups)))
        assert sum(map(len, packed)) < 2.5 * len(dumps(list(groups.values())))

    def test_many_small_values_make_blocks_of_the_size_aimed_at(self):
        sizes = cut_and_checked({n: [n % 7] for n in range(100_000)})
        assert all(BLOCK_BYTES / 2 <= size <= 2 * BLOCK_BYTES for size in sizes[:-1])

    def test_one_giant_group_spans_blocks(self):
        sizes = cut_and_checked({"a": [1], "k": [b"v" * 50] * 20_000, "z": [1]})
        assert len(sizes) > 10
        assert all(BLOCK_BYTES / 2 <= size <= 2 * BLOCK_BYTES for size in sizes[:-1])

    def test_alternating_sizes_do_not_make_a_crowd_of_blocks(self):
        """A slice's blocks must fit a batch of 400 entries, two for each."""
        groups = {n: [noise(200_000 if n % 33 == 31 else 20, n)] for n in range(33 * 25)}
        sizes = cut_and_checked(groups)
        assert len(sizes) < BATCH_BYTES / BLOCK_BYTES

    def test_a_value_larger_than_a_store_takes_is_refused_with_its_key(self):
        with pytest.raises(Unstorable, match=r"value of the key 'b' takes 6\d\d,\d+ bytes packed"):
            list(cut(ordered({"a": [1], "b": [noise(600_000)], "c": [1]})))

    def test_a_value_that_compresses_well_enough_fits(self):
        cut_and_checked({"a": [1], "b": [b"x" * 5_000_000], "c": [1]})

    def test_nothing_makes_no_block(self):
        assert list(cut(ordered({}))) == []


class TestRuns:
    def put(self, store, slices, level=0, partition=0, name="j"):
        runs = Runs(store)
        for (shard, slice), pairs in slices.items():
            batch = Batch()
            made = cut(ordered(grouped(pairs)))
            placed = [Placed(partition, level, shard, slice, n, b) for n, b in enumerate(made)]
            runs.put(batch, name, placed)
            store.commit(batch)
        return runs

    def test_values_come_in_the_order_of_shard_and_slice(self):
        slices = {((s,), n): [("k", (s, n))] for s in (2, 0, 1, 10) for n in (1, 0, 11)}
        slices[(0, -1), 0] = [("k", "shed")]
        runs = self.put(MemoryStore(), slices)
        [(key, values)] = [(key, list(values)) for key, values in runs.groups("j", 0, 0)]
        order = [(0, 0), (0, 1), (0, 11), "shed"]
        order += [(s, n) for s in (1, 2, 10) for n in (0, 1, 11)]
        assert (key, values) == ("k", order)

    def test_jobs_partitions_and_levels_do_not_mix(self):
        store = MemoryStore()
        runs = self.put(store, {((0,), 0): [("a", 1)]})
        self.put(store, {((0,), 0): [("a", 2)]}, level=1)
        self.put(store, {((0,), 0): [("a", 3)]}, partition=1)
        self.put(store, {((0,), 0): [("a", 4)]}, name="j2")
        for at, value in {("j", 0, 0): 1, ("j", 0, 1): 2, ("j", 1, 0): 3, ("j2", 0, 0): 4}.items():
            assert [(k, list(v)) for k, v in runs.groups(*at)] == [("a", [value])]
        assert list(runs.groups("j", 2, 0)) == []

    def test_folds_take_neighbouring_runs(self):
        runs = self.put(MemoryStore(), {((0,), n): [(n, n)] for n in range(FAN_IN + 1)})
        entries, following = runs.fold("j", 0, 0)
        assert ([e.first for e in entries], following) == (list(range(FAN_IN)), ((0,), FAN_IN))
        entries, following = runs.fold("j", 0, 0, since=following)
        assert ([e.first for e in entries], following) == ([FAN_IN], None)
        assert runs.fold("j", 0, 0, fan_in=FAN_IN + 1)[1] is None

    def test_keys_names_everything_and_the_block_before_its_entry(self):
        store = MemoryStore()
        runs = self.put(store, {((s,), 0): [("a", noise(100_000, s))] * 3 for s in range(3)})
        found = list(runs.keys("j"))
        assert sorted(found) == [key for key, _ in store.scan(b"", b"\xff")]
        assert [keys.unpack(key)[1] for key in found[:2]] == ["block", "index"]
        assert [keys.unpack(key)[2:] for key in found[::2]] == [
            keys.unpack(key)[2:] for key in found[1::2]
        ]

    @pytest.mark.parametrize("what", ["gone", "changed"])
    def test_a_damaged_block_is_named(self, what):
        store = MemoryStore()
        runs = self.put(store, {((3,), 5): [("a", 1)]})
        key = next(runs.keys("j"))
        batch = Batch()
        batch.delete(key) if what == "gone" else batch.put(key, b"1234567")
        store.commit(batch)
        with pytest.raises(Damaged) as caught:
            [list(values) for _, values in runs.groups("j", 0, 0)]
        assert caught.value.place == (0, 0, (3,), 5, 0)
        assert "job j, block, partition 0, level 0, shard (3,), slice 5" in str(caught.value)
