"""A TCP proxy that stands before a database and loses connections at COMMIT.

It reads what a client sends message by message, as PostgreSQL and MariaDB frame them, so far as to
tell a COMMIT. That one may be lost on its way to the server; or its answer on the way back; or
both sides are cut as soon as it is sent on, and what the server did then nobody knows.
"""

import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

FATES = ("before", "after", "at once")
_WRITES = (b"\x03INSERT", b"\x03UPDATE", b"\x03DELETE")


def postgres(read: Callable[[int], bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield what a client of PostgreSQL sends: (a message, whether it is a COMMIT)."""
    head = read(4)  # the first message has no type
    yield head + read(struct.unpack("!I", head)[0] - 4), False
    while True:
        head = read(5)
        body = read(struct.unpack("!I", head[1:])[0] - 4)
        simple = head[:1] == b"Q" and body
        parsed = head[:1] == b"P" and body.partition(b"\0")[2]
        yield head + body, (simple or parsed or b"").upper().startswith(b"COMMIT")


def mariadb(read: Callable[[int], bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield what a client of MariaDB sends. A COMMIT of nothing, as when it connects, is none."""
    wrote = False
    while True:
        head = read(4)
        body = read(int.from_bytes(head[:3], "little"))
        commit = body.upper().startswith(b"\x03COMMIT")
        yield head + body, commit and wrote
        wrote = not commit and (wrote or body.upper().startswith(_WRITES))


class Proxy:
    """Listens on loopback, at `port`; stands before the server on `behind` until it is closed.

    Each COMMIT is dropped with the probability `share`; `dropped` counts them by their fate.
    `messages` is `postgres` or `mariadb`.
    """

    def __init__(self, behind: int, messages: Callable, share: float, rng: random.Random):
        self.behind, self.messages, self.share, self.rng = behind, messages, share, rng
        self.dropped = Counter()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.listener.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, socket.create_connection(("127.0.0.1", self.behind)) as server:
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = _Line(client, server)
            threading.Thread(target=line.answer, daemon=True).start()
            with suppress(OSError, EOFError):
                for message, commit in self.messages(line.read):
                    fate = self._fate() if commit else None
                    if fate == "before":
                        break
                    line.deaf = fate == "after"
                    server.sendall(message)
                    if fate == "at once":
                        break
            line.cut()

    def _fate(self):
        if self.rng.random() >= self.share:
            return None
        fate = self.rng.choice(FATES)
        self.dropped[fate] += 1
        return fate


class _Line:
    """A client's connection and the one behind it. `deaf`: the next answer is lost, and all."""

    def __init__(self, client, server):
        self.client, self.server = client, server
        self.deaf = False
        self.got = b""

    def read(self, count):
        """Return so many bytes from the client."""
        while len(self.got) < count:
            more = self.client.recv(65536)
            if not more:
                raise EOFError
            self.got += more
        some, self.got = self.got[:count], self.got[count:]
        return some

    def answer(self):
        """Pass on what the server says."""
        with suppress(OSError):
            while data := self.server.recv(65536):
                if self.deaf:
                    break
                self.client.sendall(data)
        self.cut()

    def cut(self):
        """End both, and wake whoever reads from them."""
        for side in (self.client, self.server):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
