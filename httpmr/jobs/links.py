"""Links that are made, changed and revoked: the start link and the operator's links.

    ("link", recipe, kind) -> {"generation", "made", "every", "params", "job"}

A link's URL holds a token over its generation; raising the generation ends every URL that was
handed out. The tokens themselves are `web.security`'s.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from httpmr import codec, keys
from httpmr.errors import Conflict, UnknownJob
from httpmr.interfaces import Batch, Join, OrderedStore
from httpmr.jobs.job import Job
from httpmr.state import Job as Record
from httpmr.state import Plain

if TYPE_CHECKING:
    from httpmr.jobs.jobs import Jobs

Pointing = Callable[[str], Join]
"""From the id of a job that is about to start, what points at it in the same commit."""


class Links:
    """The links of one recipe."""

    def __init__(self, store: OrderedStore, recipe: str) -> None:
        self.store = store
        self.recipe = recipe

    def _key(self, kind: str) -> bytes:
        return keys.pack(("link", self.recipe, kind))

    def _read(self, kind: str) -> tuple[bytes | None, Plain]:
        key = self._key(kind)
        stored = self.store.get([key]).get(key)
        blank: Plain = {"generation": 0, "made": False, "every": None, "params": {}, "job": None}
        return stored, (blank if stored is None else codec.loads(stored))

    def _change(self, kind: str, change: Callable[[Plain], Plain]) -> Plain:
        while True:
            stored, link = self._read(kind)
            changed = link | change(link)
            if changed == link and stored is not None:
                return link
            batch = Batch()
            batch.expect(self._key(kind), stored)
            batch.put(self._key(kind), codec.dumps(changed))
            try:
                self.store.commit(batch)
            except Conflict:
                continue
            return changed

    def make(self, kind: str, **fields: Any) -> int:
        """Make the link, or change its `every` and `params`; return its generation."""
        generation: int = self._change(kind, lambda _: {"made": True, **fields})["generation"]
        return generation

    def generation(self, kind: str) -> int | None:
        """Return the link's generation; None if it was never made, or is revoked."""
        _, link = self._read(kind)
        return link["generation"] if link["made"] else None

    def revoke(self, kind: str) -> None:
        """End every URL of the link that was handed out."""
        self._change(kind, lambda link: {"made": False, "generation": link["generation"] + 1})

    def follow(self, generation: int) -> tuple[Plain, Pointing]:
        """Return the start link and what makes the join that points it at a new job's id.

        UnknownJob where the generation is not the present one.
        """
        stored, link = self._read("start")
        if not link["made"] or link["generation"] != generation:
            raise UnknownJob("there is no such start link: it was never made, or was revoked")

        def pointing(id: str) -> Join:
            def join(batch: Batch) -> None:
                batch.expect(self._key("start"), stored)
                batch.put(self._key("start"), codec.dumps(link | {"job": id}))

            return join

        return link, pointing


def joined(jobs: "Jobs", generation: int) -> Job:
    """Return the start link's job: one that runs or is paused, or younger than `every`.

    In a pipeline one whose successor runs is as good. Otherwise starts one, and points the link
    at it in the same commit, so that of two requests at once one starts it and both get it.
    """
    while True:
        link, pointing = jobs.links.follow(generation)
        record = link["job"] and jobs.ledger.job(jobs.recipe.name, link["job"])
        if record and (_unfinished(jobs, record) or _young(jobs, record, link["every"])):
            return jobs.find(record.id)
        try:
            return jobs.start(link["params"], pointing, by="the start link")
        except Conflict:
            continue


def _unfinished(jobs: "Jobs", record: Record) -> bool:
    if record.state in ("running", "paused"):
        return True
    after = jobs.following(record)
    return bool(after and jobs.then and _unfinished(jobs.then, after.found))


def _young(jobs: "Jobs", record: Record, every: float | None) -> bool:
    return every is not None and jobs.store.now() - record.started < every
