"""What every ordered store must do: committing."""

import pytest

from httpmr.errors import Conflict, OverLimit
from httpmr.interfaces import (
    BATCH_BYTES,
    BATCH_ENTRIES,
    KEY_BYTES,
    VALUE_BYTES,
    Batch,
    OrderedStore,
)
from httpmr.testing.entries import FIRST, LAST, delete, everything, put
from httpmr.testing.opened import Opened


class Commits(Opened):
    """`commit`: all of it or nothing, and nothing if anything is not as expected."""

    def test_puts_replace_and_deletes_remove(self, store: OrderedStore) -> None:
        put(store, {b"a": b"1", b"b": b"2"})
        batch = Batch()
        batch.put(b"a", b"3")
        batch.delete(b"b")
        batch.delete(b"never there")
        store.commit(batch)
        assert everything(store) == {b"a": b"3"}

    def test_deletes_apply_before_puts(self, store: OrderedStore) -> None:
        put(store, {b"a": b"1"})
        batch = Batch()
        batch.put(b"a", b"2")
        batch.delete(b"a")
        batch.put(b"b", b"3")
        batch.expect(b"b", None)
        batch.delete(b"b")
        store.commit(batch)
        assert everything(store) == {b"a": b"2", b"b": b"3"}

    def test_an_empty_batch_does_nothing(self, store: OrderedStore) -> None:
        store.commit(Batch())
        assert everything(store) == {}

    def test_what_is_as_expected_is_committed(self, store: OrderedStore) -> None:
        put(store, {b"here": b"1", b"kept": b"2", b"gone": b"3"})
        batch = Batch()
        batch.expect(b"here", b"1")
        batch.put(b"here", b"4")
        batch.expect(b"new", None)
        batch.put(b"new", b"5")
        batch.expect(b"gone", b"3")
        batch.delete(b"gone")
        batch.expect(b"kept", b"2")
        store.commit(batch)
        assert everything(store) == {b"here": b"4", b"kept": b"2", b"new": b"5"}

    @pytest.mark.parametrize("value", [b"", b"\0\xff'\\%", b"a" * VALUE_BYTES])
    def test_one_value_is_changed_or_stays_what_it_is(
        self, store: OrderedStore, value: bytes
    ) -> None:
        put(store, {b"here": value, b"near": value})
        for before, after in [(value, value), (value, b"2"), (b"2", value[1:])]:
            batch = Batch()
            batch.expect(b"here", before)
            batch.put(b"here", after)
            batch.put(b"beside", after)
            store.commit(batch)
            assert everything(store) == {b"here": after, b"near": value, b"beside": after}

    @pytest.mark.parametrize("others", [True, False])
    @pytest.mark.parametrize(
        ("key", "expected", "puts"),
        [
            pytest.param(b"here", b"other", True, id="another value"),
            pytest.param(b"here", b"", True, id="an empty value"),
            pytest.param(b"here", b"other", False, id="another value, only looked at"),
            pytest.param(b"none", b"1", True, id="a value where there is none"),
            pytest.param(b"none", b"", False, id="an empty value where there is none"),
            pytest.param(b"here", None, True, id="nothing where there is something"),
        ],
    )
    def test_what_is_not_as_expected_is_a_conflict(
        self, store: OrderedStore, key: bytes, expected: bytes | None, puts: bool, others: bool
    ) -> None:
        before = {b"here": b"1", b"zone": b"2"}
        put(store, before)
        batch = Batch()
        batch.expect(key, expected)
        if others:
            batch.expect(b"zone", b"2")  # one that is as expected does not help
        batch.put(b"zone", b"3")
        batch.put(b"beside", b"4")
        if puts:
            batch.put(key, b"5")
        with pytest.raises(Conflict):
            store.commit(batch)
        assert everything(store) == before
        put(store, {b"after": b""})  # and the store is well

    def test_any_byte_is_kept(self, store: OrderedStore) -> None:
        entries = {bytes([n]): bytes(range(n, 256)) + bytes(range(n)) for n in range(256)}
        entries[bytes(range(256))] = b""
        put(store, entries)
        assert everything(store) == entries
        assert store.get([*entries]) == entries
        assert {type(value) for value in store.get([*entries]).values()} == {bytes}
        assert {type(part) for pair in store.scan(FIRST, LAST) for part in pair} == {bytes}

    def test_keys_that_look_alike_are_not_taken_for_the_same(self, store: OrderedStore) -> None:
        long = b"k" * (KEY_BYTES - 1)
        keys = [b"a", b"A", b"a ", b"a  ", b"a\0", b"a\0\0", "å".encode(), b"\xc5", b"1", b"1.0"]
        keys += [long, long + b" ", long + b"\0", long + b"k", long + b"K", long + b"\xff"]
        for key in keys:
            batch = Batch()
            batch.expect(key, None)
            batch.put(key, key)
            store.commit(batch)
        assert everything(store) == {key: key for key in keys}
        delete(store, [long, b"a"])
        assert everything(store) == {key: key for key in keys if key not in (long, b"a")}

    # Limits

    def test_the_largest_entries_fit(self, store: OrderedStore) -> None:
        put(store, {b"k" * KEY_BYTES: b"v" * VALUE_BYTES})
        assert everything(store) == {b"k" * KEY_BYTES: b"v" * VALUE_BYTES}

    def test_the_largest_batches_fit(self, store: OrderedStore) -> None:
        fill = VALUE_BYTES - 4
        put(store, {b"%04d" % n: b"v" * fill for n in range(BATCH_BYTES // VALUE_BYTES)})
        put(store, {b"s%03d" % n: b"v" for n in range(BATCH_ENTRIES)})
        delete(store, [b"s%03d" % n for n in range(BATCH_ENTRIES)])
        assert sum(len(key) + len(value) for key, value in everything(store).items()) == BATCH_BYTES

    @pytest.mark.parametrize("what", ["put", "delete", "expect", "value", "entries", "bytes"])
    def test_what_is_over_a_limit_is_refused_whole(self, store: OrderedStore, what: str) -> None:
        batch = Batch()
        batch.put(b"a", b"1")
        if what == "put":
            batch.put(b"k" * (KEY_BYTES + 1), b"")
        elif what == "delete":
            batch.delete(b"k" * (KEY_BYTES + 1))
        elif what == "expect":
            batch.expect(b"k" * (KEY_BYTES + 1), b"")
        elif what == "value":
            batch.put(b"b", b"v" * (VALUE_BYTES + 1))
        elif what == "entries":
            for n in range(BATCH_ENTRIES):
                batch.delete(b"%d" % n)
        else:
            for n in range(BATCH_BYTES // VALUE_BYTES):
                batch.put(b"%d" % n, b"v" * VALUE_BYTES)
        with pytest.raises(OverLimit):
            store.commit(batch)
        assert everything(store) == {}
