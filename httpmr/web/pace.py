"""How fast a job goes, how long it may still take, and who drives it: from what its tasks remember.

Plain computing over the spans and drivers of tasks (see `ledger.pulse`); it knows no store.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from math import ceil

from httpmr.jobs.status import WEIGHTS, passed
from httpmr.state import PHASES, Job, Plain, Task

Span = tuple[float, float, float]
"""A stretch of work: when it began, when it ended, and how many records."""

UNITS = {"map": "records", "merge": "values", "reduce": "groups"}
LATELY = 60.0  # seconds: what counts as now, for rates and drivers
STALLED = 120.0  # seconds without a driver
BUCKETS = 60  # of the chart, at most
EARLY, EARLY_SECONDS = 0.02, 2.0  # before so much is done, nothing is said of what is left
UNEVEN = 1.25  # times slower, or faster, than until now
VAGUE = 2.0  # a phase ahead takes from nothing to so many times what its weight says

_BREAK = 5.0  # seconds between two slices in which nobody was at work
_WIDTHS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


def spans(tasks: Iterable[Task]) -> Iterator[Span]:
    """Yield (began, ended, records) of all that the tasks remember."""
    return chain.from_iterable(
        zip(task.spans[0::3], task.spans[1::3], task.spans[2::3], strict=True) for task in tasks
    )


def active(some: Iterable[Span]) -> float:
    """Return the seconds in which somebody was at work, short breaks among them."""
    total, until = 0.0, 0.0
    since: float | None = None
    for began, ended, _ in sorted(some):
        if since is None or began > until + _BREAK:
            total += until - (since or 0.0)
            since, until = began, ended
        else:
            until = max(until, ended)
    return total + until - (since or 0.0)


def speed(some: Iterable[Span], since: float, until: float) -> float:
    """Return the records a second between two times, each slice's spread over its length."""
    total = 0.0
    for began, ended, records in some:
        if ended > since and began < until:
            length = max(ended - began, 1e-6)
            total += records * (min(ended, until) - max(began, since)) / length
    return total / max(until - since, 1e-6)


def phases(record: Job, tasks: dict[str, list[Task]], now: float) -> list[Plain]:
    """Return what there is to tell of each phase that the job has, or may yet have, in order."""
    told: list[Plain] = []
    running = record.state == "running"
    for phase in PHASES:
        some = tasks.get(phase, [])
        seldom = ("merge",) if record.partitions else ("merge", "reduce")
        if not some and phase in seldom:
            continue
        present = phase == record.phase and record.state != "done"
        worked = list(spans(some))
        began = min((span[0] for span in worked), default=None)
        ended = max((span[1] for span in worked), default=None)
        records = sum(task.records for task in some) if phase in UNITS else None
        busy = active(worked)
        told.append(
            {
                "phase": phase,
                "at": "now" if present else "done" if some else "ahead",
                "progress": passed(some) if present else float(bool(some)),
                "shards": len(some),
                "shards_done": sum(task.done for task in some),
                "slices": sum(task.slice for task in some),
                "records": records,
                "unit": UNITS.get(phase),
                "rate": _lately(worked, began, ended, now if running else ended)
                if present and began is not None and ended is not None
                else None,
                "mean": records / busy if records and busy > 0 else None,
                "began": began,
                "ended": None if present else ended,
                "busy": busy,
            }
        )
    return told


def _lately(worked: list[Span], began: float, ended: float, now: float) -> float | None:
    """The rate of the last minute. What slices in flight have done is not known yet."""
    longest = max((span[1] - span[0] for span in worked[-50:]), default=0.0)
    until = max(ended, now - 2 * longest)
    since = max(began, until - LATELY)
    return speed(worked, since, until) if until > since else None


def left(told: list[Plain], tasks: list[Task]) -> dict[str, tuple[float, float]] | None:
    """Return {"phase", "all"}: the (least, most) seconds that these still take.

    None = it is too early to say.

    `tasks` are those of the present phase. What is left of it is reckoned by all of it and by its
    last minute, and each open shard may be a stretch further than it has told. The phases ahead
    may take next to nothing, or long: their most is reckoned by what they usually weigh.
    """
    at = next((n for n, phase in enumerate(told) if phase["at"] == "now"), None)
    if at is None:
        return None
    here = told[at]
    done, busy = here["progress"], here["busy"]
    if here["phase"] not in UNITS or done < EARLY or busy < EARLY_SECONDS:
        if here["phase"] not in ("publish", "cleanup"):
            return None
        soon = (0.0, max(2.0, busy))
        return {"phase": soon, "all": soon}
    weight = sum(task.marked + 1 for task in tasks if not task.alone)
    unsaid = sum(not task.done for task in tasks) / max(1, weight)
    further = min(done + unsaid, (1 + done) / 2)
    drift = here["mean"] / here["rate"] if here["mean"] and here["rate"] else 1.0
    most = busy * (1 - done) / done
    least = busy * (1 - further) / further * min(1.0, drift) / UNEVEN
    most *= max(1.0, drift) * UNEVEN
    # What is ahead is to what was, and is, as their weights.
    weights = [WEIGHTS[phase["phase"]] for phase in told]
    whole = sum(phase["busy"] for phase in told[: at + 1]) + most
    ahead = VAGUE * whole * sum(weights[at + 1 :]) / sum(weights[: at + 1])
    return {"phase": (least, most), "all": (least, most + ahead)}


def drivers(tasks: Iterable[Task], waiting: dict[str, float], now: float) -> dict[str, float]:
    """Return {driver: when it was last seen}, of those that were seen lately.

    `waiting` are those that found nothing to do, and when.
    """
    latest = {driver: when for driver, when in waiting.items() if when > now - LATELY}
    for task in tasks:
        for driver, when in task.drivers.items():
            if when > now - LATELY or task.lease > now:
                latest[driver] = max(when, latest.get(driver, 0.0))
    return latest


def idle(record: Job, tasks: list[Task], waiting: dict[str, float], now: float) -> float:
    """Return the seconds for which a running job has waited for a driver; 0 = a slice runs."""
    if any(task.lease > now for task in tasks):
        return 0.0
    since: list[float] = [record.started, *(when for when, _, _ in record.acts), *waiting.values()]
    for task in tasks:
        since += task.drivers.values()
        since += task.spans[-2:-1]
    return max(0.0, now - max(since))


def chart(record: Job, tasks: dict[str, list[Task]], now: float) -> Plain | None:
    """Return {"since", "until", "step", "series": {phase: records a second, by step}}.

    None where there is nothing to draw yet.
    """
    worked = {phase: list(spans(tasks.get(phase, ()))) for phase in UNITS}
    ends = [span[1] for some in worked.values() for span in some]
    if not ends or not any(span[2] for some in worked.values() for span in some):
        return None
    since = min(record.started, *(span[0] for some in worked.values() for span in some))
    until = max(max(ends), now if record.state == "running" else 0.0)
    length = max(until - since, 0.1)
    step = next(
        (w for w in _WIDTHS if length / w <= BUCKETS), ceil(length / BUCKETS / 86400) * 86400
    )
    count = max(2, ceil(length / step))
    series = {phase: _by_step(some, since, step, count) for phase, some in worked.items() if some}
    until = since + count * step
    return {"since": since, "until": until, "step": step, "series": series}


def _by_step(some: list[Span], since: float, step: float, count: int) -> list[float]:
    rates = [0.0] * count
    for began, ended, records in some:
        if not records:
            continue
        first = max(0, min(count - 1, int((began - since) / step)))
        last = max(first, min(count - 1, int((ended - since) / step)))
        if first == last:
            rates[first] += records / step
            continue
        pace = records / (ended - began) / step
        for at in range(first, last + 1):
            start = since + at * step
            rates[at] += pace * max(0.0, min(ended, start + step) - max(began, start))
    return rates
