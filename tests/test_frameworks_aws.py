"""On AWS Lambda: a whole job by events of both formats, each met by a Master of its own."""

import base64
import json
import logging
import os
import re
import runpy
import subprocess
import sys
from collections import Counter
from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest
from docslib import ROOT
from weblib import follow, master
from webtest import TestApp

import httpmr
from httpmr.contrib import aws
from httpmr.errors import HttpmrError

EXAMPLE = ROOT / "examples" / "14_aws_lambda.py"
TEXTS = "\n".join(path.read_text() for path in (ROOT / "examples" / "texts").glob("*.txt"))
COUNTS = Counter(re.findall(r"[a-z']+", TEXTS.lower()))
HOST = "abc.execute-api.eu-west-1.amazonaws.com"


def v1(environ, stage):
    """The event of a REST API, which takes the stage out of the path."""
    headers, body = sent(environ)
    names = {"path": environ["PATH_INFO"], "stage": stage, "identity": {"sourceIp": "203.0.113.9"}}
    return {
        "httpMethod": environ["REQUEST_METHOD"],
        "path": environ["PATH_INFO"].removeprefix(f"/{stage}") or "/",
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "multiValueQueryStringParameters": {
            name: [value] for name, value in parse_qsl(environ["QUERY_STRING"])
        }
        or None,
        "requestContext": names,
        "body": body.decode(),
        "isBase64Encoded": False,
    }


def v2(environ, stage):
    """The event of an HTTP API or of a function URL."""
    headers, body = sent(environ)
    cookies = headers.pop("cookie", "")
    return {
        "version": "2.0",
        "rawPath": environ["PATH_INFO"],
        "rawQueryString": environ["QUERY_STRING"],
        "headers": headers,
        "cookies": cookies.split("; ") if cookies else [],
        "requestContext": {
            "stage": stage,
            "http": {
                "method": environ["REQUEST_METHOD"],
                "path": environ["PATH_INFO"],
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.9",
            },
        },
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def sent(environ):
    found = {key[5:]: value for key, value in environ.items() if key.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        found["CONTENT_TYPE"] = environ["CONTENT_TYPE"]
    found |= {"HOST": HOST, "X_FORWARDED_PROTO": "https", "X_FORWARDED_FOR": "127.0.0.1, 10.0.0.1"}
    headers = {name.replace("_", "-").lower(): value for name, value in found.items()}
    return headers, environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


class Gateway:
    """What stands between a browser and the function: of each request it makes an event."""

    def __init__(self, event, invoke, stage=""):
        self.event, self.invoke, self.stage = event, invoke, stage
        self.asked = 0

    def __call__(self, environ, start_response):
        self.asked += 1
        # What goes over the wire, and no more.
        event = json.loads(json.dumps(self.event(environ, self.stage)))
        answer = json.loads(json.dumps(self.invoke(event)))
        headers = [(name, value) for name, value in answer.get("headers", {}).items()]
        for name, values in answer.get("multiValueHeaders", {}).items():
            headers += [(name, value) for value in values]
        headers += [("Set-Cookie", cookie) for cookie in answer.get("cookies", ())]
        body = answer["body"].encode()
        if answer["isBase64Encoded"]:
            body = base64.b64decode(body)
        start_response(f"{answer['statusCode']} as it is", headers)
        return [body]


class Context:
    def __init__(self, seconds=30):
        self.seconds = seconds

    def get_remaining_time_in_millis(self):
        return int(self.seconds * 1000)


def browser(event, invoke, stage=""):
    """A browser and, as its `app.asked`, how often the function was invoked."""
    return TestApp(Gateway(event, invoke, stage), extra_environ={"wsgi.url_scheme": "https"})


@pytest.fixture
def anew(database_url, monkeypatch):
    """Return what runs the example's module afresh, with a Master of its own, at each event."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return lambda event: runpy.run_path(str(EXAMPLE))["handler"](event, Context())


def path(url):
    return re.sub("^https?://[^/]*", "", url)


# The example, on PostgreSQL


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("event", "stage", "mount"),
    [(v1, "prod", "/prod"), (v2, "prod", "/prod"), (v2, "$default", "")],
    ids=["1.0", "2.0 with a stage", "2.0"],
)
def test_a_whole_job(anew, event, stage, mount):
    web = browser(event, anew, stage)
    web.get(f"{mount}/", status=403)
    operate = runpy.run_path(str(EXAMPLE))["wordcount"]
    operate.work.operate_generation(make=True)
    cookie = web.get(operate.link("operate", mount))
    assert (cookie.status_int, cookie.headers["Location"]) == (303, f"{mount}/")
    said = cookie.headers["Set-Cookie"]
    assert "HttpOnly" in said and "secure" in said.lower() and f"Path={mount or '/'};" in said
    page = web.get(cookie.headers["Location"])
    assert f'href="{mount}/static/style.css"' in page
    assert "svg" in web.get(f"{mount}/static/icon.svg")

    started = page.form.submit()
    assert started.headers["Location"].startswith(f"{mount}/")
    job = started.follow()
    way = follow(web, job.html.select_one("#drive form")["action"])
    assert (way[-1][1].status_int, "Done." in way[-1][1]) == (200, True)
    assert all(url.startswith(f"{mount}/") for url, _ in way)
    assert web.app.asked > len(way) > 10

    output = f"{started.headers['Location']}output"
    rows = [tuple(json.loads(line)) for line in web.get(f"{output}.jsonl").text.splitlines()]
    assert rows == sorted(COUNTS.items())
    asked = web.get(f"{output}?key=tyger", headers={"Accept": "application/json"})
    assert asked.json == {"key": "tyger", "values": [4]}
    assert web.head(f"{output}.csv").body == b""

    links = web.post_json(f"{mount}/jobs", {}, status=201).json
    assert links["drive"].startswith(f"https://{HOST}{mount}/")
    step = path(links["drive"]).removesuffix("drive") + "step"
    assert web.post(step).json["did"] == "slice"
    web.post_json(path(links["url"]) + "cancel", {}, status=200)
    follow(web, path(links["drive"]))
    assert "cancelled" in follow(web, path(links["drive"]))[-1][1]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_each_event_in_an_interpreter_of_its_own(database_url, monkeypatch):
    """As where a function is cold whenever it is asked. `chain` is redirects alone."""
    program = (
        "import json, runpy, sys; event = json.load(sys.stdin); "
        f"print(json.dumps(runpy.run_path({str(EXAMPLE)!r})['handler'](event, None)))"
    )
    environ = {**os.environ, "DATABASE_URL": database_url, "PYTHONPATH": str(ROOT)}

    def invoke(event):
        ran = subprocess.run(
            [sys.executable, "-c", program],
            env=environ,
            input=json.dumps(event),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    monkeypatch.setenv("DATABASE_URL", database_url)
    wordcount = runpy.run_path(str(EXAMPLE))["wordcount"]
    job = wordcount.start()
    web = browser(v2, invoke, "prod")
    url = f"{wordcount.link('drive', '/prod', job)}/chain"
    for _ in range(2):
        answer = web.get(url, status=303)
        url = answer.headers["Location"]
    assert job.status()["slices"] == 1


# What a gateway makes of a request


@pytest.mark.parametrize(
    ("at", "names", "path", "placed"),
    [
        (None, {}, "/x", ("", "/x")),
        (None, {"stage": "$default", "path": "/x"}, "/x", ("", "/x")),
        (None, {"stage": "prod", "path": "/prod/x"}, "/x", ("/prod", "/x")),  # a REST API
        (None, {"stage": "prod", "path": "/prod/"}, "/", ("/prod", "/")),
        (None, {"stage": "prod", "path": "/prod/prod/x"}, "/prod/x", ("/prod", "/prod/x")),
        (None, {"stage": "prod"}, "/prod/x", ("/prod", "/x")),  # an HTTP API
        (None, {"stage": "prod"}, "/prod", ("/prod", "")),
        (None, {"stage": "prod"}, "/prod/prod/x", ("/prod", "/prod/x")),
        (None, {"stage": "prod"}, "/products", ("", "/products")),  # at a domain of one's own
        ("", {"stage": "prod"}, "/prod/x", ("", "/prod/x")),
        ("/v1", {"stage": "prod"}, "/x", ("/v1", "/x")),  # which takes /v1 out of rawPath
        ("v1/", {"stage": "prod", "path": "/v1/x"}, "/v1/x", ("/v1", "/x")),
        ("/v1", {"elb": {}}, "/v1/x", ("/v1", "/x")),
    ],
)
def test_where_it_is_mounted(at, names, path, placed):
    assert aws.place({"requestContext": names}, path, at) == placed


def called(app, at=None, context=None, **event):
    base = {"httpMethod": "GET", "path": "/", "headers": {"Host": "localhost"}}
    return aws.handler(app, at)(base | {"requestContext": {}} | event, context)


def test_who_asks_is_whom_the_gateway_saw():
    """Not whom the client says it is, and never this machine: allow_local lets nobody in."""
    seen = []

    def app(environ, start_response):
        seen.append(environ["REMOTE_ADDR"])
        start_response("200 OK", [])
        return []

    said = {"Host": "localhost", "X-Forwarded-For": "127.0.0.1, 203.0.113.9"}
    called(app, headers=said)
    called(app, headers=said, requestContext={"identity": {"sourceIp": "203.0.113.10"}})
    called(app)
    assert seen == ["203.0.113.9", "203.0.113.10", ""]
    assert called(master())["statusCode"] == 403


def test_cookies_that_come_in_several_headers():
    """As browsers send them by HTTP/2; apig-wsgi sets commas between them."""
    made = master(authorize=None)
    made.work.operate_generation(make=True)
    token = made.link("operate").rpartition("/")[2]
    both = {"Cookie": ["theme=dark", f"{made.tokens.cookie}={token}", "x=1"]}
    assert called(made, multiValueHeaders=both)["statusCode"] == 200


def test_an_answer_larger_than_lambda_carries():
    lines = dict.fromkeys(range(50), "x" * 100_000)
    made = master(lines, mapper=lambda key, line: [(key, line)], reducer=None)
    job = made.run()
    output = f"/{job.id}/{made.tokens.make('view', 0, job.id)}/output"
    for version in ("csv", "jsonl"):
        answer = called(made, path=f"{output}.{version}")
        assert answer["statusCode"] == 413
        assert "output?limit=" in json.loads(answer["body"])["error"]
    found, after = {}, ""
    while after is not None:
        query = {"limit": "20", "after": str(after)}
        event = {"queryStringParameters": query, "headers": {"Accept": "application/json"}}
        page = json.loads(called(made, path=output, **event)["body"])
        found |= dict(page["rows"])
        after = page["next"]
    assert found == lines


def test_what_is_open_is_closed():
    closed = []

    class Body(list):
        def close(self):
            closed.append(True)

    def app(environ, start_response):
        start_response("200 OK", [])
        return Body([b"x" * aws.LIMIT, b"y"])

    assert called(app)["statusCode"] == 413 and closed == [True]


def test_text_that_is_not_ascii():
    made = master({1: "die Größe 日本"})
    job = made.run()
    output = f"/{job.id}/{made.tokens.make('view', 0, job.id)}/output"
    query = {"queryStringParameters": {"key": "Größe"}}
    for kind in ("text/html", "application/json"):
        answer = called(made, path=output, headers={"Accept": kind}, **query)
        assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {"key": "Größe", "values": [1]}


def test_a_function_that_ends_before_its_slice_says_so_once(caplog):
    caplog.set_level(logging.WARNING, "httpmr")
    handler = aws.handler(master(slice_seconds=5))
    event = {"httpMethod": "GET", "path": "/", "headers": {}, "requestContext": {}}
    for _ in range(2):
        handler(event, Context(3))
    [said] = [record.getMessage() for record in caplog.records]
    assert "ends after 3.0 s" in said and "slice takes 5 s" in said and "6 s" in said
    caplog.clear()
    aws.handler(master(slice_seconds=5))(event, Context(30))
    aws.handler(httpmr.Site([master(slice_seconds=5)]))(event, Context(3))
    aws.handler(master(slice_seconds=5))(event, SimpleNamespace())
    assert not caplog.records


def test_without_apig_wsgi(monkeypatch):
    monkeypatch.setitem(sys.modules, "apig_wsgi", None)
    with pytest.raises(HttpmrError, match=r'pip install "httpmr\[aws\]"'):
        aws.handler(lambda *_: None)
