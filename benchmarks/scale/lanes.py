"""How many lanes a store feeds: a simulation of lanes that work, then wait for their turn there.

Each lane works for the seconds of a slice, half more or less; then it needs the store for two
commits and for its bytes, one lane after the other, as fast as the store was measured with all
its processors at it. What a commit takes beyond that, alone, is waited for side by side.
"""

import heapq
import random

SLICES = 60
"""Of each lane; the first third is not counted."""


def busy(lanes, seconds, served, alone, seed=1) -> float:
    """Return the share of their time in which the lanes work.

    `seconds` of work a slice, `served` seconds in which the store does nothing else, `alone`
    seconds that a lane waits for besides.
    """
    rng = random.Random(seed)
    due = [(rng.uniform(0, seconds), lane) for lane in range(lanes)]
    heapq.heapify(due)
    free = worked = began = 0.0
    for number in range(lanes * SLICES):
        if number == lanes * SLICES // 3:
            worked, began = 0.0, due[0][0]
        at, lane = heapq.heappop(due)
        free = max(at, free) + served
        work = seconds * rng.uniform(0.5, 1.5)
        worked += work
        heapq.heappush(due, (free + alone + work, lane))
    return worked / (lanes * (due[0][0] - began))


def most(share, seconds, served, alone, limit=4096) -> int:
    """Return how many lanes work at least that share of their time, up to `limit`.

    To within a tenth: it goes up by tenths.
    """
    lanes = 1
    while (more := max(lanes + 1, lanes * 11 // 10)) <= limit:
        if busy(more, seconds, served, alone) < share:
            return lanes
        lanes = more
    return limit
