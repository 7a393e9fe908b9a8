"""Output of a reduce slice that the store keeps, packed into sorted blocks as it comes.

So it is packed while it is in the processor's cache, and held as bytes, not as objects: a slice
can hold much more of it. Keys that come in no order are held as pairs, as they are for other
sinks.
"""

from itertools import chain, repeat
from typing import Any

from httpmr import keys
from httpmr.engine.gather import Held
from httpmr.engine.scale import ENOUGH
from httpmr.interfaces import BATCH_BYTES, BATCH_ENTRIES, Pair
from httpmr.shuffle import Block, Placed, cut, in_order, of_output, unpack
from httpmr.state import Task

_AT_ONCE = 256 * 1024
"""Bytes that are packed at a time: a few blocks."""
_MOST_BLOCKS = BATCH_ENTRIES * 3 // 8
"""A batch has two entries for each."""
_MOST_PAIRS = 500_000
"""As objects they take some 100 bytes each, however small they are."""


class Packing(Held):
    """The output of a reduce slice: either all of it is `blocks`, or all of it is `pairs`."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self.blocks: list[Block] = []
        self.bytes = 0  # of the blocks
        self.weighed = 0  # of the pairs that were packed
        self.count = 0
        self.sorted = True  # whether what comes is packed

    def add(self, pairs: list[Pair]) -> None:
        """Take pairs over. NotPairs if they are none, Unstorable if one cannot be stored."""
        super().add(pairs)
        self.count += len(pairs)
        if self.sorted and self.pairs and self.scale.bytes - self.weighed >= _AT_ONCE:
            self._pack()

    @property
    def full(self) -> bool:
        """Whether the slice must stop: in time for pairs, should order end."""
        if not self.sorted:
            return self.scale.full
        packed = self.bytes >= ENOUGH or len(self.blocks) >= _MOST_BLOCKS
        return packed or self.scale.bytes >= BATCH_BYTES or self.count >= _MOST_PAIRS

    def close(self) -> None:
        """Pack what is left, if something is packed. Raises as `add`."""
        if self.blocks and self.pairs:
            self._pack()

    def placed(self, task: Task) -> list[Placed]:
        """Return the blocks, and where they belong."""
        return of_output(self.blocks, task.place)

    def _pack(self) -> None:
        columns = in_order(self.pairs)
        if self.blocks and keys.pack(self.blocks[-1].last) >= keys.pack(columns.keys[0]):
            self.pairs = [*chain.from_iterable(map(_pairs, self.blocks)), *self.pairs]
            self.blocks.clear()
            self.sorted = False
            return
        for block in cut(columns):
            self.blocks.append(block)
            self.bytes += len(block.data)
        self.pairs.clear()
        self.weighed = self.scale.bytes


def _pairs(block: Block) -> list[Pair]:
    distinct, counts, values = unpack(block.data)
    if counts is not None:
        distinct = list(chain.from_iterable(map(repeat, distinct, counts)))
    return list(zip(distinct, values, strict=True))
