"""The reducer that changes nothing."""

from collections.abc import Iterator
from typing import Any

from httpmr.interfaces import Pair, Reducer


class Identity(Reducer):
    """Each value as it came, in input order: a job that only sorts and gathers.

    >>> list(Identity().reduce("key", iter([2, 1])))
    [('key', 2), ('key', 1)]
    """

    def reduce(self, key: Any, values: Iterator[Any]) -> Iterator[Pair]:
        for value in values:
            yield key, value
