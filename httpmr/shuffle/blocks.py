"""Blocks: sorted groups of one partition packed into one stored value, in columns.

A block is one byte of format, a CRC-32, and, compressed, three columns: all keys, how many
values each has, all values. A group may go on in the next block. Nothing is known here of
where blocks are kept, nor in which order they are merged.
"""

import sys
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate, pairwise
from typing import Any, NamedTuple
from zlib import crc32

from httpmr import codec, keys
from httpmr.errors import Damaged, Unstorable
from httpmr.interfaces import VALUE_BYTES, By, Pair
from httpmr.shuffle.heaviest import Heaviest, heaviest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BLOCK_BYTES = 64 * 1024
"""What a block is aimed to hold before compression."""

_FORMAT = b"1"
_LEVEL = 1
_KINDS: dict[type | None, str] = {str: "s", bytes: "b", int: "i", None: ""}
_SAMPLE = 32
HOLDERS = (list, tuple, dict, set, frozenset)
"""Types of values that hold others."""


class Columns(NamedTuple):
    """Sorted groups: distinct keys, how many values each has, and all the values in a row.

    `counts` is None where every key has one value.
    """

    keys: list[Any]
    counts: list[int] | None
    values: list[Any]


class Block(NamedTuple):
    """A packed block and what its index entry tells without opening it."""

    first: Any
    last: Any
    kind: str  # "s", "b", "i": all keys are str, bytes, int and sort natively; "" = by pack
    groups: int
    values: int
    heaviest: Heaviest
    data: bytes


def pack(columns: Columns) -> bytes:
    """Return the columns as one stored value."""
    return _sealed(codec.dumps(list(columns)), zstd.ZstdCompressor(_LEVEL))


def _sealed(raw: bytes, compressor: zstd.ZstdCompressor) -> bytes:
    body = compressor.compress(raw, zstd.ZstdCompressor.FLUSH_FRAME)
    return _FORMAT + crc32(body).to_bytes(4, "big") + body


def unpack(data: bytes) -> Columns:
    """Return the columns of a packed block; Damaged if it is not what was packed."""
    if not sound(data):
        raise Damaged("a stored block fails its checksum: the store lost or changed data")
    return Columns(*codec.loads(zstd.decompress(data[5:])))


def sound(data: bytes) -> bool:
    """Return whether a packed block is as it was packed, by its checksum."""
    return data[:1] == _FORMAT and crc32(data[5:]).to_bytes(4, "big") == data[1:5]


def ordered(
    groups: dict[Any, list[Any]], distinct: list[Any] | None = None, by: By | None = None
) -> Columns:
    """Return `{key: list of its values}` in key order: those of all, or of `distinct`, its keys.

    `by` gives what the values of a key are sorted by; without it they stay as they are. Raises
    Unstorable if a key has no order.
    """
    distinct = _in_order(list(groups) if distinct is None else distinct)
    lists = [groups[key] for key in distinct]
    if by:
        for held in lists:
            held.sort(key=by)
    counts = list(map(len, lists))
    values: list[Any] = []
    for held in lists:
        values += held
    return Columns(distinct, None if len(values) == len(distinct) else counts, values)


def single(totals: dict[Any, Any], distinct: list[Any]) -> Columns:
    """Return `{key: its one value}` as `ordered` would, without a list for each."""
    distinct = _in_order(distinct)
    return Columns(distinct, None, [totals[key] for key in distinct])


def _in_order(distinct: list[Any]) -> list[Any]:
    distinct.sort(key=None if keys.kind(distinct) else keys.pack)
    return distinct


def gather(groups: defaultdict[Any, list[Any]], pairs: Iterable[Pair]) -> None:
    """Add pairs to `{key: list of its values}`. Unstorable if something cannot be a key at all."""
    try:
        for key, value in pairs:
            groups[key].append(value)
    except TypeError:
        raise Unstorable(
            f"a key of type {type(key).__name__} cannot be a key: {key!r:.80}; use None, a "
            "number, str, bytes, date, datetime, UUID or a tuple of these",
            value=key,
        ) from None


def in_order(pairs: Sequence[Pair]) -> Columns:
    """Return pairs as columns, in key order: as most reducers give them, and there may be many."""
    distinct = [key for key, _ in pairs]
    orders = distinct if keys.kind(distinct) else map(keys.pack, distinct)
    with suppress(Unstorable):  # below it is said of which key
        if all(before < after for before, after in pairwise(orders)):
            return Columns(distinct, None, [value for _, value in pairs])
    groups: defaultdict[Any, list[Any]] = defaultdict(list)
    gather(groups, pairs)
    return ordered(groups)


def cut(columns: Columns) -> Iterator[Block]:
    """Yield the columns as Blocks of about BLOCK_BYTES; a large group spans several.

    Raises Unstorable where a single value does not fit what a store takes.
    """
    distinct, _, values = columns
    kind = _KINDS[keys.kind(distinct)]
    ends = _ends(columns)
    before = _before(values)
    # Values to a block, corrected by how large the last one came out.
    step = max(1, bisect_right(before, _SAMPLE) - 1)
    compressor = zstd.ZstdCompressor(_LEVEL)  # to make one takes as long as to compress 7 KB
    at = 0
    while at < len(values):
        piece, raw = _fitting(columns, ends, before, at, step)
        data = _sealed(raw, compressor)
        if len(data) > VALUE_BYTES:
            raise Unstorable(
                f"a value of the key {piece.keys[0]!r:.80} takes {len(data):,} bytes packed; a "
                f"store takes {VALUE_BYTES:,}: emit smaller values, or where a large one is kept",
                value=piece.values[0],
            )
        held = len(piece.values)
        noted = heaviest(piece.keys, piece.counts, before[at : at + held + 1], len(raw))
        yield Block(piece.keys[0], piece.keys[-1], kind, len(piece.keys), held, noted, data)
        step = _step(before, at + held, (before[at + held] - before[at]) / len(raw))
        at += held


def _ends(columns: Columns) -> Sequence[int]:
    """Return where the values of each group end."""
    if columns.counts is None:
        return range(1, len(columns.keys) + 1)
    return list(accumulate(columns.counts))


def _before(values: list[Any]) -> Sequence[int]:
    """Return how much comes before each value and after the last: a measure of their bytes.

    Values that hold others differ most; of them it is how many they hold.
    """
    if values and type(values[0]) in HOLDERS:
        try:
            return list(accumulate((len(value) + 1 for value in values), initial=0))
        except TypeError:  # some are of other types
            pass
    return range(len(values) + 1)


def _step(before: Sequence[int], at: int, density: float) -> int:
    """Return how many values from `at` on come to BLOCK_BYTES, by the measure of one byte."""
    return max(1, bisect_right(before, before[at] + density * BLOCK_BYTES) - 1 - at)


def _fitting(
    columns: Columns, ends: Sequence[int], before: Sequence[int], at: int, step: int
) -> tuple[Columns, bytes]:
    """Return the next piece and its bytes.

    A piece is of half to twice BLOCK_BYTES, unless one value more would make it too large or
    there is none more: so there are few blocks, however the sizes alternate.
    """
    few, many, tried = 0, None, False  # so many values are too few, and too many
    while True:
        piece = _piece(columns, ends, at, step)
        raw = codec.dumps(list(piece))
        held = len(piece.values)
        if len(raw) > 2 * BLOCK_BYTES and held > 1:
            many = held
        elif (
            len(raw) < BLOCK_BYTES // 2
            and at + held < len(columns.values)
            and (many is None or held + 1 < many)
        ):
            few = held
        else:
            return piece, raw
        guess = _step(before, at, (before[at + held] - before[at]) / len(raw))
        if many is None:
            # A next one that looks too large is tried alone, but once.
            step = max(guess, few + 1 + (few // 2 if tried else 0))
            tried = True
        elif few < guess < many:
            step = guess
        else:
            step = (few + many) // 2


def _piece(columns: Columns, ends: Sequence[int], at: int, step: int) -> Columns:
    """Return the columns of `step` values from `at` on, or of all that are left."""
    distinct, counts, values = columns
    stop = min(at + step, len(values))
    first, last = bisect_right(ends, at), bisect_left(ends, stop)
    some = None
    if counts is not None:
        some = counts[first : last + 1]
        some[0] -= at - (ends[first] - counts[first])
        some[-1] -= ends[last] - stop
    return Columns(distinct[first : last + 1], some, values[at:stop])
