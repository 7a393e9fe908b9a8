"""What bounds a store: commits a second, and bytes of blocks a second, in several processes.

A small commit expects the one key of its process and puts it anew, 400 bytes of it, as a claim
does. A large one puts besides eight blocks of 64 KiB that do not compress, as a slice of a job
without a combiner does, in place of those before, so that the disk is not filled.
"""

import multiprocessing
import os
import time
from typing import NamedTuple

from httpmr.interfaces import Batch

BLOCK, BLOCKS = 64 * 1024, 8
SMALL = 400


class Bounds(NamedTuple):
    """Commits a second by so many processes, and bytes a second."""

    commits: dict[int, float]
    bytes: float


def measured(make, seconds, processes=(1, 4, 8)) -> Bounds:
    """Measure the store that `make()` opens, for `seconds` each time."""
    commits = {count: _rate(make, count, seconds, 0) for count in processes}
    large = _rate(make, processes[len(processes) // 2], seconds, BLOCKS)
    return Bounds(commits, large * BLOCKS * BLOCK)


def _rate(make, count, seconds, blocks) -> float:
    """Return the commits a second of that many processes together."""
    context = multiprocessing.get_context("fork")
    ready, done = context.Barrier(count), context.SimpleQueue()
    workers = [
        context.Process(target=_work, args=(make, number, seconds, blocks, ready, done))
        for number in range(count)
    ]
    for worker in workers:
        worker.start()
    rates = [done.get() for _ in workers]
    for worker in workers:
        worker.join()
    return sum(rates)


def _work(make, number, seconds, blocks, ready, done) -> None:
    store = make()
    own, commits = b"own%d" % number, 0
    keys = [b"block%d.%d" % (number, n) for n in range(blocks)]
    held = store.get([own]).get(own)
    data = os.urandom(BLOCK)
    ready.wait()
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        batch = Batch()
        batch.expect(own, held)
        held = os.urandom(SMALL)
        batch.put(own, held)
        for key in keys:
            batch.put(key, data)
        store.commit(batch)
        commits += 1
    done.put(commits / (time.monotonic() - began))
