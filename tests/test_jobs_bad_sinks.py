"""Whatever is wrong with a record, and wherever the output goes: it is named, all others come.

And when it is mended and retried, the output is as if nothing had been wrong.
"""

import json
import random
import sys

import pytest
import sqlalchemy
from faults import Clock
from jobslib import carried, made

from httpmr import reducers, sql
from httpmr.sinks import JSONLines, SQLTable, Stored
from httpmr.stores import MemoryStore, SQLStore

RECORDS = {n: f"v{n}" for n in range(9)}
EXPECTED = {f"w{n}": f"v{n}" for n in RECORDS}

# What the record 4 does, what is said of that, and what stands in the traceback.
USER_CODE = {
    "raises": (lambda: 1 // 0, "ZeroDivisionError: ", "in <lambda>"),
    "leaves": (lambda: sys.exit("enough"), "SystemExit: enough", "in <lambda>"),
    "gives no pair": (lambda: ["abc"], "NotPairs: Mapper.map (test_jobs_bad_sinks", "NotPairs"),
}
NOTHING_TO_STORE = {
    "a key": (lambda: [([], "v")], "a key of type list cannot be a key", "Unstorable"),
    "a value": (lambda: [("w4", object())], "a value of type object cannot", "Unstorable"),
    "a NaN": (lambda: [(float("nan"), "v")], "NaN cannot be a key", "Unstorable"),
}
REFUSED_BY_JSON = {
    "a value": (lambda: [("w4", object())], "no JSON for the type object", "OutputError"),
    "a NaN": (lambda: [("w4", float("nan"))], "not JSON compliant", "OutputError"),
}
REFUSED_BY_A_TABLE = {
    "too long": (lambda: [("w4", "v" * 99)], "upsert of key 'w4' was refused", "OutputError"),
    "a value": (lambda: [("w4", object())], "upsert of key 'w4' was refused", "OutputError"),
    "no key": (lambda: [(None, "v")], "None is NULL, which no row's key", "OutputError"),
}


class Mapper:
    """Does wrong by the record 4, until it is mended."""

    def __init__(self, wrong):
        self.wrong = wrong

    def map(self, key, value):
        return self.wrong() if key == 4 and self.wrong else [(f"w{key}", value)]


def tried(case, read, **settings):
    """Carry a job with a bad record to its end; mend it, and retry."""
    wrong, said, traced = case
    mapper = Mapper(wrong)
    jobs = made(mapper, RECORDS, version="1", max_bad_records=1, **settings)
    job = carried(jobs, jobs.start())
    assert job.state == "done", job.status()
    [bad] = job.bad_records
    assert (bad["key"], bad["kind"], bad["phase"]) == (4, "record", "map")
    assert said in bad["message"] and "\n" not in bad["message"]
    assert traced in bad["traceback"]
    assert job.status()["records"] == 9
    assert read(job) == {word: v for word, v in EXPECTED.items() if word != "w4"}
    mapper.wrong = None
    jobs.retry(job.id)
    assert carried(jobs, job).state == "done"
    assert (read(job), job.bad_records) == (EXPECTED, [])


def cases(*kinds):
    found = {name: case for kind in kinds for name, case in kind.items()}
    return pytest.mark.parametrize("case", found.values(), ids=found)


REDUCERS = pytest.mark.parametrize("reducer", [None, reducers.Max()], ids=["map only", "reduced"])


@cases(USER_CODE, NOTHING_TO_STORE)
@REDUCERS
def test_stored(case, reducer):
    tried(case, lambda job: dict(job.output()), sink=Stored(), reducer=reducer)


class TestFile:
    def tried(self, case, path, **settings):
        def read(job):
            return dict(map(json.loads, path.read_text().splitlines()))

        tried(case, read, sink=JSONLines(path), **settings)

    @cases(USER_CODE, REFUSED_BY_JSON)
    def test_map_only(self, case, tmp_path):
        self.tried(case, tmp_path / "out.jsonl")

    @cases(USER_CODE, NOTHING_TO_STORE)
    def test_reduced(self, case, tmp_path):
        self.tried(case, tmp_path / "out.jsonl", reducer=reducers.Max())


@pytest.mark.parametrize("joins", [True, False], ids=["joined", "beside"])
class TestTable:
    @pytest.fixture
    def settings(self, database_url, joins):
        with sql.engine(database_url).begin() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE words (word VARCHAR(20) PRIMARY KEY, value VARCHAR(20), "
                "CHECK (length(value) < 21))"
            )
        store = SQLStore(database_url) if joins else MemoryStore(clock=Clock())
        self.engine = sql.engine(database_url)
        sink = SQLTable(database_url, "words", key="word", value="value")
        assert sink.joins(store) == joins
        yield {"sink": sink, "store": store}
        store.close()

    def read(self, job):
        with self.engine.connect() as connection:
            rows = connection.execute(sqlalchemy.text("SELECT word, value FROM words"))
            return dict(map(tuple, rows))

    @cases(USER_CODE, REFUSED_BY_A_TABLE)
    def test_map_only(self, case, settings):
        tried(case, self.read, **settings)

    @cases(USER_CODE, NOTHING_TO_STORE)
    def test_reduced(self, case, settings):
        tried(case, self.read, reducer=reducers.Max(), **settings)

    def test_a_group_that_is_refused_pauses_and_comes_when_it_is_retried(self, settings):
        case = REFUSED_BY_A_TABLE["too long"]
        mapper = Mapper(case[0])
        jobs = made(mapper, RECORDS, version="1", reducer=reducers.Max(), **settings)
        job = carried(jobs, jobs.start())
        assert job.state == "paused"
        assert job.status()["error"].startswith("group 'w4': OutputError: upsert of key 'w4' was")
        jobs.skip(job.id)
        assert carried(jobs, job).state == "done"
        assert self.read(job) == {word: v for word, v in EXPECTED.items() if word != "w4"}
        object.__setattr__(jobs.recipe, "reducer", Shortened())
        jobs.retry(job.id)
        assert carried(jobs, job).state == "done"
        assert (self.read(job), job.bad_records) == (EXPECTED | {"w4": "v" * 20}, [])


class Shortened:
    def reduce(self, key, values):
        yield key, max(values)[:20]


class TestTooMuch:
    def much_of_one(self, key, value):
        if key == 4 and self.much:
            return [((n, value), self.noise[64 * n : 64 * n + 64]) for n in range(200_000)]
        return [(f"w{key}", value)]

    def jobs(self, **settings):
        self.much, self.noise = True, random.Random(1).randbytes(64 * 200_000)
        return made(self.much_of_one, RECORDS, version="1", max_bad_records=1, **settings)

    @pytest.mark.parametrize("reducer", [None, lambda key, values: [(key, max(values))]])
    def test_more_than_a_commit_takes_are_put_aside(self, reducer):
        jobs = self.jobs(reducer=reducer)
        job = carried(jobs, jobs.start())
        [bad] = job.bad_records
        assert bad["key"] == 4
        assert "it gives more than a commit can take: emit less" in bad["message"]
        self.much = False
        jobs.retry(job.id)
        assert dict(carried(jobs, job).output()) == EXPECTED

    def test_what_a_combiner_makes_few_of_comes_through(self):
        jobs = made(lambda k, v: [("k", 1)] * (1_000_000 if k == 4 else 1), reducer=reducers.Sum())
        job = carried(jobs, jobs.start())
        assert dict(job.output()) == {"k": 1_000_009} and job.bad_records == []
