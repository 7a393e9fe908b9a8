"""What the tests of stores are written with."""

from collections.abc import Iterable

from httpmr.errors import Conflict
from httpmr.interfaces import BATCH_ENTRIES, KEY_BYTES, Batch, OrderedStore

FIRST, LAST = b"", b"\xff" * (KEY_BYTES + 1)
"""The range of all keys."""


def put(store: OrderedStore, entries: dict[bytes, bytes]) -> None:
    """Put the entries, in as many commits as it takes."""
    pairs = list(entries.items())
    for at in range(0, len(pairs), BATCH_ENTRIES):
        batch = Batch()
        for key, value in pairs[at : at + BATCH_ENTRIES]:
            batch.put(key, value)
        store.commit(batch)


def delete(store: OrderedStore, keys: Iterable[bytes]) -> None:
    batch = Batch()
    for key in keys:
        batch.delete(key)
    store.commit(batch)


def everything(store: OrderedStore) -> dict[bytes, bytes]:
    return dict(store.scan(FIRST, LAST))


def claim(store: OrderedStore, key: bytes, value: bytes) -> bool:
    """Put what is expected absent; return whether it was."""
    batch = Batch()
    batch.expect(key, None)
    batch.put(key, value)
    try:
        store.commit(batch)
    except Conflict:
        return False
    return True


def count(store: OrderedStore, times: int, keys: list[bytes]) -> None:
    """Add one to each of the keys together, so many times, by compare and set."""
    while times:
        found = store.get(keys)
        batch = Batch()
        for key in keys:
            batch.expect(key, found[key])
            batch.put(key, b"%d" % (int(found[key]) + 1))
        try:
            store.commit(batch)
        except Conflict:
            continue
        times -= 1
