"""What the tests of the web share: a small word count, and a client that follows its links."""

import re

from webtest import TestApp

from httpmr import counters
from httpmr.budget import Budget
from httpmr.jobs import Jobs
from httpmr.sources import Memory
from httpmr.stores import MemoryStore
from httpmr.web import Master, allow_local

LINES = {n: f"the cat {n % 3} the hat" for n in range(12)}
COUNTS = {"the": 24, "cat": 12, "hat": 12, "0": 4, "1": 4, "2": 4}
LOCAL = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:80"}


def words(key, line):
    counters.count("lines")
    for word in line.split():
        yield word, 1


def total(key, values):
    yield key, sum(values)


def master(lines=LINES, **settings):
    """A Master over a memory store that never really sleeps: `slept` says how long it would."""
    settings = {
        "source": Memory(lines),
        "mapper": words,
        "reducer": total,
        "store": MemoryStore(),
        "authorize": allow_local,
        "num_mappers": 2,
        "num_reducers": 2,
    } | settings
    made = Master("wordcount", **settings)
    made.slept = []
    made.sleep = made.slept.append
    return made


class OneByOne(Jobs):
    """Jobs whose slices are one record long, so that there are many."""

    def step(self, id, at=None, budget=None, driver=""):
        return super().step(id, at, Budget.records(1), driver)


def one_by_one(made):
    made.work = OneByOne(made.recipe, made.work.store)
    return made


def client(app, **environ):
    """A browser on this machine."""
    return TestApp(app, extra_environ=LOCAL | environ)


def stranger(app, **environ):
    """A browser elsewhere."""
    return TestApp(app, extra_environ={"REMOTE_ADDR": "203.0.113.9"} | environ)


def link(made, job, scope="drive", base=""):
    return made.link(scope, base, job) + "/"


def next_links(answer):
    return re.findall(r'<a rel="next" href="([^"]+)"', answer.text)


def follow(web, url, most=2000):
    """Follow redirects and next links as a driver does; return every (url, answer) on the way."""
    way = []
    for _ in range(most):
        answer = web.get(url, expect_errors=True)
        way.append((url, answer))
        if answer.status_int == 303:
            url = answer.headers["Location"]
        elif ahead := next_links(answer):
            [url] = ahead
        else:
            return way
    raise AssertionError(f"no end after {most} requests")


def output(job):
    return dict(job.output())
