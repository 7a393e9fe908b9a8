"""Whole jobs on App Engine: driven by requests from the datastore into the datastore."""

import importlib.util
import os
import re
from collections import Counter
from pathlib import Path

import pytest
from google.appengine.api import datastore_errors
from google.appengine.ext import db, ndb
from webtest import AppError, TestApp

import httpmr
from httpmr import sinks, sources
from httpmr.budget import Budget
from httpmr.jobs import Jobs

ROOT = Path(__file__).resolve().parent.parent.parent
TEXTS = [path.read_text() for path in sorted((ROOT / "examples" / "texts").glob("*.txt"))]
LINES = [line for text in TEXTS for line in text.splitlines() if line]
COUNTS = Counter(re.findall(r"[a-z']+", "\n".join(LINES).lower()))
ADMIN = {"HTTP_X_APPENGINE_USER_EMAIL": "admin@example.com", "HTTP_X_APPENGINE_USER_IS_ADMIN": "1"}


def example():
    path = ROOT / "examples" / "10_appengine.py"
    spec = importlib.util.spec_from_file_location("appengine_example", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# As App Engine has it, from before the application is there.
os.environ["APPLICATION_ID"] = "testbed-test"
EXAMPLE = example()


def followed(web, url):
    """Do what `wget -r` does; return the last page."""
    while True:
        answer = web.get(url)
        while answer.status_int == 303:
            answer = answer.follow()
        found = re.search(r'<a rel="next" href="([^"]+)"', answer.text)
        if found is None:
            return answer
        url = found[1]


def test_the_example_over_http():
    ndb.put_multi([EXAMPLE.Message(text=line) for line in LINES])
    TestApp(EXAMPLE.app).post_json("/jobs", {}, status=403)
    web = TestApp(EXAMPLE.app, extra_environ=ADMIN)
    started = web.post_json("/jobs", {}, status=201).json
    assert "Done." in followed(TestApp(EXAMPLE.app), started["drive"])
    assert {it.key.id(): it.count for it in EXAMPLE.WordCount.query()} == COUNTS
    status = web.get(started["status"]).json
    assert (status["state"], status["records"]) == ("done", len(LINES))


class Post(db.Model):
    """As in 2008."""

    blog = db.StringProperty()
    words = db.IntegerProperty()


class Blog(db.Model):
    """What comes of them."""

    words = db.IntegerProperty()


def one_by_one(master):
    """Let each slice have one record, so that there are many, and none is slow."""

    class OneByOne(Jobs):
        def step(self, id, at=None, budget=None, driver=""):
            return super().step(id, at, Budget.records(1), driver)

    master.work = OneByOne(master.recipe, master.work.store)
    master.sleep = lambda seconds: None
    return master


def blogs(mapper):
    """The founding example: a query by key, and a reducer that gives entities."""
    return httpmr.Master(
        "blogs",
        source=sources.AppEngineSource(Post.all().order("__key__")),
        mapper=mapper,
        reducer=lambda blog, counts: [(blog, Blog(key_name=blog, words=sum(counts)))],
        sink=sinks.AppEngineSink(),
        store="appengine:blogs",
        authorize=lambda request: "me",
        num_mappers=3,
        num_reducers=2,
    )


def posts():
    db.put([Post(key_name=f"{n:02}", blog="abc"[n % 3], words=n) for n in range(18)])
    return {name: sum(range(n, 18, 3)) for n, name in enumerate("abc")}


def test_the_founding_example_slice_by_slice_in_two_lanes():
    expected = posts()
    master = one_by_one(blogs(lambda path, post: [(post.blog, post.words)]))
    web = TestApp(master)
    job = web.post_json("/jobs", {}, status=201).json
    lanes = [job["drive"], job["drive"]]
    while any(lanes):  # in turns, so that each finds what the other has changed meanwhile
        lanes = [url and visited(web, url) for url in lanes]
    assert master.latest().status()["slices"] > 18
    assert {blog.key().name(): blog.words for blog in Blog.all()} == expected


def visited(web, url):
    """Follow one redirect or one link; return where to next, or None at the end."""
    answer = web.get(url)
    if answer.status_int == 303:
        return answer.location
    found = re.search(r'<a rel="next" href="([^"]+)"', answer.text)
    return found and found[1]


def test_a_datastore_that_is_away_for_a_mapper_is_not_the_records_fault():
    expected, failures = posts(), [datastore_errors.Timeout("no answer")]

    def mapper(path, post):
        if path[-1] == "05" and failures:
            raise failures.pop()
        yield post.blog, post.words

    master = one_by_one(blogs(mapper))
    web = TestApp(master)
    url = web.post_json("/jobs", {}, status=201).json["drive"]
    with pytest.raises(AppError, match=r"503 (?s:.*)no answer"):  # drivers ask again
        followed(web, url)
    assert "Done." in followed(web, url)
    job = master.latest()
    assert (job.bad_records, failures) == ([], [])
    assert {blog.key().name(): blog.words for blog in Blog.all()} == expected


def test_what_is_stored_is_found_by_key():
    posts()
    master = httpmr.Master(
        "words",
        source=sources.AppEngineSource("Post"),
        mapper=lambda path, post: [(post["blog"], path[-1])],
        store="appengine:",
    )
    job = master.run()
    assert [*job.output(after="a", until="b")] == [("b", f"{n:02}") for n in range(1, 18, 3)]
    assert [it.id for it in master.jobs()] == [job.id]
