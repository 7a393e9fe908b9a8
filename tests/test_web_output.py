"""Stored output over HTTP: pages, ranges, one key, downloads."""

import csv
import io
import json
from datetime import date
from decimal import Decimal
from urllib.parse import quote

import pytest
from weblib import client, link, master, one_by_one, stranger

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


def test_downloads_are_streamed(made):
    environ = {"REQUEST_METHOD": "GET", "wsgi.url_scheme": "http", "SERVER_NAME": "x"}
    environ["PATH_INFO"] = link(made, made.latest(), "view") + "output.jsonl"
    answer = made.map_reduce(type("R", (), {"environ": environ}))
    assert answer.content_length is None
    assert next(iter(answer.app_iter)).count(b"\n") == 1


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
