"""What a slice reads by way of the primary: intermediate data, and the source if need be."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from httpmr import codec
from httpmr.errors import InputError
from httpmr.interfaces import Batch, OrderedStore, Pair, Source
from httpmr.state import Plain

AT_ONCE = 16
"""How many values are asked for at once: the primary gives no more."""

Read = Callable[..., Plain]
"""(what, *args) -> what `window.read` of the primary gives for the slice that is leased."""


class Partition(OrderedStore):
    """The primary's store, as far as a slice may read it. Nothing is written by this way."""

    def __init__(self, read: Read) -> None:
        self.read = read

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        for begin in range(0, len(keys), AT_ONCE):
            found |= self.read("values", list(keys[begin : begin + AT_ONCE]))["found"]
        return found

    def scan(
        self, start: bytes, stop: bytes, *, limit: int | None = None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        assert limit is None and not reverse  # the engine reads the index of blocks, from a place
        more = True
        while more:
            answer = self.read("entries", start, stop)
            yield from answer["rows"]
            more = answer["more"]
            if more:
                start = answer["rows"][-1][0] + b"\0"

    def commit(self, batch: Batch) -> NoReturn:
        raise AssertionError("what a slice comes to is committed by the primary")

    def now(self) -> float:
        return time.time()


class Through(Source):
    """The primary's source, a page of records at a time."""

    def __init__(self, source: Source, read: Read) -> None:
        self.source = source
        self._read = read

    def read(self, after: Any, until: Any) -> Iterator[Pair]:
        more = True
        while more:
            answer = self._asked("records", after, until)
            for packed in answer["records"]:
                after, value = codec.loads(packed)
                yield after, value
            more = answer["more"]

    def fingerprint(self, after: Any, until: Any) -> str | None:
        told: str | None = self._asked("fingerprint", after, until)["fingerprint"]
        return told

    def _asked(self, what: str, *args: Any) -> Plain:
        answer = self._read(what, *args)
        if "wrong" in answer:
            raise InputError(answer["wrong"])
        return answer

    def __repr__(self) -> str:
        return repr(self.source)
