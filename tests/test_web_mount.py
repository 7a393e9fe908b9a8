"""Mounted anywhere, by anything; and whatever comes in, an answer that is no 5xx."""

import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Event
from types import SimpleNamespace
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import django
import flask
import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from weblib import COUNTS, LOCAL, client, follow, link, master, next_links, output, stranger
from webtest import TestApp
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from httpmr.web.visit import mounted, moved


def request(**environ):
    setup_testing_defaults(environ)
    return SimpleNamespace(environ=environ)


# Under a mount


@pytest.mark.parametrize("script", ["/mr", "/a/b", "/with space", "/\xc3\xa9", "/a&b'c", "/x/"])
def test_under_any_script_name(script):
    made = master(num_mappers=20)
    web = stranger(made, SCRIPT_NAME=script)
    job = made.start()
    url = f"/{job.id}/{made.tokens.make('drive', 0, job.id)}/drive"
    there = web.get(url)
    for _ in range(99):
        if there.status_int == 303:
            path = there.headers["Location"]
        elif ahead := next_links(there):
            [path] = ahead
        else:
            break
        mount = mounted({"SCRIPT_NAME": script})
        assert path.startswith(mount + "/") and path.isascii() and not set(path) & set("&'\"<> ")
        there = web.get(path[len(mount) :])
    assert output(job) == COUNTS


@pytest.mark.parametrize(
    ("script", "mount"),
    [
        ("", ""),
        ("/", ""),
        ("/mr", "/mr"),
        ("/mr/", "/mr"),
        ("//evil.example", "/evil.example"),
        ("/\xc3\xa9", "/%C3%A9"),  # as WSGI has it
        ("/\xe9", "/%C3%A9"),  # as Django has it
        ("/\u65e5", "/%E6%97%A5"),
        ("/a b", "/a%20b"),
    ],
)
def test_mounted(script, mount):
    assert mounted({"SCRIPT_NAME": script}) == mount


@pytest.mark.parametrize(
    ("script", "path", "at", "moved_to"),
    [
        ("", "/mr/x", "/mr", ("/mr", "/x")),
        ("", "/mr/x", "mr/", ("/mr", "/x")),
        ("", "/mr", "/mr", ("/mr", "")),
        ("/app", "/mr/x", "/mr", ("/app/mr", "/x")),
        ("/app", "/mr/x", "/app/mr", ("/app/mr", "/x")),
        ("/app/mr", "/x", "/app/mr", ("/app/mr", "/x")),
        ("/app", "/x", "", ("/app", "/x")),
        ("", "/gr\xc3\xb6\xc3\x9fe/x", "/größe", ("/gr\xc3\xb6\xc3\x9fe", "/x")),
        ("", "/größe/x", "/größe", ("/größe", "/x")),
    ],
)
def test_at_is_moved_to_the_mount(script, path, at, moved_to):
    environ = {"SCRIPT_NAME": script, "PATH_INFO": path}
    found = moved(environ, at)
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == moved_to
    assert environ == {"SCRIPT_NAME": script, "PATH_INFO": path}


def test_a_request_that_is_not_below_at():
    answer = master().map_reduce(request(PATH_INFO="/mrs/x"), at="/mr")
    assert answer.status_int == 404 and "at=" in answer.text


# In other frameworks


def test_in_flask():
    made = master(num_mappers=20)
    app = flask.Flask("shop")

    @app.route("/mr/", defaults={"rest": ""}, methods=["GET", "POST"])
    @app.route("/mr/<path:rest>", methods=["GET", "POST"])
    def serve(rest):
        answer = made.map_reduce(flask.request, at="/mr")
        return flask.Response(answer.app_iter, answer.status, answer.headerlist)

    web = client(app)
    assert web.get("/mr/").form.submit().headers["Location"].startswith("/mr/")
    web.post_json("/mr/jobs", {}, status=201)
    for job in made.jobs():
        follow(web, link(made, job, base="/mr") + "drive")
        assert output(job) == COUNTS


def test_an_authorize_that_takes_long_keeps_only_its_own_request_waiting():
    asked, let_go = Event(), Event()

    def slow(request):
        asked.set()
        assert let_go.wait(60)
        return "ann"

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(client(master(authorize=slow)).get, "/")
        assert asked.wait(60)
        other = threads.submit(client(master()).get, "/")
        try:
            assert other.result(timeout=60).status_int == 200
        finally:
            let_go.set()
        assert first.result().status_int == 200


def test_authorize_finds_the_request_of_the_framework():
    users = []
    made = master(authorize=lambda r: users.append(r.environ["httpmr.request"].user) or "ann")
    asked = request(PATH_INFO="/")
    asked.user = "ann of the framework"
    assert made.map_reduce(asked).status_int == 200
    assert users == ["ann of the framework"]


@pytest.fixture
def requests():
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="x", USE_TZ=True)
        django.setup()
    return RequestFactory(**LOCAL)


def test_in_django(requests):
    made = master()

    def view(request):
        answer = made.map_reduce(request, at="/mr")
        return HttpResponse(answer.body, status=answer.status_int, headers=answer.headers)

    page = view(requests.get("/mr/")).content.decode()
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)[1]
    assert view(requests.post("/mr/jobs", {"csrf": "x"})).status_code == 403  # multipart
    kind = "application/x-www-form-urlencoded"
    done = view(requests.post("/mr/jobs", f"csrf={csrf}", content_type=kind))
    assert done.status_code == 303 and done["Location"].startswith("/mr/")
    done = view(requests.post("/mr/jobs", "{}", content_type="application/json"))
    assert done.status_code == 201
    assert len(made.jobs()) == 2
    assert view(requests.get("/mr/é%ff/x/")).status_code == 404
    read = requests.post("/mr/jobs", "{}", content_type="application/json")
    assert read.body == b"{}"
    assert view(read).status_code == 400


def test_behind_a_dispatcher():
    made = master(num_mappers=20)
    web = TestApp(DispatcherMiddleware(lambda *_: None, {"/a/mr": made}), extra_environ=LOCAL)
    page = web.get("/a/mr").follow().form.submit().follow()
    follow(web, page.html.select_one("#drive form")["action"])
    assert output(made.latest()) == COUNTS


# As WSGI wants it


def test_every_kind_of_answer_is_good_wsgi():
    made = master()
    web = client(validator(made))
    job = made.start()
    view = link(made, job, "view")
    web.get("/")
    web.post_json("/jobs", {})
    web.get(view + "drive")
    web.post(view + "step")
    follow(web, view + "chain")
    for path in ("", "status", "output", "output.csv", "output.jsonl", "output?key=the", "nothing"):
        web.get(view + path, expect_errors=True)
        web.head(view + path, expect_errors=True)
    web.get("/static/style.css")


# Whatever comes in

paths = st.text(st.characters(max_codepoint=255), max_size=30)


@pytest.fixture(scope="module")
def made():
    return master()


@given(
    path=paths, query=paths, method=st.sampled_from(["GET", "HEAD", "POST", "X"]), body=st.binary()
)
def test_garbage_is_no_error_of_ours(made, path, query, method, body):
    environ = {"PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": method, **LOCAL}
    environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    assert made.map_reduce(request(**environ)).status_int < 500


@given(rest=paths, query=paths, accept=paths, cookie=paths, host=paths, origin=paths)
def test_garbage_with_a_good_token_is_no_error_of_ours(
    made, rest, query, accept, cookie, host, origin
):
    job = (made.jobs() or [made.run()])[0]
    environ = {"QUERY_STRING": query, "HTTP_ACCEPT": accept, "HTTP_COOKIE": cookie}
    environ |= {"HTTP_HOST": host or "x", "HTTP_ORIGIN": origin, "HTTP_SEC_FETCH_SITE": cookie}
    for tail in (rest, "output", "drive", ""):
        path = link(made, job, "view") + tail
        assert made.map_reduce(request(PATH_INFO=path, **environ)).status_int < 500
    environ |= {"REQUEST_METHOD": "POST", "CONTENT_TYPE": accept}
    path = link(made, job, "view") + "pause"
    assert made.map_reduce(request(PATH_INFO=path, **environ)).status_int < 500


@given(key=paths, value=paths)
def test_any_key_can_be_asked_for(made, key, value):
    job = (made.jobs() or [made.run()])[0]
    for query in (f"key={key}", f"after={key}&until={value}&limit={value}", f"key=[{key}]"):
        path = link(made, job, "view") + "output"
        assert made.map_reduce(request(PATH_INFO=path, QUERY_STRING=query)).status_int < 500
