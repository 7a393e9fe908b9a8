r"""The lines that Hadoop Streaming carries: what goes from map to reduce, and what map reads.

Between map and reduce a pair is a line: what Hadoop sorts by, a tab, the value. It sorts by two
characters for the partition, the packed key and, where values are sorted, a comma and what they
are sorted by: all of it one field, for Hadoop cuts a combiner's lines in two as it does a
reducer's. Bytes are in base64 whose digits ascend, so that texts sort as the bytes do, and nothing
in them breaks a line. A key that its packed form does not give back exactly stands behind its
value, too:

    >>> between(mark(0, 4), "the", 1), between(mark(0, 4), 2.0, 1)
    (b'AAZ6GcOF--\t-F\n', b'AAV3------------\t-F,mo----------\n')

What is done with the pairs is not known here.
"""

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from httpmr import codec, keys
from httpmr.errors import Damaged, InputError
from httpmr.interfaces import Pair
from httpmr.web.plain import pair

MOST_PARTITIONS = 961
"""As many as two characters can tell apart."""

_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_ASCENDING = bytes(sorted(_DIGITS[:62] + b"-_"))
_UP = bytes.maketrans(_DIGITS, _ASCENDING)
_BACK = bytes.maketrans(_ASCENDING + b"+/=", _DIGITS + b"!!!")  # which are no digits
_STEP, _FIRST = 31, ord("A")  # of Hadoop's hash; of the characters of a mark

Row = tuple[bytes, bytes]
"""A line from map: what it is grouped by, and the value with what stands behind it."""


def encoded(data: bytes) -> bytes:
    """Return bytes as a text that sorts as they do, of letters, digits, - and _.

    >>> encoded(b"some") < encoded(b"some\\0") < encoded(b"some\\t")
    True
    """
    return b2a_base64(data, newline=False).rstrip(b"=").translate(_UP)


def decoded(text: bytes) -> bytes:
    """Return what was `encoded`; Damaged if nothing was."""
    try:
        return a2b_base64(text.translate(_BACK) + b"==="[: -len(text) % 4], strict_mode=True)
    except ValueError as error:
        told = f"{text[:40]!r} is not what httpmr wrote ({error}): give it what map wrote, as it is"
        raise Damaged(told) from error


def mark(partition: int, partitions: int) -> bytes:
    """Return the two characters by which Hadoop finds the reduce task with this number.

    To KeyFieldBasedPartitioner with -k1.1,1.2 they come to 31 * the first + the second, modulo
    the number of tasks.
    """
    rest = (partition - (_STEP + 1) * _FIRST) % partitions
    return bytes(_FIRST + digit for digit in divmod(rest, _STEP))


def between(mark: bytes, key: Any, value: Any, order: bytes | None = None) -> bytes:
    """Return the line of a pair for the partition of a mark; its value is sorted by `order`."""
    packed = keys.pack(key)
    place = mark + encoded(packed)
    if order is not None:
        place += b"," + encoded(order)
    rest = encoded(codec.dumps(value))
    if type(key) is not str:
        exact = codec.dumps(key)
        if codec.dumps(keys.unpack(packed)) != exact:
            rest += b"," + encoded(exact)
    return b"%b\t%b\n" % (place, rest)


def again(row: Row, value: Any) -> bytes:
    """Return the line of another value with the same key, which is not sorted by anything."""
    _, comma, exact = row[1].partition(b",")
    return b"%b\t%b%b%b\n" % (row[0], encoded(codec.dumps(value)), comma, exact)


def key_of(row: Row) -> Any:
    """Return the very key of a pair."""
    exact = row[1].partition(b",")[2]
    return codec.loads(decoded(exact)) if exact else keys.unpack(decoded(row[0][2:]))


def value_of(row: Row) -> Any:
    """Return the value of a pair."""
    return codec.loads(decoded(row[1].partition(b",")[0]))


def rows(input: Iterable[bytes], own: bytes = b"") -> Iterator[Row]:
    """Yield the rows of sorted lines; InputError where they are not, or not of the mark `own`."""
    before = b""
    for line in input:
        place, tab, rest = line.rstrip(b"\n").partition(b"\t")
        if place < before:
            remedy = "sort them as bytes (LC_ALL=C sort), from their beginning"
            raise InputError(f"a line is not in order, {line[:40]!r}: {remedy}")
        if not tab or not place.startswith(own):
            remedy = (
                "map with httpmr.contrib.hadoop, with -partitioner "
                "org.apache.hadoop.mapred.lib.KeyFieldBasedPartitioner and "
                "-D mapreduce.partition.keypartitioner.options=-k1.1,1.2"
            )
            raise InputError(f"a line does not belong in this task, {line[:40]!r}: {remedy}")
        before = place
        yield place.partition(b",")[0], rest


def shown(key: Any, value: Any) -> bytes:
    """Return a pair as `httpmr run` prints it."""
    return pair(key, value).encode() + b"\n"


def packed(key: Any, value: Any) -> bytes:
    """Return a pair as the form "records" reads it."""
    return b"%b\t%b\n" % (encoded(codec.dumps(key)), encoded(codec.dumps(value)))


# What map reads. A line is decoded where its record is to blame if that fails.


def _lines(input: Iterable[bytes], settings: Mapping[str, str]) -> Iterator[Pair]:
    """Each line under the file and a number: its offset, but for a line that a split cut off."""
    path = settings.get("mapreduce_map_input_file", "")
    at = int(settings.get("mapreduce_map_input_start", 0))
    for line in input:
        yield (path, at), line
        at += len(line)


def _offsets(input: Iterable[bytes], settings: Mapping[str, str]) -> Iterator[Pair]:
    path = settings.get("mapreduce_map_input_file", "")
    for line in input:
        offset, tab, rest = line.partition(b"\t")
        if not tab or not offset.isdigit():
            raise InputError(f"a line without its offset, {line[:40]!r}: leave --offsets out")
        yield (path, int(offset)), rest


def _keyed(input: Iterable[bytes], settings: Mapping[str, str]) -> Iterator[Pair]:
    for line in input:
        key, _, rest = line.partition(b"\t")
        try:
            yield _text(key), rest
        except UnicodeDecodeError as error:
            raise InputError(f"the key {key[:40]!r} is not UTF-8: {error.reason}") from error


def _records(input: Iterable[bytes], settings: Mapping[str, str]) -> Iterator[Pair]:
    for line in input:
        key, _, value = line.rstrip(b"\n").partition(b"\t")
        yield codec.loads(decoded(key)), codec.loads(decoded(value))


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r\n").removesuffix(b"\n").decode()


FORMS: dict[str, tuple[Callable[..., Iterator[Pair]], Callable[[Any], Any]]] = {
    "lines": (_lines, _text),
    "offsets": (_offsets, _text),
    "keys": (_keyed, _text),
    "records": (_records, lambda value: value),
}
"""What map may read: how a record's key and value are found, and what is made of its value."""
