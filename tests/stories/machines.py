"""Machines that replicas run on: processes that can be killed, stopped and cut off.

A machine of its own is a network namespace, joined to this one by a link that can be cut.
"""

import os
import shutil
import signal
import subprocess
import sys
from itertools import count

import pytest
from servers import HERE, ROOT, fetched

import httpmr
from httpmr.sources import Memory
from httpmr.stores import SQLStore

NOWHERE = "memory:"
"""The store as replicas have it: one of their own, with nothing in it."""

_numbers = count(os.getpid() % 60 * 4)


def link(site, recipe, host="127.0.0.1"):
    """Make the link of the recipe's replicas, as `httpmr link` does."""
    store = SQLStore(site.environ["HTTPMR_STORY_STORE"])
    made = httpmr.Master(recipe, source=Memory({}), mapper=lambda key, value: [], store=store)
    made.work.links.make("replica")
    found = made.link("replica", site.url(recipe, host))
    store.close()
    return found


class Machine:
    """A process that is a replica."""

    def __init__(self, site, recipe, *options, host="127.0.0.1", prefix=(), name="replica"):
        target = f"{HERE / 'story_site.py'}:{recipe}"
        command = [sys.executable, "-m", "httpmr", "replica", link(site, recipe, host), target]
        environ = {**site.environ, "PYTHONPATH": str(ROOT), "HTTPMR_STORY_STORE": NOWHERE}
        self.name = name
        self.process = subprocess.Popen(
            [*prefix, *command, "--name", name, *options], env=environ, stderr=subprocess.DEVNULL
        )

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """SIGKILL it; a stopped one, too."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def end(self):
        """Ask it to end; return its exit code."""
        self.signal(signal.SIGTERM)
        return self.process.wait(20)


def listed(site, recipe):
    """Return {name without its letters of chance: what the console tells of the replica}."""
    rows = fetched(site.url(recipe) + "/")["replicas"]
    return {row["name"].rpartition("-")[0]: row for row in rows}


class Namespace:
    """A network of its own with one link to this one: `here` and `there` are its two ends."""

    def __init__(self):
        number = next(_numbers) % 250
        self.name = f"httpmr-{os.getpid()}-{number}"
        self.cable = f"hm{os.getpid() % 100_000}-{number}"
        self.here, self.there = f"10.213.{number}.1", f"10.213.{number}.2"
        self.prefix = ("ip", "netns", "exec", self.name)

    def __enter__(self):
        ip("netns", "add", self.name)
        try:
            ip("link", "add", self.cable, "type", "veth", "peer", "eth0", "netns", self.name)
            ip("addr", "add", f"{self.here}/30", "dev", self.cable)
            ip("link", "set", self.cable, "up")
            ip("-n", self.name, "addr", "add", f"{self.there}/30", "dev", "eth0")
            ip("-n", self.name, "link", "set", "eth0", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        subprocess.run(["ip", "link", "del", self.cable], capture_output=True)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)

    def cut(self):
        """Cut the link: whatever is sent is lost without a word."""
        ip("link", "set", self.cable, "down")

    def mend(self):
        ip("link", "set", self.cable, "up")


def ip(*args):
    subprocess.run(["ip", *args], check=True, capture_output=True, text=True)


def need_namespaces():
    """Skip where there can be none: at a desk without root, and where the kernel refuses them."""
    if not shutil.which("ip"):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("`ip` is not installed")
    if os.geteuid():
        pytest.skip("network namespaces take root")
    name = f"httpmr-try-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    if made.returncode:
        pytest.skip(f"no network namespaces here: {made.stderr.strip()}")
