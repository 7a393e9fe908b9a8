"""The limits every store has, so that what runs on one runs on all."""

from collections.abc import Iterable

from httpmr.errors import OverLimit
from httpmr.interfaces import BATCH_BYTES, BATCH_ENTRIES, KEY_BYTES, VALUE_BYTES, Batch


def check(batch: Batch) -> None:
    """Raise OverLimit if the batch is more than every store takes, before anything is done."""
    _check_keys(batch.puts)
    _check_keys(batch.deletes)
    _check_keys(batch.expected)
    for key, value in batch.puts.items():
        if len(value) > VALUE_BYTES:
            message = f"a value of {len(value)} bytes under {key!r}: at most {VALUE_BYTES} fit"
            raise OverLimit(message, key=key)
    if batch.entries > BATCH_ENTRIES:
        raise OverLimit(f"a batch of {batch.entries} entries: commit {BATCH_ENTRIES} at a time")
    if batch.bytes > BATCH_BYTES:
        raise OverLimit(f"a batch of {batch.bytes} bytes: commit {BATCH_BYTES} at a time")
    for key, expected in batch.expected.items():
        # A row that is not there cannot be locked; only writing it shows that it was not there.
        if expected is None and key not in batch.puts:
            raise ValueError(f"{key!r} is expected absent, so it must be put")


def _check_keys(keys: Iterable[bytes]) -> None:
    for key in keys:
        if len(key) > KEY_BYTES:
            message = f"a key of {len(key)} bytes, {key[:32]!r}…: at most {KEY_BYTES} fit"
            raise OverLimit(message, key=key)
