"""In Flask and in Pyramid, with their own sessions, logins and CSRF checks; behind a2wsgi, too."""

import re

import flask
import pytest
import sqlalchemy
from a2wsgi import ASGIMiddleware, WSGIMiddleware
from docslib import ROOT
from fastapi import FastAPI, Request
from flask_wtf import CSRFProtect
from pyramid.authentication import SessionAuthenticationHelper
from pyramid.config import Configurator
from pyramid.response import Response
from pyramid.session import SignedCookieSessionFactory
from starlette.middleware.sessions import SessionMiddleware
from weblib import follow, link, master, output
from webtest import TestApp
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from httpmr import sql
from httpmr.cli import target

LINES = {n: f"der Bär {n} 日本" for n in range(12)}
COUNTS = {"der": 12, "Bär": 12, "日本": 12, **{str(n): 1 for n in range(12)}}


# The applications: each has /login and /posts, which takes POST with the framework's token alone


def flask_app():
    app = flask.Flask("shop")
    app.secret_key = "x"
    protect = CSRFProtect(app)
    app.add_url_rule("/login", view_func=lambda: flask.session.update(user="ann") or "in")
    app.add_url_rule("/posts", "posts", lambda: "posted", methods=["POST"])
    return app, protect


def flask_dispatcher(made):
    app, _ = flask_app()

    def staff(request):
        with app.request_context(request.environ):
            return flask.session.get("user")

    made.authorize = staff
    app.wsgi_app = DispatcherMiddleware(
        app.wsgi_app, {"/größe/mr".encode().decode("latin-1"): made}
    )
    return app


def flask_view(made):
    app, protect = flask_app()
    made.authorize = lambda request: flask.session.get("user")

    @app.route("/größe/mr", methods=["GET", "POST"])
    @app.route("/größe/mr/<path:rest>", methods=["GET", "POST"])
    @app.route("/größe/mr/", methods=["GET", "POST"])
    @protect.exempt
    def mapreduce(rest=""):
        answer = made.map_reduce(flask.request, at="/größe/mr")
        return flask.Response(answer.app_iter, answer.status, answer.headerlist)

    return app


def pyramid_app(view):
    helper = SessionAuthenticationHelper()

    class Security:
        def authenticated_userid(self, request):
            return helper.authenticated_userid(request)

    def login(request):
        helper.remember(request, "ann")
        return Response("in")

    with Configurator(session_factory=SignedCookieSessionFactory("x")) as config:
        config.set_security_policy(Security())
        config.set_default_csrf_options(require_csrf=True)
        config.add_route("login", "/login")
        config.add_view(login, route_name="login")
        config.add_route("posts", "/posts")
        config.add_view(lambda request: Response("posted"), route_name="posts")
        config.add_route("mr", "/größe/mr*subpath")
        config.add_view(view, route_name="mr", require_csrf=False)
        return config.make_wsgi_app()


def pyramid_view(made):
    made.authorize = lambda request: request.environ["httpmr.request"].authenticated_userid
    return pyramid_app(lambda request: made.map_reduce(request, at="/größe/mr"))


def fastapi_mount(made):
    app = FastAPI()
    app.add_middleware(SessionMiddleware, secret_key="x")
    made.authorize = lambda request: request.environ["asgi.scope"]["session"].get("user")

    @app.get("/login")
    async def login(request: Request):
        request.session["user"] = "ann"
        return "in"

    app.mount("/größe/mr", WSGIMiddleware(made))
    return ASGIMiddleware(app)


MOUNT = "/gr%C3%B6%C3%9Fe/mr"
APPS = [flask_dispatcher, flask_view, pyramid_view, fastapi_mount]


@pytest.fixture(params=APPS, ids=lambda make: make.__name__)
def site(request):
    """(a Master in a framework, a browser there)"""
    made = master(LINES, authorize=None)
    environ = {"REMOTE_ADDR": "203.0.113.9", "REMOTE_PORT": "50000"}
    return made, TestApp(request.param(made), extra_environ=environ)


def test_a_whole_job(site):
    made, web = site
    web.get(f"{MOUNT}/", status=403)
    web.get("/login")
    page = web.get(MOUNT)
    while page.status_int in (303, 307, 308):
        page = page.follow()
    assert f'href="{MOUNT}/static/style.css"' in page
    assert web.get(f"{MOUNT}/static/style.css").content_type == "text/css"
    started = page.form.submit()
    assert started.status_int == 303
    job = web.get(started.headers["Location"])
    assert "ann" in job
    way = follow(web, job.html.select_one("#drive form")["action"])
    assert "Done." in way[-1][1]
    assert output(made.latest()) == COUNTS
    answer = web.get(f"{started.headers['Location']}output?key=B%C3%A4r")
    assert "Bär" in answer
    links = web.post_json(f"{MOUNT}/jobs", {}, status=201).json
    assert re.match(f"http://localhost(:80)?{MOUNT}/", links["url"])


def test_what_the_framework_checks_of_its_own_stays_checked(site):
    made, web = site
    web.get("/login")
    if not isinstance(web.app, ASGIMiddleware):  # FastAPI has no check of its own
        web.post("/posts", status=400)
    web.post(f"{MOUNT}/jobs", {"csrf": "x"}, status=403)
    assert made.jobs() == []


def test_a_slash_more_or_less(site):
    made, web = site
    job = made.run()
    view = link(made, job, "view", MOUNT)
    folder = web.get(view.rstrip("/"))
    assert folder.status_int in (303, 307, 308) and folder.headers["Location"].endswith(view)
    assert web.get(view).status_int == 200
    for nothing in (f"{view}status/", f"{view}/", f"{MOUNT}/nothing/", f"{MOUNT}//"):
        assert web.get(nothing, expect_errors=True).status_int in (303, 307, 308, 404), nothing


def test_head(site):
    made, web = site
    job = made.start()
    drive = link(made, job, "drive", MOUNT)
    for path in ("drive", "status", "chain"):
        answer = web.head(drive + path)
        assert (answer.status_int, answer.body) == (200, b"")
    assert job.status()["slices"] == 0


def test_large_answers_are_streamed(site, monkeypatch):
    made, web = site
    job = made.run()
    given = []

    def rows(job, after=None, until=None):
        for n in range(20_000):
            given.append(n)
            yield f"{n} Bär", "x" * 100

    monkeypatch.setattr("httpmr.jobs.Job.output", rows)
    path = link(made, job, "view") + "output.jsonl"
    if isinstance(web.app, ASGIMiddleware):  # which is no server: see test_frameworks_servers.py
        assert len(web.get(MOUNT + path).text.splitlines()) == 20_000
        return
    environ = web.RequestClass.blank(MOUNT + path).environ
    started = []
    body = web.app(environ, lambda *answer: started.append(answer))
    pieces = iter(body)
    first = next(pieces)
    assert started[0][0].startswith("200") and len(given) < 2_000
    rest = b"".join(pieces)
    assert len((first + rest).splitlines()) == len(given) == 20_000
    getattr(body, "close", lambda: None)()


# Flask-SQLAlchemy: source, sink and store on one engine


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_flask_sqlalchemy_in_an_app_factory(database_url, monkeypatch):
    found = target.file(str(ROOT / "examples" / "11_flask_sqlalchemy.py"))
    db, Post, Word = found.db, found.Post, found.Word
    app = found.create_app(database_url)
    wordcount = app.extensions["wordcount"]
    with app.app_context():
        db.session.add_all(Post(text=f"der Bär {n % 3}") for n in range(12))
        db.session.commit()
        engine = db.engine
    assert wordcount.work.store.database == sql.identity(engine)
    assert wordcount.recipe.sink.joins(wordcount.work.store)  # exactly once
    web = TestApp(app)
    web.get("/wordcount/", status=403)
    page = web.get("/login").follow()
    assert "exactly once" in page
    job = page.form.submit().follow()
    follow(web, job.html.select_one("#drive form")["action"])
    with app.app_context():
        counts = {word.word: word.count for word in db.session.query(Word)}
        assert counts == {"der": 12, "bär": 12, "0": 4, "1": 4, "2": 4}
        db.session.remove()
        assert sqlalchemy.inspect(engine).has_table("httpmr")
        engine.dispose()
