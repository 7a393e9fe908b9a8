"""Uploads: put whole or not at all, replaced at once, entered anywhere, gone without a rest."""

import io

import pytest
from faults import Clock, Killed, Mortal
from jobslib import Faulty, dump

import httpmr
from httpmr import codec, interfaces, keys
from httpmr.errors import (
    InputError,
    OverLimit,
    RecipeError,
    StoreError,
    Unavailable,
    Uncertain,
)
from httpmr.stores import MemoryStore, SQLStore
from httpmr.uploads import writing

REAL_CHUNK = writing.CHUNK  # before it was made small
OLD = bytes(range(256))
NEW = b"".join(b"%d," % n for n in range(116))  # 12 chunks: two commits before the last


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(writing, "CHUNK", 32)
    monkeypatch.setattr(writing, "_PAGE", 5)


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    clock = Clock()
    if request.param == "memory":
        store = MemoryStore(clock=clock)
    else:
        store = SQLStore(f"sqlite:///{tmp_path}/a.db", clock=clock)
    store.clock = clock
    yield store
    store.close()


@pytest.fixture
def memory():
    clock = Clock()
    store = MemoryStore(clock=clock)
    store.clock = clock
    return store


class Slow(io.BytesIO):
    """Gives as much at a time as a network does, and calls `then` before each piece."""

    def __init__(self, content, then=lambda at: None, piece=7):
        super().__init__(content)
        self.then, self.piece = then, piece

    def read(self, size=-1, /):
        self.then(self.tell())
        return super().read(min(size, self.piece))


def put(store, content, name="a.csv", **settings):
    return httpmr.Uploads(store).put(name, io.BytesIO(content), **settings)


def there(store, name="a.csv"):
    with httpmr.Uploads(store).open(name) as file:
        return file.read()


def kinds(store):
    """How many records of each kind the store has."""
    found = {}
    for key in dump(store):
        kind = keys.unpack(key)[0]
        found[kind] = found.get(kind, 0) + 1
    return found


# Put, found and deleted


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 127, 128, 129, 160, 1000])
def test_what_was_put_is_there(store, size):
    content = (NEW * 4)[:size]
    upload = put(store, content)
    assert there(store) == content
    assert upload == httpmr.Uploads(store).find("a.csv")
    assert upload[:3] == ("a.csv", size, store.clock.now)
    chunks = -(-size // 32)
    assert kinds(store) == {"uploads": 1} | ({"upload": chunks} if chunks else {})


def test_all_are_named_in_order_and_deleted_without_a_rest(store):
    uploads = httpmr.Uploads(store)
    assert uploads.names() == []
    for name in ("z.csv", "größe 日本.csv", "a.csv"):
        put(store, NEW, name)
    assert uploads.names() == ["a.csv", "größe 日本.csv", "z.csv"]
    assert [uploads.delete(name) for name in ("z.csv", "no.csv")] == [True, False]
    assert uploads.names() == ["a.csv", "größe 日本.csv"]
    with pytest.raises(InputError, match=r"there is no upload 'z\.csv': send it, or mend the name"):
        uploads.open("z.csv")
    for name in uploads.names():
        uploads.delete(name)
    assert dump(store) == {}


def test_what_is_replaced_leaves_nothing(store):
    put(store, NEW)
    put(store, OLD)
    assert there(store) == OLD
    assert kinds(store) == {"uploads": 1, "upload": 8}


def test_a_stream_may_give_little_at_a_time(memory):
    httpmr.Uploads(memory).put("a.csv", Slow(NEW))
    assert there(memory) == NEW


def test_nothing_is_held_but_what_one_commit_takes(memory, monkeypatch):
    sizes = []
    commit = memory.commit
    monkeypatch.setattr(memory, "commit", lambda batch: sizes.append(batch.bytes) or commit(batch))
    put(memory, NEW * 10)
    assert len(sizes) == -(-len(NEW) * 10 // 128)
    assert max(sizes) < 128 + 500


def test_what_it_commits_fits_any_store():
    assert REAL_CHUNK <= interfaces.VALUE_BYTES
    assert REAL_CHUNK * writing.TOGETHER + 4096 <= interfaces.BATCH_BYTES


@pytest.mark.parametrize(
    "name", ["", "a/b.csv", "a\nb", "a\0b", "\ud800", "x" * 201, None, 5, b"a.csv", "\u202e.csv"]
)
def test_a_name_that_is_none_is_told(memory, name):
    put(memory, OLD)
    uploads = httpmr.Uploads(memory)
    for act in (lambda: put(memory, NEW, name), lambda: uploads.delete(name)):
        with pytest.raises(
            InputError, match=r"an upload has a name (of 1 to 200|without a sl)"
        ) as e:
            act()
        assert "\n" not in e.value.message
        e.value.message.encode()
    assert uploads.names() == ["a.csv"]


def test_a_name_is_looked_at_before_anything_is_read(memory):
    def read(at):
        raise AssertionError("it is read")

    with pytest.raises(InputError, match="without a slash"):
        httpmr.Uploads(memory).put("a/b.csv", Slow(NEW, read))


def test_the_longest_name_is_one(store):
    name = "日" * 200
    put(store, NEW, name)
    assert there(store, name) == NEW


def test_more_than_the_limit_is_refused_and_leaves_what_was(store):
    put(store, OLD)
    before = dump(store)
    for limit in (0, 31, 200, len(NEW) - 1):
        told = f"the upload a.csv has more than {limit} bytes: send less, or raise limit="
        with pytest.raises(OverLimit, match=told) as error:
            put(store, NEW, limit=limit)
        assert error.value.limit == limit
        assert dump(store) == before
    put(store, NEW, limit=len(NEW))
    assert there(store) == NEW


def test_text_is_refused(memory):
    with pytest.raises(InputError, match=r"a\.csv gives text, not bytes: open it in binary mode"):
        httpmr.Uploads(memory).put("a.csv", io.StringIO("id,n\n"))
    assert dump(memory) == {}


def test_it_is_of_a_store():
    with pytest.raises(RecipeError, match=r"takes a store, as httpmr\.stores\.open\('sqlite:///"):
        httpmr.Uploads("sqlite:///httpmr.db")


@pytest.mark.parametrize("pattern", ["", None, 5])
def test_a_path_is_a_name_or_a_pattern(memory, pattern):
    with pytest.raises(RecipeError, match="takes a name, or a pattern"):
        httpmr.Uploads(memory).path(pattern)


# Read


def test_it_can_be_entered_anywhere_at_the_cost_of_one_chunk(memory, monkeypatch):
    put(memory, NEW)
    asked = []
    get = memory.get
    monkeypatch.setattr(memory, "get", lambda keys: asked.extend(keys) or get(keys))
    for at in (0, 1, 31, 32, 100, len(NEW) - 1, len(NEW), len(NEW) + 50):
        with httpmr.Uploads(memory).open("a.csv") as file:
            asked.clear()
            assert file.seek(at) == at
            assert file.read(1) == NEW[at : at + 1]
            assert len(asked) == (at < len(NEW))
            assert file.tell() == at + len(NEW[at : at + 1])
    with httpmr.Uploads(memory).open("a.csv") as file:
        assert file.seek(-5, io.SEEK_END) == len(NEW) - 5
        assert file.read() == NEW[-5:]
        file.seek(10)
        assert file.seek(20, io.SEEK_CUR) == 30
        assert file.read(40) == NEW[30:70]


def test_each_chunk_is_fetched_once(memory, monkeypatch):
    put(memory, NEW)
    asked = []
    get = memory.get
    file = httpmr.Uploads(memory).open("a.csv").detach()  # without a buffer
    monkeypatch.setattr(memory, "get", lambda keys: asked.extend(keys) or get(keys))
    assert b"".join(iter(lambda: file.read(5), b"")) == NEW
    assert len(asked) == len(set(asked)) == 12
    file.close()


def test_who_reads_what_is_replaced_is_told(memory):
    put(memory, NEW)
    with httpmr.Uploads(memory).open("a.csv") as file:
        assert file.read(1) == NEW[:1]
        put(memory, OLD)
        file.seek(100)
        with pytest.raises(InputError, match=r"the upload a\.csv was replaced or deleted"):
            file.read(1)


def test_whatever_size_chunks_had_it_is_read(memory, monkeypatch):
    put(memory, NEW)
    monkeypatch.setattr(writing, "CHUNK", 50)
    assert there(memory) == NEW
    put(memory, OLD)
    assert kinds(memory) == {"uploads": 1, "upload": 6}


# Cut off


def test_an_upload_that_dies_anywhere_leaves_the_old_one_or_the_new(memory):
    """And an hour later, what is left of it is swept by the next."""
    deaths = 0
    for before in (True, False):
        for at in range(1, 30):
            memory.clock.pass_(1)
            put(memory, OLD)
            mortal = Mortal(memory, at, before=before)
            try:
                put(mortal, NEW)
            except Killed:
                deaths += 1
            assert there(memory) in (OLD, NEW)
            if mortal.dead and at <= 3 and (before or at < 3):
                assert there(memory) == OLD
            memory.clock.pass_(writing.STALE + 1)
            put(memory, OLD, "other.csv")
            httpmr.Uploads(memory).delete("other.csv")
            rest = 13 if there(memory) == NEW else 9
            assert len(dump(memory)) == rest
    assert deaths >= 8  # three commits put it, two sweep the old one


def test_a_deletion_that_dies_anywhere_is_ended_by_the_next(memory):
    for at in range(1, 6):
        put(memory, NEW)
        with pytest.raises(Killed) if at <= 4 else pytest.raises(StopIteration):
            httpmr.Uploads(Mortal(memory, at, before=False)).delete("a.csv")
            raise StopIteration
        assert httpmr.Uploads(memory).names() == []
        put(memory, OLD)
        httpmr.Uploads(memory).delete("a.csv")
        assert dump(memory) == {}


def test_a_stream_that_breaks_leaves_what_was(store):
    def broken(at):
        if at > 300:
            raise ConnectionResetError("the client is gone")

    put(store, OLD)
    before = dump(store)
    with pytest.raises(ConnectionResetError):
        httpmr.Uploads(store).put("a.csv", Slow(NEW, broken))
    assert dump(store) == before


@pytest.mark.parametrize("fault", ["unavailable", "full", "lost", "unknown"])
def test_whatever_the_store_answers_the_file_is_whole(memory, fault):
    for at in range(1, 8):
        put(memory, OLD)
        try:
            put(Faulty(memory, {at: fault}), NEW)
            kept = (NEW,)
        except StoreError as error:
            kept = (OLD,)
            assert at <= 3
            if isinstance(error, Uncertain):
                assert fault in ("lost", "unknown")
        assert there(memory) in kept
        memory.clock.pass_(writing.STALE + 1)
        httpmr.Uploads(memory).sweep()
        assert len(dump(memory)) == (9 if kept == (OLD,) else 13)


def test_a_small_file_whose_commit_nobody_knows_of_is_looked_for(memory):
    assert put(Faulty(memory, {1: "unknown"}), OLD[:50]).size == 50
    with pytest.raises(Uncertain):
        put(Faulty(memory, {1: "lost"}), OLD[:60])
    assert there(memory) == OLD[:50]


# Two at once


def test_of_two_under_one_name_that_stays_which_ends_last(store):
    """The second begins and ends at each place of the first."""
    for place in (0, 100, 200, 300, len(NEW)):
        mixed = []

        def other(at, place=place, mixed=mixed):
            if at >= place and not mixed:
                mixed.append(put(store, OLD))
                assert there(store) == OLD

        httpmr.Uploads(store).put("a.csv", Slow(NEW, other))
        assert mixed
        assert there(store) == NEW
        assert kinds(store) == {"uploads": 1, "upload": 12}


def test_one_that_ends_between_the_look_and_the_commit_of_another_is_seen(memory):
    faulty = Faulty(memory, {3: lambda: put(memory, OLD)})
    put(faulty, NEW)
    assert there(memory) == NEW
    assert kinds(memory) == {"uploads": 1, "upload": 12}


def test_two_deletions_at_once(memory):
    put(memory, NEW)
    httpmr.Uploads(Faulty(memory, {1: lambda: httpmr.Uploads(memory).delete("a.csv")})).delete(
        "a.csv"
    )
    assert dump(memory) == {}


def test_what_replaces_a_file_that_is_being_deleted_is_deleted(memory):
    put(memory, OLD)
    assert httpmr.Uploads(Faulty(memory, {1: lambda: put(memory, NEW)})).delete("a.csv")
    assert dump(memory) == {}


def test_what_is_deleted_is_so_though_it_cannot_be_swept_now(memory):
    put(memory, NEW)
    assert httpmr.Uploads(Faulty(memory, {2: "unavailable"})).delete("a.csv")
    assert httpmr.Uploads(memory).names() == []
    httpmr.Uploads(memory).sweep()
    assert dump(memory) == {}


def test_one_that_goes_on_while_it_is_given_up_is_not(memory):
    """Its next chunks come between the sweeper's look and its commit."""
    sweeper = Faulty(memory)
    going = io.BytesIO(NEW)
    first = writing.Writing(memory, "id")
    pieces = writing.chunks("a.csv", going, 1000)
    for _ in range(5):
        first.add(next(pieces))
    memory.clock.pass_(writing.STALE + 1)

    def go_on():
        for piece in pieces:
            first.add(piece)

    sweeper.plan({1: go_on})
    httpmr.Uploads(sweeper).sweep()
    first.end("a.csv")
    assert there(memory) == NEW


def test_an_upload_that_goes_on_for_long_is_not_swept(memory):
    def slowly(at):
        memory.clock.pass_(60)  # an hour in all, but minutes from commit to commit
        httpmr.Uploads(memory).sweep()

    httpmr.Uploads(memory).put("a.csv", Slow(NEW, slowly, piece=6))
    assert there(memory) == NEW


@pytest.mark.parametrize("place", [200, 300])
def test_one_that_stood_still_is_given_up_and_cannot_end(memory, place):
    put(memory, OLD)
    stood = []

    def still(at):
        if at >= place and not stood:
            memory.clock.pass_(writing.STALE + 1)
            stood.append(httpmr.Uploads(memory).sweep())

    with pytest.raises(Unavailable, match="stood still for 3600 s and was given up: send it again"):
        httpmr.Uploads(memory).put("a.csv", Slow(NEW, still))
    assert there(memory) == OLD
    assert kinds(memory) == {"uploads": 1, "upload": 8}


def test_two_that_sweep_at_once_leave_nothing(memory):
    put(memory, NEW)
    key = keys.pack(("uploads", "a.csv"))
    upload = httpmr.Uploads(memory).find("a.csv")
    batch = interfaces.Batch()
    batch.delete(key)
    batch.put(keys.pack(("loose", upload.id)), codec.dumps([0.0, 12]))
    memory.commit(batch)
    other = httpmr.Uploads(memory)
    httpmr.Uploads(Faulty(memory, {2: other.sweep})).sweep()
    assert dump(memory) == {}
