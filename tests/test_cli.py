"""The commands as people type them: what they print, and how they end."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter

import pytest

from httpmr import driver
from httpmr.cli import show, target
from httpmr.cli.main import main
from httpmr.errors import TargetError
from httpmr.web.master import Master
from httpmr.web.plain import pair as line_of

WORDS = """
import os, pathlib
from httpmr.reducers import Sum
from httpmr.sinks import JSONLines
from httpmr.sources import Memory
from httpmr.web.master import Master

HERE = pathlib.Path(__file__).parent

def words(key, line):
    if line == "bad" and not (HERE / "mended").exists():
        raise ValueError("what a line")
    while line == "slow" and not (HERE / "mended").exists():
        (HERE / "reached").touch()
    for word in line.split():
        yield word, 1

application = Master("words", mapper=words, reducer=Sum(), num_mappers=2, num_reducers=2,
    source=Memory({1: "to be or", 2: LINE, 3: "not to be"}), store=f"sqlite:///{HERE}/jobs.db",
    slice_seconds=0.1)
"""
MANY = """
application = Master("words", mapper=words, reducer=Sum(), slice_seconds=0.02,
    source=Memory({n: f"a line of {n}" for n in range(4_000)}), store=f"sqlite:///{HERE}/jobs.db")
"""
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COUNTS = "be\t2\nnot\t1\nor\t1\nto\t2\n"


@pytest.fixture
def app(tmp_path):
    """Return a function that writes a module with a Master and returns its path."""

    def write(line="", more="", name="app.py"):
        path = tmp_path / name
        path.write_text(WORDS.replace("LINE", repr(line)) + more)
        return str(path)

    return write


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """Let no test see the modules and directories that another one imported."""
    modules = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    yield
    for name in set(sys.modules) - modules:
        if name.startswith(("app", "target_app", "broken", "empty")):
            del sys.modules[name]


@contextlib.contextmanager
def started(*args, **settings):
    """Run the real command beside the test; end it in any case."""
    env = os.environ | {"PYTHONPATH": ROOT}
    settings |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": env}
    process = subprocess.Popen([sys.executable, "-m", "httpmr", *args], **settings)
    with process:
        try:
            yield process
        finally:
            process.kill()


# TARGET


def test_the_only_master_needs_no_name(app):
    path = app(more="\nagain = application\n")
    found = target.load(path)
    assert isinstance(found.application, Master)
    assert found.masters == {"application": found.application}


@pytest.mark.parametrize("text", ["app.py", "app.py:application", "app", "app:application"])
def test_a_target_is_a_file_or_a_module(app, text):
    app()
    assert target.master(text).recipe.name == "words"


def test_a_file_finds_its_neighbours(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "app_lines.py").write_text(WORDS.replace("LINE", "''"))
    (tmp_path / "sub" / "app_main.py").write_text("from app_lines import application")
    assert target.master("sub/app_main.py").recipe.name == "words"


def test_a_file_may_be_called_as_a_module_that_is_there(app):
    assert target.master(app(name="json.py")).recipe.name == "words"
    assert json.dumps([]) == "[]"


def test_a_wsgi_application_is_found_with_the_masters_beside_it(app):
    path = app(more="\ndef site(environ, start_response): pass\n")
    found = target.load(f"{path}:site")
    assert found.application.__name__ == "site"
    assert list(found.masters) == ["application"]
    assert target.master(f"{path}:site").recipe.name == "words"


@pytest.mark.parametrize(
    ("text", "source", "reason"),
    [
        ("nowhere.py", None, "no file nowhere.py in "),
        ("app_nowhere", None, "no module app_nowhere in "),
        ("app_nowhere:name", None, "no module app_nowhere in "),
        ("a b", None, "no TARGET"),
        ("app.py:", None, "no TARGET"),
        ("empty.py", "", "has no Master at its top level"),
        ("empty.py:app", "", "has no 'app' at its top level"),
        ("empty.py:app", "app = 3", "is a int, neither a Master nor a WSGI application"),
        ("broken.py", "\n\n1 / 0", "broken.py, line 3: ZeroDivisionError: division by zero"),
        ("broken.py", "\ndef (", "broken.py, line 2: SyntaxError: invalid syntax"),
        ("broken", "\nimport app_nowhere", "broken.py, line 2: ModuleNotFoundError: No module"),
        ("broken.py", "raise SystemExit(3)", "broken.py, line 1: SystemExit: 3"),
        (
            "broken.py",
            "from httpmr.sources import TextFiles\nTextFiles()",
            "broken.py, line 2: RecipeError: TextFiles needs",
        ),
    ],
)
def test_a_target_that_is_none_says_why_in_one_line(tmp_path, capsys, text, source, reason):
    if source is not None:
        (tmp_path / f"{text.partition(':')[0].removesuffix('.py')}.py").write_text(source)
    assert main(["run", text]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert said.count("\n") == 1
    assert said.startswith("httpmr: ")


def test_several_masters_are_named(app):
    path = app(more="\nimport copy\nother = copy.copy(application)\n")
    with pytest.raises(TargetError, match=r"2 Masters.*app.py:application, .*app.py:other"):
        target.load(path)
    assert target.master(f"{path}:other").recipe.name == "words"


# run


@pytest.mark.parametrize("processes", ["1", "2"])
def test_run_prints_stored_output(app, capfd, processes):
    assert main(["run", app(), "-j", processes]) == 0
    out, err = capfd.readouterr()
    assert out == COUNTS
    assert "words: done, 3 records in " in err


@pytest.mark.parametrize(
    ("pair", "line"),
    [
        (("word", 3), "word\t3"),
        (("été", "naïve"), "été\tnaïve"),
        (("10", '"'), '10\t"'),
        (("a\tb", "c\nd"), '"a\\tb"\t"c\\nd"'),
        (("\u2028", "\udc00"), '"\\u2028"\t"\\udc00"'),
        ((("a", 1), [1.5, None, True]), '["a", 1]\t[1.5, null, true]'),
        ((1, {"é": "\t"}), '1\t{"é": "\\t"}'),
        ((1, {"é": "\u2028"}), '1\t{"\\u00e9": "\\u2028"}'),
        ((b"\x00", frozenset([1])), '{"$bytes": "AA=="}\t{"$frozenset": [1]}'),
    ],
)
def test_a_pair_is_one_line(pair, line):
    assert line_of(*pair) == line


PARAMS = """
import dataclasses
from typing import Literal

@dataclasses.dataclass
class Params:
    word: Literal["to", "be"]
    times: int = 2
    two_words: bool = False

application = Master("asked", params=Params, store=f"sqlite:///{HERE}/jobs.db", num_mappers=2,
    source=lambda p: Memory({n: p.word for n in range(p.times)}), mapper=words, reducer=Sum())
"""


def test_run_takes_the_recipes_own_parameters(app, capsys):
    path = app("x", PARAMS)
    assert main(["run", path, "--word", "be", "--times=5"]) == 0
    assert capsys.readouterr().out == "be\t5\n"
    assert main(["run", path, "--two-words", "--word", "to", "-j", "1"]) == 0
    assert capsys.readouterr().out == "to\t2\n"
    assert main(["run", path, "--word", "to", "--sample", "1"]) == 0
    assert "1 records emit 1 pairs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "word: is required"),
        (["--word", "or", "--times", "x"], "word: to, be, not 'or'; times: a whole number"),
        (["--colour", "red"], "unrecognized arguments: --colour red; the parameters are --word"),
        (["--word"], "argument --word: expected one argument"),
        (["--word", "to", "--resume"], "a job that is resumed has its parameters already"),
    ],
)
def test_wrong_parameters_are_one_line(app, capsys, flags, said):
    assert main(["run", app("x", PARAMS), *flags]) == 2
    out, err = capsys.readouterr()
    assert said in err and err.count("\n") == 1 and not out


def test_a_start_link_keeps_its_parameters(app, capsys):
    path = app("x", PARAMS)
    assert main(["link", path, "start", "--word", "to"]) == 0
    work = target.master(path).work
    assert work.links.follow(0)[0]["params"] == {"word": "to", "times": 2, "two_words": False}
    assert main(["link", path, "operate", "--word", "to"]) == 2
    assert "parameters are for a start link" in capsys.readouterr().err


def test_other_commands_take_no_flags_they_do_not_know(app, capsys):
    assert main(["run", app("x"), "--limit", "3"]) == 2
    assert "the recipe words takes no parameters: --limit" in capsys.readouterr().err
    with pytest.raises(SystemExit) as exit:
        main(["status", "http://localhost/", "--limit"])
    assert exit.value.code == 2


def test_run_tries_a_sample_and_writes_nothing(app, capsys, tmp_path):
    path = app("to be", "print('loaded')")
    assert main(["run", path, "--sample", "2"]) == 0
    out, err = capsys.readouterr()
    lines = [[cell.strip() for cell in line.split("|")] for line in out.splitlines()]
    assert ["1  to be or", "be  2"] in lines and ["> to  1", "or  1"] in lines
    assert "2 records emit 5 pairs, which come to 3 results; nothing was written" in err
    assert "about 3" in err
    assert not (tmp_path / "jobs.db").exists()


def test_a_sample_that_fails_says_of_which_record(app, capsys):
    assert main(["run", app("bad"), "--sample", "200"]) == 1
    out, err = capsys.readouterr()
    assert "record 2: ValueError: what a line (app.py, line 12)" in err
    assert "! ValueError: what a line" in out


@pytest.mark.parametrize("count", ["0", "x", "10001"])
def test_a_sample_is_of_some_records(app, capsys, count):
    with pytest.raises(SystemExit) as exit:
        main(["run", app("x"), "--sample", count])
    assert exit.value.code == 2
    assert "a number from 1 to 10,000" in capsys.readouterr().err


def test_run_says_where_the_output_of_another_sink_is(app, capsys, tmp_path):
    path = app(
        more="\napplication = Master('words', mapper=words, source=Memory({1: 'a'}),"
        " sink=JSONLines(HERE / 'out.jsonl'), store=f'sqlite:///{HERE}/jobs.db')\n"
    )
    assert main(["run", path]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "out.jsonl" in err
    assert (tmp_path / "out.jsonl").exists()


def test_a_paused_run_says_what_is_wrong_and_goes_on(app, capsys, tmp_path):
    path = app(line="bad")
    assert main(["run", path]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "words: paused in map" in err
    assert "what a line" in err
    assert f"httpmr run {path} --resume (or skip it: " in err
    (tmp_path / "mended").touch()
    assert main(["run", path, "--resume"]) == 0
    assert capsys.readouterr().out == COUNTS.replace("be\t", "bad\t1\nbe\t")


def test_there_may_be_nothing_to_resume(app, capsys):
    assert main(["run", app(), "--resume"]) == 2
    assert "nothing to resume" in capsys.readouterr().err


def test_input_that_is_not_there_is_one_line(app, capsys):
    path = app(
        more="\nfrom httpmr.sources import TextFiles\n"
        "application = Master('words', mapper=words, source=TextFiles('none/*.txt'),"
        " store=f'sqlite:///{HERE}/jobs.db')\n"
    )
    assert main(["run", path]) == 2
    assert re.fullmatch("httpmr: no file matches .*\n", capsys.readouterr().err)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_an_interrupted_run_loses_nothing(app, tmp_path, processes):
    path = app(line="slow")
    with started("run", path, "-j", processes, start_new_session=True) as process:
        while not (tmp_path / "reached").exists():
            assert process.poll() is None, process.communicate()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        out, err = process.communicate(timeout=5)
    assert process.returncode == 130
    assert out == ""
    assert "nothing is lost" in err
    assert "Traceback" not in err
    (tmp_path / "mended").touch()
    with started("run", path, "--resume") as process:
        assert process.communicate(timeout=30)[0] == COUNTS.replace("to\t", "slow\t1\nto\t")


def test_a_run_in_the_background_goes_on_after_ctrl_c(app, tmp_path):
    path = app(line="slow")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as shells do for what ends in &
    with started("run", path, "-j", "2", start_new_session=True) as process:
        signal.signal(signal.SIGINT, before)
        while not (tmp_path / "reached").exists():
            assert process.poll() is None, process.communicate()
        os.killpg(process.pid, signal.SIGINT)
        (tmp_path / "mended").touch()
        assert process.communicate(timeout=30)[0] == COUNTS.replace("to\t", "slow\t1\nto\t")


def test_code_that_would_end_the_process_is_a_bad_record(app, capsys):
    path = app(
        more="\ndef leave(key, line):\n    raise SystemExit\n"
        "application = Master('words', mapper=leave, source=Memory({1: 'a'}),"
        " store=f'sqlite:///{HERE}/jobs.db')\n"
    )
    assert main(["run", path]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "record 1: SystemExit (app.py, line " in err
    assert f"put that right, then go on with httpmr run {path} --resume" in err


def test_a_signal_that_means_the_end_ends_it(app, tmp_path):
    path = app(
        line="slow",
        more="\nimport signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\n",
    )
    with started("run", path) as process:
        while not (tmp_path / "reached").exists():
            assert process.poll() is None, process.communicate()
        process.terminate()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "told to end; nothing is lost: go on with httpmr run" in err
    (tmp_path / "mended").touch()
    with started("run", path, "--resume") as process:
        assert process.communicate(timeout=30)[0] == COUNTS.replace("to\t", "slow\t1\nto\t")


@pytest.mark.parametrize("processes", ["1", "2"])
def test_what_user_code_prints_is_not_among_the_results(app, processes):
    path = app(
        more="\ndef loud(key, line):\n    print('here')\n    return [(line, key)]\n"
        "application = Master('words', mapper=loud, source=Memory({1: 'a'}),"
        " store=f'sqlite:///{HERE}/jobs.db')\n"
    )
    with started("run", path, "-j", processes) as process:
        out, err = process.communicate(timeout=30)
    assert out == "a\t1\n"
    assert "here\n" in err


def test_a_run_that_was_paused_has_nothing_to_skip(app, capsys):
    path = app(
        more="\ndef rest(key, line):\n    application.work.pause(application.jobs()[0].id)\n"
        "    return []\n"
        "application = Master('words', mapper=rest, source=Memory({1: 'a'}),"
        " store=f'sqlite:///{HERE}/jobs.db')\n"
    )
    assert main(["run", path]) == 1
    assert capsys.readouterr().err.endswith(f"\ngo on with httpmr run {path} --resume\n")


def test_a_reader_that_has_had_enough_is_no_error(app):
    path = app(line=" ".join(f"word{n}" for n in range(30_000)))
    with started("run", path) as process:
        assert process.stdout.readline() == "be\t2\n"
        process.stdout.close()
        err = process.stderr.read()
        process.wait(timeout=10)
    assert process.returncode == 0
    assert "rror" not in err


# serve, drive, status, link


@pytest.fixture
def served(app):
    """Serve the application; return (its site, the console's address that was printed)."""
    with started("serve", app(), "--port", "0") as process:
        line = process.stdout.readline()
        console = line.split()[-1]
        yield console.partition("/operate/")[0], console, process


def test_a_site_is_served_with_the_console_of_each(app):
    path = app(more="\nfrom httpmr import Site\nsite = Site([application])\n")
    with started("serve", f"{path}:site", "--port", "0") as process:
        line = process.stdout.readline()
        operate = line.split()[-1]
        assert "/words/operate/" in operate
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with browser.open(operate) as page:
            assert page.url.endswith("/words/") and b"All recipes" in page.read()


@pytest.mark.parametrize("proxy", ["X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Via"])
def test_what_comes_by_way_of_a_proxy_is_not_local(app, proxy):
    path = app(more="\nimport httpmr\napplication.authorize = httpmr.allow_local\n")
    with started("serve", path, "--port", "0") as process:
        site = process.stdout.readline().split()[-1].partition("/operate/")[0]
        urllib.request.urlopen(f"{site}/").close()
        with pytest.raises(urllib.error.HTTPError, match="403") as refused:
            urllib.request.urlopen(urllib.request.Request(f"{site}/", headers={proxy: "192.0.2.1"}))
        refused.value.close()


def post_job(console):
    """Start a job as an operator does; return what the Master answers."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    opener.open(console).close()
    request = urllib.request.Request(
        console.partition("/operate/")[0] + "/jobs", b"{}", {"Content-Type": "application/json"}
    )
    with opener.open(request) as answer:
        return json.load(answer)


def test_a_job_is_served_driven_and_looked_at(served, capsys):
    _, console, _ = served
    job = post_job(console)
    assert main(["status", job["status"]]) == 0
    assert re.search(r"words\n  job +\w+-\w+\n  state +running\n", capsys.readouterr().out)
    assert main(["drive", job["drive"], "-j", "2"]) == 0
    assert "words: done, 3 records in " in capsys.readouterr().err
    assert main(["status", job["url"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "done"


def test_start_links_are_made_and_revoked(served, app, capsys):
    site, _, _ = served
    assert main(["link", app(), "start", "--every", "1d", "--base", f"{site}/"]) == 0
    out, err = capsys.readouterr()
    link = out.strip()
    assert link.startswith(f"{site}/start/")
    assert "wget -q -r -l inf -nd -e robots=off" in err
    assert main(["drive", link]) == 0
    assert main(["drive", link]) == 0  # joins the job of that day
    assert len(target.master(app()).jobs()) == 1
    assert main(["link", app(), "start", "--revoke"]) == 0
    assert main(["drive", link]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"httpmr: {site}: no such")


def test_operators_links_are_made_and_revoked(served, app, capsys):
    site, console, _ = served
    assert main(["link", app(), "operate"]) == 0
    out, err = capsys.readouterr()
    assert site + out.strip() == console
    assert "--base" in err
    assert main(["link", app(), "operate", "--revoke"]) == 0
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(console)
    refused.value.close()
    assert refused.value.code == 404


def test_replicas_work_by_a_link_that_is_made_and_revoked(served, app, capsys, monkeypatch):
    site, console, _ = served
    job = post_job(console)
    assert main(["link", app(), "replica", "--base", site]) == 0
    out, err = capsys.readouterr()
    link = out.strip()
    assert f"httpmr replica {link}" in err
    monkeypatch.setenv("HTTPMR_TARGET", app())
    assert main(["replica", link, "--idle", "1s", "--name", "my desk!"]) == 0
    err = capsys.readouterr().err
    name = re.search(r"^replica (my-desk-\w{4}) of words, for http://127", err, re.M)[1]
    assert f"replica {name}: " in err and f"replica {name} ends: nothing was to be done" in err
    assert main(["status", job["status"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "done"
    assert main(["link", app(), "replica", "--revoke"]) == 0
    assert main(["replica", link, app()]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"httpmr: {site}: 404 no such")


def test_a_replica_needs_a_link_and_the_code(app, capsys, monkeypatch):
    monkeypatch.delenv("HTTPMR_TARGET", raising=False)
    assert main(["replica", "http://localhost/x", app()]) == 2
    assert "no replica's link: one ends in /replica/TOKEN" in capsys.readouterr().err
    assert main(["replica", "http://localhost/replica/AAAA"]) == 2
    assert "No code comes from the primary: name it" in capsys.readouterr().err


def test_links_of_a_job_are_made_and_revoked(served, app, capsys):
    site, console, _ = served
    job = post_job(console)
    assert main(["link", app(), job["job"], "--base", site]) == 0
    out, err = capsys.readouterr()
    assert out == f"{job['url']}\n{job['drive']}\n" and "drives the job" in err
    assert main(["link", app(), job["job"], "--revoke"]) == 0
    assert f"every link of the job {job['job']} is revoked" in capsys.readouterr().err
    for old in (job["url"], job["drive"]):
        assert main(["drive", old]) == 2
    assert main(["link", app(), job["job"], "--base", site]) == 0
    view, drive = capsys.readouterr().out.split()
    assert main(["drive", drive]) == 0
    assert main(["status", view]) == 0


def test_a_link_of_what_is_no_job_is_one_line(app, capsys):
    for more in ([], ["--revoke"]):
        assert main(["link", app(), "strat", *more]) == 2
        assert re.fullmatch("httpmr: there is no job 'strat' .*\n", capsys.readouterr().err)


def test_a_served_application_stops_at_once(served):
    *_, process = served
    assert process.stderr.readline().endswith("until Ctrl-C\n")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=5)
    assert process.returncode == 0
    assert "Traceback" not in err


def test_a_port_in_use_is_one_line(app, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert main(["serve", app(), "--port", port]) == 2
    assert re.fullmatch(r"httpmr: port \d+ .* is in use.*\n", capsys.readouterr().err)


def test_a_server_that_is_killed_and_started_again_loses_nothing(app):
    path = app(more=MANY)
    with contextlib.ExitStack() as servers:
        first = servers.enter_context(started("serve", path, "--port", "0"))
        console = first.stdout.readline().split()[-1]
        port = console.split(":")[2].partition("/")[0]

        def kill(status):
            if status.get("records", 0) and first.poll() is None:
                first.kill()
                first.wait()
                again = servers.enter_context(started("serve", path, "--port", port))
                assert again.stdout.readline().split()[-1] == console

        status = driver.drive(post_job(console)["drive"], 2, progress=kill)
        assert first.poll() is not None
    assert (status["state"], status["records"]) == ("done", 4_000)
    output = dict(target.master(path).latest().output())
    assert output == Counter(word for n in range(4_000) for word in f"a line of {n}".split())


def test_drive_ends_with_1_where_the_job_stops(app, capsys, tmp_path):
    with started("serve", app(line="bad"), "--port", "0") as process:
        job = post_job(process.stdout.readline().split()[-1])
        assert main(["drive", job["url"]]) == 1
    assert "words: paused in map" in capsys.readouterr().err


def test_drive_ends_with_2_where_nobody_is(capsys):
    assert main(["drive", "http://localhost/"]) == 2
    assert "no job's link" in capsys.readouterr().err


# The rest


def test_demo_ends_by_itself():
    with started("demo") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert re.search(r"^  heappush +heapq, ", out, re.MULTILINE)
    assert re.search(r"^The console: http://127\.0\.0\.1:\d+/operate/", out, re.MULTILINE)
    assert "library: done" in err


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["fly"],
        ["run"],
        ["run", "app.py", "-j", "0"],
        ["run", "app.py", "-j", "many"],
        ["serve", "app.py", "--port", "http"],
        ["link", "app.py", "start", "--every", "day"],
    ],
)
def test_wrong_usage_ends_with_2(args, capsys):
    with pytest.raises(SystemExit) as end:
        main(args)
    assert end.value.code == 2
    assert "usage: httpmr" in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert re.fullmatch(r"httpmr \S.*\n", capsys.readouterr().out)


def test_what_is_not_installed_is_named_with_its_remedy(app, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "waitress", None)
    assert main(["serve", app()]) == 2
    assert 'pip install "httpmr[cli]"' in capsys.readouterr().err


def test_a_terminal_gets_a_bar_where_there_is_one(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert isinstance(show.watch(), show.Bar)
    monkeypatch.setitem(sys.modules, "rich", None)
    assert isinstance(show.watch(), show.Lines)


def test_a_bar_takes_whatever_a_status_says():
    with show.Bar() as bar:
        bar({"state": "running"})
        bar({"state": "running", "recipe": "[b]", "phase": "map", "progress": 1.0, "records": 3})
        assert bar.bar.tasks[0].percentage == 99  # all is not done before the job is
        bar({"state": "running", "trouble": "\x1b[2J"})
        assert bar.bar.tasks[0].fields["note"] == "no answer (\ufffd[2J); trying again"


def test_progress_in_a_log_is_a_line_a_phase(capsys):
    now = [0.0]
    lines = show.Lines(clock=lambda: now[0])
    at = {"state": "running", "phase": "map", "progress": 0.5, "records": 1234}
    for status in (at, at, at | {"trouble": "refused"}, at | {"trouble": "refused"}):
        lines(status)
    now[0] = 10.0
    lines(at | {"progress": 0.999})
    lines(at | {"phase": "reduce", "progress": 1.0, "state": "done"})
    assert capsys.readouterr().err.splitlines() == [
        "map: 50 %, 1,234 records",
        "no answer (refused); trying again",
        "map: 99 %, 1,234 records",
    ]


def test_what_a_server_says_cannot_move_the_cursor(capsys):
    show.say(show.account({"state": "failed", "error": "\x1b[2Jgone\r\n"}))
    assert capsys.readouterr().err == "job: failed: \ufffd[2Jgone\ufffd\ufffd\n"
