"""What replicas ask over HTTP, as it should be and as not; and how an operator sees them."""

import re
from dataclasses import replace

import pytest
from replicalib import TYPE, hello, post, primary, replica, together
from weblib import client, stranger

from httpmr import codec, keys
from httpmr.jobs import wire
from httpmr.sources import Memory
from httpmr.state import Outcome, Task
from httpmr.web import Pipeline, allow_local
from httpmr.web.security import HEADERS

LINES = {n: f"the cat {n % 3} the hat" for n in range(12)}
COUNTS = {"the": 24, "cat": 12, "hat": 12, "0": 4, "1": 4, "2": 4}


@pytest.fixture
def made():
    return primary(source=Memory(LINES), num_mappers=2, authorize=allow_local)


def claimed(made, name="ann", phase="map"):
    """Claim until there is a slice of the phase; the slices before are done by another replica."""
    while True:
        status, given = post(made, "claim", hello(), name)
        assert status == 200 and given["did"] in ("leased", "slice"), given
        if given["did"] == "leased":
            if given["lease"][1] == phase:
                return given
            post(made, "status", hello(), name)  # gives it back
            together_until(made, phase)


def together_until(made, phase):
    other = replica(made, "other")
    while made.jobs()[0].record.phase != phase:
        other.step()


def committed(made, given, **said):
    outcome = wire.sent(Outcome(level=given["task"]["level"])) | said
    return post(made, "commit", {"lease": given["lease"], "outcome": outcome})


class TestAtTheDoor:
    def test_without_the_right_token_there_is_nothing(self, made):
        job = made.start()
        tokens = made.tokens
        for token in ("A" * 32, tokens.make("operate", 0), tokens.make("start", 0),
                      tokens.make("view", 0, job.id), tokens.make("replica", 1),
                      tokens.make("replica", 0, job.id), tokens.make("", 0)):  # fmt: skip
            for verb in ("status", "claim", "read", "commit"):
                status, why = post(made, verb, hello(), token=token)
                assert status == 404 and "no such replica's link" in why
        made.work.links.revoke("replica")
        assert post(made, "claim", hello(), token=tokens.make("replica", 0))[0] == 404
        made.work.links.make("replica")
        assert post(made, "claim", hello(), token=tokens.make("replica", 0))[0] == 404
        assert post(made, "claim", hello())[0] == 200

    def test_a_link_that_was_never_made_opens_nothing(self):
        one = primary(source=Memory(LINES))
        one.work.links.revoke("replica")
        assert post(one, "claim", hello(), token=one.tokens.make("replica", 1))[0] == 404

    def test_by_another_method_or_a_name_that_is_none(self, made):
        path = f"{made.link('replica')}/ann/claim"
        assert stranger(made).get(path, expect_errors=True).status_int == 405
        for name in ("..", "-x", "a b", "x" * 61, "%2e"):
            got = stranger(made).post(
                f"{made.link('replica')}/{name}/claim", b"", expect_errors=True
            )
            assert got.status_int in (404, 405)

    def test_what_is_not_as_a_replica_sends_it(self, made):
        for verb in ("status", "claim", "read", "commit"):
            for raw in (b"", b"{}", b"\xc1", codec.dumps([1]), codec.dumps("x"), b"\x80" * 50,
                        b"\xd4\x63\x01", b"\xdf\xff\xff\xff\xff"):  # fmt: skip
                status, why = post(made, verb, None, raw=raw)
                assert status == 400 and "\n" not in why, (verb, raw)
            assert post(made, verb, {})[0] == 400
        for wrong in ({"state": "sleeping"}, {"slices": -1}, {"records": "x"}, {"errors": None}):
            assert post(made, "claim", hello() | wrong)[0] == 400
            assert post(made, "status", hello() | wrong)[0] == 400
        for lease in (1, "x", (), ("j", "map", (0,), 0), ("j", "map", 0, 0, 1),
                      ("j", "x", (0,), 0, 1), ("j", "map", (2**70,), 0, 1),
                      ("j" * 101, "map", (0,), 0, 1), (b"j", "map", (0,), 0, 1),
                      ("j", "map", ("x",), 0, 1), ("j", "map", (), 0, 1),
                      ("j", "map", (0,) * 51, 0, 1)):  # fmt: skip
            for verb in ("read", "commit"):
                assert post(made, verb, {"lease": lease, "outcome": {}})[0] == 400, lease
            assert post(made, "status", hello(lease=lease))[0] == 400
        for begun in ("x", (1, 2), (1, 2, 3, 4), ("x", 1, "k"), [1, 2, "k"]):
            assert post(made, "status", hello(begun=begun))[0] == 400

    def test_bodies_are_bounded(self, made):
        for verb, most in (("status", 64 * 1024), ("claim", 64 * 1024), ("read", 512 * 1024)):
            assert post(made, verb, None, raw=b"x" * (most + 1))[0] == 413
        assert post(made, "commit", None, raw=b"x" * (wire.MOST_BYTES + 1))[0] == 413

    def test_each_answer_has_our_headers(self, made):
        path = f"{made.link('replica')}/ann/status"
        told = stranger(made).post(path, codec.dumps(hello()), {"Content-Type": TYPE})
        assert set(HEADERS) <= set(told.headerlist) and told.content_type == TYPE


class TestALease:
    def test_a_slice_comes_with_what_it_needs(self, made):
        made.start()
        given = claimed(made)
        assert given["lease"] == (made.jobs()[0].id, "map", Task.of(given["task"]).shard, 0, 1)
        assert given["joins"] is True and given["seconds"] == 6 and given["recipe"] == "words"
        assert given["versions"] == {"version": "1"}

    def test_it_is_given_once_and_the_same_if_it_is_asked_for_again(self, made):
        made.start()
        first = claimed(made)
        assert post(made, "claim", hello())[1]["lease"] == first["lease"]
        other = claimed(made, "bob")
        assert other["lease"][2] != first["lease"][2]
        assert post(made, "claim", hello(), "cleo")[1]["did"] == "busy"

    def test_it_is_renewed_by_each_word_of_its_holder(self, made):
        job = made.start()
        given = claimed(made)
        for _ in range(5):
            made.store_clock.now += 5
            status, answer = post(made, "status", hello("mapping", lease=given["lease"]))
            assert (status, answer["held"]) == (200, True)
        [task] = [task for task in job.shards() if task.shard == given["lease"][2]]
        assert task.lease == made.store_clock.now + 6
        begun = (1, 2, "key")
        post(made, "status", hello("mapping", lease=given["lease"], begun=begun))
        [task] = [task for task in job.shards() if task.shard == given["lease"][2]]
        assert task.begun == (0, 6, *begun)

    def test_another_cannot_renew_read_or_commit_it(self, made):
        job = made.start()
        given = claimed(made)
        assert not post(made, "status", hello(lease=given["lease"]), "bob")[1]["held"]
        assert not any(task.begun for task in job.shards())
        said = {"lease": given["lease"], "what": "records", "args": [None, 11]}
        assert post(made, "read", said, "bob")[0] == 409
        outcome = wire.sent(Outcome(done=True))
        status, why = post(made, "commit", {"lease": given["lease"], "outcome": outcome}, "bob")
        assert status == 409 and "the lease was lost" in why

    def test_who_has_nothing_more_gives_it_back(self, made):
        job = made.start()
        claimed(made)
        assert any(task.lease for task in job.shards())
        assert post(made, "status", hello("gone"))[1]["held"] is False
        assert not any(task.lease for task in job.shards())

    def test_taken_over_it_is_lost(self, made):
        made.start()
        given = claimed(made)
        made.store_clock.now += 7
        claimed(made, "bob"), claimed(made, "cleo")
        assert committed(made, given, done=True)[0] == 409
        assert post(made, "status", hello("mapping", lease=given["lease"]))[1]["held"] is False

    def test_it_is_committed_once(self, made):
        job = made.start()
        given = claimed(made)
        assert (
            committed(made, given, cursor=3, records=4, marks=len(given["task"]["marks"]))[0] == 200
        )
        assert (
            committed(made, given, cursor=3, records=4, marks=len(given["task"]["marks"]))[0] == 409
        )
        assert job.status()["records"] == 4

    def test_a_job_that_was_deleted_or_cancelled_meanwhile(self, made):
        job = made.start()
        given, other = claimed(made), claimed(made, "bob")
        made.work.cancel(job.id)
        assert committed(made, given, cursor=3)[0] == 200  # it was in flight
        made.work.delete(job.id)
        status, why = post(made, "commit", {"lease": other["lease"], "outcome": {}}, "bob")
        assert status == 409 and "deleted" in why
        assert post(made, "claim", hello(), "bob")[1]["did"] == "none"

    def test_at_most_max_lanes_at_once(self):
        one = primary(source=Memory(LINES), max_lanes=1)
        one.start()
        claimed(one)
        assert post(one, "claim", hello(), "bob")[1]["did"] == "busy"

    def test_without_a_job_there_is_nothing(self, made):
        assert post(made, "claim", hello())[1]["did"] == "none"
        job = made.start()
        made.work.pause(job.id)
        assert post(made, "claim", hello())[1]["did"] == "none"


class TestForged:
    def test_a_lease_of_another_shard_is_not_had_by_naming_it(self, made):
        job = made.start()
        given = claimed(made)
        id, phase, (shard,), slice, epoch = given["lease"]
        for lease in ((id, phase, (1 - shard,), slice, 0), (id, phase, (1 - shard,), slice, epoch),
                      (id, phase, (shard,), slice, epoch + 1), (id, "reduce", (0,), 0, 0),
                      ("other-1", phase, (shard,), slice, epoch)):  # fmt: skip
            outcome = wire.sent(Outcome(done=True))
            assert post(made, "commit", {"lease": lease, "outcome": outcome})[0] == 409
        assert job.status()["slices"] == 1  # that of split


class TestReading:
    def test_a_slice_of_map_reads_its_range_a_page_at_a_time(self, made, monkeypatch):
        monkeypatch.setattr("httpmr.jobs.window.RECORDS", 2)
        made.start()
        given = claimed(made)
        task, got, more = Task.of(given["task"]), [], True
        after, until = task.after, [*task.marks, task.until][0]
        while more:
            said = {"lease": given["lease"], "what": "records", "args": [after, until]}
            answer = post(made, "read", said)[1]
            assert len(answer["records"]) <= 2
            got += map(codec.loads, answer["records"])
            after, more = got[-1][0] if got else after, answer["more"]
        assert got == list(made.recipe.source.read(task.after, until))

    @pytest.mark.parametrize(
        ("what", "args"),
        [("records", [None, "elsewhere"]), ("records", [None]), ("records", None), ("values", [[]]),
         ("entries", [b"", b"\xff"]), ("x", []), (None, []), ([], []), ("fingerprint", [1]),
         ("fingerprint", [None, "elsewhere"])],
    )  # fmt: skip
    def test_and_nothing_else(self, made, what, args):
        made.start()
        given = claimed(made)
        said = {"lease": given["lease"], "what": what, "args": args}
        assert post(made, "read", said)[0] == 400

    def test_a_slice_of_reduce_reads_its_own_partition(self, made):
        made.start()
        given = claimed(made, phase="reduce")
        id, _, (partition,), _, _ = given["lease"]

        def read(what, *args):
            return post(made, "read", {"lease": given["lease"], "what": what, "args": list(args)})

        mine = keys.span((id, "index", partition, 0))
        status, answer = read("entries", *mine)
        assert status == 200 and answer["rows"] and not answer["more"]
        blocks = [keys.pack((id, "block", *keys.unpack(key)[2:])) for key, _ in answer["rows"]]
        assert set(read("values", blocks)[1]["found"]) == set(blocks)
        other = keys.span((id, "index", 1 - partition, 0))
        for span in (other, keys.span((id,)), (b"", b"\xff"), (mine[0], other[1]), mine[::-1],
                     keys.span(("jobs",)), keys.span(("meta",)), ("a", "b")):  # fmt: skip
            assert read("entries", *span)[0] == (200 if span == mine else 400), span
        for key in (
            keys.pack(("meta",)),
            keys.pack((id, "block", 1 - partition, 0, (0,), 0, 0)),
            "x",
        ):
            assert read("values", [key])[0] == 400
        assert read("values", [blocks[0]] * 17)[0] == read("values", blocks[0])[0] == 400
        assert read("records", None, None)[0] == read("fingerprint")[0] == 400


class TestTheConsole:
    def at_work(self, made):
        made.start()
        given = claimed(made, "ann")
        post(
            made,
            "status",
            hello("mapping", lease=given["lease"]) | {"slices": 7, "errors": 1},
            "ann",
        )
        post(made, "status", hello("waiting"), "bob")
        return given

    def test_it_lists_them_with_what_they_do(self, made):
        given = self.at_work(made)
        web = client(made)
        ann, bob = web.get("/", headers={"Accept": "application/json"}).json["replicas"]
        assert ann == {
            "name": "ann", "state": "mapping", "since": 0.0, "heard": 0.0, "silent": 0.0,
            "job": given["lease"][0], "shard": f"map {given['lease'][2][0]}", "slices": 7,
            "records": 0, "errors": 1, "order": "",
        } | {"since": ann["since"], "heard": ann["heard"]}  # fmt: skip
        assert (bob["name"], bob["state"], bob["shard"]) == ("bob", "waiting", None)
        text = web.get("/", headers={"Accept": "text/plain"}).text
        assert re.search(r"^ann +mapping .* map \d +7 +0 +1", text, re.M)
        page = web.get("/")
        assert "ann" in page and "Drain" in page and "Drop" in page

    def test_so_does_the_page_of_a_job_for_an_operator(self, made):
        self.at_work(made)
        [job] = made.jobs()
        view = made.link("view", "", job) + "/"
        assert "Replicas at work on it" in client(made).get(view)
        for accept in ("text/html", "application/json", "text/plain"):
            told = stranger(made).get(view, headers={"Accept": accept}).text
            assert "bob" not in told and "Replicas at work" not in told
        known = client(made).get(view, headers={"Accept": "application/json"}).json
        assert [it["name"] for it in known["replicas"]] == ["ann"]
        assert "ann" in client(made).get(view, headers={"Accept": "text/plain"})

    def test_one_not_heard_of_for_long_is_gone(self, made):
        self.at_work(made)
        made.store_clock.now += 60
        rows = client(made).get("/", headers={"Accept": "application/json"}).json["replicas"]
        assert [row["state"] for row in rows] == ["gone", "gone"]

    def test_a_button_drains_and_drops(self, made):
        self.at_work(made)
        [job] = made.jobs()
        web = client(made)
        page = web.get("/")
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
        assert web.post("/replicas/ann/drain", {"csrf": csrf}).headers["Location"] == "/"
        assert post(made, "claim", hello())[1] == {
            "order": "drain",
            "did": "none",
            "recipe": "words",
        }
        assert "draining" in web.get("/")
        told = web.post_json("/replicas/ann/drop", {}).json["replicas"][0]
        assert (told["order"], told["shard"]) == ("drop", None)
        assert all(task.lease <= made.store_clock.now for task in job.shards())
        assert web.post_json("/replicas/nobody/drop", {}, expect_errors=True).status_int == 409

    def test_only_an_operators(self, made):
        self.at_work(made)
        for web, status in ((stranger(made), 403), (client(made), 403)):
            assert web.post("/replicas/ann/drop", {}, expect_errors=True).status_int == status
        assert post(made, "claim", hello())[1]["order"] == ""


def test_in_a_pipeline_the_next_job_is_started_when_one_is_done():
    first = primary(name="first", source=Memory(LINES))
    second = primary(name="second", source=Memory({1: "x"}), store=first.work.store)
    Pipeline([first, second])
    first.start()
    together(replica(first))
    assert second.jobs() and second.jobs()[0].state == "running"


def test_a_clean_answer_of_the_whole(made):
    job = made.start()
    together(replica(made), replica(made, "bob"))
    assert dict(job.output()) == COUNTS
    assert replace(job.record, stored=None).error is None


def test_its_token_opens_nothing_else(made):
    job, token = made.start(), made.tokens.make("replica", 0)
    web = stranger(made)
    for path in (f"/{job.id}/{token}/", f"/{job.id}/{token}/status", f"/operate/{token}",
                 f"/start/{token}/"):  # fmt: skip
        assert web.get(path, expect_errors=True).status_int == 404
    cookie = f"{made.tokens.cookie}={token}"
    assert web.get("/", headers={"Cookie": cookie}, expect_errors=True).status_int == 403


def test_outcomes_are_refused_and_nothing_is_stored(made):
    made.start()
    given = claimed(made)
    before = dict(made.work.store.scan(b"", b"\xff"))
    for said in ({"marks": 99}, {"notes": {"place": ((5,), 0)}}, {"past": {"job": "other"}},
                 {"blocks": [[0, 0, (5,), 0, 0, "a", "a", "s", 1, 1, b"x"]]}, {"level": 3},
                 {"deletes": [keys.pack(("meta",))]}, {"pairs": [[1, 2]]}):  # fmt: skip
        status, why = committed(made, given, **said)
        assert status == 400 and "no slice of this shard" in why, said
    assert dict(made.work.store.scan(b"", b"\xff")) == before
