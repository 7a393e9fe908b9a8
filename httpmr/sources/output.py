"""What another recipe's newest job left in its store: the output of one is the input of the next.

Nothing is copied: blocks are read where they are. Which jobs there are, and how they keep their
output, is the other Master's to know.
"""

from collections.abc import Iterator
from typing import Any

from httpmr import keys
from httpmr.errors import InputError, JobError, RecipeError, UnknownJob
from httpmr.interfaces import Pair, Source

_ALL = 2**53
"""More values than a key has: with it, a place is behind all of them."""


class Output(Source):
    """The stored output of the newest job of `master` that is done: (place, (key, value)).

    They come in the order of the output's keys. A place is (job, key, n), the key's n-th value;
    the job is fixed when the one that reads it begins. Whoever retries that job meanwhile, or
    deletes it, stops the one that reads it.
    """

    def __init__(self, master: Any) -> None:
        self.work: Any = getattr(master, "work", None)
        if self.work is None:
            raise RecipeError(f"Output reads what another Master keeps, not {master!r:.80}")

    def read(self, after: Any, until: Any) -> Iterator[Pair]:
        job = self._job(until or after)
        if after is not None and len(after) == 1:
            return  # behind all there is
        begin = None if after is None else (after[1], after[2] + 1)
        stop = None if until is None or len(until) == 1 else (keys.pack(until[1]), until[2])
        try:
            for key, n, value in job.places(begin):
                if stop is not None and (keys.pack(key), n) > stop:
                    return
                yield (job.id, key, n), (key, value)
        except UnknownJob:
            raise self._gone(job.id) from None

    def last(self) -> Any:
        """The job itself; InputError where none is done, or its output is elsewhere."""
        return self.bound(self._job(None).id)

    def bound(self, id: str) -> tuple[str]:
        """Return the bound that stands for this one job; InputError as `last`."""
        try:
            next(self._job((id,)).output(), None)
        except JobError as error:
            raise InputError(f"the recipe {self._name} has no output to read: {error}") from None
        return (id,)

    def split(self, after: Any, until: Any, shards: int) -> Iterator[Any]:
        job = self._job(until)
        lasts = job.lasts()
        step = max(1, len(lasts) // shards)
        begin = None if after is None else keys.pack(after[1])
        for key in lasts[step - 1 : -1 : step]:
            if begin is None or keys.pack(key) > begin:
                yield (job.id, key, _ALL)

    def fingerprint(self, after: Any, until: Any) -> str:
        """The job, and in which round of it the output was made."""
        job = self._job(until or after)
        return f"{job.id} {job.found.shown}"

    @property
    def _name(self) -> str:
        name: str = self.work.recipe.name
        return name

    def _job(self, place: tuple[Any, ...] | None) -> Any:
        if place is None:
            job = self.work.latest()
            if job is None:
                raise InputError(f"the recipe {self._name} has no job that is done: run it first")
            return job
        try:
            return self.work.find(place[0])
        except UnknownJob:
            raise self._gone(place[0]) from None

    def _gone(self, id: str) -> InputError:
        return InputError(f"the job {id} of {self._name}, whose output is read here, was deleted")

    def __repr__(self) -> str:
        return f"Output({self._name!r})"
