"""What every ordered store must do: reading."""

import threading
from itertools import pairwise

import pytest

from httpmr.interfaces import VALUE_BYTES, OrderedStore
from httpmr.testing.entries import FIRST, LAST, delete, put
from httpmr.testing.opened import Opened


class Reads(Opened):
    """`get`, `scan` and `now`."""

    def test_gets_what_was_put_and_leaves_out_what_was_not(self, store: OrderedStore) -> None:
        put(store, {b"a": b"1", b"b": b"2"})
        assert store.get([b"b", b"c", b"a", b"a"]) == {b"a": b"1", b"b": b"2"}
        assert store.get([b"c"]) == store.get([]) == {}

    def test_gets_many_keys_at_once(self, store: OrderedStore) -> None:
        entries = {b"%04d" % n: b"%d" % n for n in range(1000)}
        put(store, entries)
        assert store.get([*entries, b"none"]) == entries

    @pytest.mark.parametrize("keys", [2, 1000])
    def test_a_get_is_one_snapshot(self, store: OrderedStore, keys: int) -> None:
        asked = [b"a", *(b"n%d" % n for n in range(keys - 2)), b"z"]
        put(store, {b"a": b"0", b"z": b"0"})

        def write() -> None:
            for n in range(25):
                put(store, {b"a": b"%d" % n, b"z": b"%d" % n})

        reader = self.another(store)
        writer = threading.Thread(target=write)
        writer.start()
        while writer.is_alive():
            found = reader.get(asked)
            assert found[b"a"] == found[b"z"]
        writer.join()
        reader.close()

    def test_scans_in_byte_order(self, store: OrderedStore) -> None:
        keys = [
            b"",
            b"\0",
            b"\0\0",
            b"A",
            b"a",
            b"a\0",
            b"a ",
            b"aa",
            b"b",
            b"\x7f",
            b"\x80",
            b"\xff",
        ]
        put(store, {key: key for key in reversed(keys)})
        assert [key for key, _ in store.scan(FIRST, LAST)] == sorted(keys)
        assert [key for key, _ in store.scan(FIRST, LAST, reverse=True)] == sorted(keys)[::-1]

    def test_a_range_is_half_open(self, store: OrderedStore) -> None:
        put(store, dict.fromkeys([b"a", b"b", b"c", b"d"], b""))
        assert list(store.scan(b"b", b"d")) == [(b"b", b""), (b"c", b"")]
        assert list(store.scan(b"b", b"d", reverse=True)) == [(b"c", b""), (b"b", b"")]
        assert list(store.scan(b"b", b"b")) == list(store.scan(b"d", b"a")) == []
        assert list(store.scan(b"bb", b"c")) == []

    def test_a_limit_counts_from_the_end_it_begins_at(self, store: OrderedStore) -> None:
        put(store, dict.fromkeys([b"a", b"b", b"c", b"d"], b""))
        assert [key for key, _ in store.scan(b"a", b"d", limit=2)] == [b"a", b"b"]
        assert [key for key, _ in store.scan(b"a", b"d", limit=2, reverse=True)] == [b"c", b"b"]
        assert len(list(store.scan(b"a", b"d", limit=9))) == 3
        assert list(store.scan(b"a", b"d", limit=0)) == []

    def test_a_scan_may_take_many_pages(self, store: OrderedStore) -> None:
        # Each key is the very next after another, in threes, so that pages end between them.
        entries = [(b"%04d" % (n // 3) + b"\0" * (n % 3), b"%d" % n) for n in range(1100)]
        put(store, dict(entries))
        assert list(store.scan(FIRST, LAST)) == entries
        assert list(store.scan(FIRST, LAST, reverse=True)) == entries[::-1]
        assert list(store.scan(b"0010", b"0300", limit=777)) == entries[30:807]
        assert list(store.scan(b"0010", b"0300", limit=777, reverse=True)) == entries[899:122:-1]

    def test_a_scan_of_large_values_is_whole(self, store: OrderedStore) -> None:
        entries = {b"%02d" % n: bytes([n]) * (VALUE_BYTES // (1 + n % 5)) for n in range(30)}
        for key, value in entries.items():
            put(store, {key: value})
        assert dict(store.scan(FIRST, LAST)) == entries

    def test_a_scan_does_not_stand_in_the_way_of_a_commit(self, store: OrderedStore) -> None:
        put(store, {b"%04d" % n: b"" for n in range(500)})
        for n, (key, _) in enumerate(store.scan(FIRST, LAST)):
            if n % 50 == 0:
                delete(store, [key])
        assert len(list(store.scan(FIRST, LAST))) == 490

    def test_a_scan_may_be_left(self, store: OrderedStore) -> None:
        put(store, {b"%04d" % n: b"" for n in range(500)})
        for _ in range(30):
            assert next(store.scan(FIRST, LAST))[0] == b"0000"

    def test_the_clock_goes_on_and_is_one(self, store: OrderedStore) -> None:
        other = self.another(store)
        times = [store.now(), other.now(), store.now(), other.now()]
        assert {type(time) for time in times} == {float}
        assert all(later > earlier - 0.01 for earlier, later in pairwise(times))
        assert times[-1] - times[0] < 60
        assert times[0] > 1_700_000_000  # seconds since 1970
        other.close()
