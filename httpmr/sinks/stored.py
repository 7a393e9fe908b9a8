"""`Stored`: output kept in the job's own store, where it can be paged, looked up and downloaded.

Each slice's output becomes a run of blocks sorted by output key, put in the slice's own commit;
the shuffle's merge reads them as one sequence.
"""

from collections import defaultdict
from contextlib import suppress
from itertools import pairwise

from httpmr import keys
from httpmr.errors import Unstorable
from httpmr.interfaces import Sink
from httpmr.shuffle import Columns, Placed, cut, gather, ordered, output


class Stored(Sink):
    """The default sink: exactly once, in any store; the output is gone when the job is deleted."""

    guarantee = "exactly once"

    def joins(self, store):
        """Output lives in the job's own store, whatever that is."""
        return True

    def check_retry(self, job, receipts, anew):
        """Of the output of several rounds of a job, one is shown."""

    def join(self, pairs, slice, batch):
        """Put the slice's pairs, in key order; Unstorable if one cannot be stored."""
        blocks = [
            Placed(0, 0, slice.shard, slice.number, n, block)
            for n, block in enumerate(cut(_columns(pairs)))
        ]
        output(None).put(batch, slice.job, blocks)


def _columns(pairs):
    """Return the pairs in key order: most reducers give them so, and there may be very many."""
    distinct = [key for key, _ in pairs]
    orders = distinct if keys.kind(distinct) else map(keys.pack, distinct)
    with suppress(Unstorable):  # below it is said of which key
        if all(before < after for before, after in pairwise(orders)):
            return Columns(distinct, None, [value for _, value in pairs])
    groups = defaultdict(list)
    gather(groups, pairs)
    return ordered(groups)
