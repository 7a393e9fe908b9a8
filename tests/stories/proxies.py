"""What stands between drivers and servers: proxies that drop connections, or pick a machine."""

import re
import socket
import threading
from collections import Counter


class Proxy:
    """A TCP proxy, each connection a thread; a subclass passes the requests of one on."""

    def __init__(self, rng):
        self.rng = rng
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.here = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        raise NotImplementedError

    def close(self):
        self.listener.close()


class Dropping(Proxy):
    """It drops some of its connections, before or after the server has answered."""

    def __init__(self, port, share, rng):
        self.port, self.share = port, share
        self.dropped = 0
        super().__init__(rng)

    def _serve(self, client):
        with client, socket.create_connection(("127.0.0.1", self.port)) as server:
            try:
                while self._exchange(client, server):
                    pass
            except OSError:
                pass

    def _exchange(self, client, server):
        """Pass one request and its answer on; return whether the connection may go on."""
        request = _message(client)
        if not request:
            return False
        fate = self.rng.random()
        if fate < self.share / 2:
            self.dropped += 1
            return False  # the server never hears of it
        server.sendall(request)
        answer = _message(server)
        if fate < self.share:
            self.dropped += 1
            return False  # the slice is done, and its driver never hears of it
        client.sendall(answer)
        return bool(answer)


class Balancer(Proxy):
    """A load balancer: each request goes to any of the machines, whoever it comes from.

    `served` counts the requests of each. One that does not answer is passed over for another.
    """

    def __init__(self, ports, rng):
        self.ports = ports
        self.served = Counter()
        super().__init__(rng)

    def _serve(self, client):
        with client:
            try:
                while request := _message(client):
                    client.sendall(self._answer(request))
            except OSError:
                pass

    def _answer(self, request):
        for port in self.rng.sample(self.ports, len(self.ports)):
            try:
                with socket.create_connection(("127.0.0.1", port)) as server:
                    server.sendall(request)
                    answer = _message(server)
            except OSError:
                continue
            if answer:
                self.served[port] += 1
                return answer
        return b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"


def _message(connection):
    """Read one HTTP message that has a Content-Length, or none."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    want = int(length[1]) if length else 0
    while len(body) < want:
        more = connection.recv(65536)
        if not more:
            break
        body += more
    return head + b"\r\n\r\n" + body


def through(job, proxy):
    """The same job at the proxy's address."""
    return {name: re.sub(r":\d+/", f":{proxy.here}/", url, count=1) for name, url in job.items()}
