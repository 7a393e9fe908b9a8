"""What a job asks of its store while it maps, in one lane: measured on jobs that are run here."""

import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks import inputs, recipes
from benchmarks.measure import module, said
from httpmr.jobs import Jobs
from httpmr.stores import SQLStore


class Asked(NamedTuple):
    """Of a lane: records and committed bytes in a second, and the seconds of a slice."""

    records: float
    bytes: float
    seconds: float


class _Counted(SQLStore):
    """A store that counts the bytes put."""

    bytes = 0

    def commit(self, batch):
        self.bytes += sum(map(len, batch.puts.values()))
        super().commit(batch)


def measured(workload, scale) -> Asked:
    """Run the map phase of a workload."""
    with tempfile.TemporaryDirectory() as folder:
        said(module("inputs", workload, folder, scale))
        source = Path(folder, inputs.MAKERS[workload][1])
        store = _Counted(f"sqlite:///{folder}/jobs.db")
        jobs = Jobs(recipes.master(workload, source, folder).recipe, store)
        job, slices, began = jobs.start(), 0, 0.0
        while (step := jobs.step(job.id)).job.phase in ("split", "map"):
            if step.job.phase == "split" or not began:
                began, store.bytes = time.monotonic(), 0
            else:
                slices += step.did == "slice"
        seconds = time.monotonic() - began
        return Asked(step.job.records / seconds, store.bytes / seconds, seconds / (slices + 1))
