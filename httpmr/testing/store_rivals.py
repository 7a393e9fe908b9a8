"""What every ordered store must do: keeping rivals apart."""

import multiprocessing
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from httpmr.interfaces import OrderedStore
from httpmr.testing.entries import claim, count, everything, put
from httpmr.testing.opened import Opened


class Rivals(Opened):
    """Threads, processes and machines that want the same."""

    def test_of_many_who_expect_a_key_absent_one_wins(self, store: OrderedStore) -> None:
        for n in range(8):

            def claims(who: int, n: int = n) -> bool:
                return claim(store, b"%d" % n, b"%d" % who)

            outcomes = together(6, claims)
            assert sorted(outcomes) == [False] * 5 + [True]
            assert store.get([b"%d" % n]) == {b"%d" % n: b"%d" % outcomes.index(True)}

    def test_threads_count_exactly(self, store: OrderedStore) -> None:
        put(store, {b"a": b"0", b"b": b"0"})
        together(6, lambda who: count(store, 15, [b"a", b"b"][:: 1 if who % 2 else -1]))
        assert everything(store) == {b"a": b"90", b"b": b"90"}

    def test_processes_count_exactly(self, store: OrderedStore) -> None:
        self._needs(self.shared_between_processes, "shared between processes")
        put(store, {b"a": b"0", b"b": b"0"})
        forked(store, 4, lambda who: count(store, 15, [b"a", b"b"][:: 1 if who % 2 else -1]))
        assert everything(store) == {b"a": b"60", b"b": b"60"}

    def test_a_new_store_may_be_opened_by_many_at_once(self, store: OrderedStore) -> None:
        self._needs(self.shared_between_processes, "shared between processes")
        forked(store, 4, lambda who: put(store, {b"%d" % who: b""}))
        assert everything(store) == {b"%d" % who: b"" for who in range(4)}

    def test_a_fork_harms_neither_side(self, store: OrderedStore) -> None:
        self._needs(self.shared_between_processes, "shared between processes")
        put(store, {b"parent": b"1"})
        forked(store, 1, lambda who: put(store, {b"child": store.get([b"parent"])[b"parent"]}))
        put(store, {b"parent": b"2"})
        assert everything(store) == {b"child": b"1", b"parent": b"2"}

    def test_another_machine_sees_the_same(self, store: OrderedStore) -> None:
        put(store, {b"a": b"1"})
        other = self.another(store)
        assert everything(other) == {b"a": b"1"}
        put(other, {b"a": b"2"})
        assert everything(store) == {b"a": b"2"}
        assert other.database == store.database
        other.close()

    def test_a_closed_store_connects_anew(self, store: OrderedStore) -> None:
        put(store, {b"a": b"1"})
        store.close()
        store.close()
        assert everything(store) == {b"a": b"1"}


def together(number: int, work: Callable[[int], Any]) -> list[Any]:
    """Run work(0) ... work(number - 1) in threads that begin at once; return what they do."""
    barrier = threading.Barrier(number)
    outcomes: list[Any] = [None] * number

    def run(who: int) -> None:
        barrier.wait()
        try:
            outcomes[who] = work(who)
        except BaseException as error:
            outcomes[who] = error

    threads = [threading.Thread(target=run, args=(who,)) for who in range(number)]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads change places in the middle of everything
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(usual)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return outcomes


def forked(store: OrderedStore, number: int, work: Callable[[int], Any]) -> None:
    """Run work(0) ... work(number - 1) in child processes, and see that all go well."""
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system cannot fork")
    context = multiprocessing.get_context("fork")

    def run(who: int) -> None:
        store.forked()
        work(who)

    children = [context.Process(target=run, args=(who,)) for who in range(number)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * number
