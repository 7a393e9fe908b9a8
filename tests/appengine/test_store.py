"""A store in the datastore."""

import threading

import pytest
from google.appengine.api import datastore, datastore_errors, namespace_manager
from google.appengine.datastore import datastore_pb
from google.appengine.runtime import apiproxy_errors

from httpmr import stores
from httpmr.errors import Conflict, RecipeError, StoreFull, Unavailable, Uncertain
from httpmr.interfaces import BATCH_ENTRIES, KEY_BYTES, Batch
from httpmr.stores.appengine import AppEngineStore
from httpmr.testing import OrderedStoreSuite


class TestAppEngineStore(OrderedStoreSuite):
    shared_between_processes = False  # the testbed's datastore is in this process's memory

    @pytest.fixture
    def store(self):
        return AppEngineStore()

    def another(self, store):
        return AppEngineStore()


@pytest.fixture
def store():
    return AppEngineStore(sleep=lambda seconds: None)


def changing(before, after):
    batch = Batch()
    batch.expect(b"a", before)
    batch.put(b"a", after)
    return batch


@pytest.fixture
def commits(bed):
    """What becomes of commits, in turn: an error before they are done, or after, or None."""
    stub = bed.get_stub("datastore_v3")
    commit, turns = stub._Dynamic_Commit, []

    def act(*args):
        done, error = turns.pop(0) if turns else (True, None)
        if done:
            commit(*args)
        if error is not None:
            raise error

    stub._Dynamic_Commit = act
    return turns


def collision():
    return apiproxy_errors.ApplicationError(datastore_pb.Error.CONCURRENT_TRANSACTION, "again")


BEFORE, AFTER = False, True


def test_a_commit_that_collides_is_tried_again(store, commits):
    commits += [(BEFORE, collision()), (BEFORE, collision())]
    store.commit(changing(None, b"1"))
    assert store.get([b"a"]) == {b"a": b"1"} and not commits


def test_and_not_for_ever(store, commits):
    commits += [(BEFORE, collision())] * 100
    with pytest.raises(Unavailable, match="busy"):
        store.commit(changing(None, b"1"))
    assert store.get([b"a"]) == {} and len(commits) > 80


def test_a_collision_that_was_none_is_noticed(store, commits):
    """It may be told so where the commit has taken effect: then it is no Conflict."""
    commits += [(AFTER, collision())]
    store.commit(changing(None, b"1"))
    commits += [(BEFORE, collision()), (AFTER, collision()), (BEFORE, collision())]
    batch = changing(b"1", b"2")
    batch.delete(b"b")
    store.commit(batch)
    assert store.get([b"a"]) == {b"a": b"2"}


def test_a_collision_with_who_was_first_is_a_conflict(store, commits, bed):
    stub, other = bed.get_stub("datastore_v3"), AppEngineStore()
    act = stub._Dynamic_Commit

    def overtaken(*args):
        stub._Dynamic_Commit = act
        rival = threading.Thread(target=other.commit, args=[changing(None, b"theirs")])
        rival.start()
        rival.join()
        act(*args)

    stub._Dynamic_Commit = overtaken
    with pytest.raises(Conflict):
        store.commit(changing(None, b"ours"))
    assert store.get([b"a"]) == {b"a": b"theirs"}


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (datastore_pb.Error.TIMEOUT, Uncertain),
        (datastore_pb.Error.INTERNAL_ERROR, Uncertain),
        (datastore_pb.Error.BAD_REQUEST, Unavailable),  # "the transaction has expired"
        (datastore_pb.Error.RESOURCE_EXHAUSTED, StoreFull),
    ],
)
def test_what_a_commit_may_end_in(store, commits, error, means):
    commits += [(BEFORE, apiproxy_errors.ApplicationError(error, "why"))]
    with pytest.raises(means, match="why"):
        store.commit(changing(None, b"1"))
    store.commit(changing(None, b"2"))  # and the store is well


def test_a_commit_that_is_still_being_applied_is_done(store, commits):
    error = datastore_pb.Error.COMMITTED_BUT_STILL_APPLYING
    commits += [(AFTER, apiproxy_errors.ApplicationError(error, "soon"))]
    store.commit(changing(None, b"1"))
    assert store.get([b"a"]) == {b"a": b"1"}


@pytest.mark.parametrize("call", ["Get", "Put", "RunQuery", "BeginTransaction"])
def test_a_datastore_that_is_away_says_so_and_nothing_happens(store, bed, call):
    store.commit(changing(None, b"1"))
    stub = bed.get_stub("datastore_v3")
    real = getattr(stub, f"_Dynamic_{call}")

    def away(*args):
        raise datastore_errors.Timeout("no answer")

    setattr(stub, f"_Dynamic_{call}", away)
    with pytest.raises(Unavailable, match="no answer"):
        if call == "RunQuery":
            list(store.scan(b"", b"z"))
        elif call == "Get":
            store.get([b"a", b"b"])
        else:
            store.commit(changing(b"1", b"2"))
    setattr(stub, f"_Dynamic_{call}", real)
    assert list(store.scan(b"", b"z")) == [(b"a", b"1")]


def test_the_longest_keys_of_the_largest_batch_fit(store):
    """1,500 bytes are the most that a name may have, and what is in a transaction one group."""
    batch = Batch()
    for n in range(BATCH_ENTRIES):
        batch.put(b"%03d" % n + b"\xff" * (KEY_BYTES - 3), b"")
    store.commit(batch)
    found = list(datastore.Query("HttpmrEntry").Run(keys_only=True))
    assert len(found) == BATCH_ENTRIES
    assert max(len(key.name()) for key in found) <= 1500
    assert len({key.entity_group() for key in found}) == 1
    assert [key for key, _ in store.scan(b"", b"\xff" * 5000)] == sorted(batch.puts)


def test_what_is_gone_before_a_reverse_scan_comes_to_it_is_left_out(store):
    batch = Batch()
    for n in range(40):
        batch.put(b"%02d" % n, b"")
    store.commit(batch)
    scan = store.scan(b"", b"z", reverse=True, limit=30)
    assert next(scan)[0] == b"39"
    batch = Batch()
    for n in range(5, 35):
        batch.delete(b"%02d" % n)
    store.commit(batch)
    left = [key for key, _ in scan]  # of the page that was read already, some are still given
    assert left[-5:] == [b"04", b"03", b"02", b"01", b"00"] and len(left) < 25


def test_stores_of_other_names_are_others():
    one, two, three = AppEngineStore(), AppEngineStore("two"), AppEngineStore(namespace="three")
    one.commit(changing(None, b"1"))
    for other in (two, three):
        assert list(other.scan(b"", b"z")) == [] == list(other.get([b"a"]))
    namespace_manager.set_namespace("three")  # what a request has set changes nothing
    assert one.get([b"a"]) == {b"a": b"1"} and three.get([b"a"]) == {}
    assert list(one.scan(b"", b"z")) == [(b"a", b"1")]


def test_a_url_opens_it():
    assert repr(stores.open("appengine:")) == "AppEngineStore('httpmr')"
    assert repr(stores.open("appengine:two")) == "AppEngineStore('two')"
    assert repr(AppEngineStore("a", "b")) == "AppEngineStore('a', namespace='b')"
    with pytest.raises(RecipeError, match="takes its name"):
        AppEngineStore("")
