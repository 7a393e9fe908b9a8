"""Ready-made mappers: Identity and Count."""

from httpmr.interfaces import Mapper


class Identity(Mapper):
    """Each record as it is: to sort, gather or copy an input.

    >>> list(Identity().map("key", "value"))
    [('key', 'value')]
    """

    def map(self, key, value):
        yield key, value


class Count(Mapper):
    """Each value as a key, with the number 1: with `reducers.Sum()`, how often each occurs.

    >>> list(Count().map(("books/emma.txt", 0), "a line"))
    [('a line', 1)]
    """

    def map(self, key, value):
        yield value, 1
