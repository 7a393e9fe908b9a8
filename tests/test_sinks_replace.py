"""The SQLReplace sink: the content of a table is replaced when a job is done, at once."""

import jobslib
import pytest
from jobslib import carried, same
from test_sinks_sql import execute, rows

from httpmr.errors import OutputError, Unfit
from httpmr.interfaces import Slice
from httpmr.sinks import SQLReplace
from httpmr.stores import MemoryStore, SQLStore
from httpmr.testing import SinkSuite

TABLE = "CREATE TABLE words (word VARCHAR(80) PRIMARY KEY, count INTEGER NOT NULL)"


class TestReplace(SinkSuite):
    ordered = False

    @pytest.fixture
    def sink(self, database_url):
        execute(database_url, TABLE)
        made = SQLReplace(database_url, "words", key="word", value="count")
        made.check(MemoryStore())
        return made

    def published(self, sink, job):
        return rows(sink.database)


@pytest.fixture
def url(database_url):
    execute(database_url, TABLE, "INSERT INTO words VALUES ('old', 1)")
    return database_url


def jobs(url, records, store=None, mapper=same):
    sink = SQLReplace(url, "words", key="word", value="count")
    return jobslib.made(mapper=mapper, records=records, store=store or SQLStore(url), sink=sink)


def staged(url):
    return rows(url, "words_httpmr WHERE httpmr_part <> 'published'")


def test_the_old_content_stays_until_the_job_is_done(url):
    work = jobs(url, {"a": 2, "b": 3, "c": 4})
    job = work.start()
    while job.record.phase != "publish":
        assert rows(url) == [("old", 1)]
        work.step(job.id)
    assert len(staged(url)) == 3
    carried(work, job)
    assert sorted(rows(url)) == [("a", 2), ("b", 3), ("c", 4)]
    assert staged(url) == []
    again = jobs(url, {"b": 9})
    carried(again, again.start())
    assert rows(url) == [("b", 9)]


def test_a_job_that_gives_nothing_leaves_nothing(url):
    work = jobs(url, {})
    carried(work, work.start())
    assert rows(url) == []


def test_a_job_that_is_cancelled_changes_nothing_and_the_next_clears_up(url):
    work = jobs(url, {n: n for n in range(9)})
    job = work.start()
    jobslib.to_phase(work, job, "publish")
    work.cancel(job.id)
    assert rows(url) == [("old", 1)] and len(staged(url)) == 9
    work = jobs(url, {"b": 9}, work.store)
    carried(work, work.start())
    assert rows(url) == [("b", 9)] and staged(url) == []


def test_of_two_at_once_the_one_that_was_started_last_stays(url):
    store = MemoryStore()
    first, second = jobs(url, {"a": 1}, store), jobs(url, {"b": 2}, store)
    one, other = first.start(), second.start()
    jobslib.to_phase(first, one, "publish")
    carried(second, other)
    assert carried(first, one).state == "done"
    assert rows(url) == [("b", 2)] and staged(url) == []


@pytest.mark.parametrize("values", [{"a": None}, {"a": [("x", 1), ("x", 2)]}])
def test_what_the_table_refuses_pauses_the_job_and_loses_nothing(url, values):
    def mapper(key, value):
        return value if isinstance(value, list) else [(key, value)]

    work = jobs(url, values, mapper=mapper)
    job = carried(work, work.start())
    assert job.state == "paused"
    message = job.status()["error"]
    assert f"the rows of job {job.id} cannot be published: " in message and "\n" not in message
    assert rows(url) == [("old", 1)]


def test_a_row_that_no_column_takes_is_named(url):
    work = jobs(url, {"a": 1, "b": object})
    job = carried(work, work.start())
    assert job.state == "paused" and "'b'" in job.status()["error"]
    assert rows(url) == [("old", 1)]


def test_staged_rows_that_are_gone_are_noticed(url):
    work = jobs(url, {"a": 1, "b": 2})
    job = work.start()
    jobslib.to_phase(work, job, "publish")
    execute(url, "DELETE FROM words_httpmr WHERE word = 'a'")
    assert carried(work, job).state == "paused"
    assert "of 2 rows that the job" in job.status()["error"]
    assert rows(url) == [("old", 1)]


def test_publishing_again_changes_nothing(sqlite_url):
    execute(sqlite_url, TABLE)
    sink = SQLReplace(sqlite_url, "words", key="word", value="count")
    sink.check(MemoryStore())
    receipts = [sink.write([("a", 1)], Slice("s-1", (0,), 0, 1))]
    sink.write([("zombie", 1)], Slice("s-1", (0,), 0, 2))
    for _ in range(2):
        assert sink.finish("s-1", receipts, None)
        assert rows(sqlite_url) == [("a", 1)]
    assert sink.finish("s-0", [], None)  # one before it, that comes late
    assert rows(sqlite_url) == [("a", 1)]


def test_a_retry_replaces_all_of_it_or_is_refused(url):
    well = []

    def mapper(key, value):
        if key == 3 and not well:
            raise ValueError("not yet")
        yield key, value

    settings = {"max_bad_records": 1, "store": SQLStore(url), "mapper": mapper}
    sink = SQLReplace(url, "words", key="word", value="count")
    records = {n: n for n in range(5)}
    work = jobslib.made(records=records, sink=sink, reducer=lambda k, v: [(k, sum(v))], **settings)
    job = carried(work, work.start())
    assert len(rows(url)) == 4
    well.append(1)
    work.retry(job.id)
    carried(work, job)
    assert sorted(int(word) for word, _ in rows(url)) == [0, 1, 2, 3, 4]
    well.clear()
    work = jobslib.made(records=records, sink=sink, **settings)
    job = carried(work, work.start())
    with pytest.raises(Unfit, match="cannot add to what it has replaced"):
        work.retry(job.id)


def test_a_staging_table_of_other_columns_is_told(url):
    execute(url, "CREATE TABLE words_httpmr (word INTEGER)")
    with pytest.raises(OutputError, match="words_httpmr is staged in for other columns: drop it"):
        SQLReplace(url, "words", key="word", value="count").check(MemoryStore())
