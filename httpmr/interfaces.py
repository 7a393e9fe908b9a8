"""Every contract of httpmr, in one file: what users write, and what plug-ins implement.

A mapper and a reducer are what a job does. A source and a sink are where its records come from
and where its output goes. An ordered store holds everything durable; an intermediate store,
built on one, holds what goes from map to reduce. Nothing here does anything.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from httpmr.budget import Budget
from httpmr.errors import OutputError

Pair = tuple[Any, Any]
MapMany = Callable[[Iterator[Pair]], Iterable[Pair]]
Combine = Callable[[Any, Iterator[Any]], Any]
Tally = Callable[[dict[Any, Any], list[Pair]], bool]
Records = tuple[list[Any], list[Any]]  # keys, and values
By = Callable[[Any], Any]  # from a value to what it is sorted by

# Limits that every store must take and no caller may pass, so that the narrowest can serve.
KEY_BYTES = 1024
VALUE_BYTES = 512 * 1024
BATCH_BYTES = 8 * 1024 * 1024
BATCH_ENTRIES = 400


class _Shown:
    """A part of a recipe, which shows itself by the name of its class."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Mapper(_Shown, ABC):
    """What is done with each record."""

    @abstractmethod
    def map(self, key: Any, value: Any) -> Iterable[Pair]:
        """Return or yield (key, value) pairs for one record; none is fine.

        May run more than once for a record, in any process; what it returned counts once. Any
        iterable of pairs will do: a generator, a list, `zip(...)`, `Counter(...).items()`.
        """

    map_many: MapMany | None = None
    """`map_many(records) -> pairs`: `map` for each (key, value) of an iterator that is walked once.

    Gives what `map` gives for each in turn, or what `combine` makes of that. They are as many as
    take some milliseconds; where it fails, `map` is asked.
    """


class Reducer(_Shown):
    """What is done with each group. Define `combine` too, and it is its own combiner."""

    def reduce(self, key: Any, values: Iterator[Any]) -> Iterable[Pair]:
        """Return or yield (key, value) pairs for one key and the iterator of all its values.

        Values come in input order. They can be walked once, and need not be walked to the end.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method reduce(key, values)")

    combine: Combine | None = None
    """`combine(key, values) -> value`: one value that stands for several neighbouring ones.

    Runs zero or more times over any neighbouring values, its own results among them; how they
    are grouped must not change what `reduce` makes of them.
    """

    tally: Tally | None = None
    """`tally(totals, pairs) -> bool`: `combine` for many pairs at once, where that is faster.

    Makes of `totals[key]`, for each pair, what `combine` would of it and the value, and returns
    True; or changes nothing and returns False, and `combine` is asked.
    """


class Partitioner(_Shown, ABC):
    """Which reducer a key goes to."""

    @abstractmethod
    def partition(self, key: Any, partitions: int) -> int:
        """Return 0 <= n < partitions, the same for equal keys in every process, always."""

    def learned(self, sample: Iterable[Any], partitions: int) -> Any:
        """Return what a job shall know of its keys, as plain data; None = nothing, the default.

        Asked once, when the job starts. `sample` has the keys that some records emit, as often as
        they do; the records are read and mapped when it is first looked at.
        """
        return None

    def with_learned(self, known: Any) -> "Partitioner":
        """Return the partitioner of a job that learned this."""
        return self


class Source(_Shown, ABC):
    """The input: many small records, each with a unique, ordered, unchanging key."""

    @abstractmethod
    def read(self, after: Any, until: Any) -> Iterator[Pair]:
        """Yield (key, value) for after < key <= until, ascending, lazily; None = open.

        Keys are of types that `httpmr.codec` can store, never None. Raises InputError.
        """

    read_many: Callable[[Any, Any], Iterator[Records]] | None = None
    """`read` by lists, where that is faster: `read_many(after, until)` yields (keys, values)."""

    def last(self) -> Any:
        """Return a fixed bound that is not below the last key there is; None = unbounded.

        Read once, when the job begins: records that come later are not the job's.
        """
        return None

    def split(self, after: Any, until: Any, shards: int) -> Iterator[Any]:
        """Yield about `shards` ascending keys, after < key < until, in even steps, lazily.

        The engine asks for more than the job has shards, and reads from one key to the next. It
        is called again with `after` = the last key it gave, so one call need not finish. The
        default gives none: one shard.
        """
        return iter(())

    def fingerprint(self, after: Any, until: Any) -> str | None:
        """Return what changes if the records in a range change; None = cannot tell."""
        return None


class Slice(NamedTuple):
    """The identity of one slice's work: a zombie has the same but for the epoch."""

    job: str
    shard: tuple[int, ...]
    number: int
    epoch: int
    round: int = 0
    """How often the job was retried before: what an earlier round does must not harm a later."""


class Sink(_Shown):
    """Where the output goes. Implement `write` and `finish`, or `joins` and `join`."""

    guarantee: str = "at least once"
    """What a sink that does not join promises: "keyed", "staged" or "at least once"."""

    def joins(self, store: "OrderedStore") -> bool:
        """True = only `join` runs (exactly once), False = only `write` does.

        Asked in each process, before any of these or `finish`.
        """
        return False

    def check(self, store: "OrderedStore") -> None:
        """Raise OutputError, before a job starts, if the sink cannot take its output."""

    def check_retry(self, job: str, receipts: Iterable[Any], anew: bool) -> None:
        """Raise OutputError if a job that is done cannot give output once more, to be retried.

        `anew`: it gives all of it again, which shall take the place of what is there; otherwise
        what it gives is new, and comes to what is there. `receipts` are those given so far.
        """
        if anew and self.guarantee not in ("staged", "keyed"):
            raise OutputError(
                f"{self!r:.200} cannot replace what the job has given it: start a new job"
            )

    def join(self, pairs: Sequence[Pair], slice: Slice, batch: "Batch") -> None:
        """Add the output of one slice to the commit that ends it."""
        raise NotImplementedError(f"{type(self).__name__} does not join the store's commit")

    def write(self, pairs: Sequence[Pair], slice: Slice) -> Any:
        """Write the output of one slice, before its commit; return a receipt or None.

        Runs again, with another epoch, where a slice is repeated: it must never change what is
        published. Receipts of committed slices, and no others, come to `finish`.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method write(pairs, slice)")

    def finish(self, job: str, receipts: Iterable[Any], budget: Budget) -> bool:
        """Publish what was committed; may be called again. False = go on in the next slice.

        `receipts` come in the order (shard, slice).
        """
        return True


class Batch:
    """What one commit expects, puts and deletes, and what joins it. All of it or nothing.

    Deletes apply before puts. A key that is expected absent must be put.
    """

    def __init__(self) -> None:
        self.expected: dict[bytes, bytes | None] = {}
        self.puts: dict[bytes, bytes] = {}
        self.deletes: set[bytes] = set()
        self.calls: list[Callable[[Any], None]] = []

    def expect(self, key: bytes, value: bytes | None) -> None:
        """Let the commit be a Conflict unless `key` holds `value` (None: is absent)."""
        self.expected[key] = value

    def put(self, key: bytes, value: bytes) -> None:
        """Store `value` under `key`."""
        self.puts[key] = value

    def delete(self, key: bytes) -> None:
        """Remove `key`, if it is there."""
        self.deletes.add(key)

    def sql(self, call: Callable[[Any], None]) -> None:
        """Call `call(connection)` inside the transaction of a store that has a `database`.

        It may run again when the batch is retried, and must do nothing outside the connection.
        """
        self.calls.append(call)

    @property
    def entries(self) -> int:
        """How many keys are put or deleted."""
        return len(self.puts.keys() | self.deletes)

    @property
    def bytes(self) -> int:
        """How many bytes are put."""
        return sum(len(key) + len(value) for key, value in self.puts.items())


Join = Callable[[Batch], object]
"""What adds to a batch before it is committed; what it returns is not looked at."""


class OrderedStore(ABC):
    """A durable ordered map from bytes to bytes, shared by every machine that serves requests.

    Bringing httpmr up in a new environment means implementing these four verbs. Keys are at
    most 1,024 bytes, values 512 KiB, a batch 8 MiB and 400 entries; more raises OverLimit.
    """

    database: Any = None
    """Names the database this store lives in, for sinks that can join; None = no sink can."""

    durable: bool = True
    """False: what is stored is seen by this process alone and ends with it."""

    @abstractmethod
    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return those of `keys` that are there, with their values, as of one moment."""

    @abstractmethod
    def scan(
        self, start: bytes, stop: bytes, *, limit: int | None = None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield (key, value) for start <= key < stop in byte order, or in reverse.

        Reads in pages and holds no transaction between them: what is written meanwhile may
        or may not be seen. `limit` bounds the number of entries.
        """

    @abstractmethod
    def commit(self, batch: Batch) -> None:
        """Do all of the batch, durably, or nothing.

        Raises Conflict, Unavailable, StoreFull, OverLimit: nothing happened; Uncertain: it may.
        """

    @abstractmethod
    def now(self) -> float:
        """Return the store's clock in seconds: the same for every machine, never cached."""

    def forked(self) -> None:
        """Drop what must not be shared with a parent process, after a fork."""

    def close(self) -> None:
        """Let connections go. The store may be used again, and connects anew."""


class IntermediateStore(ABC):
    """What mappers put and reducers get: the sorted groups of each partition, in runs of blocks."""

    @abstractmethod
    def put(self, batch: Batch, job: str, blocks: Iterable[Any]) -> None:
        """Add one slice's packed blocks to the commit that ends it."""

    @abstractmethod
    def groups(
        self, job: str, partition: int, level: int, after: Any = None
    ) -> Iterator[tuple[Any, Iterable[Any]]]:
        """Yield (key, values) in key order, values in the order (shard, slice, emission).

        Where the recipe sorts values, that is the order of those that are equal.
        `level` says how often the merge phase has folded the runs; 0 = as the mappers put them.
        `after` = (key, n): begin at `key` without its first n values, or, where n is None, after
        `key`. The values of a group can be walked until the next group is asked for.
        """
