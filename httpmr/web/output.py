"""A job's stored output: by page, by key, by range, and whole."""

import csv
import io
import json
from itertools import chain

from webob import exc

from httpmr.errors import JobError
from httpmr.web import pages
from httpmr.web.plain import parse, plain, text

PAGE, MOST = 100, 1000  # keys on a page
MOST_ROWS = 10_000  # then it ends with the key that it is at
MOST_CHARACTERS = 4_000_000  # of values, likewise: a page is held in memory
FIRST = 10  # on the job's own page
KEY_CHARACTERS = 8192
FORMULA = (*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")  # also as wide as a Chinese letter


def output(visit):
    """One page of the output, or the values of one key."""
    visit.must_see()
    query = visit.query()
    if "key" in query:
        return _lookup(visit, _key(query, "key"))
    limit = _limit(query.get("limit"))
    after, until = (_key(query, end) if query.get(end) else None for end in ("after", "until"))
    rows, following = _page(visit.job, after, until, limit)
    if visit.wants_json:
        found = [[plain(key), plain(value)] for key, value in rows]
        return pages.data({"rows": found, "next": plain(following)})
    return pages.page(
        "output.html",
        mount=visit.mount,
        here=visit.inside(),
        job=visit.job.id,
        state=visit.record.state,
        rows=rows,
        after=query.get("after", ""),
        until=query.get("until", ""),
        limit=limit,
        next=None if following is None else text(following),
    )


def download(visit, format):
    """All of the output, streamed, as a file."""
    visit.must_see()
    write = {"csv": _csv, "jsonl": _jsonl}[format]
    kind = {"csv": "text/csv", "jsonl": "application/jsonl"}[format]
    answer = pages.Answer(write(_begun(visit.job.output())), content_type=kind)
    name = f"{visit.job.id}.{format}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def first_rows(visit) -> dict:
    """Return {"rows", "more"} for the job's own page, or {"elsewhere": where the output went}."""
    try:
        rows, following = _page(visit.job, None, None, FIRST)
    except JobError as error:
        return {"rows": (), "more": False, "elsewhere": str(error)}
    return {"rows": rows, "more": following is not None, "elsewhere": None}


def _lookup(visit, key):
    values = visit.job.get(key)
    if not values:
        raise exc.HTTPNotFound(f"no output under the key {text(key):.200}")
    if visit.wants_json:
        return pages.data({"key": plain(key), "values": plain(values)})
    return pages.page(
        "lookup.html",
        mount=visit.mount,
        here=visit.inside(),
        job=visit.job.id,
        key=key,
        values=values,
    )


def _page(job, after, until, limit):
    """Return the rows of at most `limit` keys, and the last of them where there are more."""
    rows, size = [], 0
    for before, (key, values) in enumerate(job.groups(after, until)):
        full = before >= limit or len(rows) >= MOST_ROWS or size >= MOST_CHARACTERS
        # None cannot be gone on from: it would mean the beginning. So one key more.
        if full and rows[-1][0] is not None:
            return rows, rows[-1][0]
        for value in values:
            rows.append((key, value))
            size += len(value if type(value) in (str, bytes) else repr(value))
    return rows, None


def _begun(rows):
    """Read the first row now, while the answer can still be an error."""
    rows = iter(rows)
    first = next(rows, None)
    return rows if first is None else chain([first], rows)


def _csv(rows):
    """Lines of key,value; what a spreadsheet would take for a formula begins with an apostrophe."""
    line = io.StringIO()
    writer = csv.writer(line)
    for row in chain([("key", "value")], rows):
        writer.writerow([_cell(part) for part in row])
        yield line.getvalue().encode("utf-8", "backslashreplace")
        line.seek(line.truncate(0))


def _cell(value):
    if type(value) in (int, float):
        return value
    said = value if type(value) is str else json.dumps(plain(value), ensure_ascii=False)
    return f"'{said}" if said.startswith(FORMULA) else said


def _jsonl(rows):
    for key, value in rows:
        yield (json.dumps([plain(key), plain(value)]) + "\n").encode()


def _key(query, field):
    if len(query[field]) > KEY_CHARACTERS:
        raise exc.HTTPBadRequest(f"{field}= has at most {KEY_CHARACTERS} characters")
    try:
        return parse(query[field])
    except ValueError as error:
        raise exc.HTTPBadRequest(f"{field}= {error}") from None


def _limit(said):
    if not said:
        return PAGE
    if not (said.isascii() and said.isdigit()) or not int(said[:9]):
        raise exc.HTTPBadRequest(f"limit= is a whole number from 1 to {MOST}")
    return min(int(said[:9]), MOST)
