"""The shuffle over any OrderedStore: where blocks and their index are kept.

    (job, "index", partition, level, shard, slice, n) -> first and last key, kind, sizes, biggest
    (job, "block", partition, level, shard, slice, n) -> the block

User keys never stand in store keys. The run of a slice is (shard, slice), so that a scan gives
runs in input order. `Stored` keeps its output by the same means under other names.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from httpmr import codec, keys
from httpmr.errors import Damaged
from httpmr.interfaces import Batch, By, IntermediateStore, OrderedStore
from httpmr.shuffle.blocks import Block, Columns, unpack
from httpmr.shuffle.heaviest import Heaviest
from httpmr.shuffle.merge import Groups, merge
from httpmr.shuffle.reading import Entry
from httpmr.state import Place, Shard

FAN_IN = 64
"""How many runs a merge opens at once; where a partition has more, the merge phase folds them."""


class Placed(NamedTuple):
    """A block and where it belongs; plain data, as an Outcome carries it."""

    partition: int
    level: int
    shard: Shard
    slice: int
    n: int
    block: Block


class Runs(IntermediateStore):
    """Runs of blocks in an ordered store, under the names `index` and `block`.

    `by` gives what the values of each key are sorted by, in every run; None: by nothing.
    """

    def __init__(
        self, store: OrderedStore, index: str = "index", block: str = "block", by: By | None = None
    ) -> None:
        self.store = store
        self.index = index
        self.block = block
        self.by = by

    def put(self, batch: Batch, job: str, blocks: Iterable[Placed]) -> None:
        """Put the blocks and their index entries. The batch's fence is the task's."""
        for partition, level, shard, slice, n, block in blocks:
            place = (partition, level, shard, slice, n)
            batch.put(keys.pack((job, self.block, *place)), block.data)
            told = codec.dumps([*block[:5], *block.heaviest])
            batch.put(keys.pack((job, self.index, *place)), told)

    def entries(
        self, job: str, partition: int, level: int, since: Place | None = None
    ) -> Iterator[Entry]:
        """Yield the index of a partition in run order, from the run `since` on."""
        start, stop = keys.span((job, self.index, partition, level))
        if since is not None:
            start, _ = keys.span((job, self.index, partition, level, *since))
        for key, value in self.store.scan(start, stop):
            place = keys.unpack(key)[2:]
            first, last, kind, groups, values, *noted = codec.loads(value)
            big = Heaviest(*noted) if noted else None
            yield Entry(place[2:4], first, last, kind, groups, values, place, big)

    def fold(
        self, job: str, partition: int, level: int, since: Place | None = None, fan_in: int = FAN_IN
    ) -> tuple[list[Entry], Place | None]:
        """Return (the entries of `fan_in` neighbouring runs, the run that follows or None)."""
        taken: list[Entry] = []
        for number, (run, entries) in enumerate(
            groupby(self.entries(job, partition, level, since), attrgetter("run"))
        ):
            if number == fan_in:
                return taken, run
            taken.extend(entries)
        return taken, None

    def keys(self, job: str) -> Iterator[bytes]:
        """Yield the store keys of all of a job's blocks and index entries, opening none.

        The block comes before the entry that tells of it, so that neither is ever left alone.
        """
        for key, _ in self.store.scan(*keys.span((job, self.index))):
            yield keys.pack((job, self.block, *keys.unpack(key)[2:]))
            yield key

    def groups(self, job: str, partition: int, level: int, after: Any = None) -> Groups:
        """Yield (key, values) of a whole partition; see IntermediateStore."""
        return self.merged(job, self.entries(job, partition, level), after)

    def merged(self, job: str, entries: Iterable[Entry], after: Any = None) -> Groups:
        """Yield (key, values) of the runs given. Raises Damaged where a block is not whole."""
        return merge(entries, lambda places: self._read(job, places), after, self.by)

    def _read(self, job: str, places: list[Any]) -> list[Columns]:
        wanted = [keys.pack((job, self.block, *place)) for place in places]
        found = self.store.get(wanted)
        return [
            self._opened(job, place, found.get(key))
            for place, key in zip(places, wanted, strict=True)
        ]

    def _opened(self, job: str, place: Any, data: bytes | None) -> Columns:
        try:
            if data is None:
                raise Damaged("a stored block is gone")
            return unpack(data)
        except Damaged as error:
            partition, level, shard, slice, n = place
            raise Damaged(
                f"{error.message} (job {job}, {self.block}, partition {partition}, level {level}, "
                f"shard {shard}, slice {slice}, number {n}); delete the job and start it again",
                job=job,
                place=place,
            ) from None


def output(store: OrderedStore) -> Runs:
    """Return the runs of stored output, all of them in partition 0 at level 0."""
    return Runs(store, "output index", "output block")


def of_output(blocks: Iterable[Block], place: Place) -> list[Placed]:
    """Return blocks of stored output where they belong: as the run of one slice."""
    return [Placed(0, 0, *place, n, block) for n, block in enumerate(blocks)]
