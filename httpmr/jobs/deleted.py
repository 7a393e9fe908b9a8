"""Who deleted which job, and when: all that is left of one, for the latest few of a recipe.

    ("deleted", recipe, job) -> [when, who, what state it was in]

Jobs that make room for newer ones are not noted: nobody did that.
"""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from httpmr import codec, keys
from httpmr.interfaces import Batch, Join, OrderedStore
from httpmr.state import Job

KEPT = 20
"""So many are remembered: those of the newest jobs."""


class Deleted(NamedTuple):
    """A job that was deleted; `when` in Unix seconds by the store's clock."""

    job: str
    when: float
    who: str
    state: str


def noted(store: OrderedStore, job: Job, by: str) -> Join:
    """Return what notes the deletion in the commit that removes the job's record."""
    note = codec.dumps([store.now(), by, job.state])
    older = [key for key, _ in islice(_found(store, job.recipe), KEPT - 1, None)]

    def join(batch: Batch) -> None:
        for key in older:
            batch.delete(key)
        batch.put(keys.pack(("deleted", job.recipe, job.id)), note)

    return join


def deleted(store: OrderedStore, recipe: str) -> list[Deleted]:
    """Return what is remembered, the newest job first."""
    return [
        Deleted(keys.unpack(key)[2], *codec.loads(value))
        for key, value in islice(_found(store, recipe), KEPT)
    ]


def _found(store: OrderedStore, recipe: str) -> Iterator[tuple[bytes, bytes]]:
    return store.scan(*keys.span(("deleted", recipe)), limit=2 * KEPT, reverse=True)
