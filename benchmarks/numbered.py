"""A source of numbers, which weigh nothing before they are read: (n, n) for 0 <= n < count."""

from httpmr.interfaces import Source


class Numbers(Source):
    """As many records as are asked for, each its own key."""

    def __init__(self, count):
        self.count = count

    def read(self, after, until):
        return ((n, n) for n in range(self._start(after), self._stop(until) + 1))

    def last(self):
        return self.count - 1

    def split(self, after, until, shards):
        step = max(1, self.count // shards)
        first = self._start(after) + 1  # steps are counted from 0 on, wherever a call begins
        return iter(range(-(-first // step) * step - 1, self._stop(until), step))

    def _start(self, after):
        return 0 if after is None else after + 1

    def _stop(self, until):
        return self.count - 1 if until is None else until

    def __repr__(self):
        return f"Numbers({self.count:,})"
