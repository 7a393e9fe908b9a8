"""Every shard of the present phase, as the console shows it: a cell in a grid, and one in full."""

from collections.abc import Callable
from typing import Any

from httpmr.state import Job, Plain, Task
from httpmr.web.pace import UNITS
from httpmr.web.routes import shard_name

BRIEF = 200  # shards; where there are more, a cell tells less
SHORT = 40  # characters of a key in a cell

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
        known["error"] = (record.error or {})["message"] if stopped else None
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
    brief = len(some) > BRIEF
    unit = UNITS.get(phase, "records")
    return [(it["shard"], _classes(it), _label(it, unit, brief, show)) for it in some]


def _classes(it: Plain) -> str:
    kind = {"at work": "work"}.get(it["state"], it["state"])
    return f"{kind} p{int(it['progress'] * 10)}"


def _label(it: Plain, unit: str, brief: bool, show: Show) -> str:
    name = "a record alone" if it["alone"] else it["shard"]
    percent = 100 if it["state"] == "done" else min(99, int(it["progress"] * 100))
    said = [f"{name}: {it['state']}", f"{percent} %", _many(it["slices"], "slices")]
    if brief:
        return ", ".join(said)
    said.append(_many(it["records"], unit))
    if it["deaths"]:
        said.append(_many(it["deaths"], "requests") + " died here")
    if it["lease"] and it["state"] == "at work":
        said.append(f"leased for {it['lease']:.0f} s")
    if it.get("range"):
        after, until = it["range"]
        said.append(f"from {_end(after, 'the start', show)} to {_end(until, 'the end', show)}")
    if it.get("cursor") is not None:
        said.append(f"at {show(it['cursor'])[:SHORT]}")
    if it.get("error"):
        said.append(it["error"][:200])
    return ", ".join(said)


def _many(n: int, what: str) -> str:
    return f"{n:,} {what if n != 1 else what[:-1]}"


def _end(key: Any, open: str, show: Show) -> str:
    return open if key is None else show(key)[:SHORT]
