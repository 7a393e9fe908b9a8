"""`httpmr serve`: an application at an address of this machine, by waitress."""

import argparse
import contextlib
import errno
import logging
import socket
import threading
from collections.abc import Iterator
from wsgiref.types import WSGIApplication

from httpmr.cli import show, target
from httpmr.errors import HttpmrError
from httpmr.web.master import Master
from httpmr.web.site import Site


def serve(args: argparse.Namespace) -> int:
    """Serve TARGET until Ctrl-C; return the exit code."""
    application, masters = target.load(args.target)
    server, address = listen(application, args.host, args.port, args.threads)
    with until_interrupted(server):
        for name, master, base in _mounts(application, masters, args.base, address):
            print(f"console of {name}: {console(master, base)}", flush=True)
        show.say(f"serving {args.target} at {address}, until Ctrl-C")
    return 0


def _mounts(
    application: WSGIApplication, masters: dict[str, Master], base: str | None, address: str
) -> Iterator[tuple[str, Master, str]]:
    """Yield (name, Master, where it is) of what is served."""
    if isinstance(application, Master):
        yield application.recipe.name, application, base or address
    elif isinstance(application, Site):
        for name, master in application.mounts.items():
            yield master.recipe.name, master, f"{(base or address).rstrip('/')}/{name}"
    else:
        for name, master in masters.items():
            yield name, master, base or f"{address}/WHERE-IT-IS-MOUNTED"


def console(master: Master, base: str) -> str:
    """Return the address of the Master's console: an operator's link."""
    master.work.operate_generation(make=True)
    return master.link("operate", base.rstrip("/"))


def listen(
    application: WSGIApplication, host: str = "127.0.0.1", port: int = 0, threads: int = 4
) -> tuple[threading.Thread, str]:
    """Serve in a thread that ends with the process; return (the thread, http://host:port).

    A daemon, because waitress itself would wait for the slices in flight, and nobody need: what
    is cut off is done again.
    """
    door, address = opened(host, port)
    return answering(application, door, threads), address


def opened(host: str, port: int) -> tuple[socket.socket, str]:
    """Take a port; return (the socket that listens at it, http://host:port)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        door = socket.create_server((host, port), family=family, backlog=128)
    except OverflowError as error:
        raise HttpmrError(f"cannot serve at port {port}: {error}") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise HttpmrError(f"port {port} of {host} is in use: take another, --port N") from None
        raise HttpmrError(f"cannot serve at {host}:{port}: {error.strerror or error}") from None
    port = door.getsockname()[1]
    if host in ("", "*", "0.0.0.0", "::"):
        host = "localhost"
    return door, f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def answering(
    application: WSGIApplication, door: socket.socket, threads: int, alone: bool = False
) -> threading.Thread:
    """Answer what comes to the door in a thread that ends with the process; return the thread.

    `alone`: one connection at a time, so that of several processes one that is free takes the next.
    """
    try:
        import waitress
    except ImportError:
        door.close()
        raise HttpmrError('to serve takes waitress: pip install "httpmr[cli]"') from None
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    limits = {}
    if alone:
        logging.getLogger("waitress").setLevel(logging.ERROR)  # it tells each time that this is so
        # Besides the connection it counts the door, and what wakes it.
        limits = {"connection_limit": 3, "channel_timeout": 1, "cleanup_interval": 1}
    server = waitress.create_server(
        application,
        sockets=[door],
        threads=threads,
        # By X-Forwarded-For and the like `allow_local` knows that a proxy is in front.
        clear_untrusted_proxy_headers=False,
        **limits,
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    return thread


@contextlib.contextmanager
def until_interrupted(server: threading.Thread) -> Iterator[None]:
    """Do what is inside, then wait for Ctrl-C, or for the end of the server's thread."""
    try:
        yield
        while server.is_alive():
            server.join(0.5)
    except KeyboardInterrupt:
        show.say("")
