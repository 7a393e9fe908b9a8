"""The examples, each run for real and compared with what plain Python says."""

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections import Counter

import pytest
from a2wsgi import ASGIMiddleware
from docslib import ROOT, served
from weblib import client, follow
from webtest import TestApp

from httpmr import driver
from httpmr.cli import target

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
MOUNTED = [path for path in EXAMPLES if "06" <= path.name < "10"]
TEXTS = {path.stem: path.read_text() for path in (ROOT / "examples" / "texts").glob("*.txt")}
COUNTS = Counter(re.findall(r"[a-z']+", "\n".join(TEXTS.values()).lower()))


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """Let each test have its own directory, for the databases, and its own modules."""
    modules, path = set(sys.modules), list(sys.path)
    monkeypatch.chdir(tmp_path)
    yield
    sys.path[:] = path
    for path in EXAMPLES:
        if path.stem not in modules:
            sys.modules.pop(path.stem, None)


def load(number, name=""):
    """Load an example as the command line loads its TARGET; return (application, Master)."""
    [path] = [path for path in EXAMPLES if path.name.startswith(number)]
    found = target.load(f"{path}{name}")
    [master] = found.masters.values()
    return found.application, master


def start(web, mount):
    """Start a job from outside; return the paths of its page and of its drive."""
    links = web.post_json(f"{mount}/jobs", {}, status=201).json
    return [re.sub("^http://[^/]*", "", links[name]) for name in ("url", "drive")]


def drive(web, mount=""):
    """Start a job, and follow its links to the end; return the path of its page."""
    page, first = start(web, mount)
    _, last = follow(web, first)[-1]
    assert (last.status_int, "Done." in last) == (200, True)
    return page


def rows(web, page):
    return [tuple(json.loads(line)) for line in web.get(f"{page}output.jsonl").text.splitlines()]


def python(*args):
    """Run a program that does not end with an error; return what it printed."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *map(str, args)]
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


# Each on its own


def test_01_word_count():
    app, master = load("01")
    web = client(app)
    page = drive(web)
    assert rows(web, page) == sorted(COUNTS.items())
    assert dict(master.run().output()) == COUNTS


def test_02_table_to_table():
    app, master = load("02")
    assert (master.recipe.num_mappers, master.recipe.num_reducers) == (50, 20)
    drive(client(app))
    with contextlib.closing(sqlite3.connect("posts.db")) as db:
        assert dict(db.execute("SELECT word, count FROM words")) == COUNTS


def test_03_document_index():
    app, master = load("03")
    web = client(app)
    page = drive(web)
    titles = {}
    for title, text in sorted(TEXTS.items()):
        for token in set(re.findall(r"\w+", text.lower())):
            titles.setdefault(token, []).append(title)
    assert rows(web, page) == sorted(titles.items())
    assert master.latest().get("hand") == [["jabberwocky", "ozymandias", "tyger"]]


def test_04_results_by_key():
    app, master = load("04", ":app")
    site, web = TestApp(app), client(master)
    site.get("/word/tyger", status=404)  # nothing is counted yet
    page = drive(web)
    start(web, "")  # while the next job runs, the newest that is done answers
    assert site.get("/word/tyger").text == f"tyger: {COUNTS['tyger']}\n"
    site.get("/word/lion", status=404)
    said = web.get(f"{page}output?key=tyger", headers={"Accept": "application/json"}).json
    assert said == {"key": "tyger", "values": [COUNTS["tyger"]]}
    web.get(f"{page}output?key=lion", status=404)


def test_05_backfill():
    app, master = load("05")
    drive(client(app))
    with contextlib.closing(sqlite3.connect("people.db")) as db:
        for name, surname in db.execute("SELECT name, surname FROM people"):
            assert surname == name.split()[-1]
    assert master.latest().counters == {"with a surname": 4, "with one name only": 1}
    assert master.run().status()["records"] == 0  # there is nothing left to fill in


# The same word count in each framework


def counted(web):
    """The word count at /wordcount/ of an application that has a page of its own."""
    assert "/wordcount/" in web.get("/")
    assert web.get("/wordcount").location.endswith("/wordcount/")
    assert "wordcount" in web.get("/wordcount/")
    web.get("/wordcount/nothing/here", status=404)
    page = drive(web, "/wordcount")
    assert rows(web, page) == sorted(COUNTS.items())


def test_06_flask():
    app, _ = load("06", ":app")
    counted(client(app))


def test_07_django():
    # A process has one Django in it, so this has a process of its own.
    program = f"""if True:
        import sys
        sys.path.insert(0, {str(ROOT / "tests")!r})
        import test_examples
        app, _ = test_examples.load("07", ":app")
        test_examples.counted(test_examples.client(app))
    """
    python("-c", program)


def test_08_starlette():
    app, _ = load("08", ":app")
    counted(client(ASGIMiddleware(app), REMOTE_PORT="50000"))


def test_09_wsgiref():
    app, master = load("09", ":app")
    with served(app) as address:
        job = master.start()
        link = master.link("drive", f"{address}/wordcount", job)
        status = driver.drive(f"{link}/drive", 2)
    assert status["state"] == "done"
    assert dict(job.output()) == COUNTS


def test_only_the_framework_differs():
    [whole] = {
        re.search(r"^TEXTS = .*^wordcount = .*?^\)\n", path.read_text(), re.M | re.S)[0]
        for path in [EXAMPLES[0], *MOUNTED]
    }
    assert len(whole.splitlines()) > 12


# All of them


def test_each_has_a_number_and_is_short():
    assert len({path.name[:2] for path in EXAMPLES if path.name[:2].isdigit()}) == len(EXAMPLES)
    for path in EXAMPLES:
        assert 15 <= len(path.read_text().splitlines()) <= 60, path.name


@pytest.mark.parametrize("path", EXAMPLES[:3] + EXAMPLES[4:5], ids=lambda path: path.stem)
def test_runs_as_a_program(path):
    assert len(python(path).splitlines()) >= 3
