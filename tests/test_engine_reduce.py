"""The reduce, publish and cleanup phases."""

import pytest
from slices import ALL, Gone, lines, put, put_giant, recipe, run

from httpmr import counters, keys, reducers
from httpmr.engine import leftovers
from httpmr.errors import Damaged, OutputError, Unavailable
from httpmr.interfaces import Batch, Sink
from httpmr.shuffle import Runs
from httpmr.state import Task
from httpmr.stores import MemoryStore


class TestReduce:
    def reduce(self, reducer, store, records=ALL, **fields):
        return run(recipe(reducer=reducer), Task("j", "reduce", (0,), **fields), store, records)

    def test_group_after_group_in_key_order(self):
        store = MemoryStore()
        put(store, [[("b", 1), ("a", 2)], [("a", 3), ("c", 4)]])
        outcome = self.reduce(lambda key, values: [(key, list(values))], store)
        assert outcome.pairs == [("a", [2, 3]), ("b", [1]), ("c", [4])]
        assert (outcome.cursor, outcome.done, outcome.records) == (("c", None), True, 3)

    def test_it_goes_on_after_the_cursor(self):
        store = MemoryStore()
        put(store, [[("b", 1), ("a", 2)], [("a", 3), ("c", 4)]])
        outcome = self.reduce(reducers.Sum(), store, records=1)
        assert (outcome.pairs, outcome.done) == ([("a", 5)], False)
        outcome = self.reduce(reducers.Sum(), store, cursor=outcome.cursor)
        assert outcome.pairs == [("b", 1), ("c", 4)]
        assert self.reduce(reducers.Sum(), store, cursor=("c", None)).done

    def test_values_need_not_be_walked_to_the_end(self):
        store = MemoryStore()
        put_giant(store)
        outcome = self.reduce(lambda key, values: [(key, next(values))], store)
        assert outcome.pairs == [("a", 0), ("k", (0, 0, "")), ("z", 0)]

    def test_counts_are_those_of_the_groups_that_went_well(self):
        def reducer(key, values):
            counters.count("groups")
            if key == "b":
                raise ValueError("no")
            yield key, 1

        store = MemoryStore()
        put(store, [[("a", 1), ("b", 1), ("c", 1)]])
        outcome = self.reduce(reducer, store)
        assert (outcome.counters, outcome.pairs) == ({"groups": 1}, [("a", 1)])
        assert (outcome.bad.key, outcome.bad.kind, outcome.alone) == ("b", "group", False)
        assert outcome.past == {"cursor": ("b", None)}
        assert self.reduce(reducer, store, cursor=("a", None)).alone

    @pytest.mark.parametrize("given", [None, "text", {"a": 1}, ("a", 1), [1], [("a", 1, 2)]])
    def test_what_is_no_pairs_teaches(self, given):
        store = MemoryStore()
        put(store, [[("a", 1)]])

        def reducer(key, values):
            return given

        message = lines(self.reduce(reducer, store).bad.message)
        assert message.startswith("NotPairs: TestReduce.test_what_is_no_pairs_teaches.<locals>")
        assert "yield (key, value) pairs, or return a list" in message

    def test_the_surroundings_are_not_the_groups_fault(self):
        def reducer(key, values):
            if key == "b":
                raise ConnectionResetError
            yield key, 1

        store = MemoryStore()
        put(store, [[("a", 1), ("b", 1)]])
        outcome = self.reduce(reducer, store)
        assert (outcome.pairs, outcome.bad, outcome.why) == ([("a", 1)], None, "the store is away")
        with pytest.raises(Unavailable):
            self.reduce(reducer, store, cursor=("a", None))

    def test_a_store_that_goes_away_leaves_what_was_done(self):
        store = Gone()
        put(store, [[(n, "x" * 3000) for n in range(200)]])
        whole = self.reduce(reducers.Max(), store).pairs
        store.at = 2
        outcome = self.reduce(reducers.Max(), store)
        assert 0 < len(outcome.pairs) < 200
        assert not outcome.done and outcome.why == "the store is away"
        store.at = None
        rest = self.reduce(reducers.Max(), store, cursor=outcome.cursor)
        assert outcome.pairs + rest.pairs == whole

    @pytest.mark.parametrize("trouble", ["away", "damaged"])
    def test_a_store_that_fails_inside_a_group_cannot_be_swallowed(self, trouble):
        store = Gone()
        put_giant(store)

        def careless(key, values):
            try:
                total = sum(1 for _ in values)
            except Exception:
                total = -1
            return [(key, total)]

        if trouble == "away":
            store.at = 4
            outcome = self.reduce(careless, store)
            assert [key for key, _ in outcome.pairs] == ["a"]
            assert outcome.why == "the store is away"
        else:
            batch = Batch()
            batch.put(list(Runs(store).keys("j"))[4], b"broken")
            store.commit(batch)
            with pytest.raises(Damaged):
                self.reduce(careless, store)

    def test_much_output_stops_the_slice(self):
        store = MemoryStore()
        put(store, [[(n, 1) for n in range(1000)]])
        outcome = self.reduce(lambda key, values: [(key, "x" * 100_000)], store)
        assert outcome.why == "size" and len(outcome.pairs) < 70

    def test_progress_grows(self):
        store = MemoryStore()
        put(store, [[(n, "x" * 1000) for n in range(1000)]])
        outcome = self.reduce(reducers.Max(), store, records=500)
        assert 0.3 < outcome.progress < 0.7
        assert self.reduce(reducers.Max(), MemoryStore()).progress == 0

    def test_a_refused_commit_makes_it_take_fewer(self):
        store = MemoryStore()
        put(store, [[(n, 1) for n in range(10)]])
        outcome = self.reduce(reducers.Sum(), store, notes={"most": 3})
        assert (len(outcome.pairs), outcome.notes) == (3, {"most": 12})


class TestPublishAndCleanUp:
    def publish(self, sink):
        return run(recipe(sink=sink), Task("j", "publish", (0,)))

    def test_the_sink_decides_when_it_is_done(self):
        class Slow(Sink):
            answers = iter([False, None, True])

            def finish(self, job, receipts, budget):
                return next(self.answers)

        sink = Slow()
        assert [self.publish(sink).done for _ in range(3)] == [False, False, True]

    def test_an_output_error_pauses(self):
        class Wrong(Sink):
            def finish(self, job, receipts, budget):
                raise OutputError("the disk is gone")

        assert self.publish(Wrong()).pause == "the disk is gone"

    def test_cleanup_removes_a_page_at_a_time(self):
        store = MemoryStore()
        put(store, [[("a", n)] for n in range(200)])
        batch = Batch()
        batch.put(keys.pack(("j", "receipt", (0,), 0)), b"")
        batch.put(keys.pack(("other", "index", 0)), b"")
        store.commit(batch)
        assert len(list(leftovers(store, "j"))) == 401
        sizes = []
        while True:
            outcome = run(recipe(), Task("j", "cleanup", (0,)), store)
            sizes.append(len(outcome.deletes))
            batch = Batch()
            for key in outcome.deletes:
                batch.delete(key)
            store.commit(batch)
            if outcome.done:
                break
        assert sizes == [300, 101]
        assert len(list(store.scan(b"", b"\xff"))) == 1

    def test_what_records_put_aside_need_is_kept(self):
        store = MemoryStore()
        put(store, [[("a", 1)]])
        outcome = run(recipe(), Task("j", "cleanup", (0,), notes={"keep": True}), store)
        assert outcome.done and not outcome.deletes
