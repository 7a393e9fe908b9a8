"""A job's stored output: by page, by key, by range, and whole.

However many values a key has, no answer holds them all: what programs read is streamed, and a
page for people ends after so many, with the way to the rest.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from webob import exc

from httpmr.errors import JobError
from httpmr.interfaces import Pair
from httpmr.jobs import Job
from httpmr.state import Plain
from httpmr.web import pages, stream
from httpmr.web.plain import parse, text
from httpmr.web.visit import Visit

PAGE, MOST = 100, 1000  # keys on a page
MOST_ROWS = 10_000  # then it ends with the key that it is at; what a person reads, within it
MOST_CHARACTERS = 4_000_000  # of values, likewise
VALUES = 1000  # of one key, on its own page
FIRST, FIRST_ROWS = 10, 100  # keys and rows on the job's own page
KEY_CHARACTERS = 8192


def output(visit: Visit) -> pages.Answer:
    """One page of the output, or the values of one key."""
    visit.must_see()
    query = visit.query()
    if "key" in query:
        return _lookup(visit, _key(query, "key"))
    limit = _limit(query.get("limit"))
    after, until = (_key(query, end) if query.get(end) else None for end in ("after", "until"))
    if visit.wants_json:
        return _streamed(stream.as_page(Page(visit.job, after, until, limit)), "application/json")
    page = Page(visit.job, after, until, limit, cut=True)
    return pages.page(
        "output.html",
        mount=visit.mount,
        here=visit.inside(),
        job=visit.job.id,
        state=visit.record.state,
        rows=list(page),
        after=query.get("after", ""),
        until=query.get("until", ""),
        limit=limit,
        next=None if page.next is None else text(page.next),
        cut=page.cut,
    )


def download(visit: Visit, format: str) -> pages.Answer:
    """All of the output, or of one key, streamed, as a file."""
    visit.must_see()
    query = visit.query()
    if "key" in query:
        key = _key(query, "key")
        rows: Iterable[Pair] = ((key, value) for value in _values(visit.job, key))
    else:
        rows = visit.job.output()
    write = {"csv": stream.as_csv, "jsonl": stream.as_lines}[format]
    kind = {"csv": "text/csv", "jsonl": "application/jsonl"}[format]
    answer = _streamed(write(rows), kind)
    name = f"{visit.job.id}.{format}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def first_rows(visit: Visit) -> Plain:
    """Return {"rows", "more"} for the job's own page, or {"elsewhere": where the output went}."""
    page = Page(visit.job, None, None, FIRST, FIRST_ROWS, cut=True)
    try:
        rows = list(page)
    except JobError as error:
        return {"rows": (), "more": False, "elsewhere": str(error)}
    return {"rows": rows, "more": bool(page.cut) or page.next is not None, "elsewhere": None}


class Page:
    """The pairs of at most `limit` keys, to be gone through once; then `next` is the last of these.

    It ends with the key at which it is long enough, or, where it may `cut`, within it: the keys
    that have more values than were given are then in the list `cut`. `next` is None at the end.
    """

    def __init__(
        self,
        job: Job,
        after: Any,
        until: Any,
        limit: int,
        most: int = MOST_ROWS,
        cut: bool = False,
    ) -> None:
        self.job, self.after, self.until = job, after, until
        self.limit, self.most = limit, most
        self.may_cut = cut
        self.cut: list[Any] = []
        self.next: Any = None

    def __iter__(self) -> Iterator[Pair]:
        rows, size, last = 0, 0, None
        for before, (key, values) in enumerate(self.job.groups(self.after, self.until)):
            # None cannot be gone on from: it would mean the beginning. So one key more.
            if last is not None and (before >= self.limit or self._full(rows, size)):
                self.next = last
                return
            for value in values:
                if self.may_cut and self._full(rows, size):
                    self.cut.append(key)
                    break
                yield key, value
                rows += 1
                size += _characters(value)
            last = key
            if self.cut and key is not None:  # its other values are not even read
                self.next = key if any(self.job.groups(key, self.until)) else None
                return

    def _full(self, rows: int, size: int) -> bool:
        return rows >= self.most or size >= MOST_CHARACTERS


def _lookup(visit: Visit, key: Any) -> pages.Answer:
    values = _values(visit.job, key)
    if visit.wants_json:
        return _streamed(stream.as_values(key, values), "application/json")
    shown: list[Any] = []
    size = 0
    for value in islice(values, VALUES):
        shown.append(value)
        if (size := size + _characters(value)) >= MOST_CHARACTERS:
            break
    return pages.page(
        "lookup.html",
        mount=visit.mount,
        here=visit.inside(),
        job=visit.job.id,
        key=key,
        values=shown,
        cut=any(True for _ in values),
    )


def _values(job: Job, key: Any) -> Iterator[Any]:
    """Iterate over the values of a key, of which there is at least one."""
    values = job.values(key)
    first = list(islice(values, 1))
    if not first:
        raise exc.HTTPNotFound(f"no output under the key {text(key):.200}")
    return chain(first, values)


def _characters(value: Any) -> int:
    return len(value if type(value) in (str, bytes) else repr(value))


def _streamed(pieces: Iterable[str], kind: str) -> pages.Answer:
    """Answer with the pieces; what goes wrong with the first of them can still be an error."""
    chunks = stream.chunks(pieces)
    first, second = next(chunks), next(chunks, None)
    if second is None:
        return pages.Answer(first, content_type=kind)
    return pages.Answer(chain([first, second], chunks), content_type=kind)


def _key(query: dict[str, str], field: str) -> Any:
    if len(query[field]) > KEY_CHARACTERS:
        raise exc.HTTPBadRequest(f"{field}= has at most {KEY_CHARACTERS} characters")
    try:
        return parse(query[field])
    except ValueError as error:
        raise exc.HTTPBadRequest(f"{field}= {error}") from None


def _limit(said: str | None) -> int:
    if not said:
        return PAGE
    if not (said.isascii() and said.isdigit()) or not int(said[:9]):
        raise exc.HTTPBadRequest(f"limit= is a whole number from 1 to {MOST}")
    return min(int(said[:9]), MOST)
