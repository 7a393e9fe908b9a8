"""The ordered store and the disk as the lanes see them: each call is a point of the world."""

import builtins
import os
import shutil
from contextlib import contextmanager

from httpmr.interfaces import OrderedStore
from httpmr.sinks import disk as syncing
from httpmr.sinks import onefile


class Seen(OrderedStore):
    """A store whose clock is the world's. `watch(batch)` is told of each commit that took effect.

    A scan reads as many entries at once as the world says: others may write between two pages.
    """

    def __init__(self, world, store, watch=lambda batch: None):
        self.world, self.store, self.watch = world, store, watch
        self.durable, self.database = store.durable, store.database

    def get(self, keys):
        self.world.point("get")
        return self.store.get(keys)

    def scan(self, start, stop, *, limit=None, reverse=False):
        size = self.world.page
        while start < stop and limit != 0:
            asked = size if limit is None else min(size, limit)
            self.world.point("scan")
            page = list(self.store.scan(start, stop, limit=asked, reverse=reverse))
            yield from page
            if len(page) < asked:
                return
            if limit is not None:
                limit -= asked
            if reverse:
                stop = page[-1][0]
            else:
                start = page[-1][0] + b"\0"

    def commit(self, batch):
        then = self.world.point("commit")
        self.store.commit(batch)
        self.watch(batch)
        if then:
            then()

    def now(self):
        self.world.point("now")
        return self.world.time


class _Calls:
    """Stands for a module; a call of those named is a point of the world that is present."""

    def __init__(self, module, names):
        self._module = module
        for name in names:
            setattr(self, name, _pointed(getattr(module, name)))

    def __getattr__(self, name):
        return getattr(self._module, name)


def _pointed(function):
    def call(*args, **settings):
        if not (args and type(args[0]) is int and function is builtins.open):  # else it would leak
            _present[-1].point("disk")
        return function(*args, **settings)

    return call


_present = []


@contextmanager
def disk(world):
    """Let what the file sinks do on the disk be points of `world`."""
    _present.append(world)
    onefile.os = syncing.os = _Calls(os, ("makedirs", "open", "remove", "replace", "fsync"))
    onefile.shutil = _Calls(shutil, ("rmtree",))
    onefile.open = _pointed(builtins.open)
    try:
        yield
    finally:
        onefile.os, syncing.os, onefile.shutil = os, os, shutil
        del onefile.open
        _present.pop()
