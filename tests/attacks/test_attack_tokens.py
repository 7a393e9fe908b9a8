"""Tokens that are forged, cut, made longer, revoked, or of something else open nothing."""

import string
from pathlib import Path

import pytest
from attackslib import HIDDEN, USER, Counting, ask, job_path, site
from weblib import follow, stranger

from httpmr.web.security import Tokens

GETS = (
    "", "/", "/drive", "/drive-4", "/go/1.m0.0.0.0", "/chain", "/chain/go/1.m0.0.0.0", "/status",
    "/output", "/output.csv", "/output.jsonl",
)  # fmt: skip
POSTS = ("/step", "/pause", "/resume", "/skip", "/retry", "/cancel", "/delete")
JSON = {"CONTENT_TYPE": "application/json"}


def opens_nothing(made, job, token, statuses=(404,)):
    """Try a token at every door of a job, and in the cookie."""
    commits = made.work.store.commits
    for rest in GETS:
        assert ask(made, f"/{job.id}/{token}{rest}").status in statuses, (token, rest)
    for rest in POSTS:
        told = ask(made, f"/{job.id}/{token}{rest}", "POST", body=b"{}", **JSON)
        assert told.status in statuses, (token, rest)
    for door in ("start", "operate"):
        assert ask(made, f"/{door}/{token}").status == 404, (token, door)
    for verb in ("status", "claim", "read", "commit"):
        assert ask(made, f"/replica/{token}/ann/{verb}", "POST").status == 404, (token, verb)
    cookie = f"{made.tokens.cookie}={token}"
    assert ask(made, "/", HTTP_COOKIE=cookie).status == 403
    assert made.work.store.commits == commits


def others(made, job):
    """Tokens that are good for something, but not for this job."""
    tokens, mine = made.tokens, made.tokens.mine
    another = made.start()
    return {
        "another job": tokens.make("view", 0, another.id),
        "another generation": tokens.make("view", 1, job.id),
        "no job": tokens.make("view", 0),
        "operate, for a job": tokens.make("operate", 0, job.id),
        "start, for a job": tokens.make("start", 0, job.id),
        "replica, for a job": tokens.make("replica", 0, job.id),
        "csrf": tokens.csrf("ann", made.clock()),
        "the empty scope": tokens.make("", 0, job.id),
        "another recipe": Tokens(tokens.secret, mine[0], "other").make("view", 0, job.id),
        "another store": Tokens(tokens.secret, "zzzzzz", mine[1]).make("view", 0, job.id),
        "another secret": Tokens(b"guess", *mine).make("view", 0, job.id),
        "no secret": Tokens(b"", *mine).make("view", 0, job.id),
        "the parts run together": Tokens(tokens.secret, "".join(mine), "").make("view", 0, job.id),
        "scope and job exchanged": tokens.make(job.id, 0, "view"),
        "the id of the job": job.id,
    }


def test_a_token_of_something_else(made, job):
    for token in others(made, job).values():
        opens_nothing(made, job, token)


@pytest.mark.parametrize("scope", ["drive", "view"])
def test_a_token_cut_or_made_longer(made, job, scope):
    good = made.tokens.make(scope, 0, job.id)
    for wrong in [good[:n] for n in range(1, len(good))] + [
        *(good + more for more in ("A", "=", "%00", "\0", " ", "\n", "/", "=" * 4)),
        *(before + good for before in ("A", " ", "%20", "./")),
        good * 2,
        good * 4,
    ]:
        assert ask(made, f"/{job.id}/{wrong}/status").status == 404, wrong
        assert ask(made, f"/{job.id}/{wrong}/step", "POST").status == 404, wrong


def test_a_token_with_any_one_letter_changed(made, job):
    good = made.tokens.make("view", 0, job.id)
    for at, letter in enumerate(good):
        for other in (string.ascii_letters + string.digits + "-_").replace(letter, "")[at % 7 :: 7]:
            wrong = good[:at] + other + good[at + 1 :]
            assert ask(made, f"/{job.id}/{wrong}/status").status == 404, wrong
    assert ask(made, f"/{job.id}/{good}/status").status == 200


def test_a_link_to_start_or_to_operate_is_no_other(made, job):
    start, operate = (made.link(scope).rpartition("/")[2] for scope in ("start", "operate"))
    for door, token in (("start", operate), ("operate", start)):
        assert ask(made, f"/{door}/{token}").status == 404
    for token in (start, operate):
        for rest in GETS:
            assert ask(made, f"/{job.id}/{token}{rest}").status == 404
    assert ask(made, "/", HTTP_COOKIE=f"{made.tokens.cookie}={start}").status == 403


def test_a_cookie_of_another_recipe_or_another_store(made):
    beside = site(store=made.work.store)
    object.__setattr__(beside.recipe, "name", "beside")
    elsewhere = site()
    for other in (beside, elsewhere):
        other.work.operate_generation(make=True)
        token = other.link("operate").rpartition("/")[2]
        for name in (other.tokens.cookie, made.tokens.cookie):
            assert ask(made, "/", HTTP_COOKIE=f"{name}={token}").status == 403
        assert ask(other, "/", HTTP_COOKIE=f"{other.tokens.cookie}={token}").status == 200


def test_a_job_of_another_store_is_told_before_any_look_at_the_token(made):
    other = site()
    job = other.start()
    opens_nothing(made, job, other.tokens.make("view", 0, job.id), (409,))


def test_revoked_links_of_a_job():
    made = site()
    job, beside = made.start(), made.start()
    old = []
    for _ in range(3):
        old += [made.tokens.make(scope, len(old) // 2, job.id) for scope in ("drive", "view")]
        for token in old[-2:]:
            assert ask(made, f"/{job.id}/{token}/step", "POST").status in (200, 202)
        made.work.revoke_links(job.id)
        for token in old:
            opens_nothing(made, job, token)
    for scope in ("drive", "view"):
        assert ask(made, job_path(made, job, scope) + "status").status == 200
        assert ask(made, job_path(made, beside, scope) + "status").status == 200


def test_a_job_goes_on_by_new_links_when_the_old_ones_are_revoked():
    made = site()
    job = made.start()
    old = ask(made, job_path(made, job, "drive") + "drive").headers["Location"]
    assert ask(made, old).status == 303
    made.work.revoke_links(job.id)
    assert ask(made, old).status == 404
    last = follow(stranger(made), job_path(made, job, "drive") + "drive")[-1][1]
    assert (last.status_int, job.state) == (200, "done")
    view = job_path(made, job, "view")
    assert HIDDEN in ask(made, view + "output").text
    assert view in ask(made, "/", **USER).text  # an operator finds the new ones


def test_revoked_links_to_start_and_to_operate():
    made = site(authorize=None)
    made.work.start_link()
    made.work.operate_generation(make=True)
    start, operate = made.link("start") + "/", made.link("operate")
    cookie = ask(made, operate).headers["Set-Cookie"].partition(";")[0]
    assert ask(made, "/", HTTP_COOKIE=cookie).status == 200
    for kind in ("start", "operate"):
        made.work.revoke(kind)
    commits = made.work.store.commits
    assert ask(made, "/", HTTP_COOKIE=cookie).status == 403
    assert ask(made, operate).status == ask(made, start).status == 404
    assert made.work.store.commits == commits and made.jobs() == []


def test_another_secret_ends_every_link():
    store = Counting()
    made = site(store=store)
    job = made.start()
    changed = site(store=store, secret="another one, which nobody can guess")
    opens_nothing(changed, job, made.tokens.make("view", 0, job.id))
    assert ask(changed, job_path(changed, job, "view")).status == 200


def test_a_deleted_job_has_no_links():
    made = site()
    job = made.start()
    token = made.tokens.make("view", 0, job.id)
    made.work.delete(job.id)
    opens_nothing(made, job, token)


def test_nothing_tells_a_stranger_whether_a_job_is_there(made, job):
    missing = job.id[:-1] + ("a" if job.id[-1] != "a" else "b")
    there, not_there = (ask(made, f"/{id}/{'A' * 32}/") for id in (job.id, missing))
    assert (there.status, there.body, there.list) == (
        not_there.status,
        not_there.body,
        not_there.list,
    )


def test_what_a_drive_link_does_not_give(made):
    job = made.start()
    drive = job_path(made, job, "drive")
    for rest in ("output", "output.csv", "output.jsonl"):
        assert ask(made, drive + rest).status == 403
    view = made.tokens.make("view", 0, job.id)
    assert view not in ask(made, drive).text
    for action in POSTS[1:]:
        for scope in ("drive", "view"):
            path = job_path(made, job, scope) + action[1:]
            assert ask(made, path, "POST", body=b"{}", **JSON).status == 403
    assert job.state == "running"


def test_by_default_nobody_gets_in():
    made = site(authorize=None)
    for who in ({}, {"HTTP_X_USER": "ann"}, {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost"},
                {"REMOTE_USER": "ann"}, {"HTTP_AUTHORIZATION": "Basic YW5uOmFubg=="}):  # fmt: skip
        assert ask(made, "/", **who).status == 403
        assert ask(made, "/jobs", "POST", body=b"{}", **JSON, **who).status == 403
    assert made.jobs() == []


def test_an_authorize_that_fails_lets_nobody_in(caplog):
    def broken(request):
        raise KeyError("user")

    made = site(authorize=broken)
    assert ask(made, "/").status == 403
    assert "authorize failed" in caplog.text


@pytest.mark.parametrize(
    "gives",
    [
        lambda value: value,
        lambda value: (value, 1),
        lambda value: [(value, 1, 2)],
        lambda value: {value: 1},
        lambda value: [([value], 1)],
        lambda value: [(1, {value: object()})],
        lambda value: [(value * 100_000, 1)],
        lambda value: [value][value],
        lambda value: 1 / 0 if value else int(value),
        lambda value: Path(f"/{value}").read_text(),
    ],
)
def test_no_error_shows_a_drive_link_a_value(gives):
    lines = {f"{HIDDEN} key": f"{HIDDEN} value"}
    made = site(lines, mapper=lambda key, value: gives(value), max_bad_records=0)
    job = made.start()
    drive = job_path(made, job, "drive")
    while ask(made, drive + "step", "POST").status == 202:
        pass
    assert job.state == "paused" and HIDDEN in ask(made, job_path(made, job, "view")).text
    for rest in ("", "status", "drive", "drive-2", "chain", "go/1.m0.0.0.0"):
        assert HIDDEN not in ask(made, drive + rest).text
    assert HIDDEN not in ask(made, drive + "step", "POST").text
