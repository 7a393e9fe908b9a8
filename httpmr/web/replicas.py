"""The replicas as an operator sees them, and what he may let them be told."""

import logging

from httpmr import keys
from httpmr.jobs.primary import Primary
from httpmr.jobs.replicas import Replica, Replicas
from httpmr.state import Plain, Task
from httpmr.web import pages
from httpmr.web.routes import shard_name
from httpmr.web.visit import Visit

log = logging.getLogger("httpmr")


def told(visit: Visit, job: str | None = None) -> list[Plain]:
    """Return what is known of each replica; with a `job`, of those alone that are at work on it."""
    found = Replicas(visit.work.store, visit.work.recipe.name).all()
    if not found:
        return []
    now = visit.work.store.now()
    places = [_open(it) for it in found if it.leased]
    tasks = visit.work.store.get(places) if places else {}
    lease = 2 * visit.work.recipe.slice_seconds + 2
    rows = [_row(it, tasks, now, lease) for it in found]
    return [row for row in rows if job is None or row["job"] == job]


def _open(replica: Replica) -> bytes:
    assert replica.leased
    job, phase, shard, _, _ = replica.leased
    return keys.pack((job, phase, "open", shard))


def _row(replica: Replica, tasks: dict[bytes, bytes], now: float, lease: float) -> Plain:
    at = replica.leased if _holds(replica, tasks) else None
    return {
        "name": replica.name,
        "state": "gone" if replica.gone(now, lease) else replica.state,
        "since": replica.since,
        "heard": replica.heard,
        "silent": max(0.0, now - replica.heard),
        "job": at[0] if at else None,
        "shard": f"{at[1]} {shard_name(at[2])}" if at else None,
        "slices": replica.slices,
        "records": replica.records,
        "errors": replica.errors,
        "order": replica.order,
    }


def _holds(replica: Replica, tasks: dict[bytes, bytes]) -> bool:
    """Whether the slice that it was given last is still its own."""
    stored = tasks.get(_open(replica)) if replica.leased else None
    if stored is None or replica.leased is None or replica.order == "drop":
        return False
    task = Task.read(stored)
    return (task.slice, task.epoch) == replica.leased[3:] and task.lease > 0


def order(visit: Visit, replica: str, order: str) -> pages.Answer:
    """Let a replica be drained or dropped."""
    visit.sent()
    Primary(visit.work, replica).order(order)
    log.info("replica %s: %s by %s", replica, order, visit.must_operate())
    if visit.sends_json:
        return pages.data({"replicas": told(visit)})
    return pages.redirect(visit.path(""))
