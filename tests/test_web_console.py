"""The mount itself: who gets in, and how jobs are started."""

import io
import itertools
import json

import pytest
from faults import Clock
from weblib import LOCAL, client, follow, link, master, output, stranger

from httpmr import sinks
from httpmr.errors import InputError
from httpmr.interfaces import Mapper
from httpmr.sources import Memory
from httpmr.stores import MemoryStore
from httpmr.web.security import HEADERS


@pytest.fixture
def made():
    return master()


@pytest.fixture
def web(made):
    return client(made)


# Who gets in


def test_nobody_gets_in_by_default_and_the_page_says_how_one_may():
    made = master(authorize=None)
    answer = client(made).get("/", status=403)
    assert "authorize=httpmr.allow_local" in answer.text
    assert "httpmr link TARGET operate" in answer.text
    client(made).post_json("/jobs", {}, status=403)
    assert made.jobs() == []


def test_strangers_are_kept_out(made):
    stranger(made).get("/", status=403)
    stranger(made).post("/jobs", status=403)
    answer = stranger(made).post_json("/jobs", {}, status=403)
    assert list(answer.json) == ["error"]
    assert made.jobs() == []


def test_an_authorize_that_fails_keeps_out_and_shows_no_traceback(caplog):
    def authorize(request):
        raise ZeroDivisionError("secret")

    made = master(authorize=authorize)
    answer = client(made).get("/", status=403)
    assert "secret" not in answer.text and "ZeroDivisionError" in caplog.text
    client(made).get(link(made, made.start()))


@pytest.mark.parametrize("nobody", [None, False, "", 0])
def test_what_is_false_is_nobody(nobody):
    client(master(authorize=lambda request: nobody)).get("/", status=403)


@pytest.mark.parametrize(("most", "said"), [(0, "the first pauses"), (1200, "at most 1,200 put")])
def test_the_console_says_what_becomes_of_bad_records(most, said):
    assert said in client(master(max_bad_records=most)).get("/")


def test_the_console_shows_recipe_and_jobs(made, web):
    empty = web.get("/")
    assert "wordcount" in empty.text and "No jobs yet" in empty.text
    jobs = [made.start() for _ in range(3)]
    page = web.get("/")
    assert [page.text.find(job.id) > 0 for job in jobs] == [True] * 3
    assert web.get(link(made, jobs[0], "view")).status_int == 200


def test_older_jobs_are_on_further_pages():
    made = master(store=MemoryStore(clock=itertools.count(1).__next__))
    web = client(made)
    ids = [made.start().id for _ in range(23)]
    first = web.get("/")
    second = first.click("Older jobs")
    shown = [first.text.count(f"<code>{id}</code>") for id in ids]
    rest = [second.text.count(f"<code>{id}</code>") for id in ids]
    assert shown == [0] * 3 + [1] * 20 and rest == [1] * 3 + [0] * 20


def test_the_console_runs_nothing(made, web):
    job = made.start()
    web.get("/")
    web.get(link(made, job, "view"))
    assert job.status()["slices"] == 0


def test_the_mount_without_its_slash(made):
    for script in ("", "/mr"):
        answer = client(made, SCRIPT_NAME=script, PATH_INFO="").get("")
        assert answer.status_int in (200, 303)
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/mr", "PATH_INFO": "", **LOCAL}
    answer = made.map_reduce(type("R", (), {"environ": environ}))
    assert answer.status_int == 303 and answer.headers["Location"] == "/mr/"


# An operator's link


def operator(made, web):
    made.work.operate_generation(make=True)
    return web.get(made.link("operate"))


def test_an_operators_link_becomes_a_cookie_at_once():
    made = master(authorize=None)
    web = stranger(made, SCRIPT_NAME="/mr")
    answer = operator(made, web)
    assert answer.status_int == 303 and answer.headers["Location"] == "/mr/"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/mr" in cookie
    assert "secure" not in cookie.lower()


def test_the_cookie_is_secure_where_the_link_is():
    made = master(authorize=None)
    answer = operator(made, stranger(made, **{"wsgi.url_scheme": "https"}))
    assert "secure" in answer.headers["Set-Cookie"].lower()
    assert "Path=/;" in answer.headers["Set-Cookie"]


def test_an_operator_may_do_everything_until_the_link_is_revoked():
    made = master(authorize=None)
    web = stranger(made)
    operator(made, web)
    page = web.get("/").form.submit().follow()
    page.forms[0].submit()
    [job] = made.jobs()
    assert job.state == "paused"
    made.work.revoke("operate")
    web.get("/", status=403)


def test_an_operators_link_that_was_never_made_or_is_forged():
    made = master(authorize=None)
    stranger(made).get(f"/operate/{made.tokens.make('operate', 0)}", status=404)
    made.work.operate_generation(make=True)
    stranger(made).get(f"/operate/{made.tokens.make('operate', 1)}", status=404)
    other = master(authorize=None)
    other.work.operate_generation(make=True)
    stranger(made).get(other.link("operate"), status=404)
    name = made.tokens.cookie
    for value in ("", "x", other.tokens.make("operate", 0), "\xff", 'a"b'):
        headers = {"Cookie": f"{name}={value}; x; =; {name}"}
        stranger(made).get("/", headers=headers, status=403)


# Starting a job


def test_the_form_starts_a_job(made, web):
    answer = web.get("/").form.submit()
    [job] = made.jobs()
    assert answer.status_int == 303
    assert answer.headers["Location"] == link(made, job, "view")


def test_json_starts_a_job(made, web):
    answer = web.post_json("/jobs", {}, status=201)
    [job] = made.jobs()
    base = "http://localhost"
    assert answer.json == {
        "job": job.id,
        "url": link(made, job, "view", base),
        "drive": link(made, job, "drive", base) + "drive",
        "status": link(made, job, "drive", base) + "status",
    }
    assert web.get(answer.json["status"]).json["state"] == "running"
    follow(web, answer.json["drive"])
    assert output(job)["the"] == 24


def test_urls_are_under_the_mount(made):
    answer = client(made, SCRIPT_NAME="/mr").post_json("/jobs", {}, status=201)
    assert answer.json["url"].startswith("http://localhost/mr/")


def test_parameters_that_the_recipe_does_not_take(made, web):
    answer = web.post_json("/jobs", {"year": 2008}, status=400)
    assert "year" in answer.json["error"]
    assert made.jobs() == []


def test_a_form_needs_its_csrf_token(made, web):
    csrf = web.get("/").form["csrf"].value
    web.post("/jobs", status=403)
    web.post("/jobs", {"csrf": csrf[:-1]}, status=403)
    web.post("/jobs", {"csrf": made.tokens.csrf("ann", made.clock())}, status=403)
    web.post("/jobs", {"csrf": made.tokens.csrf("local", made.clock() - 2 * 86400)}, status=403)
    assert made.jobs() == []
    web.post("/jobs", {"csrf": csrf}, status=303)


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"},
     {"Origin": "http://localhost:81"}],
)  # fmt: skip
def test_another_site_starts_nothing(made, web, headers):
    csrf = web.get("/").form["csrf"].value
    web.post("/jobs", {"csrf": csrf}, headers=headers, status=403)
    web.post_json("/jobs", {}, headers=headers, status=403)
    assert made.jobs() == []


def test_json_that_does_not_say_so_is_no_json(made, web):
    """A page elsewhere can send text/plain without asking first."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; x=y"):
        web.post("/jobs", "{}", content_type=kind, status=403)
    assert made.jobs() == []


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"{}"', 400),
        (b"\xff\xfe", 400),
        (b"[" * 60_000, 400),
        (b'{"a": ' + b"9" * 5000 + b"}", 400),
        (b'{"a": "' + b"x" * 70_000 + b'"}', 413),
    ],
)
def test_bad_bodies(made, web, raw, code):
    answer = web.post("/jobs", raw, content_type="application/json", status=code)
    assert "\n" not in answer.json["error"]
    assert made.jobs() == []


@pytest.mark.parametrize(
    ("environ", "code"),
    [
        ({"CONTENT_LENGTH": "many"}, 400),
        ({"CONTENT_LENGTH": "-1"}, 400),
        ({"CONTENT_LENGTH": "+2"}, 400),
        ({"CONTENT_LENGTH": "\xb2"}, 400),
        ({"CONTENT_LENGTH": "3"}, 400),
        ({"CONTENT_LENGTH": "9" * 30}, 413),
        ({"CONTENT_LENGTH": "65537"}, 413),
        ({"CONTENT_LENGTH": "2"}, 201),
        ({"CONTENT_LENGTH": None}, 400),
        ({"CONTENT_LENGTH": None, "wsgi.input_terminated": True}, 201),
        ({"CONTENT_LENGTH": None, "HTTP_TRANSFER_ENCODING": "chunked"}, 400),
        ({"CONTENT_LENGTH": "2", "wsgi.input": io.BytesIO(b"{}" + b"x" * 70_000)}, 201),
        ({"CONTENT_LENGTH": None, "wsgi.input_terminated": True,
          "wsgi.input": io.BytesIO(b"{" + b" " * 70_000 + b"}")}, 413),
    ],
)  # fmt: skip
def test_lengths_that_lie(made, environ, code):
    base = {"REQUEST_METHOD": "POST", "PATH_INFO": "/jobs", "CONTENT_TYPE": "application/json"}
    base |= {"wsgi.input": io.BytesIO(b"{}"), "wsgi.url_scheme": "http", **LOCAL}
    environ = {key: value for key, value in (base | environ).items() if value is not None}
    answer = made.map_reduce(type("R", (), {"environ": environ}))
    assert answer.status_int == code, answer.text
    assert len(made.jobs()) == (code == 201)


def test_a_body_that_breaks_off(made):
    class Broken:
        def read(self, size):
            raise ConnectionResetError("gone")

    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/jobs", "CONTENT_TYPE": "application/json"}
    environ |= {"CONTENT_LENGTH": "2", "wsgi.input": Broken(), **LOCAL}
    answer = made.map_reduce(type("R", (), {"environ": environ}))
    assert answer.status_int == 400 and json.loads(answer.body)["error"]


class Missing(Memory):
    def last(self):
        raise InputError("there is no table wurds; near: words")


def test_an_input_that_is_missing_is_said_in_one_line(web):
    made = master()
    object.__setattr__(made.recipe, "source", Missing({}))
    answer = client(made).post_json("/jobs", {}, status=409)
    assert answer.json == {"error": "there is no table wurds; near: words"}


@pytest.mark.parametrize("host", ["a b", 'x"><b>', "\xe4", "x/y"])
def test_a_host_that_is_none(made, host):
    client(made, HTTP_HOST=host).get("/", status=403)
    made.authorize = lambda request: "ann"
    client(made, HTTP_HOST=host).post_json("/jobs", {}, status=400)


# All answers


def test_every_answer_has_the_headers(made, web):
    job = made.run()
    view = link(made, job, "view")
    for path in ("/", "/static/style.css", "/static/no.css", "/nothing/", "/jobs", view,
                 view + "drive", view + "status", view + "output", view + "output.csv",
                 view + "step", link(made, made.start()) + "drive"):  # fmt: skip
        answer = web.get(path, expect_errors=True)
        for name, value in HEADERS:
            assert answer.headers[name] == value, path


def test_static_files(web):
    answer = web.get("/static/style.css")
    assert answer.content_type == "text/css" and "--ink" in answer.text
    web.get("/static/script.js", status=404)


def test_wrong_methods(made, web):
    view = link(made, made.start(), "view")
    for path, allow in (("/", "GET, HEAD"), ("/static/style.css", "GET, HEAD"), (view, "GET, HEAD"),
                        (view + "drive", "GET, HEAD"), (view + "status", "GET, HEAD")):  # fmt: skip
        for verb in (web.post, web.put, web.delete, web.options):
            assert verb(path, status=405).headers["Allow"] == allow
    for path in ("/jobs", view + "step", view + "pause"):
        for verb in (web.get, web.head, web.put):
            assert verb(path, status=405).headers["Allow"] == "POST"
    assert web.get(view + "step", status=405).json["error"]


def test_nothing_is_opened_before_it_is_needed(tmp_path):
    made = master(store=f"sqlite:///{tmp_path}/jobs.db")
    assert list(tmp_path.iterdir()) == []
    client(made).get("/")
    assert list(tmp_path.iterdir()) != []


def test_an_error_of_ours_shows_no_traceback(caplog):
    class Odd(MemoryStore):
        def get(self, keys):
            raise ZeroDivisionError("secret")

    answer = client(master(store=Odd())).get("/", status=500)
    assert "secret" not in answer.text and "Traceback" not in answer.text
    assert "secret" in caplog.text


# What the console tells


class Doubled(Mapper):
    """Gives each line twice.

    That is all it does.
    """

    def map(self, key, line):
        return [(key, line), (key, line)]


def test_the_recipe_is_told_in_a_sentence_and_by_its_docstrings():
    page = client(master(mapper=Doubled())).get("/")
    text = " ".join(page.html.select_one("#recipe").text.split())
    assert text.startswith("Recipe Reads Memory(") and "maps each record with Doubled()" in text
    assert "reduces the values of each key with total, and gives the result to Stored()." in text
    assert "Gives each line twice." in text and "That is all" not in text


def test_it_tells_who_started_a_job_and_how_long_it_took():
    clock = Clock()
    made = master(store=MemoryStore(clock=clock))
    job = made.work.start(by="ann")
    clock.pass_(90)
    page = client(made).get("/")
    assert "by ann" in page.text and "1 min 30 s" in page.text
    made.work.cancel(job.id)
    clock.pass_(1000)
    assert "1 min 30 s" in client(made).get("/").text


def test_the_console_as_json_and_as_text(made, web):
    job = made.run()
    said = web.get("/", headers={"Accept": "application/json"}).json
    assert said["recipe"] == "wordcount" and said["jobs"][0]["job"] == job.id
    assert said["jobs"][0]["state"] == "done"
    text = web.get("/", headers={"Accept": "text/plain"}).text
    assert job.id in text and "100 %" in text and "wordcount" in text
    stranger(made).get("/", headers={"Accept": "text/plain"}, status=403)


def test_it_says_what_the_sink_promises_of_the_output(tmp_path):
    for sink, said in (
        (None, "exactly once: written in the commit of its slice"),
        (sinks.JSONLines(str(tmp_path / "out.jsonl")), "staged: published when all of it is there"),
    ):
        page = client(master(sink=sink)).get("/")
        assert said in page.html.find("dt", string="output").find_next("dd").text
