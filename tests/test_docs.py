"""What the guides say, held to it: every block of Python and every command in them is run."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from inspect import isclass

import pytest
from docslib import GUIDES, README, ROOT, blocks, commands, served

import httpmr
from httpmr import mappers, reducers, sinks, sources, stores, testing
from httpmr.cli import target
from httpmr.web.commands import commands as on_pages

MOUNT = "http://127.0.0.1:8000/wordcount"
DRIVING = ROOT / "docs" / "driving.md"
TEXT = {path.name: path.read_text("utf-8") for path in [README, *GUIDES]}


# App Engine's needs the SDK: test_appengine.py runs it where that is.
@pytest.mark.parametrize(
    "guide", [path for path in GUIDES if path.stem != "appengine"], ids=lambda path: path.stem
)
def test_its_python_runs(guide, here, tmp_path):
    """All of a guide is one module; where there are tests in it, they are run."""
    code = "\n\n".join(blocks(guide, "python"))
    module = tmp_path / "test_guide.py"
    module.write_text(code)
    command = [sys.executable, "-W", "error", "-W", "ignore:'cgi'", str(module)]
    if "class Test" in code:
        command[1:] = ["-m", "pytest", "-q", "-W", "error", str(module)]
        command[-1:] = ["-W", "ignore:'cgi'", "-p", "no:cacheprovider", str(module)]
    ran = subprocess.run(command, env=here, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("command", [command for command, _ in commands(DRIVING)])
def test_its_commands_drive(command, here):
    if "wget" in command and not shutil.which("wget"):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no wget")
    wordcount = target.master("wordcount.py")
    job = wordcount.start()
    drives = "JOB/TOKEN/" in command and "status" not in command
    with served(wordcount, "/wordcount") as address:
        mount = f"{address}/wordcount"
        link = wordcount.link("drive", mount, job) + "/"
        command = command.replace(f"{MOUNT}/JOB/TOKEN/", link).replace(MOUNT, mount)
        ran = subprocess.run(
            ["bash", "-c", command], env=here, capture_output=True, text=True, timeout=60
        )
    assert ran.returncode == 0, ran.stderr
    assert job.state == ("done" if drives else "running")
    if command.startswith("curl"):
        assert list(json.loads(ran.stdout)) == ["job", "url", "drive", "status"]


def test_it_gives_the_commands_that_pages_print():
    given = {re.sub(r"\s+", " ", command) for command, _ in commands(DRIVING)}
    assert given >= set(on_pages(f"{MOUNT}/JOB/TOKEN/").values())


def test_the_status_is_what_it_says(here):
    wordcount = target.master("wordcount.py")
    job = wordcount.start()
    with served(wordcount, "/wordcount") as address:
        url = wordcount.link("view", f"{address}/wordcount", job) + "/status"
        with urllib.request.urlopen(url) as answer:
            status = json.load(answer)
    [said] = re.findall(
        r"`status` below the link answers JSON: (.*?)\n\n", TEXT["driving.md"], re.S
    )
    assert {*status, *status["shards"]} == set(re.findall(r"`(\w+)`", said)[:15]) - {"Looking"}


def public():
    for menu in (httpmr, sources, sinks, stores, reducers, testing):
        yield from ((name, getattr(menu, name)) for name in menu.__all__)
    for name, value in vars(mappers).items():
        if isclass(value) and value.__module__ == mappers.__name__:
            yield name, value


def test_everything_public_is_documented():
    words = set(re.findall(r"\w+", " ".join(TEXT.values())))
    for name, value in public():
        assert name in words, f"{name} is in neither the README nor a guide"
        assert (value.__doc__ or "").strip(), f"{name} has no docstring"


def test_each_source_is_in_the_table_of_sources():
    rows = re.findall(r"^\| `(\w+)`.*\| `\1\(.*\)` \|$", TEXT["sources.md"], re.M)
    assert set(rows) >= set(sources.__all__)


def test_links_lead_somewhere():
    for guide in GUIDES:
        for path in re.findall(r"\]\(([^)#:]+)\)", TEXT[guide.name]):
            assert (guide.parent / path).exists(), f"{guide.name}: {path}"


def collected(path):
    """Return the names of the tests in a module, and in its classes."""
    body = ast.parse(path.read_text("utf-8")).body
    body += [node for kind in body if isinstance(kind, ast.ClassDef) for node in kind.body]
    names = [node.name for node in body if isinstance(node, ast.FunctionDef)]
    return {name for name in names if name.startswith("test_")}


@pytest.mark.parametrize(("guide", "least"), [("reliability.md", 91), ("replicas.md", 20)])
def test_each_test_that_holds_a_promise_is_there(guide, least):
    """And it is one: where there are several of a name, its file is named, too."""
    modules = [*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("httpmr/testing/*.py")]
    there = {path.name: collected(path) for path in modules if "appengine" not in path.parts}
    named = re.findall(r"`(?:(test_\w+\.py)::)?(test_\w+)`", TEXT[guide])
    assert len(named) >= least
    for file, name in named:
        found = [path for path in there if name in there[path] and file in ("", path)]
        assert len(found) == 1, f"{name} is in {found}"
