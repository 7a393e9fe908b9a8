"""A source, and beside each of its records a small one in which to look things up."""

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from threading import local
from types import MappingProxyType
from typing import Any, NamedTuple

from httpmr import codec
from httpmr.errors import InputError, RecipeError, Unavailable, Unstorable
from httpmr.interfaces import Pair, Source


class _Loaded(NamedTuple):
    told: str  # what it was when it was loaded
    table: Mapping[Any, Any]


class Lookup(Source):
    """The records of `source`, with all of `small` beside each: (key, (value, table)).

    `table` maps the keys of `small` to its values, and cannot be written. `by` makes other keys
    of them: the name of a column, or a function of (key, value); each must come once. Where
    several tables are wanted, `small` is a `Chain`, and keys are (name, key).

        >>> from httpmr.sources import Memory
        >>> planes = Memory({"N1": {"seats": 55}})
        >>> flights = Lookup(Memory({1: {"plane": "N1"}}), planes)
        >>> for key, (flight, table) in flights.read(None, None):
        ...     print(key, table[flight["plane"]]["seats"])
        1 55

    A process loads the table once. Each slice looks whether it is what it was: by the fingerprint
    of `small`; where that has none, by reading it again. Where it changed, a job that began
    before pauses. More than `most` records are refused: those are joined by `reducers.Join`.
    """

    def __init__(
        self,
        source: Source,
        small: Source,
        *,
        by: str | Callable[[Any, Any], Any] | None = None,
        most: int = 100_000,
    ) -> None:
        for given in (source, small):
            if not isinstance(given, Source):
                raise RecipeError(f"Lookup takes two sources, not {given!r:.80}")
        if by is not None and not isinstance(by, str) and not callable(by):
            raise RecipeError(f"Lookup: by is a column or a function of (key, value), not {by!r}")
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise RecipeError(f"Lookup: most is a whole number from 1 on, not {most!r:.80}")
        self.sources = (source, small)
        self.by = by
        self.most = most
        self._shared: _Loaded | None = None
        # A slice is one thread's: what it looked at when it began stays its own to the end.
        self._mine = local()

    def read(self, after: Any, until: Any) -> Iterator[Pair]:
        table = self._begun().table
        return ((key, (value, table)) for key, value in self.sources[0].read(after, until))

    def last(self) -> Any:
        self._begin()
        return self.sources[0].last()

    def split(self, after: Any, until: Any, shards: int) -> Iterator[Any]:
        return iter(self.sources[0].split(after, until, shards))

    def fingerprint(self, after: Any, until: Any) -> str:
        told = self.sources[0].fingerprint(after, until)
        return f"{self._begin().told} {told}"

    def _begun(self) -> _Loaded:
        return getattr(self._mine, "loaded", None) or self._begin()

    def _begin(self) -> _Loaded:
        """Look at what there is now; load it, if it is not what was loaded."""
        small, shared = self.sources[1], self._shared
        last = small.last()
        told = small.fingerprint(None, last)
        if shared is None or told != shared.told:
            loaded = self._load(last, told)
            if told is not None and told != small.fingerprint(None, last):
                raise Unavailable(f"{small!r:.200} changed while it was read: try again")
            if shared is None or loaded.told != shared.told:
                self._shared = shared = loaded
        self._mine.loaded = shared
        return shared

    def _load(self, last: Any, told: str | None) -> _Loaded:
        table: dict[Any, Any] = {}
        digest = blake2b(digest_size=16)
        for key, value in self.sources[1].read(None, last):
            if told is None:
                digest.update(self._packed(key, value))
            name = self._name(key, value)
            if name in table:
                raise self._wrong(f"has two records for {name!r:.80}: let by= give each its own")
            table[name] = value
            if len(table) > self.most:
                remedy = "join it by sources.Chain and reducers.Join, or say most="
                raise self._wrong(f"has more than {self.most:,} records: {remedy}")
        return _Loaded(told or digest.hexdigest(), MappingProxyType(table))

    def _name(self, key: Any, value: Any) -> Any:
        try:
            found = self._made(key, value)
            hash(found)
        except (TypeError, LookupError) as error:
            why = f"{type(error).__name__}: {error}"
            raise self._wrong(
                f"has at {key!r:.80} nothing to look up by ({why}): mend by="
            ) from error
        return found

    def _made(self, key: Any, value: Any) -> Any:
        if self.by is None:
            return key
        return value[self.by] if isinstance(self.by, str) else self.by(key, value)

    def _packed(self, key: Any, value: Any) -> bytes:
        try:
            return codec.dumps((key, value))
        except Unstorable as error:
            what = f"has a record that cannot be told from another ({error.message})"
            raise self._wrong(f"{what}: give that source a fingerprint") from error

    def _wrong(self, what: str) -> InputError:
        return InputError(f"the small source of Lookup, {self.sources[1]!r:.80}, {what}")

    def __repr__(self) -> str:
        source, small = self.sources
        by = getattr(self.by, "__qualname__", repr(self.by))
        return f"Lookup({source!r}, {small!r}{'' if self.by is None else f', by={by}'})"
