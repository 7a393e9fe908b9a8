"""What is known of a job and of its shards, as frozen records, and what may become of a job.

The records are plain data that go to and from `codec` as dicts. Nothing here reads or writes a
store; `ledger` alone decides who may change a record.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, Self, TypeVar

from httpmr import codec
from httpmr.counters import Counters

Shard = tuple[int, ...]
"""The name of a shard: its number, and what tells it from others that came of it."""

Plain = dict[str, Any]
"""Plain data by name: what `codec` can store."""

Place = tuple[Shard, int]
"""The (shard, slice) under which something is kept."""

PHASES = ("split", "map", "merge", "reduce", "publish", "cleanup")
"""In this order; `merge` only where needed, `merge` and `reduce` only where there is a reducer."""

TRANSITIONS = {
    # state: {what happens: the state after it}
    "running": {
        "the last phase is done": "done",
        "something an operator can mend": "paused",
        "something no resume can mend": "failed",
        "pause": "paused",
        "cancel": "cancelled",
    },
    "paused": {
        "resume": "running",
        "skip": "running",  # the record or group the job paused at is put aside
        "cancel": "cancelled",
    },
    # Ended: nothing but `delete`, or `retry`, takes a job out of these.
    "done": {
        "skip": "done",  # what was kept for the records put aside is removed
        "retry": "running",  # they are mapped again, and all is reduced again
    },
    "failed": {},
    "cancelled": {},
}
"""The whole life of a job. `delete` is allowed in each state and leaves no state at all."""

ENDED = ("done", "failed", "cancelled")

ALONE = 10**6
"""What the name of a shard begins with that is one record, run alone at the end of its phase."""

_LATER = 2**32  # epochs as sinks see them: above those of whoever held the place before


def after(state: str, event: str) -> str | None:
    """Return the state after `event`, or None where it does not fit.

    >>> after("running", "pause"), after("done", "pause")
    ('paused', None)
    """
    return TRANSITIONS[state].get(event)


def tail(round: int) -> Shard:
    """Return what the shards of a round have in their names, behind their number."""
    return (-round,) if round else ()


R = TypeVar("R", bound="Record")


@dataclass(frozen=True)
class Record:
    """What all stored records share: to a dict and back, and the bytes a record was stored as."""

    stored: bytes | None = field(default=None, repr=False, compare=False, kw_only=True)

    def plain(self) -> Plain:
        """Return the fields as a dict of what `codec` can store."""
        values = vars(self)
        return {name: values[name] for name in _names(type(self))}

    @classmethod
    def of(cls, plain: Plain, stored: bytes | None = None) -> Self:
        """Make the record again; fields of a newer minor format are passed over."""
        known = _names(cls)
        if plain.keys() == known.keys():  # mostly, and then none has to be looked at
            record = object.__new__(cls)
            record.__dict__.update(plain, stored=stored)
            return record
        return cls(**{k: v for k, v in plain.items() if k in known}, stored=stored)

    @classmethod
    def read(cls, stored: bytes) -> Self:
        """Make the record again from the bytes it was stored as."""
        return cls.of(codec.loads(stored), stored)


def replace(record: R, **fields: Any) -> R:
    """As that of `dataclasses` does, but faster: many records are made for a slice."""
    replaced = object.__new__(type(record))
    replaced.__dict__.update(record.__dict__, **fields)
    return replaced


def _stored(kind: type[Record]) -> dict[str, None]:
    """The names of the fields that are stored."""
    return {f.name: None for f in fields(kind) if f.name != "stored"}


_names: Callable[..., dict[str, None]] = cache(_stored)
"""Asked once for each kind: many records are read and written for a slice."""


@dataclass(frozen=True)
class Job(Record):
    """One run of a recipe. Times are Unix seconds by the store's clock."""

    id: str
    recipe: str
    params: Plain
    shards: int  # asked for, in the map phase
    partitions: int  # 0 for a map-only job
    state: str = "running"
    phase: str = "split"
    started: float = 0.0
    finished: float | None = None
    error: Plain | None = None  # "message"; where known: key traceback phase shard slice kind
    generation: int = 0  # raised to revoke the job's links
    bad_records: int = 0  # put aside so far, and not mended
    let_go: bool = False  # what was kept for them is removed
    round: int = 0  # how often it was retried
    shown: int = 0  # the round whose stored output is the one to see
    # Of the phases that are over; those of the present one stand in its tasks.
    records: int = 0
    slices: int = 0
    counters: Counters = field(default_factory=dict)
    last: Any = None  # the source's last key when the job began
    learned: Any = None  # what the partitioner did of the keys when the job began
    versions: dict[str, str] = field(default_factory=dict)  # of the recipe's parts, as it does them
    told: list[str] = field(default_factory=list)  # what hooks were told of it, as marks
    telling: list[Any] | None = None  # [mark, until when, tries] of what they are told now
    acts: list[Any] = field(default_factory=list)  # [when, who, what]: of operators, the latest

    @property
    def tail(self) -> Shard:
        """What the shards of the phases after map have in their names, in this round."""
        return tail(self.round)


@dataclass(frozen=True)
class Task(Record):
    """One shard of one phase, and who may do its next slice."""

    job: str
    phase: str
    shard: Shard  # (partition,) from merge on
    fan_out: int = 0  # split: shards to make; map: partitions, 0 when map-only
    after: Any = None  # map: where the shard's range begins
    until: Any = None  # and where it ends; split: the source's last key
    marks: tuple[Any, ...] = ()  # map: keys inside the range that are still ahead
    marked: int = 0  # how many marks there were at first
    progress: float = 0.0  # of the shard, 0 to 1
    cursor: Any = None  # the last key (or place) that is finished; None = at the start
    fingerprint: str | None = None
    level: int = 0  # merge, reduce: how often the runs read were folded
    slice: int = 0  # number of the next slice
    epoch: int = 0  # counts the leases: the fence
    lease: float = 0.0  # until when, by the store's clock; 0 = free
    takeovers: int = 0  # leases that ran out since the last commit
    begun: tuple[Any, ...] | None = None  # what the last of these noted: see `engine.care`
    pace: float = 1.0  # how much of `slice_seconds` a slice of the shard may take
    records: int = 0
    counters: Counters = field(default_factory=dict)
    bad: int = 0
    error: Plain | None = None  # the last that went wrong in it: "message", "when"
    done: bool = False
    notes: Plain = field(default_factory=dict)  # what a phase must remember from slice to slice
    drivers: dict[str, float] = field(default_factory=dict)  # who claimed it: see `ledger.pulse`
    spans: list[float] = field(default_factory=list)  # when it was worked on, and records: likewise

    @property
    def alone(self) -> bool:
        """Whether it is one record, which runs when nothing else does."""
        return self.shard[0] >= ALONE

    @property
    def place(self) -> Place:
        """The (shard, slice) under which what the next slice gives is kept."""
        place: Place = self.notes.get("place", (self.shard, self.slice))
        return place

    @property
    def retry(self) -> int:
        """The round in which it maps again what was put aside; 0 = it does not."""
        retry: int = self.notes.get("retry", 0)
        return retry

    @property
    def stamp(self) -> int:
        """What tells the next slice from whatever else was ever done for its place."""
        return self.epoch + (_LATER * (1 + self.retry) if self.alone else 0)


@dataclass(frozen=True)
class Bad:
    """A record or group that user code failed on, and how."""

    key: Any
    message: str
    traceback: str
    kind: str = "record"  # or "group"


@dataclass(frozen=True)
class Outcome:
    """What one slice came to: plain data, from which the ledger builds the commit.

    All of it is as of the last record that went well. `bad` is the one that stopped the slice,
    `past` what becomes of the task's cursor and notes if it is put aside; that may be done only
    where it was the slice's first (`alone`), so that it is a slice of its own. `why` says in a
    word or two why the slice stopped; it ends in the log.
    """

    cursor: Any = None
    done: bool = False
    records: int = 0
    counters: Counters = field(default_factory=dict)
    marks: tuple[Any, ...] = ()
    progress: float = 0.0
    level: int = 0
    notes: Plain = field(default_factory=dict)
    blocks: Sequence[Any] = ()  # for the shuffle
    pairs: Sequence[tuple[Any, Any]] = ()  # for the sink
    deletes: Sequence[bytes] = ()  # store keys that are no longer needed
    shed: Task | None = None  # map: the new shard that takes over the upper part of the range
    parked: Task | None = None  # map: the record that was passed over, to be run alone
    become: Plain = field(default_factory=dict)  # what else of the task changes
    mended: int = 0  # how many that were put aside are so no more
    bad: Bad | None = None
    alone: bool = False
    past: Plain = field(default_factory=dict)
    pause: str | None = None  # what an operator can mend, in one line
    fail: str | None = None  # what no resume can
    why: str = ""
