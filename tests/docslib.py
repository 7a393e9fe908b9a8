"""What the tests of the README and of the guides share: the blocks of code in them."""

import os
import re
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
GUIDES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def blocks(path, kind):
    """Return the blocks of one kind, as "python" or "console"."""
    return [code for found, code in BLOCK.findall(path.read_text("utf-8")) if found == kind]


def commands(path):
    """Return (command, what it prints) for each line of a console that begins with a dollar."""
    found = []
    for block in blocks(path, "console"):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.replace("\\\n", "").partition("\n")
            found.append((command, output))
    return found


def clone(folder):
    """Make of a folder what a reader has: the examples, wordcount.py and the command httpmr.

    Returns the environment for what he runs there.
    """
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / "wordcount.py").write_text(blocks(README, "python")[0])
    command = folder / "bin" / "httpmr"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m httpmr "$@"\n')
    command.chmod(0o755)
    path = os.pathsep.join([str(command.parent), os.environ["PATH"]])
    python = os.pathsep.join([str(ROOT), str(ROOT / "tests"), str(folder)])
    return {**os.environ, "PATH": path, "PYTHONPATH": python, "LC_ALL": "C"}


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def served(app, mount=""):
    """Serve an application, below `mount`, at a free port; yield http://host:port."""

    def site(environ, start_response):
        if not environ["PATH_INFO"].startswith(mount):
            start_response("404 Not Found", [])
            return []
        environ["SCRIPT_NAME"] += mount
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(mount)
        return app(environ, start_response)

    with make_server("127.0.0.1", 0, site, _Server, _Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
