"""The biggest groups of a block, against all of its groups weighed one by one."""

import random
from itertools import accumulate

import pytest

from httpmr import codec, keys
from httpmr.interfaces import Batch
from httpmr.shuffle import Placed, Runs, cut, ordered, single
from httpmr.shuffle.heaviest import NOTED, heaviest
from httpmr.stores import MemoryStore

SIZE = 64_000


def test_where_all_weigh_the_same_the_first_stands_for_all():
    assert heaviest(["a", "b"], None, range(3), 20) == ([["a", 1, 10]], 10)


def test_those_that_stand_out_are_noted_and_the_rest_is_bounded():
    distinct = [f"k{n}" for n in range(100)]
    counts = [1] * 100
    counts[7], counts[50] = 400, 300
    found = heaviest(distinct, counts, range(sum(counts) + 1), SIZE)
    assert [(key, n) for key, n, _ in found.groups] == [("k7", 400), ("k50", 300)]
    assert found.groups[0][2] == pytest.approx(SIZE * 400 / 798, abs=1)
    assert found.rest == SIZE // 798


def test_where_nothing_stands_out_it_is_one_of_the_biggest():
    counts = [2, 3, 2, 3] * 100
    found = heaviest(list(range(400)), counts, range(1001), SIZE)
    assert [it[:2] for it in found.groups] == [[1, 3]]
    assert found.rest == found.groups[0][2]


def test_values_that_hold_others_weigh_what_they_hold():
    lists = [[0] * (500 if n == 3 else 2) for n in range(50)]
    before = list(accumulate((len(it) + 1 for it in lists), initial=0))
    found = heaviest([f"k{n}" for n in range(50)], None, before, SIZE)
    assert [it[:2] for it in found.groups] == [["k3", 1]]
    grouped = heaviest(["a", "b"], [2, 48], before, SIZE)
    assert [it[:2] for it in grouped.groups] == [["b", 48]]


def test_a_key_too_long_to_note_counts_among_the_rest():
    found = heaviest(["x" * 300, "y"], [90, 10], range(101), SIZE)
    assert [it[0] for it in found.groups] == ["y"]
    assert found.rest == SIZE * 90 // 100
    assert heaviest(["x" * 300, "y"], None, range(3), 20) == ([], 10)


@pytest.mark.parametrize("seed", range(20))
def test_no_group_of_a_block_is_bigger_than_it_is_said_to_be(seed):
    rng = random.Random(seed)
    groups = {f"k{n}": [n] * int(rng.paretovariate(0.8)) for n in range(rng.randrange(1, 3000))}
    groups = {key: values[:20_000] for key, values in groups.items()}
    for block in cut(ordered(groups)):
        noted, rest = block.heaviest
        assert 1 <= len(noted) <= NOTED
        known = {key for key, _, _ in noted}
        inside = {k: v for k, v in groups.items() if block.first <= k <= block.last}
        each = sum(size for _, _, size in noted) / sum(n for _, n, _ in noted)
        middle = inside.keys() - known - {block.first, block.last}
        assert all(len(inside[key]) * each <= rest * 1.01 + 1 for key in middle)


def test_what_is_noted_is_read_from_the_index_and_may_be_missing():
    store = MemoryStore()
    runs = Runs(store)
    [block] = cut(single({"a": 1}, ["a"]))
    batch = Batch()
    runs.put(batch, "j", [Placed(0, 0, (0,), 0, 0, block)])
    old = keys.pack(("j", "index", 0, 0, (0,), 1, 0))
    batch.put(old, codec.dumps(list(block[:5])))
    store.commit(batch)
    known, unknown = runs.entries("j", 0, 0)
    assert known.heaviest == block.heaviest and unknown.heaviest is None
