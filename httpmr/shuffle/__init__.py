"""What goes from map to reduce: blocks, runs of them, and their merge."""

from httpmr.shuffle.blocks import (
    BLOCK_BYTES,
    Block,
    Columns,
    cut,
    gather,
    in_order,
    ordered,
    single,
    sound,
    unpack,
)
from httpmr.shuffle.heaviest import NOTED, Heaviest
from httpmr.shuffle.runs import FAN_IN, Placed, Runs, of_output, output

__all__ = [
    "BLOCK_BYTES",
    "FAN_IN",
    "NOTED",
    "Block",
    "Columns",
    "Heaviest",
    "Placed",
    "Runs",
    "cut",
    "gather",
    "in_order",
    "of_output",
    "ordered",
    "output",
    "single",
    "sound",
    "unpack",
]
