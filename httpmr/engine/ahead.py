"""The records of a range, read a few at a time, and checked.

What goes wrong with a record, or with reading it, is raised when those before it were taken. How
many are worth reading ahead is not known here.
"""

from itertools import islice
from typing import Any

from httpmr.engine import blame
from httpmr.interfaces import Pair, Source


class Ahead:
    """The records of `source` with after < key <= until."""

    def __init__(self, source: Source, after: Any, until: Any) -> None:
        self.source = source
        self.after = after
        self.records = iter(source.read(after, until))
        self.begun = False
        self.error: BaseException | None = None

    def take(self, most: int) -> list[Pair]:
        """Return the next records, at most so many; none at the end.

        Raises InputError for a key that cannot be gone on after, and whatever reading raised.
        """
        if self.error:
            raise self.error
        some: list[Pair] = []
        try:
            some.extend(islice(self.records, most))
        except blame.FAULTS as error:
            blame.passes(error)
            self.error = error
        try:
            sound = not [key for key, _ in some if key is None]
        except (TypeError, ValueError):
            sound = False
        if not sound or not self.begun:
            self._check(some)
        if self.error and not some:
            raise self.error
        return some

    def _check(self, some: list[Any]) -> None:
        """Keep the records before the first that is unsound."""
        for number, record in enumerate(some):
            try:
                key, _ = record
                if key is None or not self.begun:
                    blame.check_key(self.source, key, self.after)
                self.begun = True
            except Exception as error:
                del some[number:]
                self.error = error
                return
