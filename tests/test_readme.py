"""What the README says, held to it: its code is run, its pictures are compared with the code."""

import doctest
import os
import re
import shutil
import subprocess

import flask
import pytest
from docslib import README, ROOT, blocks, commands, served
from test_floors import FLOORS
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from httpmr.state import TRANSITIONS
from httpmr.web.commands import WGET

TEXT = README.read_text("utf-8")


def test_the_first_screen_holds_it_all():
    first = "\n".join(TEXT.splitlines()[:40])
    for part in ("MapReduce for", "It needs", "Should I use it?", "httpmr.Master(", "the\t52"):
        assert part in first
    assert "DispatcherMiddleware" in first and "$ wget " in first


def test_the_word_count_prints_what_it_says(here):
    [(command, output)] = [(c, o) for c, o in commands(README) if c.startswith("httpmr run")]
    ran = subprocess.run(["bash", "-c", command], env=here, capture_output=True, text=True)
    assert (ran.stdout, ran.returncode) == (output, 0), ran.stderr


def test_the_session_goes_as_it_says(here):
    for block in blocks(README, "pycon"):
        test = doctest.DocTestParser().get_doctest(block, {}, "README", str(README), 0)
        failed, tried = doctest.DocTestRunner().run(test)
        assert tried and not failed


def test_it_is_mounted_and_driven_by_the_lines_it_gives(here):
    if not shutil.which("wget"):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no wget")
    from wordcount import wordcount

    app = flask.Flask("shop")
    mounting = {"app": app, "wordcount": wordcount, "DispatcherMiddleware": DispatcherMiddleware}
    exec(blocks(README, "python")[1], mounting)
    [line] = [command for command, _ in commands(README) if command.startswith("wget")]
    job = wordcount.start()
    with served(app) as address:
        link = wordcount.link("drive", f"{address}/wordcount", job)
        line = re.sub(r"http://\S+(?=/drive)", link, line)
        assert subprocess.run(["bash", "-c", line], env=here, timeout=60).returncode == 0
    assert job.state == "done"
    assert job.get("the") == [52]


def test_its_wget_is_the_one_that_pages_print():
    [line] = [command for command, _ in commands(README) if command.startswith("wget")]
    assert WGET.startswith(line.rpartition(" ")[0])


def test_its_two_commands_do_their_own_set_up():
    demo, tests = [command for command, _ in commands(README) if "venv" in command]
    for command in (demo, tests):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert demo.endswith("httpmr demo")
    assert tests.endswith("python -m pytest")


def test_the_picture_of_the_house_is_right():
    picture = {}
    for floor, rooms in re.findall(r"^ ?(\d+)  (.+)$", TEXT, re.M):
        picture[int(floor)] = set(re.split(" {3,}", rooms)[0].split())
    assert picture == {floor: set(rooms) for floor, rooms in FLOORS.items()}


def test_the_state_diagram_is_right():
    [diagram] = blocks(README, "mermaid")
    drawn = re.findall(r"^    (\w+) --> (\w+) : (.+)$", diagram, re.M)
    assert drawn == [
        (state, after, event)
        for state, events in TRANSITIONS.items()
        for event, after in events.items()
    ]


def test_its_links_lead_somewhere():
    for path in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (ROOT / path).exists(), path
