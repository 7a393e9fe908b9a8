"""Requests that nobody meant: of another site's pages, of link previews, of prefetches; HEAD."""

import json
from urllib.parse import urlencode

import pytest
from attackslib import USER, ask, job_path, site

DAY = 24 * 60 * 60
ACTIONS = ("pause", "resume", "skip", "retry", "cancel", "delete")
FORM = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}
JSON = {"CONTENT_TYPE": "application/json"}


def changes_nothing(made, job, status, query="", body=b"", method="POST", **environ):
    """Send it to all that changes something: jobs are neither made, nor changed."""
    commits = made.work.store.commits
    view = job_path(made, job, "view")
    orders = ("/replicas/ann/drain", "/replicas/ann/drop")
    paths = ["/jobs", "/sample", *orders, view + "again", *(view + action for action in ACTIONS)]
    for path in paths:
        assert ask(made, path, method, query, body, **USER, **environ).status in status, path
    assert made.work.store.commits == commits


def csrf_of(made, user="ann", later=0):
    return made.tokens.csrf(user, made.clock() + later)


def test_a_form_without_the_right_csrf_token(made, job):
    beside, elsewhere = site(store=made.work.store), site()
    object.__setattr__(beside.recipe, "name", "beside")
    good = csrf_of(made)
    for wrong in (
        "", "x", good[:-1], good + "A", good.swapcase(), " " + good, "\ud800", "\xff", "None",
        csrf_of(made, "bob"), csrf_of(made, "operator"), csrf_of(made, ""), csrf_of(made, "None"),
        csrf_of(beside), csrf_of(elsewhere), csrf_of(made, later=-2 * DAY),
        csrf_of(made, later=DAY), made.tokens.make("view", 0, job.id),
        made.tokens.make("operate", 0),
    ):  # fmt: skip
        body = urlencode({"csrf": wrong}, errors="surrogatepass").encode()
        changes_nothing(made, job, (400, 403), body=body, **FORM)
    changes_nothing(made, job, (403,), body=b"", **FORM)


def test_a_csrf_token_in_another_place(made, job):
    good = csrf_of(made)
    said = {"query": f"csrf={good}", "HTTP_X_CSRFTOKEN": good, "HTTP_COOKIE": f"csrf={good}"}
    changes_nothing(made, job, (403,), **said, **FORM)
    parts = f'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{good}\r\n--b--\r\n'
    kind = {"CONTENT_TYPE": "multipart/form-data; boundary=b"}
    changes_nothing(made, job, (400, 403), body=parts.encode(), **kind)
    for kind in ("text/plain", "application/json-seq", "text/plain; application/json", ""):
        body = json.dumps({"csrf": good}).encode()
        changes_nothing(made, job, (400, 403), body=body, CONTENT_TYPE=kind)


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "https://evil.example", "http://example.org.evil.example",
     "http://evil-example.org", "http://example.org:8080", "http://sub.example.org", "file://",
     "http://example.org@evil.example", "http://evil.example#example.org", "http://[", "x", "://",
     "chrome-extension://example.org:1", "http://example.org:x"],
)  # fmt: skip
def test_a_post_from_another_origin(made, job, origin):
    body = urlencode({"csrf": csrf_of(made)}).encode()
    changes_nothing(made, job, (403,), body=body, HTTP_ORIGIN=origin, **FORM)
    changes_nothing(made, job, (403,), body=b"{}", HTTP_ORIGIN=origin, **JSON)


def test_a_post_that_a_browser_calls_cross_site(made, job):
    body = urlencode({"csrf": csrf_of(made)}).encode()
    for said in ("cross-site", "CROSS-SITE"):
        changes_nothing(made, job, (403,), body=body, HTTP_SEC_FETCH_SITE=said, **FORM)
        changes_nothing(made, job, (403,), body=b"{}", HTTP_SEC_FETCH_SITE=said, **JSON)
    # A page in a sandbox has no origin: JSON has no CSRF token, and is refused.
    changes_nothing(made, job, (403,), body=b"{}", HTTP_ORIGIN="null", **JSON)


def test_another_method_is_not_taken_for_a_post(made, job):
    body = urlencode({"csrf": csrf_of(made), "_method": "POST"}).encode()
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"):
        over = {"HTTP_X_HTTP_METHOD_OVERRIDE": "POST", "query": "_method=POST"}
        changes_nothing(made, job, (405,), body=body, method=method, **over, **FORM)


def test_no_answer_lets_another_site_read_it(made, job):
    for path in ("/", "/jobs", job_path(made, job, "view") + "output"):
        for method in ("GET", "OPTIONS"):
            told = ask(made, path, method, **USER, HTTP_ORIGIN="http://evil.example")
            assert not [name for name in told.headers if name.startswith("Access-Control")]


def drivers(made, job):
    """The paths that do work when they are asked for."""
    base = job_path(made, job, "drive")
    go = ask(made, base + "drive").headers["Location"]
    ways = [base + "drive", base + "drive-4", base + "chain", go, go.replace("/go/", "/chain/go/")]
    return [*ways, made.link("start") + "/", made.link("start")]


@pytest.mark.parametrize(
    "said",
    [{"HTTP_PURPOSE": "prefetch"}, {"HTTP_PURPOSE": "preview"}, {"HTTP_X_PURPOSE": "preview"},
     {"HTTP_SEC_PURPOSE": "prefetch"}, {"HTTP_SEC_PURPOSE": "prefetch;anonymous-client-ip"},
     {"HTTP_SEC_PURPOSE": "prefetch;prerender"}, {"HTTP_X_MOZ": "prefetch"},
     {"HTTP_SEC_PURPOSE": "Prefetch", "HTTP_SEC_FETCH_DEST": "document"},
     {"HTTP_SEC_FETCH_SITE": "cross-site"},
     {"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_SEC_FETCH_DEST": "image"},
     {"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_SEC_FETCH_DEST": "iframe",
      "HTTP_SEC_FETCH_MODE": "navigate"}],
)  # fmt: skip
def test_a_prefetch_or_another_sites_image_does_no_work(made, job, said):
    paths, commits = drivers(made, job), made.work.store.commits
    for path in paths:
        assert ask(made, path, **said, **USER).status == 403, path
    assert made.work.store.commits == commits


def test_a_link_on_another_site_gives_a_button_and_does_no_work(made, job):
    said = {"HTTP_SEC_FETCH_SITE": "cross-site", "HTTP_SEC_FETCH_DEST": "document"}
    paths, commits = drivers(made, job), made.work.store.commits
    for path in paths:
        told = ask(made, path, **said)
        assert told.status == 200 and "<button>Go on</button>" in told.text
    assert made.work.store.commits == commits


def test_head_does_nothing_anywhere(made, job):
    paths = drivers(made, job)
    view = job_path(made, job, "view")
    paths += ["", "/", "/static/style.css", view, made.link("operate"), "/nothing"]
    paths += [view + rest for rest in ("status", "output", "output.csv", "step", "pause")]
    commits = made.work.store.commits
    for path in paths:
        told = ask(made, path, "HEAD", **USER)
        assert told.body == b"" and "Set-Cookie" not in told.headers, path
    assert made.work.store.commits == commits


def test_a_preview_of_an_operators_link_gets_no_cookie(made):
    for said in ({"HTTP_PURPOSE": "prefetch"}, {"HTTP_SEC_PURPOSE": "prefetch;prerender"}):
        told = ask(made, made.link("operate"), **said)
        assert told.status == 403 and "Set-Cookie" not in told.headers
    assert "Set-Cookie" in ask(made, made.link("operate")).headers


def test_looking_does_no_work(made, job):
    view = job_path(made, job, "view")
    commits = made.work.store.commits
    for path in ("/", view, view + "status", view + "output", view + "output.csv"):
        ask(made, path, **USER)
    assert made.work.store.commits == commits
