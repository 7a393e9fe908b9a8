"""What a request cannot make the server do: fetch, open, start or unpickle anything; or tell."""

import ast
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from attackslib import HIDDEN, USER, Counting, ask, job_path, site, watched
from webob import Request

import httpmr
from httpmr.sources import SQLTable, TextFiles
from httpmr.stores import SQLStore
from httpmr.web import Master
from httpmr.web.console import facts

PACKAGE = Path(httpmr.__file__).parent
URLS = (
    "http://127.0.0.1:9/", "https://evil.example/x", "//evil.example/", "ftp://127.0.0.1/",
    "file:///etc/passwd", "gopher://127.0.0.1:6379/", "sqlite:////etc/passwd", "evil.example",
)  # fmt: skip
PATHS = (
    "../../../../etc/passwd", "/etc/passwd", "..%2f..%2fetc%2fpasswd", "....//....//etc/passwd",
    "%2e%2e/%2e%2e/etc/passwd", "..\\..\\etc\\passwd", "/etc/passwd%00.css", "\0/etc/passwd",
    "file:///etc/passwd", "~root/.ssh/id_rsa", "/proc/self/environ",
)  # fmt: skip
JSON = {"CONTENT_TYPE": "application/json"}


def asked_everywhere(made, job, text):
    """Ask for `text` in every place where a request can say something."""
    view = job_path(made, job, "view")
    said = {
        "HTTP_REFERER": text, "HTTP_ORIGIN": text, "HTTP_X_FORWARDED_HOST": text,
        "HTTP_X_ORIGINAL_URL": text, "HTTP_X_REWRITE_URL": text, "HTTP_FORWARDED": f"host={text}",
        "HTTP_DESTINATION": text, "HTTP_COOKIE": f"next={text}",
    }  # fmt: skip
    fields = "&".join(f"{name}={quote(text)}" for name in ("key", "after", "until", "url", "next"))
    key = "key=" + quote(f'["{text}", 0]')
    for path in ("/", view, view + "output", view + "output.csv", view + "drive", view + "status",
                 "/start/x", "/operate/x", "/static/style.css"):  # fmt: skip
        for query in (fields, key, f"next={text}", f"after={quote(text)}&before={quote(text)}"):
            yield ask(made, path, query=query, **USER, **said)
    body = f'{{"url": {ascii(text)!r}, "store": "{quote(text)}"}}'.encode()
    for path in ("/jobs", view + "step", view + "pause", view + "resume"):
        yield ask(made, path, "POST", fields, body, **USER, **JSON)
        yield ask(made, path, "POST", fields, fields.encode(), **USER, **said)
    for path in ("/static/", "/", view, view + "output", view + "go/", "/start/", "/operate/"):
        yield ask(made, path + text, **USER)


@pytest.fixture
def files(tmp_path):
    """A site that reads a folder, beside which lies a file that is none of its business."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("one\ntwo\n")
    (tmp_path / "beside.txt").write_text(HIDDEN)
    made = Master(
        "files",
        source=TextFiles(str(tmp_path / "in" / "*.txt")),
        mapper=lambda key, line: [(key, line)],
        store=Counting(),
        authorize=lambda request: request.environ.get("HTTP_X_USER"),
    )
    made.sleep = lambda seconds: None
    return made


def test_no_request_makes_the_server_fetch_or_open_anything():
    made = site()
    job = made.run()
    list(asked_everywhere(made, job, "warm"))  # templates are read and modules imported once
    for text in (*URLS, *PATHS):
        with watched() as seen:
            for told in asked_everywhere(made, job, text):
                assert not told.headers.get("Location", "/").startswith(text)
                assert "root:" not in told.text
        assert seen == [], text


def test_what_is_watched_is_seen(tmp_path):
    with watched() as seen:
        (tmp_path / "x").write_text("")
    assert [event for event, _ in seen] == ["open"]


def test_a_slice_opens_the_files_of_the_source_alone(files, tmp_path):
    job = files.start()
    view = job_path(files, job, "view")
    ask(files, view + "step", "POST")
    beside = str(tmp_path / "beside.txt")
    with watched() as seen:
        for n in range(40):
            for text in (beside, "../beside.txt", *PATHS[:3]):
                ask(files, f"{view}go/{n}.m0.{n}.0.0", query=f"file={text}&after={text}")
                told = ask(files, view + "step", "POST", f"path={text}", text.encode())
    assert told.status == 200 and job.state == "done"
    opened = {str(args[0]) for event, args in seen if event == "open"}
    assert opened and all(path.startswith(str(tmp_path / "in")) for path in opened)
    assert HIDDEN not in ask(files, view + "output.jsonl").text


def test_no_key_names_a_file(files, tmp_path):
    job = files.run()
    list(asked_everywhere(files, job, "warm"))
    for path in (str(tmp_path / "beside.txt"), f"{tmp_path}/in/../beside.txt", *PATHS):
        with watched() as seen:
            for told in asked_everywhere(files, job, path):
                assert HIDDEN not in told.text and "root:" not in told.text
        assert seen == []


def names_in(path):
    """Yield the modules that a file imports and the functions it calls by name."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield f"{node.func.id}()"
        elif isinstance(node, ast.Attribute):
            yield f".{node.attr}"


def test_nothing_is_unpickled_and_no_class_is_found_by_name():
    allowed = {
        "sql/shapes.py": {"eval()"},  # a dict of columns by their repr: see the next test
        "cli/target.py": {".import_module", "importlib"},  # TARGET, as the operator types it
        "contrib/hadoop/__main__.py": {".import_module", "importlib"},  # the same
        "contrib/python2.py": {"compile()", "exec()"},  # FILE, likewise
    }
    never = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml", "eval()",
             "exec()", "compile()", "__import__()", ".import_module", ".find_class"}  # fmt: skip
    for path in PACKAGE.rglob("*.py"):
        here = path.relative_to(PACKAGE).as_posix()
        found = never & set(names_in(path))
        assert found <= allowed.get(here, set()), here


def test_what_serves_requests_can_fetch_no_url():
    posts = {"webhook.py", "sinks/outbox.py"}  # to a URL that stands in the recipe
    client = {"urllib3", "requests", "httpx", "aiohttp", "http", "socket", "ftplib", "subprocess"}
    for path in PACKAGE.rglob("*.py"):
        here = path.relative_to(PACKAGE)
        served = here.parts[0] not in ("cli", "driver", "replica", "testing", "contrib")
        if served and here.as_posix() not in posts:
            assert not client & set(names_in(path)), here
            assert "urllib.request" not in path.read_text("utf-8"), here


def test_the_name_of_a_column_is_no_code():
    from httpmr.sql.shapes import _dicts

    names = ["a'): __import__('os').abort() #", "b\\'", '"', "\n", "{", "x: 1}", "\ud800"]
    [row] = _dicts(names, 7)([range(7)])
    assert row == dict(zip(names, range(7), strict=True))


# What is told


def test_records_are_in_no_log(caplog):
    caplog.set_level(logging.DEBUG)
    made = site()
    job = made.run()
    view = job_path(made, job, "view")
    for rest in ("", "output", "output.csv", "status", "drive"):
        assert ask(made, view + rest).status == 200
    for query in (f"key={HIDDEN} key 1", f"key={HIDDEN}", 'key={"x":1}'):
        ask(made, view + "output", query=query)
    assert ask(made, view + "output", query=f"key={quote(HIDDEN + ' key 1')}").status == 200
    assert job.bad_records and f"job {job.id} map 0.0: " in caplog.text
    assert HIDDEN not in caplog.text
    for scope in ("drive", "view"):
        assert made.tokens.make(scope, 0, job.id) not in caplog.text
    assert made.work.secret.hex() not in caplog.text


def test_an_error_of_the_database_is_logged_without_its_values(tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "httpmr")
    made = site(store=f"sqlite:///{tmp_path / 'x.db'}", reducer=None)
    job = made.start()
    view = job_path(made, job, "view")
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute(
            "CREATE TRIGGER t BEFORE INSERT ON httpmr BEGIN SELECT no_such_function(1); END"
        )
    told = unsound(made, view + "step", "POST")
    while told.status < 500:
        told = unsound(made, view + "step", "POST")
    assert told.status == 500 and "no_such_function" not in told.text
    assert "no_such_function" in caplog.text and "hidden" in caplog.text
    assert HIDDEN not in caplog.text


def unsound(made, path, method="GET", **environ):
    """Ask for what must fail: the store is broken."""
    request = Request.blank(path, method=method)
    request.environ.update(environ)
    answer = request.get_response(made)
    return SimpleNamespace(status=answer.status_int, text=answer.text)


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_store_that_is_away_tells_strangers_nothing_of_itself(kind, caplog):
    caplog.set_level(logging.DEBUG)
    made = site(store=f"{kind}://shop:hunter2@127.0.0.1:1/things")
    for path in ("/abcdef-1/AAAA/", "/abcdef-1/AAAA/drive", "/start/AAAA/", "/operate/AAAA", "/"):
        told = unsound(made, path)
        assert told.status in (403, 503), told.text
        assert not [
            word for word in ("127.0.0.1", "shop", "hunter2", "things") if word in told.text
        ]
    told = unsound(made, "/", **USER)  # an operator is told what is wrong
    assert told.status == 503 and "127.0.0.1" in told.text
    assert "hunter2" not in told.text + caplog.text
    assert "127.0.0.1" in caplog.text  # and so is the log


def test_the_password_of_a_database_is_on_no_page_and_in_no_log(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    made = site(store=f"sqlite:///{tmp_path / 'x.db'}")
    table = SQLTable("postgresql://ann:hunter2@127.0.0.1:1/x?sslpassword=hunter3", "words", key="w")
    object.__setattr__(made.recipe, "source", table)
    told = ask(made, "/", **USER)
    assert "SQLTable" in told.text and "127.0.0.1" in told.text
    away = SQLStore("mysql://ann:hunter2@127.0.0.1:1/x")
    assert "hunter" not in told.text + caplog.text + repr(away)


@pytest.mark.parametrize(
    "said",
    ["postgresql://ann:hunter2@db/x", "postgresql://db/x?user=ann&password=hunter2",
     "mysql://ann:hunter2@db/x?ssl_key_password=hunter2&charset=utf8", "s3://key:hunter2@bucket/*.csv",
     "https://store/x?token=hunter2", "postgresql://db/x?PASSWORD=hunter2"],
)  # fmt: skip
def test_what_a_recipe_is_made_of_is_shown_without_passwords(said):
    class Odd(httpmr.sources.Memory):
        def __repr__(self):
            return f"Odd({said!r})"

    made = site()
    object.__setattr__(made.recipe, "source", Odd({}))
    shown = facts(made.recipe, made.work.store)["source"]
    assert "hunter2" not in shown and "://" in shown
