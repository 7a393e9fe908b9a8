"""`httpmr octopy server` and `client`, as people type them: who comes when, and who is killed."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from httpmr.cli import octopy as command
from httpmr.cli import serve
from httpmr.cli.main import main
from httpmr.contrib import octopy
from httpmr.errors import HttpmrError

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SLOW = """
import os, time
source = ["line %d of some" % n for n in range(20)]

def mapfn(key, value):
    if key in (4, 15):
        print "at", key, os.getpid()
        open("reached-%d" % key, "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
    for word in value.split():
        yield word, key

def reducefn(key, values):
    return len(values)

def final(key, value):
    print "final", os.getpid(), key, value
"""
RESULTS = sorted([*((str(n), 1) for n in range(20)), ("line", 20), ("of", 20), ("some", 20)])
WORDS = """
source = ["to be or", "not to be"]
def mapfn(key, value):
    for word in value.split():
        yield word, 1 / WHAT
def reducefn(key, values):
    return sum(values)
def final(key, value):
    print(key, value)
"""


@pytest.fixture
def port():
    return free()


@pytest.fixture(autouse=True)
def there(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(command, "LAST_LOOK", 1.0)  # a client of this process waits no longer
    yield
    sys.modules.pop("program", None)


@contextlib.contextmanager
def started():
    """Yield a function that runs the real command; none of its processes outlives the test."""
    processes = []

    def start(*args):
        env = os.environ | {"PYTHONPATH": ROOT}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        command = [sys.executable, "-m", "httpmr", "octopy", *args]
        processes.append(subprocess.Popen(command, env=env, **pipes))
        return processes[-1]

    try:
        yield start
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def wait_for(*names, seconds=30):
    """Wait until one of these files is there."""
    until = time.monotonic() + seconds
    while not any(map(os.path.exists, names)):
        assert time.monotonic() < until, f"nobody wrote {names}"
        time.sleep(0.01)


def write(code, name="program.py"):
    with open(name, "w") as file:
        file.write(code)


def finals(out):
    """Return the pairs that `final` got, and the processes it ran in."""
    said = re.findall(r"^final (\d+) (\S+) (\d+)$", out, re.M)
    return [(key, int(value)) for _, key, value in said], {int(pid) for pid, _, _ in said}


# Real processes


def test_clients_come_early_are_killed_and_nothing_is_lost(port):
    write(SLOW)
    at = f"127.0.0.1:{port}"
    with started() as start:
        early = start("client", at, "--password", "secret", "-j", "2")
        server = start("server", "program.py", "--port", port, "--password", "secret", "-j", "2")
        wait_for("reached-4")
        wait_for("reached-15")  # at the same time: there are two processes
        early.kill()
        assert early.wait() == -signal.SIGKILL
        clients = [start("client", at, "--password", "secret") for _ in range(2)]
        write("", "go")
        out, err = server.communicate(timeout=60)
        assert server.returncode == 0, err
        ends = [(client.communicate(timeout=30), client.returncode)[1] for client in clients]
    pairs, processes = finals(out)
    assert pairs == RESULTS
    assert processes == {server.pid}
    # What mapfn prints is on the server's output too, whichever of its processes ran it.
    mapped = dict(re.findall(r"^at (\d+) (\d+)$", out, re.M))
    assert mapped.keys() == {"4", "15"} and len(set(mapped.values())) == 2
    assert ends == [0, 0]


def test_a_server_that_is_killed_goes_on_with_the_store_it_has(port):
    write(SLOW)
    arguments = ("server", "program.py", "--port", port, "--store", "sqlite:///jobs.db")
    with started() as start:
        first = start(*arguments)
        told = next(line for line in first.stderr if line.startswith("clients: "))
        client = start("client", told.split()[-1])
        wait_for("reached-4", "reached-15")
        first.kill()
        first.wait()
        write("", "go")
        second = start(*arguments)
        out, err = second.communicate(timeout=60)
        assert second.returncode == 0, err
        assert "going on with the job" in err
        assert (client.communicate(timeout=30), client.returncode)[1] == 0
    assert finals(out)[0] == RESULTS


# In this process


def free():
    with socket.create_server(("127.0.0.1", 0)) as door:
        return str(door.getsockname()[1])


def served(*more):
    """Run the server here, a client beside it; return both exit codes."""
    sys.modules.pop("program", None)
    port, ends = free(), []

    def client():
        ends.append(main(["octopy", "client", f"127.0.0.1:{port}", "--password", "secret"]))

    thread = threading.Thread(target=client)
    thread.start()
    arguments = ["program.py", "--port", port, "--password", "secret", *more]
    ends.insert(0, main(["octopy", "server", *arguments]))
    thread.join()
    return ends


def test_what_fails_is_mended_and_gone_on_with(capsys):
    store = ("--store", "sqlite:///jobs.db")
    write(WORDS.replace("WHAT", "(len(value.split()) - 3)"))
    assert served(*store) == [1, 1]
    told = capsys.readouterr().err
    assert re.search(r"record [01]: ZeroDivisionError: .* \(program.py, line 5\)", told)
    assert "nothing is lost: mend that, and go on by the same command" in told

    write(WORDS.replace("WHAT", "1").replace("print(key, value)", "print(key, value.name)"))
    assert served(*store) == [1, 0]
    told = capsys.readouterr().err
    assert "going on with the job" in told
    assert "program.py, line 9: AttributeError: 'float' object" in told
    assert "mend final" in told

    write(WORDS.replace("WHAT", "1"))
    sys.modules.pop("program")
    assert main(["octopy", "server", "program.py", *store]) == 0  # without any client
    assert capsys.readouterr().out == "be 2.0\nnot 1.0\nor 1.0\nto 2.0\n"
    assert made(*store[1:])[1].jobs() == []


def made(store="memory:"):
    """Return the program in program.py, and the Master of it."""
    sys.modules.pop("program", None)
    program = octopy.program(vars(command._module("program.py")), "program.py")
    return program, octopy.master(program, "program.py", store)


def test_a_job_that_is_done_by_other_code_is_not_gone_on_with(capsys):
    def begun(code):
        write(code)
        _, master = made("sqlite:///jobs.db")
        return master, command._begun(master)

    master, first = begun(WORDS.replace("WHAT", "1"))
    master.work.run(job=first)
    assert begun(WORDS.replace("WHAT", "1"))[1].id == first.id
    assert begun(WORDS.replace("WHAT", "1") + "\nx = 1\n")[1].id == first.id
    assert begun(WORDS.replace("WHAT", "2"))[1].id != first.id


# Who gets in


def test_a_password_leads_to_the_job_and_another_to_nothing():
    write(WORDS.replace("WHAT", "1"))
    _, master = made()
    job = master.start()
    asked = []

    def ask(door, path):
        answer = door({"PATH_INFO": path, **BARE}, lambda *head: asked.append(head))
        getattr(answer, "close", lambda: None)()
        return asked[-1][0], dict(asked[-1][1]).get("Location", "")

    door = command.Door(master, job, "secret")
    code, way = ask(door, f"/start/{command.token('secret')}/")
    assert (code, way) == ("303 See Other", master.link("drive", "", job) + "/drive")
    for other in (command.token("Secret"), "secret", "", command.token("secret")[:-1], "\xe9"):
        assert ask(door, f"/start/{other}/")[0].startswith("404")
    # Without a password, none leads anywhere.
    bare = command.Door(master, job, None)
    assert ask(bare, f"/start/{command.token('secret')}/")[0].startswith("404")
    # Nor is there a way to see what is in the job, or to change it.
    assert ask(door, "/")[0].startswith("403")
    assert ask(door, f"{way.removesuffix('drive')}output")[0].startswith("403")


BARE = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "wsgi.url_scheme": "http",
    "wsgi.input": None,
}


def test_a_wrong_password_is_told(port, capsys):
    write(WORDS.replace("WHAT", "1"))
    door, at = serve.opened("127.0.0.1", int(port))
    _, master = made()
    serve.answering(command.Door(master, master.start(), "secret"), door, threads=1)
    assert main(["octopy", "client", f"127.0.0.1:{port}", "--password", "wrong"]) == 2
    assert "no such start link here" in capsys.readouterr().err
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{at}/start/wrong/")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["client", "127.0.0.1"], "127.0.0.1 alone lets nobody in: give the link"),
        (["client", "127.0.0.1", "--password", ""], "--password is empty"),
        (["client", "box:x", "--password", "p"], "'box:x' is no HOST[:PORT]"),
        (["client", "http://127.0.0.1/"], "no job's link"),
        (["server", "nowhere.py"], "no file nowhere.py"),
        (["server", "program.py", "--password", ""], "--password is empty"),
        (["server", "program.py", "-j", "2", "--store", "memory:"], "several processes cannot"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(arguments, reason, capsys):
    write(WORDS)
    assert main(["octopy", *arguments]) == 2
    [told] = capsys.readouterr().err.splitlines()
    assert told.startswith("httpmr: ") and reason in told


def test_a_link_and_a_host_are_told_apart():
    assert command.address("https://box/mr/a-1/t/drive", None) == "https://box/mr/a-1/t/drive"
    assert command.address("[::1]:81", "p") == f"http://[::1]:81/start/{command.token('p')}/"
    assert command.address("[::1]", "p").startswith("http://[::1]:8000/start/")
    with pytest.raises(HttpmrError):
        command.address("box", "")
