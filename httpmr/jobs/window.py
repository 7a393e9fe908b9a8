"""What a replica may read of the primary's for a slice that it has leased, and no more.

Of the intermediate data, its own partition; of the source, its own range, a page at a time, for a
replica that cannot read that itself.
"""

import time
from collections.abc import Callable
from typing import Any

from httpmr import codec, engine, keys
from httpmr.budget import Clock
from httpmr.engine import blame
from httpmr.errors import HttpmrError, InputError, StoreError, Unstorable
from httpmr.interfaces import OrderedStore, Source
from httpmr.jobs.wire import Malformed
from httpmr.recipe import Recipe
from httpmr.state import Plain, Task

VALUES, ENTRIES = 16, 300
"""How many values, and how many entries of a scan, are read at once at most."""

RECORDS, BYTES, SECONDS = 1000, 1024 * 1024, 1.0
"""What a page of records holds at most, and takes, but for one record more."""


def read(recipe: Recipe, store: OrderedStore, task: Task, what: Any, args: Any) -> Plain:
    """Return what is asked for; Malformed for what is none of the task's business.

    `what`, and its args: "values" (keys) -> {"found": {key: value}}; "entries" (start, stop) ->
    {"rows": [(key, value)], "more"}; "records" (after, until) -> {"records": [packed], "more"};
    "fingerprint" () -> {"fingerprint"} of the source in the shard's range as it is now. The last
    two give {"wrong": why} where the source cannot be read.
    """
    asked = type(what) is str and what in _ALLOWED[task.phase] and type(args) is list
    if not asked or len(args) != _ARGS[what]:
        raise Malformed(f"a slice of the {task.phase} phase reads no such thing")
    return _WAYS[what](recipe, store, task, *args)


def _values(recipe: Recipe, store: OrderedStore, task: Task, wanted: Any) -> Plain:
    if type(wanted) is not list or len(wanted) > VALUES:
        raise Malformed(f"at most {VALUES} values are read at once")
    for key in wanted:
        _must_be_within(key, key, task)
    return {"found": store.get(wanted)}


def _entries(recipe: Recipe, store: OrderedStore, task: Task, start: Any, stop: Any) -> Plain:
    _must_be_within(start, stop, task)
    rows = list(store.scan(start, stop, limit=ENTRIES))
    return {"rows": rows, "more": len(rows) == ENTRIES}


def _must_be_within(start: Any, stop: Any, task: Task) -> None:
    spans = [keys.span((task.job, name, task.shard[0])) for name in ("index", "block")]
    asked = type(start) is bytes and type(stop) is bytes and start <= stop
    if not asked or not any(first <= start and stop <= last for first, last in spans):
        raise Malformed("what is read is the shard's own partition")


def _records(recipe: Recipe, store: OrderedStore, task: Task, after: Any, until: Any) -> Plain:
    if until not in [*task.marks, task.until]:
        raise Malformed("what is read is the shard's own range")
    return _told(lambda: page(recipe.source, after, until), recipe.source)


def _fingerprint(recipe: Recipe, store: OrderedStore, task: Task, after: Any, until: Any) -> Plain:
    if (after, until) not in engine.origins(task):
        raise Malformed("what is looked at is a range that the shard came of")
    return _told(lambda: {"fingerprint": recipe.source.fingerprint(after, until)}, recipe.source)


def _told(look: Callable[[], Plain], source: Source) -> Plain:
    """Return what is found, or what is wrong; raise what may pass."""
    try:
        return look()
    except StoreError:
        raise
    except blame.FAULTS as error:
        blame.passes(error)
        if isinstance(error, HttpmrError):
            return {"wrong": error.message}
        if blame.surroundings(error):
            raise blame.away(error) from error
        return {"wrong": f"the source {source!r:.80} failed: {blame.told(error)}"}


def page(source: Source, after: Any, until: Any, clock: Clock = time.monotonic) -> Plain:
    """Return {"records": [each packed by `codec`], "more"} with after < key <= until.

    Whoever wants more goes on after the last key. InputError for what cannot be sent.
    """
    records: list[bytes] = []
    size, began = 0, clock()
    for record in source.read(after, until):
        try:
            records.append(codec.dumps(tuple(record)))
        except Unstorable as error:
            raise InputError(
                f"the records of {source!r:.80} cannot be sent to a replica ({error.message}): "
                "let it read them itself, with --direct"
            ) from None
        size += len(records[-1])
        if len(records) >= RECORDS or size >= BYTES or clock() - began >= SECONDS:
            return {"records": records, "more": True}
    return {"records": records, "more": False}


_WAYS: dict[str, Callable[..., Plain]] = {
    "values": _values,
    "entries": _entries,
    "records": _records,
    "fingerprint": _fingerprint,
}
_ARGS = {"values": 1, "entries": 2, "records": 2, "fingerprint": 2}
_PARTITION = ("values", "entries")
_ALLOWED = {"map": ("records", "fingerprint"), "merge": _PARTITION, "reduce": _PARTITION}
