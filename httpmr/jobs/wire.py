"""An Outcome as it goes from a replica to the primary: to plain data, and back to what may be.

The primary builds it anew. What a slice of the leased shard cannot come to is refused, and where
things belong is taken from the task, never from what was sent: so a replica that is wrong, or bad,
spoils no other shard than the one it has. That the lease is still held is for others to see to.
"""

import math
from typing import Any

from httpmr import engine, keys
from httpmr.errors import Unstorable
from httpmr.interfaces import KEY_BYTES, VALUE_BYTES, Pair
from httpmr.shuffle import NOTED, Block, Heaviest, Placed, sound
from httpmr.state import Bad, Outcome, Plain, Task

PHASES = ("map", "merge", "reduce")
"""Whose slices a replica does: where the time goes. The others are the primary's own."""

MOST_BYTES = 16 * 1024 * 1024
"""What is sent of a slice at most: a commit of the store takes half as much."""

_MOST = 10**9  # of what is counted
_TEXT = 50_000  # characters of a message or a traceback
_WHY = 60
_NOTES = {"most": int, "deaths": int, "patience": int, "n": int, "over": int}
_FREE_NOTES = ("suspect", "uncombined", "since", "rest")
_FIELDS = (
    *("cursor", "done", "records", "counters", "progress", "level", "blocks", "pairs"),
    *("bad", "alone", "past", "pause", "fail", "why"),
)
_KINDS: dict[str, tuple[type, ...]] = {"s": (str,), "b": (bytes,), "i": (int,), "": (object,)}


class Malformed(Exception):
    """What was sent is nothing that a replica sends."""


def taken(task: Task) -> bool:
    """Whether a replica may do the task's slices."""
    return task.phase in PHASES and not task.retry


def sent(outcome: Outcome) -> Plain:
    """Return what is sent of an outcome; of marks, how many are left."""
    said = {name: getattr(outcome, name) for name in _FIELDS}
    parked, bad = outcome.parked, outcome.bad
    return said | {
        "marks": len(outcome.marks),
        "notes": _changing(outcome.notes),
        "blocks": [[*placed[:5], *_plain(placed.block)] for placed in outcome.blocks],
        "pairs": [list(pair) for pair in outcome.pairs],
        "bad": bad and [bad.key, bad.message, bad.traceback, bad.kind],
        "past": _past(outcome.past),
        "parked": parked and [parked.after, parked.until, parked.pace],
    }


def _plain(block: Block) -> list[Any]:
    return [list(part) if isinstance(part, Heaviest) else part for part in block]


def _changing(notes: Plain) -> Plain:
    return {name: notes[name] for name in (*_NOTES, *_FREE_NOTES) if name in notes}


def _past(past: Plain) -> Plain:
    marks = {"marks": len(past["marks"])} if "marks" in past else {}
    notes = {"notes": _changing(past["notes"])} if "notes" in past else {}
    return {**past, **marks, **notes}


def outcome(task: Task, said: Any) -> Outcome:
    """Return the outcome of a slice of `task` that was sent; Malformed for what is none."""
    _must(type(said) is dict and said.keys() == {*_FIELDS, "marks", "notes", "parked"}, "fields")
    _must(task.phase == "map" or _is_place(said["cursor"]), "cursor")
    levels = [task.level]
    if task.phase == "merge":
        levels.append(engine.above(task.level, task.shard[1:]))
    _must(said["level"] in levels and type(said["level"]) is int, "level")
    bad, parked = said["bad"], said["parked"]
    return Outcome(
        cursor=said["cursor"],
        done=_flag(said["done"], "done"),
        records=_number(said["records"], "records"),
        counters=_counters(said["counters"]),
        marks=_marks(task, said["marks"]),
        progress=_part(said["progress"], "progress"),
        level=said["level"],
        notes=_notes(task, said["notes"]),
        blocks=[_block(task, one) for one in _list(said["blocks"], "blocks")],
        pairs=[_pair(task, one) for one in _list(said["pairs"], "pairs")],
        parked=None if parked is None else _parked(task, parked),
        bad=None if bad is None else _bad(bad),
        alone=_flag(said["alone"], "alone"),
        past=_checked_past(task, said["past"]),
        pause=_text(said["pause"], "pause"),
        fail=_text(said["fail"], "fail"),
        why=" ".join((_text(said["why"], "why") or "").split())[:_WHY],
    )


def _must(so: bool, what: str) -> None:
    if not so:
        raise Malformed(f"no slice of this shard comes to such {what}")


def _flag(value: Any, what: str) -> bool:
    _must(type(value) is bool, what)
    return bool(value)


def _number(value: Any, what: str) -> int:
    _must(type(value) is int and 0 <= value <= _MOST, what)
    return int(value)


def _part(value: Any, what: str) -> float:
    _must(type(value) in (int, float) and math.isfinite(value) and 0 <= value <= 1, what)
    return float(value)


def _text(value: Any, what: str) -> str | None:
    _must(value is None or (type(value) is str and len(value) <= _TEXT), what)
    return None if value is None else str(value)


def _list(value: Any, what: str) -> list[Any]:
    _must(type(value) is list, what)
    return list(value)


def _counters(value: Any) -> dict[str, int]:
    _must(type(value) is dict, "counters")
    _must(all(type(k) is str and type(n) is int for k, n in value.items()), "counters")
    return dict(value)


def _marks(task: Task, left: Any) -> tuple[Any, ...]:
    _must(type(left) is int and 0 <= left <= len(task.marks), "marks")
    return task.marks[len(task.marks) - left :]


def _notes(task: Task, value: Any) -> Plain:
    """What the task remembers, but for what a slice may change of that."""
    _must(type(value) is dict and value.keys() <= {*_NOTES, *_FREE_NOTES}, "notes")
    for name in value.keys() & _NOTES.keys():
        _number(value[name], "notes")
    _must(task.phase == "merge" or value.get("rest") == task.notes.get("rest"), "notes")
    fixed = task.notes.keys() - _NOTES.keys() - set(_FREE_NOTES)
    return {**{name: task.notes[name] for name in task.notes if name in fixed}, **value}


def _block(task: Task, value: Any) -> Placed:
    _must(type(value) is list and len(value) == 12, "blocks")
    partition, level, shard, slice, n, first, last, kind, groups, values, biggest, data = value
    run = (shard, slice)
    if task.phase == "map":
        _must(level == 0 and run == task.place, "blocks")
        _must(_number(partition, "blocks") < task.fan_out, "blocks")
    else:
        _must(task.phase == "merge" and partition == task.shard[0], "blocks")
        _must(level == engine.above(task.level, task.shard[1:]) and _is_run(run), "blocks")
    _must(type(kind) is str and kind in _KINDS, "blocks")
    _must(kind == "" or type(first) is type(last), "blocks")
    _must(isinstance(first, _KINDS[kind]) and _packed(first) <= _packed(last), "blocks")
    _must(0 < _number(groups, "blocks") <= _number(values, "blocks"), "blocks")
    _must(type(data) is bytes and len(data) <= VALUE_BYTES and sound(data), "blocks")
    block = Block(first, last, kind, groups, values, _heaviest(biggest), data)
    return Placed(partition, level, shard, slice, _number(n, "blocks"), block)


def _heaviest(value: Any) -> Heaviest:
    _must(type(value) is list and len(value) == 2, "blocks")
    noted, rest = value
    _must(type(noted) is list and len(noted) <= NOTED, "blocks")
    for one in noted:
        _must(type(one) is list and len(one) == 3, "blocks")
        _must(len(_packed(one[0])) <= KEY_BYTES, "blocks")
        for number in one[1:]:
            _number(number, "blocks")
    return Heaviest(noted, _number(rest, "blocks"))


def _is_run(run: Any) -> bool:
    shard, slice = run
    numbers = (*shard, slice) if type(shard) is tuple else (None,)
    return all(type(number) is int for number in numbers)


def _packed(key: Any) -> bytes:
    try:
        return keys.pack(key)
    except Unstorable as error:
        raise Malformed(error.message) from None


def _is_place(cursor: Any) -> bool:
    """Whether it is a place in a partition: (key, how many of its values are done, ...)."""
    if cursor is None:
        return True
    if type(cursor) is not tuple or not 2 <= len(cursor) <= 3:
        return False
    _packed(cursor[0])
    return cursor[1] is None or (type(cursor[1]) is int and 0 <= cursor[1] <= _MOST)


def _pair(task: Task, value: Any) -> Pair:
    _must(task.phase == "reduce" or (task.phase == "map" and not task.fan_out), "pairs")
    _must(type(value) is list and len(value) == 2, "pairs")
    return (value[0], value[1])


def _bad(value: Any) -> Bad:
    _must(type(value) is list and len(value) == 4 and value[3] in ("record", "group"), "bad")
    key, message, trace, kind = value
    return Bad(key, _text(message, "bad") or "", _text(trace, "bad") or "", kind)


def _checked_past(task: Task, value: Any) -> Plain:
    _must(type(value) is dict and value.keys() <= {"cursor", "marks", "notes"}, "past")
    past = dict(value)
    if "cursor" in past:
        _must(task.phase == "map" or _is_place(past["cursor"]), "past")
    if "marks" in past:
        past["marks"] = _marks(task, past["marks"])
    if "notes" in past:
        past["notes"] = _notes(task, past["notes"])
    return past


def _parked(task: Task, value: Any) -> Task:
    _must(task.phase == "map" and type(value) is list and len(value) == 3, "parked")
    after, until, pace = value
    _must(until is not None and _part(pace, "parked") > 0, "parked")
    return engine.parked(task, after, until, _part(pace, "parked"))
