"""`Stored`: output kept in the job's own store, where it can be paged, looked up and downloaded.

Each slice's output becomes a run of blocks sorted by output key, put in the slice's own commit;
the shuffle's merge reads them as one sequence.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from httpmr.interfaces import Batch, OrderedStore, Pair, Sink, Slice
from httpmr.shuffle import cut, in_order, of_output, output


class Stored(Sink):
    """The default sink: exactly once, in any store; the output is gone when the job is deleted."""

    guarantee = "exactly once"

    def joins(self, store: OrderedStore) -> bool:
        """Output lives in the job's own store, whatever that is."""
        return True

    def check_retry(self, job: str, receipts: Iterable[Any], anew: bool) -> None:
        """Of the output of several rounds of a job, one is shown."""

    def join(self, pairs: Sequence[Pair], slice: Slice, batch: Batch) -> None:
        """Put the slice's pairs, in key order; Unstorable if one cannot be stored."""
        blocks = of_output(cut(in_order(pairs)), (slice.shard, slice.number))
        no_store: Any = None  # the blocks go to the batch
        output(no_store).put(batch, slice.job, blocks)
