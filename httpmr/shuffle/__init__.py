"""What goes from map to reduce: blocks, runs of them, and their merge."""

from httpmr.shuffle.blocks import (
    BLOCK_BYTES,
    Block,
    Columns,
    cut,
    gather,
    ordered,
    single,
    sound,
)
from httpmr.shuffle.runs import FAN_IN, Placed, Runs, output

__all__ = [
    "BLOCK_BYTES",
    "FAN_IN",
    "Block",
    "Columns",
    "Placed",
    "Runs",
    "cut",
    "gather",
    "ordered",
    "output",
    "single",
    "sound",
]
