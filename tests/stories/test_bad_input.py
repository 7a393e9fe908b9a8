"""Bad input, as a user meets it over HTTP: one clear line, no 5xx, and nothing lost."""

import random
import sqlite3

import pytest
from webtest import TestApp

import httpmr
from httpmr import reducers, sinks, sources, stores

LOCAL = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:80"}
RECORDS = {1: "one", 2: "two", 3: "three"}
HERE = "test_bad_input.py"


@pytest.fixture
def database(tmp_path):
    """A SQLite file with tables that are each wrong in one way, and one that is right."""
    path = tmp_path / "site.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            """
            CREATE TABLE twice (name TEXT NOT NULL, n INTEGER);
            INSERT INTO twice VALUES ('a', 1), ('a', 2);
            CREATE TABLE nulls (name TEXT UNIQUE, n INTEGER);
            INSERT INTO nulls VALUES ('a', 1), (NULL, 2);
            CREATE TABLE words (word TEXT PRIMARY KEY, n INTEGER CHECK (n < 100));
            """
        )
    connection.close()
    return f"sqlite:///{path}"


def site(store="memory", **settings):
    settings = {
        "source": sources.Memory(RECORDS),
        "mapper": lambda key, value: [(value, key)],
        "reducer": reducers.Sum(),
        "store": stores.MemoryStore() if store == "memory" else store,
        "authorize": httpmr.allow_local,
    } | settings
    master = httpmr.Master("bad", **settings)
    return master, TestApp(master, extra_environ=LOCAL)


def refused(web, status):
    """Try to start a job; return the one line that says why there is none."""
    answer = web.post_json("/jobs", {}, status=status)
    assert set(answer.json) == {"error"}
    return one_line(answer.json["error"])


def one_line(message):
    assert message
    assert "\n" not in message
    assert "Traceback" not in message
    return message


def carried(web, drive):
    """Step a job until it runs no more; return its last answer."""
    step = drive.replace("http://localhost:80", "").removesuffix("drive") + "step"
    for _ in range(500):
        answer = web.post_json(step, {}, expect_errors=True)
        assert answer.status_int in (200, 202, 409), answer
        if answer.status_int != 202:
            return answer
    raise AssertionError("the job goes on for ever")


def paused(master, web):
    """Start a job and carry it to where it pauses; return (the job, the one line that says why)."""
    drive = web.post_json("/jobs", {}, status=201).json["drive"]
    assert carried(web, drive).json["state"] == "paused"
    job = master.jobs()[0]
    page = web.get(master.link("view", job=job) + "/", status=200)
    assert "Traceback (most recent call last)" not in page or "<pre" in page
    return job, one_line(job.status()["error"])


def resumed(master, web, job):
    master.work.resume(job.id)
    answer = carried(web, master.link("drive", job=job) + "/drive")
    assert answer.json["state"] == "done", job.status()
    return dict(job.output())


# What cannot begin


def test_an_unknown_table(database):
    _, web = site(source=sources.SQLTable(database, "wrods", key="word"))
    message = refused(web, 409)
    assert "wrods" in message
    assert "words" in message  # what may have been meant


def test_a_key_that_is_not_unique(database):
    _, web = site(source=sources.SQLTable(database, "twice", key="name"))
    message = refused(web, 409)
    assert "name" in message
    assert "unique" in message


def test_a_pattern_that_matches_no_file(tmp_path):
    _, web = site(source=sources.TextFiles(str(tmp_path / "no*.txt")))
    assert "no*.txt" in refused(web, 409)


def test_a_sink_whose_table_is_missing(database):
    _, web = site(sink=sinks.SQLTable(database, "totals", key="word", value="n"))
    message = refused(web, 409)
    assert "CREATE TABLE totals" in message


def test_pairs_that_go_backwards():
    with pytest.raises(httpmr.HttpmrError, match=r"2.*1|1.*2") as error:
        list(sources.Memory([(2, "b"), (1, "a")]).read(None, None))
    one_line(str(error.value))


def test_a_malformed_and_a_huge_body():
    _, web = site()
    json = {"Content-Type": "application/json"}
    for body, status in ((b"{", 400), (b"[1]", 400), (b"\xff", 400), (b" " * 10_000_000, 413)):
        answer = web.post("/jobs", body, headers=json, status=status)
        one_line(answer.json["error"])
    assert "word" in one_line(web.post_json("/jobs", {"word": 1}, status=400).json["error"])


def test_an_unauthorised_start():
    master, web = site(authorize=None)
    message = web.post_json("/jobs", {}, status=403).json["error"]
    assert "authorize" in one_line(message)
    assert master.jobs() == []


def test_a_wrong_token():
    master, web = site()
    job = master.start()
    for token in ("x", "A" * 43, "%00", "%C3%A9"):
        web.get(f"/{job.id}/{token}/drive", status=404)
    assert job.status()["slices"] == 0


def test_a_stale_address_does_no_work_and_leads_on():
    master, web = site()
    job = master.start()
    base = master.link("drive", job=job)
    first = web.get(base + "/drive", status=303).location
    web.get(first)
    slices = job.status()["slices"]
    assert slices == 1
    answer = web.get(first)
    assert answer.status_int in (200, 303)
    assert job.status()["slices"] == slices
    assert carried(web, base + "/drive").json["state"] == "done"


# What pauses the job, and goes on when it is mended


class Shaped(httpmr.Mapper):
    """Gives whatever it is told to for the record 2."""

    def __init__(self, wrong):
        self.wrong = wrong

    def map(self, key, value):
        return self.wrong if key == 2 and self.wrong != "mended" else [(value, key)]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (None, "gave None"),
        ("ab", "the str 'ab'"),
        ({"a": 1}, "a dict of 1"),
        (("a", 1), "a lone pair ('a', 1)"),
        ([("a", 1, 2)], "the tuple ('a', 1, 2)"),
        (["ab", "cd"], "the str 'ab'"),
        (7, "int"),
        ([(["a"], 1)], "list"),
        ([(float("nan"), 1)], "NaN"),
        ([(object(), 1)], "object"),
        ([("a", object())], "object"),
        ([(("a", {1}), 1)], "a key of type tuple"),
        ([("a", random.Random(1).randbytes(9_000_000))], "9,0"),
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0][:30],
)
def test_a_mapper_that_gives_what_it_must_not(wrong, said):
    mapper = Shaped(wrong)
    master, web = site(mapper=mapper)
    job, message = paused(master, web)
    assert said in message
    assert message.startswith("record 2: ")
    mapper.wrong = "mended"
    assert resumed(master, web, job) == {"one": 1, "two": 2, "three": 3}
    assert job.status()["records"] == 3


def test_the_line_that_raised_is_named():
    def picky(key, value):
        if key == 2:
            raise ValueError(f"cannot do {value}")
        yield value, key

    master, web = site(mapper=picky)
    job, message = paused(master, web)
    assert f"ValueError: cannot do two ({HERE}, line " in message
    master.work.skip(job.id)
    carried(web, master.link("drive", job=job) + "/drive")
    assert job.state == "done"
    assert dict(job.output()) == {"one": 1, "three": 3}
    (bad,) = job.bad_records
    assert bad["key"] == 2
    assert "picky" in bad["traceback"]


def test_within_the_limit_bad_records_are_put_aside():
    def picky(key, value):
        httpmr.count("seen")
        return [(value, 10 // (key - 2))]

    master, web = site(mapper=picky, max_bad_records=1)
    drive = web.post_json("/jobs", {}, status=201).json["drive"]
    assert carried(web, drive).json["state"] == "done"
    job = master.jobs()[0]
    assert [bad["key"] for bad in job.bad_records] == [2]
    assert job.counters == {"seen": 2}
    assert job.status()["records"] == 3
    assert dict(job.output()) == {"one": -10, "three": 10}


def test_a_null_among_the_keys(database):
    _, web = site(source=sources.SQLTable(database, "nulls", key="name"))
    message = refused(web, 409)
    assert "name" in message
    assert "NULL" in message


def test_a_row_that_the_sink_refuses(database):
    def total(key, values):
        yield key, sum(values) * (1000 if key == "two" else 1)

    sink = sinks.SQLTable(database, "words", key="word", value="n")
    master, web = site(store=database, reducer=total, sink=sink)
    job, message = paused(master, web)
    assert "'two'" in message
    assert "CHECK" in message
    master.work.skip(job.id)
    assert carried(web, master.link("drive", job=job) + "/drive").json["state"] == "done"
    with sqlite3.connect(database.removeprefix("sqlite:///")) as connection:
        rows = dict(connection.execute("SELECT word, n FROM words"))
    connection.close()
    assert rows == {"one": 1, "three": 3}


def test_a_file_that_changes_in_mid_job(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one\ntwo\n" * 100)
    master, web = site(source=sources.TextFiles(str(path)), mapper=lambda k, line: [(line, 1)])
    drive = web.post_json("/jobs", {}, status=201).json["drive"]
    step = drive.replace("http://localhost:80", "").removesuffix("drive") + "step"
    while web.post_json(step, {}).json["phase"] == "split":
        pass
    path.write_text("three\n")
    job = master.jobs()[0]
    assert carried(web, drive).json["state"] == "paused"
    assert "not what it was when the job began" in one_line(job.status()["error"])
