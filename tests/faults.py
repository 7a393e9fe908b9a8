"""Ways in which the tests make a process die, and what they make jobs of."""

from httpmr.interfaces import OrderedStore


class Killed(BaseException):
    """The process is gone: nothing after it runs, not even what cleans up."""


class Mortal(OrderedStore):
    """A store as seen by a process that dies at its `at`-th commit, before or after it.

    A dead process does nothing more: every further call raises Killed too.
    """

    def __init__(self, store, at=None, before=True):
        self.store, self.at, self.before = store, at, before
        self.commits = 0
        self.dead = False
        self.database, self.durable = store.database, store.durable

    def _alive(self):
        if self.dead:
            raise Killed

    def get(self, keys):
        self._alive()
        return self.store.get(keys)

    def scan(self, start, stop, *, limit=None, reverse=False):
        self._alive()
        return self.store.scan(start, stop, limit=limit, reverse=reverse)

    def commit(self, batch):
        self._alive()
        self.commits += 1
        self.dead = self.commits == self.at
        if self.dead and self.before:
            raise Killed
        self.store.commit(batch)
        if self.dead:
            raise Killed

    def now(self):
        self._alive()
        return self.store.now()


class Clock:
    """Seconds that pass only when they are told to."""

    def __init__(self, now=1_000_000.0):
        self.now = now

    def __call__(self):
        return self.now

    def pass_(self, seconds):
        self.now += seconds
