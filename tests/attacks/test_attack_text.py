"""What others wrote, wherever it is shown: in pages, in headers, in tables of numbers."""

import csv
import html
import io
import json
from urllib.parse import quote

import pytest
from attackslib import IMG, USER, Counting, ask, job_path, marks, site
from weblib import follow, stranger

from httpmr import counters
from httpmr.sources import TextFiles
from httpmr.web import Master

EVIL = (
    IMG,
    f'"{IMG}',
    f"'>{IMG}",
    '" onmouseover="alert(1)" x="',
    "javascript:alert(1)",
    f"</title></textarea></pre></code>{IMG}",
    "<script>alert(1)</script>",
    f"<!--{IMG}-->",
    "&lt;img src=x onerror=alert(1)&gt;",
    "{{ 7919 * 7907 }}{% print(7919 * 7907) %}",
)


def pages(made, job):
    """Every page of a site on which there may be text of others; (path, text)."""
    view, drive = (job_path(made, job, scope) for scope in ("view", "drive"))
    keys = [quote(key) for key in EVIL] + ["1", quote(json.dumps([EVIL[0], 0]))]
    paths = [("/", ""), (view, ""), (drive, ""), (drive + "drive", ""), (view + "drive-4", "")]
    paths += [(view + "output", ""), (view + "nothing", "")]
    paths += [
        (view + "output", f"{name}={key}") for key in keys for name in ("key", "after", "until")
    ]
    paths += [("/", f"before={key}") for key in keys]
    for path, query in paths:
        told = ask(made, path, query=query, **USER)
        if told.headers["Content-Type"].startswith("text/html"):
            yield path, told.text


def shows(made, job, *where):
    """Look at every page; each of `where` must be the name of what stands, escaped, on some."""
    seen = ""
    for path, text in pages(made, job):
        assert marks(text) == [], path
        assert str(7919 * 7907) not in text, path
        assert "<img" not in text and "<script>" not in text, path
        seen += text
    for text in where:
        assert html.escape(text, quote=False) in seen, text


@pytest.mark.parametrize("evil", EVIL)
def test_text_in_every_field_that_a_page_shows(evil):
    def mapper(key, line):
        if key.startswith("bad"):
            raise LookupError(f"the reason {evil}")
        counters.count(f"the counter {evil}")
        yield f"the key {evil}", f"the value {evil}"
        yield evil, [evil, {evil: evil}]
        yield (evil, 0), {evil}

    made = site({"a": "", f"bad {evil}": ""}, mapper=mapper)
    object.__setattr__(made.recipe, "name", f"the recipe {evil}")
    job = made.run()
    made.work.ledger.change(job.record, params={f"the parameter {evil}": f"said {evil}"})
    assert job.state == "done"
    plain = evil if '"' not in evil and "'" not in evil and "&" not in evil else ""
    names = ("counter", "key", "value", "recipe", "parameter", "reason")
    shows(made, job, *(f"the {name} {plain}" for name in names))


@pytest.mark.parametrize("evil", EVIL)
def test_text_in_what_a_job_stops_at(evil):
    def mapper(key, line):
        raise LookupError(f"the reason {evil}")

    made = site({f"the record {evil}": ""}, mapper=mapper, max_bad_records=0)
    job = made.start()
    follow(stranger(made), job_path(made, job, "drive") + "drive")
    assert job.state == "paused"
    plain = evil if '"' not in evil and "'" not in evil and "&" not in evil else ""
    shows(made, job, f"the reason {plain}", "the record ", "Traceback")


@pytest.mark.parametrize("evil", EVIL)
def test_text_in_the_name_of_who_asks(evil):
    """A user's, as `authorize` gives it, and a browser's or a program's, as it names itself."""
    made = site()
    who = {"HTTP_X_USER": f"ann {evil}", "HTTP_USER_AGENT": f"{evil}/1.0"}
    told = ask(made, "/jobs", "POST", body=b"{}", CONTENT_TYPE="application/json", **who)
    job = made.work.find(json.loads(told.body)["job"])
    view, drive = (job_path(made, job, scope) for scope in ("view", "drive"))
    paths = ("/", view, drive, view + "drive", view + "drive-4", view + "status")
    for act in ("pause", "resume", "", "cancel"):
        if not act:
            ask(made, drive + "step", "POST", **who)
            ask(made, ask(made, drive + "drive").headers["Location"], **who)
        csrf = f"csrf={made.tokens.csrf(who['HTTP_X_USER'], made.clock())}".encode()
        acted = ask(made, view + act, "POST" if act else "GET", body=csrf, **who)
        assert acted.status == (303 if act else 200)
        for path in paths:
            told = ask(made, path, **who)
            assert "<img" not in told.text and "<script>" not in told.text, path
            assert str(7919 * 7907) not in told.text


def test_text_in_the_names_of_files(tmp_path):
    path = tmp_path / f'{IMG}\n".txt'
    path.write_text("one\n")
    source = TextFiles(str(tmp_path / "*.txt"))
    made = Master(
        "files",
        source=source,
        mapper=lambda key, line: [(key, line)],
        store=Counting(),
        authorize=lambda request: request.environ.get("HTTP_X_USER"),
    )
    job = made.run()
    shows(made, job, IMG)
    told = ask(made, job_path(made, job, "view") + "output.csv")
    assert told.headers["Content-Disposition"] == f'attachment; filename="{job.id}.csv"'


def test_what_is_downloaded_is_no_page():
    made = site({"a": ""}, mapper=lambda key, line: [(IMG, IMG)])
    view = job_path(made, made.run(), "view")
    for rest, kind in (("output.csv", "text/csv"), ("output.jsonl", "application/jsonl")):
        told = ask(made, view + rest)
        assert told.headers["Content-Type"].startswith(kind)
        assert told.headers["X-Content-Type-Options"] == "nosniff"
        assert told.headers["Content-Disposition"].startswith("attachment")
    for query in ("", "key=" + quote(IMG), "limit=" + quote(IMG)):
        told = ask(made, view + "output", query=query, HTTP_ACCEPT="application/json")
        assert told.headers["Content-Type"] == "application/json"


# Headers

LINE = "\r\nX-Evil: 1\r\n\r\n<img src=x>"


@pytest.mark.parametrize(
    "environ",
    [
        {"SCRIPT_NAME": f"/a{LINE}"},
        {"SCRIPT_NAME": "//evil.example"},
        {"SCRIPT_NAME": "/\\evil.example"},
        {"SCRIPT_NAME": "/a;Path=/"},
        {"HTTP_HOST": f"example.org{LINE}"},
        {"HTTP_HOST": "evil.example/?"},
        {"HTTP_HOST": '"><img src=x>'},
        {"HTTP_HOST": "$(id)"},
        {"HTTP_ACCEPT": LINE, "HTTP_COOKIE": LINE, "HTTP_ORIGIN": LINE, "CONTENT_TYPE": LINE},
        {"HTTP_X_FORWARDED_HOST": "evil.example", "HTTP_X_FORWARDED_PROTO": LINE},
        {"QUERY_STRING": LINE},
    ],
)
def test_no_line_gets_into_a_header(environ):
    made = site()
    made.work.start_link()
    made.work.operate_generation(make=True)
    job = made.start()
    view = job_path(made, job, "view")
    paths = ["", "/", view[:-1], view, view + "drive", view + "output.csv", made.link("operate")]
    for path in [*paths, made.link("start"), "/" + LINE, view + LINE]:
        told = ask(made, path, **USER, **environ)
        said = str(told.list)
        assert "X-Evil" not in told.headers and "\\r" not in said and "\\n" not in said
        assert "\\" not in told.headers.get("Location", "")
    told = ask(
        made, "/jobs", "POST", body=b"{}", **USER, **{"CONTENT_TYPE": "application/json", **environ}
    )
    assert told.status in (201, 400, 403)
    assert "$(" not in told.text and "<img" not in told.text


def test_no_line_of_a_recipes_name_gets_into_a_header():
    made = site()
    object.__setattr__(made.recipe, "name", f"hiding{LINE}; Path=/")
    made.work.operate_generation(make=True)
    cookie = ask(made, made.link("operate")).headers["Set-Cookie"]
    assert cookie.count(";") == 3 and "Evil" not in cookie
    job = made.run()
    told = ask(made, job_path(made, job, "view") + "output.csv")
    assert told.headers["Content-Disposition"] == f'attachment; filename="{job.id}.csv"'


# Formulas

FORMULAS = [
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", '=HYPERLINK("http://evil")',
    "=cmd|' /C calc'!A0", "\uff1d1+1", "\uff0b1+1", "\uff0d1+1", "\uff201", '","=1+1', '"=1+1',
    "a\n=1+1", "a\r\n=1+1",
]  # fmt: skip


def test_no_cell_of_a_csv_begins_a_formula():
    made = site({"a": ""}, mapper=lambda key, line: [(text, text) for text in FORMULAS])
    told = ask(made, job_path(made, made.run(), "view") + "output.csv")
    rows = list(csv.reader(io.StringIO(told.text, newline="")))
    cells = [cell for row in rows[1:] for cell in row]
    assert len(rows) == 1 + len(FORMULAS) and len(cells) == 2 * len(FORMULAS)
    for cell in cells:
        assert cell[0] not in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20", cell
    assert {cell.removeprefix("'") for cell in cells} == set(FORMULAS)


# What a URL asks for is capped


@pytest.mark.parametrize("limit", ["1000000000", "9" * 5000, "1001", "000000000001001"])
def test_the_limit_of_a_page_is_the_servers(limit):
    made = site({"a": ""}, mapper=lambda key, line: [(n, n) for n in range(3000)])
    view = job_path(made, made.run(), "view")
    told = ask(made, view + "output", query=f"limit={limit}", HTTP_ACCEPT="application/json")
    assert told.status == 400 or 1 <= len(json.loads(told.body)["rows"]) <= 1000


def test_a_page_of_long_values_ends_early():
    made = site({"a": ""}, mapper=lambda key, line: [(n, ["x" * 200_000]) for n in range(30)])
    view = job_path(made, made.run(), "view")
    rows, after = [], ""
    while after is not None:
        asks = f"{view}output?limit=1000&after={after}"
        told = stranger(made).get(asks, headers={"Accept": "application/json"})
        assert len(told.body) < 5_000_000
        rows += told.json["rows"]
        after = told.json["next"]
    assert [key for key, _ in rows] == list(range(30))


def test_the_lanes_of_a_page_are_the_servers():
    made = site()
    told = ask(made, job_path(made, made.start(), "drive") + "drive-999")
    assert told.text.count('rel="next"') == 16


def test_a_slice_is_as_long_as_the_recipe_says():
    made = site()
    job = made.start()
    view = job_path(made, job, "view")
    seen = []
    step = made.work.stepper({}).step

    def noted(*args):
        seen.append(args[2])
        return step(*args)

    made.work.stepper({}).step = noted
    more = "slice_seconds=1e9&seconds=1e9&budget=1e9&records=1e9"
    ask(made, view + "step", "POST", more, json.dumps({"seconds": 1e9}).encode())
    ask(made, view + "go/1.s0.0.0.0", query=more)
    assert seen == [None, None]  # no budget of the caller's: the recipe's is taken
