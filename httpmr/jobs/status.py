"""Where a job stands, told from its record and its tasks: plain computing, no store."""

from collections.abc import Iterable
from typing import TypedDict

from httpmr import counters
from httpmr.counters import Counters
from httpmr.state import PHASES, Job, Plain, Task

WEIGHTS = {"split": 2, "map": 60, "merge": 8, "reduce": 25, "publish": 3, "cleanup": 2}
"""How much of a job each phase is taken to be."""

_NOT_YET = 0.999  # all is not done before the job is


class Shards(TypedDict):
    """How many shards the present phase has, and how many of them are done."""

    total: int
    done: int


class Status(TypedDict):
    """Where a job stands, as plain data. Times are Unix seconds by the store's clock."""

    job: str
    recipe: str
    state: str
    phase: str
    progress: float  # 0 to 1
    records: int
    slices: int
    counters: Counters
    bad_records: int
    shards: Shards
    started: float
    finished: float | None
    error: str | None


def status(record: Job, tasks: list[Task], keys: bool = True) -> Status:
    """Return it as plain data; `tasks` are those of the present phase. See Job.status."""
    mapped = sum(task.records for task in tasks) if record.phase == "map" else 0
    return {
        "job": record.id,
        "recipe": record.recipe,
        "state": record.state,
        "phase": record.phase,
        "progress": _progress(record, tasks),
        "records": record.records + mapped,
        "slices": record.slices + _in_phase(record, (task.slice for task in tasks)),
        "counters": counted(record, tasks),
        "bad_records": record.bad_records,
        "shards": {"total": len(tasks), "done": sum(task.done for task in tasks)},
        "started": record.started,
        "finished": record.finished,
        "error": _error(record.error, keys),
    }


def _in_phase(record: Job, numbers: Iterable[int]) -> int:
    """What the tasks of the present phase add; when the job is done it is in the record."""
    return 0 if record.state == "done" else sum(numbers)


def counted(record: Job, tasks: list[Task]) -> Counters:
    """Return what user code counted in the slices committed so far."""
    total = record.counters
    if record.state != "done":
        for task in tasks:
            if task.counters:
                total = counters.add(total, task.counters)
    return dict(total)


def passed(tasks: list[Task]) -> float:
    """Return how much of a phase is done, 0 to 1.

    A shard weighs as much as it has stretches: so what it sheds changes nothing. A record that it
    passed over weighs nothing.
    """
    tasks = [task for task in tasks if not task.alone]
    weight = sum(task.marked + 1 for task in tasks)
    return sum(task.progress * (task.marked + 1) for task in tasks) / max(1, weight)


def _progress(record: Job, tasks: list[Task]) -> float:
    if record.state == "done":
        return 1.0
    phases = [p for p in PHASES if record.partitions or p not in ("merge", "reduce")]
    whole = sum(WEIGHTS[phase] for phase in phases)
    before = sum(WEIGHTS[phase] for phase in phases[: phases.index(record.phase)])
    return min(round((before + WEIGHTS[record.phase] * passed(tasks)) / whole, 4), _NOT_YET)


def _error(error: Plain | None, with_keys: bool) -> str | None:
    if error is None:
        return None
    if "past" in error:
        if with_keys:
            return f"{error['kind']} {error['key']!r:.200}: {error['message']}"
        name = error["message"].partition(":")[0]
        return f"a {error['kind']} could not be processed ({name}); the job's owner can see which"
    if with_keys:
        return str(error["message"])
    return "the job stopped for a reason that its owner can see"
