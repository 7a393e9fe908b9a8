"""Every shard of the present phase, as the console shows it: a cell in a grid, and one in full."""

from collections.abc import Callable, Iterator
from typing import Any

from markupsafe import escape

from httpmr.state import Job, Plain, Task
from httpmr.web.pace import UNITS
from httpmr.web.routes import shard_name

ROOM = 115_000  # bytes of the labels of all cells: where there are many, each tells less
LONGEST = 280  # bytes of a label
KEY = 40  # characters of a key, at most

Show = Callable[[Any], str]
"""What makes text of a key."""

STATES = ("done", "at work", "waiting", "died", "stopped")


def told(record: Job, tasks: list[Task], now: float, keys: bool) -> list[Plain]:
    """Return what is known of each shard; its keys and its error only where `keys`."""
    return [_one(record, task, now, keys) for task in tasks]


def _one(record: Job, task: Task, now: float, keys: bool) -> Plain:
    stopped = _stopped(record, task)
    known: Plain = {
        "shard": shard_name(task.shard),
        "alone": task.alone,
        "state": _state(task, stopped, now),
        "progress": 1.0 if task.done else task.progress,
        "slices": task.slice,
        "records": task.records,
        "bad_records": task.bad,
        "lease": max(0.0, task.lease - now) if task.lease else None,
        "deaths": task.takeovers,
        "drivers": list(task.drivers),
    }
    if keys:
        known["range"] = [task.after, task.until] if task.phase == "map" else None
        known["cursor"] = task.cursor
        known["error"] = task.error
    return known


def _stopped(record: Job, task: Task) -> bool:
    """Whether the job stopped at this shard."""
    error = record.error or {}
    return (error.get("phase"), error.get("shard")) == (task.phase, task.shard)


def _state(task: Task, stopped: bool, now: float) -> str:
    if task.done:
        return "done"
    if stopped:
        return "stopped"
    if task.lease > now:
        return "at work"
    return "died" if task.takeovers or task.lease else "waiting"


def cells(some: list[Plain], phase: str, show: Show) -> list[tuple[str, str, str]]:
    """Return (name, classes, label) of each shard."""
    room = min(LONGEST, ROOM // max(1, len(some)))
    unit = UNITS.get(phase, "records")
    return [(it["shard"], _classes(it), _label(it, unit, room, show)) for it in some]


def _classes(it: Plain) -> str:
    kind = {"at work": "work"}.get(it["state"], it["state"])
    return f"{kind} p{int(it['progress'] * 10)}"


def _label(it: Plain, unit: str, room: int, show: Show) -> str:
    """As much of what is known as there is room for, what matters most first."""
    name = "a record alone" if it["alone"] else it["shard"]
    percent = 100 if it["state"] == "done" else min(99, int(it["progress"] * 100))
    label = f"{name}: {it['state']}, {percent} %, {_many(it['slices'], 'slices')}"
    room -= len(label)
    for fact in _facts(it, unit, min(KEY, room // 7), show):
        room -= 2 + len(escape(fact).encode("utf-8", "replace"))
        if room < 0:
            break
        label = f"{label}, {fact}"
    return label


def _facts(it: Plain, unit: str, most: int, show: Show) -> Iterator[str]:
    if it["lease"] and it["state"] == "at work":
        yield f"leased for {it['lease']:.0f} s"
    if it.get("cursor") is not None:
        yield f"at {_short(show(it['cursor']), most)}"
    if it.get("range"):
        after, until = it["range"]
        yield f"from {_end(after, 'the start', most, show)} to {_end(until, 'the end', most, show)}"
    if it.get("error"):
        yield _short(it["error"]["message"], 3 * most)
    if it["deaths"]:
        yield _many(it["deaths"], "requests") + " died here"
    yield _many(it["records"], unit)


def _many(n: int, what: str) -> str:
    return f"{n:,} {what if n != 1 else what[:-1]}"


def _end(key: Any, open: str, most: int, show: Show) -> str:
    return open if key is None else _short(show(key), most)


def _short(text: str, most: int) -> str:
    """Leave out the middle of a text that is too long: neighbours' keys differ at their ends."""
    return text if len(text) <= most else f"{text[: most // 3]}…{text[most // 3 + 1 - most :]}"
