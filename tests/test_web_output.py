"""Stored output over HTTP: pages, ranges, one key, downloads."""

import csv
import io
import json
import sys
import tracemalloc
from datetime import date
from decimal import Decimal
from urllib.parse import quote

import pytest
from weblib import client, link, master, one_by_one, stranger

from httpmr import keys
from httpmr.interfaces import Batch
from httpmr.stores import MemoryStore

JSON = {"Accept": "application/json"}

PAIRS = {
    1: [(n, n * n) for n in range(25)],
    2: [("ten", 10), ("10", "ten"), ("=SUM(A1)", "+1"), ("-x", "@y"), ("a,b", 'c"d'), ("é", "ü")],
    3: [(("a", 1), [1, 2]), (("a", date(2008, 12, 1)), {"x": 1})],
    4: [(date(2008, 12, 1), 1), (b"\x00\xff", 2), (Decimal("0.1"), -3), (-4, -4)],
    5: [("many", n) for n in range(7)],
    6: [("true", 1), ("null", 2)],
}


def pairs(key, value):
    return PAIRS[key]


@pytest.fixture(scope="module")
def made():
    made = master(dict.fromkeys(PAIRS, ""), mapper=pairs, reducer=None)
    made.run()
    return made


@pytest.fixture(scope="module")
def url(made):
    return link(made, made.latest(), "view") + "output"


@pytest.fixture(scope="module")
def web(made):
    return stranger(made)


def ask(web, url, **query):
    fields = "&".join(f"{name}={quote(str(value))}" for name, value in query.items())
    return web.get(f"{url}?{fields}", headers=JSON)


def test_a_damaged_block_is_told_and_nothing_is_given_out():
    made = master(reducer=None)
    job = made.run()
    [(key, value), *_] = made.work.store.scan(*keys.span((job.id, "output block")))
    batch = Batch()
    batch.put(key, value[:-1] + bytes([value[-1] ^ 1]))
    made.work.store.commit(batch)
    for way in ("", "?key=the", ".csv", ".jsonl"):
        url = link(made, job, "view") + "output" + way
        answer = stranger(made).get(url, headers=JSON, status=409)
        assert "a stored block fails its checksum" in answer.text


def test_the_whole_output_page_by_page(made, web, url):
    rows, after = [], ""
    for _ in range(99):
        page = ask(web, url, limit=3, after=after).json
        rows += page["rows"]
        if page["next"] is None:
            break
        assert page["next"] == page["rows"][-1][0]
        after = json.dumps(page["next"])
    assert len(rows) == sum(map(len, PAIRS.values()))
    assert rows == ask(web, url).json["rows"]
    assert ["ten", 10] in rows and [["a", 1], [1, 2]] in rows
    assert [{"$date": "2008-12-01"}, 1] in rows
    assert [["a", {"$date": "2008-12-01"}], {"x": 1}] in rows


def test_limit_counts_keys(web, url):
    page = ask(web, url, after="mana", limit=1).json
    assert page == {"rows": [["many", n] for n in range(7)], "next": "many"}


def test_a_range_is_after_and_until(web, url):
    assert ask(web, url, after=3, until=6).json["rows"] == [[n, n * n] for n in (4, 5, 6)]
    assert ask(web, url, after="", until=1).json["rows"][0] == [-4, -4]
    assert ask(web, url, after=9, until=3).json == {"rows": [], "next": None}
    assert ask(web, url, after='"10"', until="a").json["rows"][0][0] == "=SUM(A1)"


@pytest.mark.parametrize(
    ("key", "said", "values"),
    [
        ("ten", "ten", [10]),
        ('"ten"', "ten", [10]),
        ('"10"', "10", ["ten"]),
        ("10", 10, [100]),
        ("10.0", 10.0, [100]),
        ('["a", 1]', ["a", 1], [[1, 2]]),
        ('["a", {"$date": "2008-12-01"}]', ["a", {"$date": "2008-12-01"}], [{"x": 1}]),
        ('{"$date": "2008-12-01"}', {"$date": "2008-12-01"}, [1]),
        ('{"$bytes": "AP8="}', {"$bytes": "AP8="}, [2]),
        ('{"$decimal": "0.10"}', {"$decimal": "0.10"}, [-3]),
        ("many", "many", list(range(7))),
        ("true", "true", [1]),
        ("null", "null", [2]),
        ("é", "é", ["ü"]),
    ],
)
def test_one_key(web, url, key, said, values):
    assert ask(web, url, key=key).json == {"key": said, "values": values}


@pytest.mark.parametrize("key", ["eleven", "99", '""', "", '["a", 2]', "1e999", "{", '["ten"]'])
def test_a_key_that_is_not_there(web, url, key):
    answer = web.get(f"{url}?key={quote(key)}", headers=JSON, status=404)
    assert answer.json["error"]


@pytest.mark.parametrize(
    "query",
    ['key={"$date":"x"}', 'key={"a":1}', "limit=0", "limit=-1", "limit=x", "limit=1.5",
     "limit=\xb2", "after={}", 'until=[{"$uuid":1}]', "key=%ff", "key=" + "x" * 9000,
     "&".join("a=1" for _ in range(200)), "key=" + "[" * 200 + "]" * 200,
     'key={"$decimal":"nan"}', 'key=[{"$float":"nan"}]'],
)  # fmt: skip
def test_malformed_queries(web, url, query):
    answer = web.get(f"{url}?{query}", headers=JSON, status=400)
    assert "\n" not in answer.json["error"]


def test_limits_are_capped(web, url):
    assert len(ask(web, url, limit=10**8).json["rows"]) == sum(map(len, PAIRS.values()))


def test_a_page_of_many_values_ends_early():
    def pairs(key, value):
        for word in "abcd":
            yield from ((word, n) for n in range(6000))

    made = master({1: ""}, mapper=pairs, reducer=None)
    url = link(made, made.run(), "view") + "output"
    page = ask(client(made), url).json
    assert len(page["rows"]) == 12_000 and page["next"] == "b"
    assert len(ask(client(made), url, after="b").json["rows"]) == 12_000


def test_output_can_be_looked_at_while_the_job_runs():
    made = one_by_one(master())
    job = made.start()
    view = link(made, job, "view")
    while job.state == "running":
        client(made).post(view + "step")
        for rest in ("output", "output?key=the", "output.csv", ""):
            assert client(made).get(view + rest, expect_errors=True).status_int in (200, 404)
    assert "so far" not in client(made).get(view + "output")


def test_output_that_is_not_all_there_says_so():
    made = master()
    page = client(made).get(link(made, made.start(), "view") + "output")
    assert "The job is running: this is what there is so far." in page
    assert "Nothing yet." in page


def test_html_pages(web, url):
    page = web.get(url + "?limit=20")
    assert len(page.html.select("tbody tr")) == 20
    after = page.click("Next")
    assert page.html.select("tbody tr")[-1] != after.html.select("tbody tr")[0]
    for row in [*page.html.select("td a"), *after.html.select("td a")]:
        assert web.get(row["href"]).html.select(".panel")


def test_json_only_where_it_is_asked_for(web, url):
    assert web.get(url, headers={"Accept": "*/*"}).content_type == "text/html"
    assert web.get(url, headers={"Accept": "text/html,application/json;q=0.9"}).content_type == (
        "text/html"
    )
    assert web.get(url, headers=JSON).content_type == "application/json"
    assert web.get(url, headers={"Accept": "application/json, text/plain"}).json["rows"]
    assert web.get(url, headers={"Accept": "q=;;,"}).content_type == "text/html"


def test_output_needs_a_view_link(made):
    drive = link(made, made.latest()) + "output"
    for rest in ("", ".csv", ".jsonl", "?key=ten"):
        answer = stranger(made).get(drive + rest, status=403)
        assert "ten" not in answer.text.split("<h1>")[1].replace("written", "")
        client(made).get(drive + rest, status=403)


def test_json_lines(web, url):
    answer = web.get(url + ".jsonl")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert rows == ask(web, url).json["rows"]


def test_csv(web, url):
    answer = web.get(url + ".csv")
    assert answer.content_type == "text/csv"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    header, *rows = csv.reader(io.StringIO(answer.text, newline=""))
    assert header == ["key", "value"] and len(rows) == len(ask(web, url).json["rows"])
    for row in (["ten", "10"], ["'=SUM(A1)", "'+1"], ["'-x", "'@y"], ["a,b", 'c"d'], ["é", "ü"],
                ["-4", "-4"],
                ['["a", 1]', "[1, 2]"], ['{"$date": "2008-12-01"}', "1"]):  # fmt: skip
        assert row in rows


@pytest.mark.parametrize(("key", "values"), [("many", range(7)), ("=SUM(A1)", ["+1"])])
def test_the_values_of_one_key_are_downloaded(web, url, key, values):
    lines = web.get(f"{url}.jsonl?key={quote(key)}").text.splitlines()
    assert [json.loads(line) for line in lines] == [[key, value] for value in values]
    answer = web.get(f"{url}.csv?key={quote(key)}")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert answer.text.count("\n") == 1 + len(values)
    assert "'=SUM(A1),'+1" in answer.text or key == "many"
    for wrong, status in (("eleven", 404), ('{"$date":"x"}', 400)):
        for format in ("csv", "jsonl"):
            web.get(f"{url}.{format}?key={wrong}", status=status)


def test_an_empty_output():
    made = master({})
    job = made.run()
    view = link(made, job, "view")
    assert ask(client(made), view + "output").json == {"rows": [], "next": None}
    assert client(made).get(view + "output.csv").text.strip() == "key,value"
    assert client(made).get(view).status_int == client(made).get(view + "output").status_int == 200


def test_the_key_none_does_not_end_the_paging():
    made = master({1: ""}, mapper=lambda key, value: [(None, 0), ("a", 1), ("b", 2)], reducer=None)
    job = made.run()
    url = link(made, job, "view") + "output"
    assert ask(client(made), url, limit=1).json == {"rows": [[None, 0], ["a", 1]], "next": "a"}
    assert ask(client(made), url, key='{"$none": 0}').json["values"] == [0]
    assert client(made).get(url).status_int == 200


# A key with very many values

GIANT, PER_RECORD, RECORDS = 200_000, 10_000, 20


def giant(n, _):
    yield ("a", 0) if n else ("z", 0)
    for m in range(n * PER_RECORD, (n + 1) * PER_RECORD):
        yield "giant", f"the value {m:020}"


class Counting(MemoryStore):
    """A store that counts the blocks of output that are read."""

    blocks = 0

    def get(self, keys):
        self.blocks += sum(b"output block" in key for key in keys)
        return super().get(keys)


@pytest.fixture(scope="module")
def huge():
    lines = dict.fromkeys(range(RECORDS), "")
    made = master(lines, mapper=giant, reducer=None, store=Counting())
    made.run()
    return made


def asked(made, rest, accept="*/*"):
    """Ask as a server does; return (the status, the pieces of the answer)."""
    path, _, query = (link(made, made.latest(), "view") + rest).partition("?")
    environ = {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "http", "SERVER_NAME": "x"}
    environ |= {"SERVER_PORT": "80", "PATH_INFO": path, "QUERY_STRING": query}
    said = []
    pieces = made(environ | {"HTTP_ACCEPT": accept}, lambda *told: said.append(told))
    return said[0][0], pieces


def test_very_many_values_are_never_held_at_once(huge, tmp_path):
    with open(tmp_path / "answer", "wb") as file:
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            status, pieces = asked(huge, "output?key=giant", "application/json")
            file.writelines(pieces)
            held = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
    assert status == "200 OK"
    answer = json.loads((tmp_path / "answer").read_bytes())
    assert answer == {"key": "giant", "values": [f"the value {m:020}" for m in range(GIANT)]}
    assert held < 6_000_000 < 15_000_000 < sum(map(sys.getsizeof, answer["values"]))


def test_a_page_for_programs_ends_with_a_key_of_very_many_values(huge):
    status, pieces = asked(huge, "output", "application/json")
    answer = json.loads(b"".join(pieces))
    assert (status, answer["next"]) == ("200 OK", "giant")
    assert answer["rows"][0] == ["a", 0] and len(answer["rows"]) == RECORDS - 1 + GIANT
    assert answer["rows"][-1] == ["giant", f"the value {GIANT - 1:020}"]


@pytest.mark.parametrize(
    "rest", ["output.csv", "output.jsonl", "output.jsonl?key=giant", "output?key=giant", "output"]
)
def test_what_programs_read_is_streamed(huge, rest):
    store = huge.work.store
    before = store.blocks
    status, pieces = asked(huge, rest, "application/json")
    pieces = iter(pieces)
    size = len(next(pieces))
    assert status == "200 OK" and 60_000 < size < 70_000
    # What is read ahead are a few blocks of the many.
    first = store.blocks - before
    more = sum(piece.count(b"the value ") for piece in pieces)
    assert GIANT - 3000 < more < GIANT
    assert 0 < first < (store.blocks - before) / 4


def test_a_page_for_people_ends_within_very_many_values(huge):
    web, view = stranger(huge), link(huge, huge.latest(), "view")
    whole = f"{view}output.jsonl?key=giant"
    page = web.get(f"{view}output?key=giant")
    assert page.text.count('<p class="panel">the value ') == 1000 and len(page.body) < 100_000
    assert page.text.count(f'href="{whole}"') == 1
    page = web.get(f"{view}output")
    assert page.text.count("<tr><td>") == 10_000 and page.text.count(f'href="{whole}"') == 1
    after = page.click("Next")
    assert [row.text.strip() for row in after.html.select("tbody tr")] == ["z0"]
    assert "more values" not in after.text and "Next" not in after.text
    page = web.get(f"{view}output?until=giant")
    assert "more values" in page.text and "Next" not in page.text
    page = web.get(view)
    assert page.text.count("<td>the value ") == 100 - (RECORDS - 1) and "All of it" in page.text


def test_the_key_none_may_have_very_many_values():
    """It cannot be gone on after: what comes behind it is shown with it."""
    many = [(None, n) for n in range(10_500)] + [("a", 1), ("b", 2)]
    made = master({1: ""}, mapper=lambda key, value: many, reducer=None)
    view = link(made, made.run(), "view")
    rows = ask(client(made), view + "output").json
    assert len(rows["rows"]) == 10_501 and rows["next"] == "a"
    page = client(made).get(view + "output")
    assert page.text.count("more values") == 2  # of None, and of "a", for the page is full
    assert page.text.count("<tr><td>") == 10_000
