"""What the file sinks share: a part for each slice, and where the parts go.

A path names one file, put together from the parts. A path or a URL that ends in `/` names a folder,
in which the parts stay files of their own, beside a list of them.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from httpmr import remote
from httpmr.budget import Budget
from httpmr.errors import OutputError, RecipeError
from httpmr.interfaces import OrderedStore, Pair, Sink, Slice
from httpmr.remote import Options
from httpmr.sinks.onefile import OneFile
from httpmr.sinks.partfiles import PartFiles


class Staged(Sink):
    """Files of lines. Subclasses define `line`, and `head` where a file begins with one."""

    guarantee = "staged"

    head = b""
    """What each file begins with."""

    suffix = ""
    """What the names of part files end in."""

    def __init__(self, path: str | os.PathLike[str], options: Options = None) -> None:
        name = type(self).__name__
        if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
            raise RecipeError(f"{name} takes the path of a file, not {path!r:.80}")
        path = os.fspath(path)
        if not path:
            raise RecipeError(f"{name} takes the path of a file, and {path!r} is none")
        self.output: OneFile | PartFiles
        if path.endswith("/"):
            self.output = PartFiles(path, self.suffix, name, options)
        elif remote.is_url(path):
            remedy = f"name a folder for them, as {path + '/'!r}"
            raise RecipeError(f"{name} writes parts, files of their own, to a URL: {remedy}")
        else:
            self.output = OneFile(path, self.head, name)
        self.path = self.output.path

    def line(self, key: Any, value: Any) -> bytes:
        """Return the line of one pair. ValueError or TypeError says why it has none."""
        raise NotImplementedError

    def parts(self) -> list[str]:
        """Return the files that are published, in order: one, or the part files of a folder."""
        return self.output.parts()

    def check(self, store: OrderedStore) -> None:
        """Raise OutputError if the output could not be put where it belongs."""
        self.output.check()

    def write(self, pairs: Sequence[Pair], slice: Slice) -> Any:
        """Stage the part of one slice; the receipt is its name and what is to be in it."""
        return self.output.write(self.content(pairs), slice)

    def content(self, pairs: Sequence[Pair]) -> bytes:
        """Return the part of a slice. Raises OutputError for the key of a pair that has no line."""
        content = b"".join(self._lines(pairs))
        alone = isinstance(self.output, PartFiles) and content
        return self.head + content if alone else content

    def _lines(self, pairs: Sequence[Pair]) -> Iterator[bytes]:
        for key, value in pairs:
            try:
                yield self.line(key, value)
            except (ValueError, TypeError, RecursionError) as error:
                message = f"{type(self).__name__} cannot write the output of key {key!r:.80}"
                raise OutputError(f"{message}: {error}", key=key) from error

    def finish(self, job: str, receipts: Iterable[Any], budget: Budget) -> bool:
        """Publish the parts of committed receipts, as many as the budget allows at once."""
        given = [tuple(receipt) for receipt in receipts if receipt is not None]
        return self.output.finish(job, given, budget)

    def check_retry(self, job: str, receipts: Iterable[Any], anew: bool) -> None:
        """Raise OutputError where what is new could not be put among what was published."""
        self.output.check_retry(job, [tuple(r) for r in receipts if r is not None], anew)

    def __repr__(self) -> str:
        return repr(self.output)
