"""What a replica sends is built anew: it comes to nothing but its own shard."""

from dataclasses import replace

import pytest
from slices import map_task, mapped, put, recipe, run

from httpmr import codec
from httpmr.engine import parked
from httpmr.jobs import wire
from httpmr.jobs.wire import Malformed
from httpmr.shuffle import Block
from httpmr.state import Bad, Outcome, Task
from httpmr.stores import MemoryStore

MAP = map_task(
    until=90,
    marks=(30, 60),
    marked=2,
    fan_out=3,
    notes={"place": ((0,), 0), "origins": [(None, 90)], "most": 5, "shed": 1},
)
MERGE = Task("j", "merge", (1,), level=0)
REDUCE = Task("j", "reduce", (1,), level=1)


def crossed(task, outcome):
    return wire.outcome(task, codec.loads(codec.dumps(wire.sent(outcome))))


def listed(outcome):
    return replace(outcome, blocks=list(outcome.blocks), pairs=list(outcome.pairs))


def an_outcome(**fields):
    return Outcome(**{"cursor": 5, "records": 6, "marks": (60,), "progress": 0.5} | fields)


def a_block(fan_out=1):
    return mapped(lambda key, value: [(value, key)], values=("a", "b"), fan_out=fan_out)


class TestWhatComesThrough:
    def test_a_slice_of_map(self):
        outcome = a_block(fan_out=3)
        task = map_task(until=1, fan_out=3)
        again = crossed(task, outcome)
        assert again == listed(outcome) and again.blocks

    def test_a_slice_of_merge(self, monkeypatch):
        monkeypatch.setattr("httpmr.engine.fold.FAN_IN", 2)
        store = MemoryStore()
        put(store, [[("k", n)] for n in range(5)])
        task = Task("j", "merge", (0,))
        outcome = run(recipe(reducer=lambda key, values: [(key, 1)]), task, store)
        again = crossed(task, outcome)
        assert again.blocks == outcome.blocks and len(again.blocks) == 3
        assert again == listed(outcome)

    def test_the_last_slice_of_merge_and_what_it_leaves_as_it_is(self, monkeypatch):
        monkeypatch.setattr("httpmr.engine.fold.FAN_IN", 2)
        store = MemoryStore()
        put(store, [[("k", n)] for n in range(3)])
        task = Task("j", "merge", (0,), notes={"over": 1})
        outcome = run(recipe(reducer=lambda key, values: [(key, 1)]), task, store)
        again = crossed(task, outcome)
        assert again == listed(outcome) and again.done
        assert again.notes["rest"] == ((0,), 2)
        task = Task("j", "reduce", (0,), notes={"rest": ((0,), 2)})
        assert crossed(task, Outcome(notes=task.notes)).notes == task.notes
        for notes in ({}, {"rest": ((0,), 1)}):  # as a replica would that knows of none
            forged(task, notes=notes)

    def test_a_slice_of_reduce(self):
        store = MemoryStore()
        put(store, [[("k", 1), ("l", 2)]])
        task = Task("j", "reduce", (0,))
        outcome = run(recipe(reducer=lambda key, values: [(key, sum(values))]), task, store)
        assert crossed(task, outcome) == listed(outcome)
        assert outcome.pairs == [("k", 1), ("l", 2)]

    def test_a_bad_record_and_what_becomes_of_the_shard_past_it(self):
        bad = Bad(("k", 1), "ValueError: no", "Traceback", "record")
        outcome = an_outcome(
            bad=bad, alone=True, past={"cursor": 9, "marks": (60,)}, notes=MAP.notes
        )
        assert crossed(MAP, outcome) == listed(outcome)

    def test_a_record_that_is_passed_over(self):
        outcome = an_outcome(parked=parked(MAP, 4, 5, 0.25), notes=MAP.notes)
        assert crossed(MAP, outcome) == listed(outcome)

    def test_what_a_slice_may_remember_and_no_more(self):
        notes = {"most": 7, "suspect": (1, 2, "k"), "deaths": 3, "place": ((9,), 9), "retry": 1}
        again = crossed(MAP, an_outcome(notes=notes))
        kept = {"place": ((0,), 0), "origins": [(None, 90)], "shed": 1}
        assert again.notes == {**kept, "most": 7, "suspect": (1, 2, "k"), "deaths": 3}
        assert "most" not in crossed(MAP, an_outcome(notes={})).notes

    def test_a_line_of_the_log_stays_one(self):
        assert crossed(MAP, an_outcome(why="a\nb" + "c" * 500)).why == ("a b" + "c" * 57)


def forged(task, **said):
    with pytest.raises(Malformed):
        wire.outcome(task, wire.sent(Outcome(level=task.level)) | said)


BLOCK = wire.sent(a_block())["blocks"][0]


def block(**changed):
    names = ("partition", "level", "shard", "slice", "n", *Block._fields)
    return [list((dict(zip(names, BLOCK, strict=True)) | changed).values())]


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        "changed",
        [{"shard": (1,)}, {"slice": 1}, {"partition": 3}, {"partition": -1}, {"level": 1},
         {"shard": [0]}, {"n": -1}, {"n": "0"}, {"first": "z"}, {"first": [1]}, {"kind": "x"},
         {"kind": "i"}, {"kind": []}, {"groups": 0}, {"values": 1, "groups": 2}, {"data": b""},
         {"data": BLOCK[-1][:-1] + b"x"}, {"data": "text"}, {"first": float("nan"), "kind": ""},
         {"heaviest": None}, {"heaviest": [[]]}, {"heaviest": [[["k", 1]], 1]},
         {"heaviest": [[["k", -1, 1]], 1]}, {"heaviest": [[["k", 1, 1]], "1"]},
         {"heaviest": [[[{}, 1, 1]], 1]}, {"heaviest": [[["k" * 2000, 1, 1]], 1]},
         {"heaviest": [[["k", 1, 1]] * 6, 1]}],
    )  # fmt: skip
    def test_a_block_that_is_not_of_the_slice(self, changed):
        assert wire.outcome(MAP, wire.sent(Outcome()) | {"blocks": block()}).blocks
        forged(MAP, blocks=block(**changed))

    def test_blocks_of_another_partition_or_level_of_a_merge(self):
        good = {"partition": 1, "level": 1, "shard": (7,), "slice": 3}
        said = wire.sent(Outcome()) | {"blocks": block(**good)}
        assert wire.outcome(MERGE, said).blocks[0][:4] == (1, 1, (7,), 3)
        for wrong in (
            {"partition": 2},
            {"level": 0},
            {"level": 2},
            {"shard": ("x",)},
            {"shard": 1},
        ):
            forged(MERGE, blocks=block(**good | wrong))

    def test_what_another_phase_gives(self):
        forged(REDUCE, blocks=block())
        forged(MAP, pairs=[["k", 1]])
        forged(MERGE, pairs=[["k", 1]])
        forged(REDUCE, parked=[1, 2, 0.5])
        assert wire.outcome(map_task(fan_out=0), wire.sent(Outcome(pairs=[("k", 1)]))).pairs

    @pytest.mark.parametrize(
        "said",
        [{"marks": 3}, {"marks": -1}, {"marks": (60,)}, {"notes": {"place": ((9,), 9)}},
         {"notes": {"retry": 1}}, {"notes": {"most": "x"}}, {"notes": {"patience": -1}},
         {"notes": []}, {"past": {"shard": (9,)}}, {"past": {"job": "x"}}, {"past": {"done": True}},
         {"past": {"marks": 9}}, {"past": {"notes": {"place": 1}}}, {"past": []}, {"level": 1},
         {"level": False}, {"records": -1}, {"records": True}, {"records": 1e3},
         {"records": 10**12}, {"progress": 2}, {"progress": float("nan")}, {"progress": "x"},
         {"counters": {"a": 1.5}}, {"counters": {1: 1}}, {"counters": []}, {"done": 1},
         {"alone": None}, {"pause": b"x"}, {"fail": "x" * 60_000}, {"why": 1}, {"blocks": None},
         {"blocks": [[]]}, {"blocks": [1]}, {"pairs": {}}, {"bad": ["k", "m", "t", "other"]},
         {"bad": ["k", 1, "t", "record"]}, {"bad": "x"}, {"parked": [1, None, 0.5]},
         {"parked": [1, 2, 0]}, {"parked": [1, 2, 9]}, {"parked": {}}, {"deletes": [b"x"]},
         {"shed": {}}, {"become": {"job": "x"}}, {"mended": 1}],
    )  # fmt: skip
    def test_what_would_touch_another_shard_or_is_of_a_wrong_kind(self, said):
        forged(MAP, **said)

    @pytest.mark.parametrize(
        "cursor", ["k", ("k",), (object, 1), ("k", -1), ("k", "x"), (1, 2, 3, 4)]
    )
    def test_a_cursor_that_is_no_place_in_a_partition(self, cursor):
        forged(REDUCE, cursor=cursor)

    @pytest.mark.parametrize("said", [None, [], "x", {}, {"cursor": 1}])
    def test_what_is_no_outcome(self, said):
        with pytest.raises(Malformed):
            wire.outcome(MAP, said)


def test_which_slices_a_replica_does():
    assert all(map(wire.taken, (MAP, MERGE, REDUCE)))
    assert not wire.taken(replace(MAP, notes={"retry": 1}))
    assert not any(wire.taken(replace(MAP, phase=it)) for it in ("split", "publish", "cleanup"))
