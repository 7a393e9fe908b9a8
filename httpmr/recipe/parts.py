"""What parts of a recipe may be instead of objects with methods: plain functions, and defaults.

Nothing is checked here.
"""

from collections.abc import Callable
from typing import Any
from zlib import crc32

from httpmr import keys
from httpmr.interfaces import Mapper, Partitioner, Reducer


class Crc32Partitioner(Partitioner):
    """The default: CRC-32 of a str's UTF-8, of bytes as they are, else of the packed key.

    Never Python's `hash`, which differs from process to process.
    """

    def partition(self, key: Any, partitions: int) -> int:
        if type(key) is str:
            key = key.encode("utf-8", "surrogatepass")
        elif type(key) is not bytes:
            key = keys.pack(key)
        return crc32(key) % partitions


class FunctionMapper(Mapper):
    def __init__(self, function: Callable[..., Any]) -> None:
        self.map = function

    map: Any = None

    def __repr__(self) -> str:
        return named(self.map)


class FunctionReducer(Reducer):
    def __init__(self, function: Callable[..., Any]) -> None:
        self.reduce = function

    reduce: Any = None

    def __repr__(self) -> str:
        return named(self.reduce)


class FunctionPartitioner(Partitioner):
    def __init__(self, function: Callable[..., Any]) -> None:
        self.partition = function

    partition: Any = None

    def __repr__(self) -> str:
        return named(self.partition)


def for_many(part: Any, verb: str, many: str) -> Any:
    """Return what does `verb` for many at once, unless a subclass changed what that does."""
    for kind in type(part).__mro__:
        if many in vars(kind):
            return getattr(part, many)
        if verb in vars(kind):
            return None
    return None


def named(function: Any) -> str:
    return getattr(function, "__qualname__", repr(function))
