"""A PostgreSQL of our own, in a temporary folder: its processes may be killed, nobody shares it."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psycopg

ANSWER = 30.0
"""Seconds until a server that does not come back is given up."""


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, of the newest there is; None without any."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(found, key=lambda path: int(path.parts[-3].split(".")[0]))
    here = newest[-1] if newest else shutil.which("initdb")
    return Path(here).parent if here else None


class Postgres:
    """A server with data of its own below `folder`, for as long as a `with` block lasts."""

    def __init__(self, folder: str):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.data = Path(folder, "postgres")
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"
        # It refuses to run as root.
        self.user = {"user": "postgres", "extra_groups": []} if os.getuid() == 0 else {}

    def __enter__(self):
        self.data.mkdir(mode=0o700)
        if self.user:
            shutil.chown(self.data, "postgres")
        self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        settings = f"-F -p {self.port} -k '' -c listen_addresses=127.0.0.1"
        self._run("pg_ctl", "-w", "-l", str(self.data / "log"), "-o", settings, "start")
        return self

    def __exit__(self, *error):
        self._run("pg_ctl", "-m", "immediate", "stop")

    def _run(self, program, *arguments):
        command = [programs() / program, "-D", self.data, *arguments]
        kept = {"cwd": "/", "stdout": subprocess.DEVNULL}
        subprocess.run(command, check=True, timeout=2 * ANSWER, **kept, **self.user)

    def backends(self) -> list[int]:
        """Return the processes that serve clients, as soon as the server answers."""
        deadline = time.monotonic() + ANSWER
        query = (
            "SELECT pid FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid != pg_backend_pid()"
        )
        while True:
            with suppress(psycopg.OperationalError):
                connection = psycopg.connect(
                    host="127.0.0.1", port=self.port, user="postgres", connect_timeout=5
                )
                with connection:
                    return [pid for (pid,) in connection.execute(query)]
            if time.monotonic() > deadline:
                raise SystemExit("PostgreSQL does not come back")
            time.sleep(0.05)

    def kill(self, pid: int) -> bool:
        """SIGKILL a process of it: it ends all others too, and recovers. Tell if it was there."""
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True
