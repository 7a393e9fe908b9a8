"""What the tests of sinks are written with: a job as the sink sees it, and what happens to it."""

from collections.abc import Callable, Sequence
from typing import NoReturn

import pytest

from httpmr import codec
from httpmr.budget import Budget
from httpmr.errors import Conflict
from httpmr.interfaces import Batch, OrderedStore, Pair, Sink, Slice
from httpmr.state import Place, Shard


def _pairs(first: int, last: int) -> list[Pair]:
    return [(f"key{n:02}", n) for n in range(first, last)]


PARTS = A, B, C, D = _pairs(0, 3), _pairs(3, 5), _pairs(5, 9), _pairs(9, 10)
GHOSTS: list[Pair] = [("key00", -1), ("ghost", -2)]


class Run:
    """One job, as far as the sink sees it."""

    def __init__(self, sink: Sink, store: OrderedStore, job: str) -> None:
        self.sink = sink
        self.store = store
        self.job = job
        self.joins = sink.joins(store)
        self.receipts: dict[Place, bytes] = {}

    def commit(self, pairs: Sequence[Pair], shard: Shard, number: int, epoch: int = 1) -> None:
        """Do a slice and commit it."""
        if self.joins:
            self.store.commit(self.joined(pairs, shard, number, epoch))
        else:
            receipt = self.sink.write(pairs, Slice(self.job, shard, number, epoch))
            self.receipts[shard, number] = codec.dumps(receipt)

    def commit_all(self) -> None:
        for n, pairs in enumerate(PARTS):
            self.commit(pairs, (n,), 0)

    def zombie(self, pairs: Sequence[Pair], shard: Shard, number: int, epoch: int) -> None:
        """Do a slice whose commit is refused, or never comes."""
        if self.joins:
            batch = self.joined(pairs, shard, number, epoch)
            batch.expect(b"fence", b"as it was")
            with pytest.raises(Conflict):
                self.store.commit(batch)
        else:
            self.sink.write(pairs, Slice(self.job, shard, number, epoch))

    def joined(self, pairs: Sequence[Pair], shard: Shard, number: int, epoch: int) -> Batch:
        batch = Batch()
        self.sink.join(pairs, Slice(self.job, shard, number, epoch), batch)
        return batch

    def finish(self, budget: Callable[[], Budget] = Budget) -> None:
        """Publish, in as many slices as it takes; each has a new budget."""
        for _ in range(1000):
            if self.finish_once(budget()):
                return
        raise AssertionError("finish never ends")

    def finish_once(self, budget: Budget) -> bool:
        receipts = (codec.loads(self.receipts[place]) for place in sorted(self.receipts))
        return self.sink.finish(self.job, receipts, budget)


class Cut(BaseException):
    """The process ends here."""


def cut() -> NoReturn:
    raise Cut


class Acting(Budget):
    """A budget without end, within which something happens when it is asked the n-th time."""

    def __init__(self, n: int, action: Callable[[], object]) -> None:
        super().__init__()
        self.n = n
        self.action = action

    def more(self, records: int = 1) -> bool:
        more = super().more(records)
        if self.done == self.n:
            self.action()
        return more
