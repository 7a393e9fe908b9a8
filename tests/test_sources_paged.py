"""A paged service, read by a function: a real one, over HTTP."""

import json
import urllib.error
import urllib.request
from itertools import islice
from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest
from docslib import served

import httpmr
from httpmr import reducers, testing
from httpmr.budget import Budget
from httpmr.errors import InputError, RecipeError, Unavailable
from httpmr.jobs import Jobs
from httpmr.sources import Paged
from httpmr.stores import MemoryStore
from httpmr.testing.sources import SourceSuite

SIZE = 7
ITEMS = [{"id": n, "word": f"word {n % 5}"} for n in range(1, 40)]


class Service:
    """Items in pages of SIZE; it notes which are asked for, and may refuse."""

    def __init__(self):
        self.asked = []
        self.status = "200 OK"
        self.refuses = set()

    def __call__(self, environ, start_response):
        number = int(parse_qs(environ["QUERY_STRING"])["page"][0])
        self.asked.append(number)
        status = self.status if number in self.refuses else "200 OK"
        start_response(status, [("Content-Type", "application/json")])
        return [json.dumps(ITEMS[SIZE * number : SIZE * (number + 1)]).encode()]


@pytest.fixture
def service():
    app = Service()
    with served(app) as app.address:
        yield app


def items_of(service):
    def items(cursor):
        page, done = cursor or (0, 0)
        while found := ask(service, page):
            for number, item in enumerate(found[done:], done + 1):
                yield item, (page, number)
            page, done = page + 1, 0

    return items


def ask(service, page):
    try:
        with urllib.request.urlopen(f"{service.address}/items?page={page}", timeout=5) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        raise


class TestPaged(SourceSuite):
    splits = bounded = False

    @pytest.fixture
    def source(self, service):
        return Paged(items_of(service))

    @pytest.fixture
    def expected(self):
        return [((n // SIZE, n % SIZE + 1), item) for n, item in enumerate(ITEMS)]


class TestTokens(SourceSuite):
    """Cursors that only the service understands."""

    splits = bounded = native_order = False

    @pytest.fixture
    def source(self):
        tokens = [f"{n * 7919 % 1000:03}" for n in range(40)]

        def items(token):
            begin = 0 if token is None else tokens.index(token) + 1
            yield from zip(range(begin, 40), tokens[begin:], strict=True)

        return Paged(items)


def count(cursor, item):
    yield item["word"], 1


def master(service):
    return httpmr.Master(
        "words", source=Paged(items_of(service)), mapper=count, reducer=reducers.Sum(),
        store="memory:",
    )  # fmt: skip


def counts():
    return {f"word {n}": sum(item["word"] == f"word {n}" for item in ITEMS) for n in range(5)}


def test_a_whole_job_may_be_cut_after_each_record(service):
    assert dict(testing.run(master(service)).output()) == counts()


def test_pages_are_asked_for_as_they_are_needed(service):
    reading = Paged(items_of(service)).read(None, None)
    assert service.asked == []
    assert len(list(islice(reading, SIZE))) == SIZE
    assert service.asked == [0]
    next(reading)
    assert service.asked == [0, 1]


def test_a_cut_costs_one_page_that_is_read_twice(service):
    source = Paged(items_of(service))
    for n, (cursor, _) in enumerate(source.read(None, None)):
        if n + 1 < len(ITEMS):
            service.asked.clear()
            assert next(source.read(cursor, None))[1] == ITEMS[n + 1]
            assert service.asked == sorted({n // SIZE, (n + 1) // SIZE})


# What goes wrong on the way


@pytest.mark.parametrize("status", ["500 Broken", "503 Busy", "429 Too Many Requests", "408 Late"])
def test_a_service_that_is_away_is_nobodys_fault(service, status):
    service.status, service.refuses = status, {2}
    jobs = Jobs(master(service).recipe, MemoryStore())
    job = jobs.start()
    with pytest.raises(Unavailable, match=rf"Paged\(.*HTTP Error {status[:3]}.*: try again"):
        for _ in range(9):
            jobs.step(job.id)
    assert job.state == "running"
    assert job.status()["records"] == 2 * SIZE, "what was read before is done"
    service.refuses = set()
    while jobs.step(job.id).job.state == "running":
        pass
    assert dict(job.output()) == counts()


def test_a_connection_that_is_refused_is_nobodys_fault():
    gone = SimpleNamespace(address="http://127.0.0.1:9")
    with pytest.raises(Unavailable, match=r"URLError.*try again"):
        next(Paged(items_of(gone)).read(None, None))


@pytest.mark.parametrize("status", ["401 No", "404 Not Found", "410 Gone"])
def test_a_service_that_refuses_pauses_the_job_which_says_so(service, status):
    service.status, service.refuses = status, {1}
    jobs = Jobs(master(service).recipe, MemoryStore())
    job = jobs.start()
    while jobs.step(job.id, budget=Budget.records(5)).job.state == "running":
        pass
    assert job.state == "paused"
    assert f"HTTPError: HTTP Error {status[:3]}" in job.status()["error"]
    service.refuses = set()
    jobs.resume(job.id)
    while jobs.step(job.id).job.state == "running":
        pass
    assert dict(job.output()) == counts()


class LibrarysError(Exception):
    """As libraries raise that have no OSError among their bases."""

    def __init__(self, status=None, cause=None):
        self.response = None if status is None else SimpleNamespace(status_code=status)
        self.__cause__ = cause


@pytest.mark.parametrize(
    "error, passes",
    [
        (LibrarysError(status=502), True),
        (LibrarysError(status=404), False),
        (LibrarysError(cause=LibrarysError(cause=TimeoutError())), True),
        (LibrarysError(), False),
        (ConnectionResetError(), True),
        (FileNotFoundError(2, "no token"), False),
        (type("InvalidURL", (OSError, ValueError), {})(), False),
        (KeyError("items"), False),
    ],
)
def test_what_may_pass_is_told_from_what_does_not(error, passes):
    def items(cursor):
        raise error
        yield

    with pytest.raises(Unavailable if passes else type(error)):
        next(Paged(items).read(None, None))


# What a cursor must be


@pytest.mark.parametrize(
    "given, told",
    [
        ([("item", None)], r"gave None as a cursor: each item needs its own"),
        ([("a", 1), ("b", 1)], "gave the cursor 1 twice: each item needs its own"),
        (["item"], r"gave 'item': let it yield \(item, cursor\)"),
        ([("a", 1, 2)], r"let it yield \(item, cursor\)"),
    ],
)
def test_a_cursor_that_cannot_be_gone_on_after_is_told(given, told):
    with pytest.raises(InputError, match=told):
        list(Paged(lambda cursor: iter(given)).read(None, None))


def test_an_item_that_comes_no_more_is_told_and_nothing_else_is_given(monkeypatch):
    source = Paged(lambda cursor: ((n, n) for n in range((cursor or 0) + 1, 9) if n != 5))
    assert [key for key, _ in source.read(3, 6)] == [4, 6]
    with pytest.raises(InputError, match="came to the cursor 5, and now it does not"):
        next(source.read(3, 5))
    monkeypatch.setattr("httpmr.sources.paged.SOUGHT", 3)
    assert len(list(source.read(None, 3))) == 3
    with pytest.raises(InputError, match="came to the cursor 4"):
        next(source.read(None, 4))


@pytest.mark.parametrize("function", [None, "items", Service])
def test_what_is_no_function_is_told(function):
    with pytest.raises(RecipeError, match="Paged takes a function"):
        Paged(function)


def test_shows_its_function():
    assert repr(Paged(count)) == "Paged(count)"
