"""`httpmr octopy server FILE` and `httpmr octopy client HOST`: programs of octopy, as they are.

The server holds the job and does its slices, one at a time in each of its processes. Clients ask
for them: no code and no record goes to a client, nor comes from one.
"""

import contextlib
import hmac
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from socket import socket
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from httpmr import driver
from httpmr.cli import serve, show, target
from httpmr.contrib import octopy, python2
from httpmr.errors import HttpmrError
from httpmr.jobs import local
from httpmr.jobs.job import Job
from httpmr.jobs.version import changed, versions
from httpmr.web.master import Master
from httpmr.web.plain import pair

PORT = 8000
LOOK = 0.1  # seconds between two looks at the job
LAST_LOOK = 2.5  # and that it is served when it has ended: each lane asks once more within two


class Door:
    """The Master as a WSGI application, where a password leads to a job's link."""

    def __init__(self, master: Master, job: Job, password: str | None) -> None:
        self.master = master
        self.way_in = None if password is None else f"/start/{token(password)}"
        self.way = master.link("drive", "", job) + "/drive"

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "").rstrip("/").encode("latin-1", "replace")
        if self.way_in and hmac.compare_digest(path, self.way_in.encode()):
            start_response("303 See Other", [("Location", self.way), ("Content-Length", "0")])
            return []
        found: Iterable[bytes] = self.master(environ, start_response)
        return found


def token(password: str) -> str:
    """Return what stands for a password in a URL; HttpmrError for an empty one."""
    if not password:
        raise HttpmrError("--password is empty: give one, or leave it out and use the link")
    return hmac.new(password.encode(), b"httpmr octopy", "sha256").hexdigest()


def server(args: Namespace) -> int:
    """Serve the job of a program until it is done, then call `final`; return the exit code."""
    if args.password is not None:
        token(args.password)
    with _store(args.store) as store:
        program = octopy.program(vars(_module(args.file)), args.file)
        name = os.path.basename(args.file)
        master = octopy.master(program, name, store, whole=args.j > 1)
        if args.j > 1:
            local.check(master.work)
        job = _begun(master)
        with contextlib.ExitStack() as stack:
            if job.found.last is None:  # nothing to map: there is nothing to ask clients for
                local.work(master.work, job.id)
            elif job.state == "running":
                stack.enter_context(_served(master, job, args))
            trouble = _ended(program, job, args.file)
        if trouble:
            if args.store:
                show.say(f"nothing is lost: {trouble}, and go on by the same command")
            return 1
        master.work.delete(job.id)
        return 0


def client(args: Namespace) -> int:
    """Carry requests to a server until its job has ended; return the exit code."""
    url = address(args.host, args.password)
    with show.watch() as watch:
        status = driver.drive(url, args.j, progress=watch, keep_alive=False)
    show.say(show.account(status))
    return 0 if status["state"] == "done" else 1


def address(host: str, password: str | None) -> str:
    """Return the URL to drive: of a link itself, or of HOST[:PORT] and a password.

    >>> address("http://localhost:8000/a-1/t0k/drive", None)
    'http://localhost:8000/a-1/t0k/drive'
    >>> address("box", "secret") == f"http://box:8000/start/{token('secret')}/"
    True
    """
    if host.startswith(("http://", "https://")):
        return host
    if password is None:
        raise HttpmrError(
            f"{host} alone lets nobody in: give the link that the server prints, or start both "
            "with the same --password"
        )
    try:
        port = urlsplit(f"//{host}").port
    except ValueError as error:
        raise HttpmrError(f"{host!r} is no HOST[:PORT]: {error}") from None
    return f"http://{host if port else f'{host}:{PORT}'}/start/{token(password)}/"


@contextlib.contextmanager
def _store(url: str | None) -> Iterator[str]:
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="httpmr-", ignore_cleanup_errors=True) as folder:
        yield f"sqlite:///{os.path.join(folder, 'octopy.db')}"


def _module(path: str) -> ModuleType:
    """Run a program as a module; say what was done to it for that."""
    loaders: list[python2.Loader] = []

    def loader(name: str, whole: str) -> python2.Loader:
        loaders.append(python2.Loader(name, whole))
        return loaders[0]

    module = target.file(path, loader)
    if loaders[0].old:
        show.say(f"{path} is Python 2, and made Python 3 as it is loaded")
    for note in loaders[0].notes:
        show.say(f"{path}: {note}")
    return module


def _begun(master: Master) -> Job:
    """Return the store's job that did not come to its end, resumed if it is paused, or a new one.

    A job is deleted when `final` is through; one that is done and was not deleted is `final`'s,
    unless the code is another.
    """
    for job in master.jobs()[:1]:  # the newest
        if job.state == "paused":
            master.work.resume(job.id)
        same = not changed(job.found.versions, versions(master.recipe))
        if job.state == "running" or (job.state == "done" and same):
            show.say(f"going on with the job {job.id}; to begin anew, take another --store")
            return job
    return master.start()


@contextlib.contextmanager
def _served(master: Master, job: Job, args: Namespace) -> Iterator[None]:
    """Serve the job in `args.j` processes, this one among them; at the end, a moment longer."""
    door, at = serve.opened(args.host, args.port)
    app = Door(master, job, args.password)
    context = multiprocessing.get_context("fork" if args.j > 1 else None)
    sys.stdout.flush()
    children = [
        context.Process(target=_serve_too, args=(app, door, os.getpid()), daemon=True)
        for _ in range(args.j - 1)
    ]
    try:
        for child in children:  # before there is a thread, which a fork may catch at anything
            child.start()
        serve.answering(app, door, threads=1, alone=True)
        show.say(f"clients: httpmr octopy client {at}{app.way}")
        if args.password is not None:
            show.say(f"or: httpmr octopy client {urlsplit(at).netloc} --password ...")
        yield
        time.sleep(LAST_LOOK)
    finally:
        for child in children:
            child.terminate()


def _serve_too(app: Door, door: socket, parent: int) -> None:
    """Serve in a forked process as long as its parent is there."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # what to say of Ctrl-C is the parent's
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    app.master.work.store.forked()
    serve.answering(app, door, threads=1, alone=True)
    while os.getppid() == parent:
        time.sleep(LOOK)


def _ended(program: octopy.Program, job: Job, file: str) -> str:
    """Wait for the job's end and call `final`; return what is to be mended, if anything is."""
    with show.watch() as watch:
        tell = local.telling(job, watch)
        while job.state == "running":
            tell()
            time.sleep(LOOK)
    status = job.status()
    show.say(show.account(status))
    if status["state"] != "done":
        return "mend that"
    try:
        finish(program, job)
    except (HttpmrError, BrokenPipeError):
        raise
    except (Exception, SystemExit) as error:
        show.say(str(target.broken(error, os.path.abspath(file))))
        return "mend final, which is then called for all again"
    return ""


def finish(program: octopy.Program, job: Job) -> None:
    """Call `final` for each key, in order; print the results of a program that has none."""
    for key, value in job.output():
        if program.final is None:
            print(pair(key, value))
        else:
            program.final(key, value)
    sys.stdout.flush()
