"""Output for the store is packed as it comes: the same output, in fewer slices."""

import random
from collections import defaultdict

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jobslib import carried, made
from slices import output, put, recipe, run

import httpmr
from httpmr.engine import packing
from httpmr.engine.packing import Packing
from httpmr.engine.scale import ENOUGH
from httpmr.errors import Unstorable
from httpmr.interfaces import BATCH_BYTES, BATCH_ENTRIES
from httpmr.jobs.slices import Slices
from httpmr.shuffle import unpack
from httpmr.sinks import Memory, Stored
from httpmr.state import Task
from httpmr.stores import MemoryStore

KEYS = st.one_of(
    st.integers(-3, 3), st.sampled_from([1.0, True, None, "", "a", b"a", ("a", 1), (1.0, "a")])
)
TASK = Task("j", "reduce", (2,), slice=5)


def reduced(reducer, pairs, packs=True):
    """One reduce slice over these pairs."""
    store = MemoryStore()
    put(store, [pairs], partition=2)
    return run(recipe(reducer=reducer), TASK, store, packs=packs)


def large(count, size=1000):
    return [(n, str(n) * size) for n in range(count)]


def first(key, values):
    yield key, next(values)


def by_key(pairs):
    found = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found


class TestWhatIsPacked:
    def test_much_output_in_order_is_blocks_of_the_slice(self):
        outcome = reduced(first, large(500))
        assert outcome.done and outcome.pairs == [] and output(outcome) == large(500)
        places = [placed[:5] for placed in outcome.blocks]
        assert places == [(0, 0, (2,), 5, n) for n in range(len(places))] and len(places) > 5
        sizes = [sum(map(len, unpack(placed.block.data).values)) for placed in outcome.blocks]
        assert min(sizes[:-1]) > 20_000 and max(sizes) < 140_000

    def test_little_output_is_pairs(self):
        outcome = reduced(first, large(50))
        assert (outcome.pairs, outcome.blocks) == (large(50), [])

    def test_keys_in_no_order_are_pairs(self):
        outcome = reduced(lambda key, values: [(-key, next(values))], large(500))
        assert outcome.blocks == [] and outcome.done
        assert sorted(outcome.pairs) == sorted((-key, value) for key, value in large(500))

    def test_what_comes_in_order_until_it_does_not(self):
        def late(key, values):
            yield (key if key < 450 else key - 450), next(values)

        outcome = reduced(late, large(500))
        assert outcome.blocks == [] and outcome.done
        expected = [(key if key < 450 else key - 450, value) for key, value in large(500)]
        assert by_key(outcome.pairs) == by_key(expected)

    def test_without_leave_all_is_pairs(self):
        outcome = reduced(first, large(500), packs=False)
        assert (outcome.pairs, outcome.blocks) == (large(500), [])

    @given(st.lists(st.lists(st.tuples(KEYS, st.integers(0, 9)), max_size=4), max_size=12))
    @example([[(1, 0)], [(1.0, 1)], [(True, 2)]])
    def test_it_is_the_same_output_however_it_comes(self, given_):
        """Blocks of each flush, and what they are where they were not packed."""
        held = Packing(print)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(packing, "_AT_ONCE", 0)
            for pairs in given_:
                held.add(pairs)
            held.close()
        flat = [pair for pairs in given_ for pair in pairs]
        packed = [pair for block in held.blocks for pair in packing._pairs(block)]
        assert not (packed and held.pairs)
        assert by_key(packed or held.pairs) == by_key(flat)
        orders = [httpmr.keys.pack(block.first) for block in held.blocks]
        assert orders == sorted(set(orders))


class TestHowMuch:
    def test_packed_output_ends_a_slice_later(self):
        pairs = large(4000, 800)  # 10 MB, of which little is left when it is packed
        packed, held = reduced(first, pairs), reduced(first, pairs, packs=False)
        assert packed.why == held.why == "size"
        assert packed.records > 2 * held.records
        assert BATCH_BYTES < sum(len(value) for _, value in output(packed)) < BATCH_BYTES * 1.1
        assert sum(len(placed.block.data) for placed in packed.blocks) < ENOUGH

    def test_what_cannot_be_compressed_ends_it_as_soon(self):
        rng = random.Random(1)
        outcome = reduced(lambda key, values: [(key, rng.randbytes(20_000))], large(500, 1))
        assert outcome.why == "size"
        assert ENOUGH < sum(len(placed.block.data) for placed in outcome.blocks) < BATCH_BYTES

    def test_so_does_what_is_small_and_many(self, monkeypatch):
        monkeypatch.setattr(packing, "_MOST_PAIRS", 3_000)
        outcome = reduced(first, [(n, n) for n in range(9_000)])
        assert outcome.why == "size" and 3_000 <= outcome.records <= 4_000

    def test_order_that_ends_late_ends_the_slice(self):
        def late(key, values):
            yield (key if key < 3000 else 0), next(values)

        outcome = reduced(late, large(5000, 500))
        assert outcome.why == "size" and 3000 < outcome.records < 3300
        assert len(outcome.pairs) == outcome.records

    def test_small_blocks_end_it_before_they_are_too_many_for_a_batch(self, monkeypatch):
        monkeypatch.setattr(packing, "_AT_ONCE", 0)  # a block each time
        held, added = Packing(print), 0
        while not held.full:
            held.add([(added, "x")])
            added += 1
        assert len(held.blocks) == added == 150 and 2 * added < BATCH_ENTRIES


class Mine(Stored):
    def join(self, pairs, slice, batch):
        self.seen = [*getattr(self, "seen", ()), *pairs]


def watched():
    sink = Stored()
    sink.join = lambda pairs, slice, batch: None
    return sink


@pytest.mark.parametrize(
    ("sink", "packs"),
    [(Stored(), True), (Mine(), False), (watched(), False), (Memory(), False)],
    ids=["stored", "a subclass", "changed", "another"],
)
def test_whose_output_is_packed(sink, packs):
    jobs = made(sink=sink)
    assert Slices(jobs.recipe, jobs.ledger).packs == packs


def test_what_replaces_the_default_sink_gets_all_of_it():
    sink = Mine()
    jobs = made(large_values, records=500, reducer=first, num_reducers=1, sink=sink)
    carried(jobs, jobs.start())
    assert sink.seen == large(500)


class TestWhatCannotBeStored:
    @pytest.mark.parametrize("bad", [450, 2])
    def test_the_group_is_found(self, bad):
        def reducer(key, values):
            yield key, (object() if key == bad else next(values))

        jobs = made(large_values, records=500, reducer=reducer, num_reducers=1)
        job = carried(jobs, jobs.start())
        assert job.record.error["key"] == bad
        assert "a value of type object cannot be stored" in job.record.error["message"]
        jobs.skip(job.id)
        job = carried(jobs, job)
        assert (job.state, len(job.bad_records)) == ("done", 1)
        assert dict(job.output()) == {key: value for key, value in large(500) if key != bad}

    def test_what_is_read_is_no_groups_fault(self, monkeypatch):
        def unreadable(data):
            raise Unstorable("as a type of the user's own may say of itself")

        monkeypatch.setattr("httpmr.shuffle.runs.unpack", unreadable)
        with pytest.raises(Unstorable):
            reduced(first, large(500))


def large_values(key, value):
    return [(key, str(key) * 1000)]
