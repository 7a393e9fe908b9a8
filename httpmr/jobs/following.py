"""The job that follows another: of the next recipe, started once, by whoever comes first.

(job, "next") -> the id of the job that follows it; in the store of that job
"""

from typing import TYPE_CHECKING, Any

from httpmr import codec, keys
from httpmr.errors import Conflict, UnknownJob
from httpmr.interfaces import Batch, Join
from httpmr.jobs.job import Job
from httpmr.params import Parameters
from httpmr.sources import Output
from httpmr.state import Job as Record
from httpmr.state import Plain

if TYPE_CHECKING:
    from httpmr.jobs.jobs import Jobs


def following(jobs: "Jobs", before: Record, start: bool) -> Job | None:
    """Return the one of `jobs` that follows `before`, which is done; None if it was deleted.

    If it is not there yet, `start` it, with those of the parameters that its recipe has.
    """
    key = keys.pack((before.id, "next"))

    def pointing(id: str) -> Join:
        def join(batch: Batch) -> None:
            batch.expect(key, None)
            batch.put(key, codec.dumps(id))

        return join

    while True:
        stored = jobs.store.get([key]).get(key)
        try:
            if stored is not None:
                return jobs.find(codec.loads(stored))
            if not start:
                return None
            params = _taken(jobs.recipe.parameters, before.params)
            by = f"{before.recipe} {before.id}"
            return jobs.start(params, pointing, by=by, last=_bound(jobs, params, before))
        except UnknownJob:
            return None
        except Conflict:
            continue


def _taken(parameters: Parameters | None, values: Plain) -> Plain:
    names = [field.name for field in parameters.fields] if parameters else ()
    return {name: value for name, value in values.items() if name in names}


def _bound(jobs: "Jobs", params: Plain, before: Record) -> Any:
    """The output of the job itself, where it is what is read: there may be a newer one."""
    source = jobs.recipe.of(jobs.recipe.read(params)).source
    if isinstance(source, Output) and source.work.recipe.name == before.recipe:
        return source.bound(before.id)
    return None
