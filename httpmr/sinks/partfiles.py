"""Output as a folder of part files and a list of them, `_parts.json`, which is published last.

    _staged/JOB/SHARD.SLICE.EPOCH.csv        what slices wrote, committed or not
    part-JOB-SHARD.SLICE.EPOCH.csv           what was committed
    _parts.json                              {"job": ..., "parts": [names in order]}

Whoever reads the list sees the job before or this one, whole; whoever lists the folder may see
both while it is published. Only what was published before is removed, by the names in its list.

The list is put beside the parts in one call of `finish`, and published in another: it can be copied
but while it is there, and it is gone once the job is published. So a request that stood still since
finds it no more, and cannot bring back the list of a job over that of a later one.
"""

import hashlib
import json
from typing import Any

from httpmr import remote
from httpmr.budget import Budget
from httpmr.errors import Damaged, OutputError
from httpmr.interfaces import Slice
from httpmr.remote import Options
from httpmr.sinks.folders import folder
from httpmr.sinks.names import part_name, round_of

LIST = "_parts.json"

Receipt = tuple[str, int]


class PartFiles:
    """A folder of part files. `owner` is the name of its sink."""

    def __init__(self, path: str, suffix: str, owner: str, options: Options = None) -> None:
        if remote.is_url(path):
            remote.check(owner, path)
        self.folder = folder(path, options)
        self.path = self.folder.path
        self.suffix = suffix
        self.owner = owner

    def parts(self) -> list[str]:
        """Return the paths or URLs of the files that are published, in order."""
        with self.folder.meaning(repr(self)):
            return [self.path + name for name in self._list()["parts"]]

    def check(self) -> None:
        """Raise OutputError if nothing could be written to the folder."""
        self.folder.check(repr(self))

    def write(self, content: bytes, slice: Slice) -> Receipt | None:
        """Stage the part of one slice; the receipt is its (name, bytes), None where it is empty."""
        if not content:
            return None
        name = part_name(slice)
        with self.folder.meaning(repr(self)):
            self.folder.put(self._staged(slice.job, name), content)
        return name, len(content)

    def finish(self, job: str, receipts: list[Receipt], budget: Budget) -> bool:
        """Give the parts their names, as many as the budget allows; at the end publish the list.

        It may be cut anywhere, run again, and run twice at once.
        """
        digest = hashlib.sha256(repr((job, receipts)).encode()).hexdigest()[:16]
        with self.folder.meaning(repr(self)):
            published = self._list()
            if published["digest"] != digest:
                staged = f"{self._round(job, receipts)}/{LIST}.{digest}"
                if self.folder.get(staged) is None:
                    if self._named(job, receipts, budget):
                        parts = [self._name(job, name) for name, _ in receipts]
                        listed = {"job": job, "digest": digest, "parts": parts}
                        listed["replaces"] = published["parts"]
                        self.folder.put(staged, json.dumps(listed, indent=1).encode())
                    return False
                try:
                    self.folder.publish(staged, LIST)
                except FileNotFoundError:
                    return False  # somebody else did
                published["replaces"] = published["parts"]
            self._clear(job, receipts, published["replaces"])
        return True

    def _named(self, job: str, receipts: list[Receipt], budget: Budget) -> bool:
        """Let each part be seen under its name; return whether all are."""
        there = self.folder.sizes()
        staged: dict[int, dict[str, int]] = {}
        left = [part for part in receipts if there.get(self._name(job, part[0])) != part[1]]
        for name, length in left:
            round = round_of(name)
            if round not in staged:
                staged[round] = self.folder.sizes(self._round(job, [(name, 0)]))
            size = staged[round].get(name + self.suffix)
            if size not in (None, length):
                raise Damaged(
                    f"part {name} of {self.path} is not what was written: start a new job"
                )
            try:
                if size is None:
                    raise FileNotFoundError(name)
                self.folder.publish(self._staged(job, name), self._name(job, name))
            except FileNotFoundError as error:
                # Or another request gave it its name just now.
                if self.folder.sizes().get(self._name(job, name)) != length:
                    raise self._missing(name) from error
            if not budget.more():
                return False
        return True

    def _missing(self, name: str) -> OutputError:
        return OutputError(
            f"part {name} of {self!r} is missing: all machines that serve the job need to reach "
            "the same folder, and nothing else may remove what is in it"
        )

    def _clear(self, job: str, receipts: list[Receipt], replaced: list[str]) -> None:
        ours = {self._name(job, name) for name, _ in receipts}
        for name in sorted(set(replaced) - ours):
            self.folder.drop(name)
        for round in range(max((round_of(name) for name, _ in receipts), default=0) + 1):
            self.folder.clear(f"_staged/{job}" + (f".{round}" if round else ""))

    def check_retry(self, job: str, receipts: list[Receipt], anew: bool) -> None:
        """Raise OutputError where what is new could not be put among what was published."""
        with self.folder.meaning(repr(self)):
            published = self._list()
        parts = {self._name(job, name) for name, _ in receipts}
        if not anew and (published["job"] != job or not parts <= set(published["parts"])):
            raise OutputError(
                f"{self.path} is not what the job published, so that nothing can be put between: "
                "start a new job"
            )

    def _list(self) -> dict[str, Any]:
        content = self.folder.get(LIST)
        empty: dict[str, Any] = {"job": None, "digest": None, "parts": [], "replaces": []}
        try:
            return {**empty, **json.loads(content)} if content else empty
        except ValueError as error:
            remedy = "remove it, or name another folder"
            raise OutputError(f"{self.path}{LIST} is no list of parts: {remedy}") from error

    def _round(self, job: str, receipts: list[Receipt]) -> str:
        last = max((round_of(name) for name, _ in receipts), default=0)
        return f"_staged/{job}" + (f".{last}" if last else "")

    def _staged(self, job: str, name: str) -> str:
        return f"{self._round(job, [(name, 0)])}/{name}{self.suffix}"

    def _name(self, job: str, name: str) -> str:
        return f"part-{job}-{name}{self.suffix}"

    def __repr__(self) -> str:
        return f"{self.owner}({self.path!r})"
