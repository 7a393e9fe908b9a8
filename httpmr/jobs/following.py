"""The job that follows another: of the next recipe, started once, by whoever comes first.

(job, "next") -> the id of the job that follows it; in the store of that job
"""

from httpmr import codec, keys
from httpmr.errors import Conflict, UnknownJob
from httpmr.sources import Output
from httpmr.state import Job as Record


def following(jobs, before: Record, start: bool):
    """Return the one of `jobs` that follows `before`, which is done; None if it was deleted.

    If it is not there yet, `start` it, with those of the parameters that its recipe has.
    """
    key = keys.pack((before.id, "next"))

    def pointing(id):
        def join(batch):
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


def _taken(parameters, values):
    names = [field.name for field in parameters.fields] if parameters else ()
    return {name: value for name, value in values.items() if name in names}


def _bound(jobs, params, before):
    """The output of the job itself, where it is what is read: there may be a newer one."""
    source = jobs.recipe.of(jobs.recipe.read(params)).source
    reads = isinstance(source, Output) and source.work.recipe.name == before.recipe
    return source.bound(before.id) if reads else None
