"""The web application of the stories: what it serves is told by the environment.

HTTPMR_STORY_STORE is the store's URL, HTTPMR_STORY_TABLES that of the founders' tables,
HTTPMR_STORY_TEXT a glob of text files, and HTTPMR_STORY_ONE, where set, lets every slice do one
record.
"""

import os
import re
import time
from functools import partial

import httpmr
from httpmr import reducers, sinks, sources
from httpmr.budget import Budget

STORE = os.environ.get("HTTPMR_STORY_STORE", "sqlite:///story.db")
TABLES = os.environ.get("HTTPMR_STORY_TABLES", "sqlite:///story.db")
TEXT = os.environ.get("HTTPMR_STORY_TEXT", "*.txt")
WORD = re.compile(r"[a-z']+")
PAGE = 16384


class Words(httpmr.Mapper):
    def map(self, key, line):
        httpmr.count("lines")
        for word in WORD.findall(line.lower()):
            yield word, 1


class Postings(httpmr.Mapper):
    """A document is what begins in one page of one file."""

    def map(self, key, line):
        path, offset = key
        document = f"{os.path.basename(path)}:{offset // PAGE}"
        return [(word, [document]) for word in set(WORD.findall(line.lower()))]


class Union(httpmr.Reducer):
    def combine(self, key, values):
        return sorted({document for some in values for document in some})

    def reduce(self, key, values):
        yield key, self.combine(key, values)


class Tokens(httpmr.Mapper):
    """What the founders' example did, in its own way of cutting text: at single spaces."""

    def map(self, title, document):
        for token in set(document["contents"].split(" ")):
            if token:
                yield token, title


def titles(token, found):
    yield token, " ".join(sorted(found))


def slowly(key, value):
    httpmr.count("mapped")
    time.sleep(0.02)
    yield key % 10, value


def by_letter(key, partitions):
    """A user's own hash: words with the same first letter are reduced together."""
    return ord(key[0]) % partitions


def fussy(key, value):
    if key == 7:
        raise ValueError("seven will not do")
    yield key, value


def master(name, **settings):
    return httpmr.Master(name, store=STORE, authorize=httpmr.allow_local, **settings)


numbers = sources.Memory({n: n * n for n in range(int(os.environ.get("HTTPMR_STORY_ONE", 10)))})
masters = {
    "words": master(
        "words",
        source=sources.TextFiles(TEXT),
        mapper=Words(),
        reducer=reducers.Sum(),
        slice_seconds=0.25,
    ),
    "letters": master(
        "letters",
        source=sources.TextFiles(TEXT),
        mapper=Words(),
        reducer=reducers.Sum(),
        partitioner=by_letter,
        num_reducers=7,
        slice_seconds=0.25,
    ),
    "index": master(
        "index",
        source=sources.TextFiles(TEXT),
        mapper=Postings(),
        reducer=Union(),
        slice_seconds=0.25,
    ),
    "slow": master(
        "slow",
        source=sources.Memory({n: n for n in range(300)}),
        mapper=slowly,
        reducer=reducers.Sum(),
        slice_seconds=0.5,
    ),
    "founders": master(
        "founders",
        source=sources.SQLTable(TABLES, "documents", key="title"),
        mapper=Tokens(),
        reducer=titles,
        sink=sinks.SQLTable(TABLES, "document_index", key="token", value="titles", mode="insert"),
        slice_seconds=0.1,
    ),
    "fussy": master("fussy", source=sources.Memory({n: n for n in range(10)}), mapper=fussy),
    "ones": master(
        "ones", source=numbers, mapper=lambda key, value: [(key, value)], num_mappers=16
    ),
}
words, index, slow, letters = (masters[name] for name in ("words", "index", "slow", "letters"))

if "HTTPMR_STORY_ONE" in os.environ:
    work = masters["ones"].work
    work.step = partial(work.step, budget=Budget.records(1))


def application(environ, start_response):
    """Mount each Master at its name."""
    path = environ.get("PATH_INFO", "")
    name = path.split("/")[1] if path.startswith("/") else ""
    if name not in masters:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"the site's own page\n"]
    environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + "/" + name
    environ["PATH_INFO"] = path[len(name) + 1 :]
    return masters[name](environ, start_response)
