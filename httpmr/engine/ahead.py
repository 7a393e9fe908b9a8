"""The records of a range, read a few at a time, and checked.

What goes wrong with a record, or with reading it, is raised when those before it were taken. How
many are worth reading ahead is not known here.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from httpmr.engine import blame
from httpmr.interfaces import Pair, Records, Source
from httpmr.recipe import for_many


class Some(NamedTuple):
    """Some records: their keys, and the (key, value) pairs, which can be walked once."""

    keys: list[Any]
    pairs: Iterable[Pair]


class Ahead:
    """The records of `source` with after < key <= until."""

    def __init__(self, source: Source, after: Any, until: Any) -> None:
        self.source = source
        self.after = after
        read_many = for_many(source, "read", "read_many")
        self.by_lists = read_many is not None
        self.reading: Iterator[Any] = iter((read_many or source.read)(after, until))
        self.lists: Records = [], []
        self.at = 0  # so many of those were taken
        self.begun = False
        self.error: BaseException | None = None

    def take(self, most: int) -> Some:
        """Return the next records, at most so many; none at the end.

        Raises InputError for a key that cannot be gone on after, and whatever reading raised.
        """
        some = self.more(most)
        if self.error and not some.keys:
            raise self.error
        return some

    def more(self, most: int) -> Some:
        """The same, but what went wrong is left for `take` to raise."""
        if self.error:
            return Some([], ())
        return self._listed(most) if self.by_lists else self._read(most)

    def _read(self, most: int) -> Some:
        pairs: list[Pair] = []
        try:
            pairs.extend(islice(self.reading, most))
        except blame.FAULTS as error:
            blame.passes(error)
            self.error = error
        try:
            keys = [key for key, _ in pairs]
        except (TypeError, ValueError):
            keys = self._up_to_what_is_no_pair(pairs)
        sound = self._sound(keys)
        if sound < len(pairs):
            del keys[sound:], pairs[sound:]
        return Some(keys, pairs)

    def _up_to_what_is_no_pair(self, records: list[Any]) -> list[Any]:
        keys: list[Any] = []
        try:
            keys.extend(map(_key, records))
        except (TypeError, ValueError) as error:
            self.error = error
        return keys

    def _listed(self, most: int) -> Some:
        if self.at == len(self.lists[0]):
            self.lists, self.at = self._next(), 0
        keys, values = self.lists
        if self.at or len(keys) > most:
            here = slice(self.at, self.at + most)
            keys, values = keys[here], values[here]
        self.at += len(keys)
        return Some(keys, zip(keys, values, strict=True))

    def _next(self) -> Records:
        """Return the next lists that are not empty; empty ones at the end, or where that failed."""
        try:
            for keys, values in self.reading:
                if len(keys) != len(values):
                    raise ValueError(f"{len(keys)} keys for {len(values)} values")
                if keys:
                    sound = self._sound(keys)
                    return keys[:sound], values[:sound]
        except blame.FAULTS as error:
            blame.passes(error)
            self.error = error
        return [], []

    def _sound(self, keys: list[Any]) -> int:
        """Return how many of the keys can be gone on after, from the first on."""
        if self.begun and not [key for key in keys if key is None]:
            return len(keys)
        for number, key in enumerate(keys):
            try:
                if key is None or not self.begun:
                    blame.check_key(self.source, key, self.after)
                self.begun = True
            except Exception as error:
                self.error = error
                return number
        return len(keys)


def _key(record: Any) -> Any:
    key, _ = record
    return key
