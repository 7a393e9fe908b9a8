"""What the tests of files elsewhere are written with: a server with ranges, and one like S3."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import fsspec
from docslib import served


class Files:
    """A WSGI application that serves files from memory, and lists them; with ranges, or without."""

    def __init__(self, ranges=True):
        self.files = {}
        self.ranges = ranges
        self.asked = []
        self.status = None

    def __call__(self, environ, start_response):
        name = environ["PATH_INFO"].removeprefix("/")
        asked = environ.get("HTTP_RANGE") if self.ranges else None
        self.asked.append((environ["REQUEST_METHOD"], name, asked))
        if self.status:
            start_response(self.status, [("Content-Length", "0")])
            return []
        if not name:
            page = "".join(f'<a href="/{name}">{name}</a>' for name in self.files).encode()
            start_response("200 OK", [("Content-Type", "text/html")])
            return [page]
        if name not in self.files:
            start_response("404 Not Found", [("Content-Length", "0")])
            return []
        content = self.files[name]
        headers = [("ETag", f'"{hash(content)}"')]
        headers.append(("Accept-Ranges", "bytes" if self.ranges else "none"))
        status = "200 OK"
        if asked:
            first, last = re.fullmatch(r"bytes=(\d+)-(\d*)", asked).groups()
            last = min(int(last or len(content)), len(content) - 1)
            headers.append(("Content-Range", f"bytes {first}-{last}/{len(content)}"))
            content, status = content[int(first) : last + 1], "206 Partial Content"
        start_response(status, [*headers, ("Content-Length", str(len(content)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [content]


@contextmanager
def over_http(ranges=True):
    """Serve files; yield (them, the address they are at)."""
    app = Files(ranges)
    with served(app) as address:
        yield app, address


def empty_memory():
    """Return fsspec's file system in memory, with nothing in it."""
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]
    return memory


@contextmanager
def like_s3():
    """Run moto's server; yield the options by which fsspec finds it, and `bucket` in it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env={**os.environ, "MOTO_ACCOUNT_ID": "1" * 12}, **quiet) as it:
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(address).close()
                    break
                except OSError:
                    time.sleep(0.05)
            options = {"key": "key", "secret": "secret", "client_kwargs": {"endpoint_url": address}}
            fsspec.filesystem("s3", **options).mkdir("bucket")
            yield options
        finally:
            it.terminate()
