"""Programs of octopy: a file with `source`, `mapfn`, `reducefn` and `final`, made a Master.

Here is what these four mean, and no more: where the file is from, who serves the Master and who
drives its job is for others to know.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from httpmr.errors import InputError, TargetError
from httpmr.interfaces import Mapper, OrderedStore, Pair, Reducer, Source
from httpmr.web.master import Master


@dataclass(frozen=True)
class Program:
    """What a file says: see `program`."""

    source: Any
    mapfn: Callable[[Any, Any], Iterable[Pair]]
    reducefn: Callable[[Any, list[Any]], Any]
    final: Callable[[Any, Any], Any] | None


def program(names: dict[str, Any], path: str) -> Program:
    """Return the program that a module's names make; TargetError for what is missing.

    `source` can be walked, which gives keys, and indexed by each of them. `mapfn(key, value)`
    gives pairs; `reducefn(key, values)` takes a list and returns one value; `final(key, value)`
    is optional.
    """
    source = names.get("source")
    if source is None:
        raise TargetError(f"{path} has no source: let it be a dict, or a list, of what to map")
    if not hasattr(source, "__getitem__"):
        kind = type(source).__name__
        raise TargetError(f"{path}: source is a {kind}, which has no source[key]: make it a dict")
    for name, example in (("mapfn", "key, value"), ("reducefn", "key, values")):
        if not callable(names.get(name)):
            raise TargetError(f"{path} has no {name}: define {name}({example})")
    final = names.get("final")
    if final is not None and not callable(final):
        raise TargetError(f"{path}: final is a {type(final).__name__}: define final(key, value)")
    return Program(source, names["mapfn"], names["reducefn"], final)


def master(program: Program, name: str, store: OrderedStore | str, whole: bool = False) -> Master:
    """Return a Master that does what the program says.

    `whole`: all of the source is read now, for processes that fork, which must not read it at once.
    """
    return Master(
        name,
        source=Positions(program.source, whole),
        mapper=_Mapfn(program.mapfn),
        reducer=_Reducefn(program.reducefn),
        store=store,
    )


class Positions(Source):
    """What can be walked and indexed: (n, (key, source[key])), n counting its keys from 0.

    Where there is no walking by keys, as in a list, the n are the keys. The keys are held in
    memory; the values are asked for one by one, or, where `whole` is true, once for all.
    """

    def __init__(self, source: Any, whole: bool = False) -> None:
        self._source = source
        self._keys = _keys(source)
        self._values = [self._value(key) for key in self._keys] if whole else None
        self._print: str | None = None

    def read(self, after: Any, until: Any) -> Iterator[Pair]:
        for n in self._range(after, until):
            key = self._keys[n]
            yield n, (key, self._value(key) if self._values is None else self._values[n])

    def last(self) -> int | None:
        return len(self._keys) - 1 if self._keys else None

    def split(self, after: Any, until: Any, shards: int) -> Iterator[int]:
        # Counted from the first record, so that a split that goes on keeps its steps.
        stop = self._range(None, until).stop
        step = max(1, stop // shards)
        return (n for n in range(step - 1, stop - 1, step) if after is None or n > after)

    def fingerprint(self, after: Any, until: Any) -> str:
        """Of all keys: what is behind them may change."""
        if self._print is None:
            digest = blake2b(digest_size=16)
            for key in self._keys:
                digest.update(repr(key).encode("utf-8", "backslashreplace") + b"\0")
            self._print = digest.hexdigest()
        return self._print

    def _range(self, after: Any, until: Any) -> range:
        size = len(self._keys)
        start = 0 if after is None else after + 1
        return range(start, size if until is None else min(until + 1, size))

    def _value(self, key: Any) -> Any:
        try:
            return self._source[key]
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise InputError(
                f"source[{key!r:.80}] cannot be read ({why}): each key it gives must have a value"
            ) from error

    def __repr__(self) -> str:
        return f"Positions({len(self._keys)} keys of a {type(self._source).__name__})"


def _keys(source: Any) -> Sequence[Any]:
    try:
        if isinstance(source, Sequence):
            return range(len(source))
        if hasattr(source, "__iter__"):
            return list(source)
        if hasattr(source, "keys"):
            return list(source.keys())
        return range(sum(1 for _ in source))  # it counts from 0 by itself, as lists do
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise InputError(f"source cannot be walked ({why}): let iter(source) give keys") from error


class _Mapfn(Mapper):
    def __init__(self, mapfn: Callable[[Any, Any], Iterable[Pair]]) -> None:
        self.mapfn = mapfn

    def map(self, key: Any, value: Any) -> Iterator[Pair]:
        # A pair may be a list, and the pairs a tuple: octopy took whatever it could walk.
        return ((name, given) for name, given in self.mapfn(*value))

    def __repr__(self) -> str:
        return "mapfn"


class _Reducefn(Reducer):
    def __init__(self, reducefn: Callable[[Any, list[Any]], Any]) -> None:
        self.reducefn = reducefn

    def reduce(self, key: Any, values: Iterator[Any]) -> Iterator[Pair]:
        yield key, self.reducefn(key, list(values))

    def __repr__(self) -> str:
        return "reducefn"
