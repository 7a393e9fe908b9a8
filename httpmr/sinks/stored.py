"""`Stored`: output kept in the job's own store, where it can be paged, looked up and downloaded.

Each slice's output becomes a run of blocks sorted by output key, put in the slice's own commit;
the shuffle's merge reads them as one sequence.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

from httpmr import keys
from httpmr.errors import Unstorable
from httpmr.interfaces import Batch, OrderedStore, Pair, Sink, Slice
from httpmr.shuffle import Columns, Placed, cut, gather, ordered, output


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
        blocks = [
            Placed(0, 0, slice.shard, slice.number, n, block)
            for n, block in enumerate(cut(_columns(pairs)))
        ]
        no_store: Any = None  # the blocks go to the batch
        output(no_store).put(batch, slice.job, blocks)


def _columns(pairs: Sequence[Pair]) -> Columns:
    """Return the pairs in key order: most reducers give them so, and there may be very many."""
    distinct = [key for key, _ in pairs]
    orders = distinct if keys.kind(distinct) else map(keys.pack, distinct)
    with suppress(Unstorable):  # below it is said of which key
        if all(before < after for before, after in pairwise(orders)):
            return Columns(distinct, None, [value for _, value in pairs])
    groups: defaultdict[Any, list[Any]] = defaultdict(list)
    gather(groups, pairs)
    return ordered(groups)
