"""Folders of part files: on a disk, in memory, and on what is like S3."""

import csv
import io
import json
import os
from itertools import chain
from pathlib import Path

import fsspec
import pytest
from fileslib import empty_memory
from jobslib import carried, made

import httpmr
from httpmr import sources
from httpmr.budget import Budget
from httpmr.errors import Damaged, OutputError, RecipeError
from httpmr.interfaces import Slice
from httpmr.sinks import CSVFile, JSONLines
from httpmr.stores import MemoryStore
from httpmr.testing import SinkSuite
from httpmr.testing.sink_jobs import GHOSTS, PARTS, A, B, C, Run


@pytest.fixture
def memory():
    return empty_memory()


def pairs(text):
    return [tuple(json.loads(line)) for line in text.splitlines()]


class TestOnADisk(SinkSuite):
    @pytest.fixture
    def sink(self, tmp_path):
        return JSONLines(f"{tmp_path}/out/")

    def published(self, sink, job):
        found = []
        for path in sink.parts():
            with open(path, encoding="utf-8") as file:
                found += pairs(file.read())
        return found


class TestInMemory(SinkSuite):
    @pytest.fixture
    def sink(self, memory):
        return CSVFile("memory://out/", header=("key", "value"))

    def published(self, sink, job):
        found = []
        for url in sink.parts():
            with fsspec.open(url, "r", newline="") as file:
                header, *rows = csv.reader(io.StringIO(file.read()))
            assert header == ["key", "value"]
            found += [(key, int(value)) for key, value in rows]
        return found


class TestAFileURL(TestOnADisk):
    @pytest.fixture
    def sink(self, tmp_path):
        return JSONLines(f"file://{tmp_path}/out/")

    def published(self, sink, job):
        paths = [Path(url.removeprefix("file://")) for url in sink.parts()]
        return [pair for path in paths for pair in pairs(path.read_text())]


# What is seen


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_has_committed_parts_alone(tmp_path):
    sink = JSONLines(f"{tmp_path}/")
    run = Run(sink, MemoryStore(), "job")
    run.zombie(GHOSTS, (0,), 0, epoch=1)
    run.commit(A, (0,), 0, epoch=2)
    run.commit((), (0,), 1)
    run.commit(B, (3, -2), 0)
    run.finish()
    run.zombie(GHOSTS, (0,), 0, epoch=1)
    parts = ["part-job-0.0.2.jsonl", "part-job-3_-2.0.1.jsonl"]
    assert names(tmp_path) == ["_parts.json", "_staged", *parts]
    assert json.loads((tmp_path / "_parts.json").read_text())["parts"] == parts
    assert [pair[0] for part in parts for pair in pairs((tmp_path / part).read_text())] == [
        key for key, _ in A + B
    ]


def test_the_list_is_the_old_one_until_all_is_there(memory):
    sink = JSONLines("memory://out/")
    old = Run(sink, MemoryStore(), "old")
    old.commit(A, (0,), 0)
    old.finish()
    before = sink.parts()
    run = Run(sink, MemoryStore(), "new")
    run.commit_all()
    calls = 0
    while sink.parts() == before:
        assert memory.exists(before[0])
        run.finish_once(Budget.records(1))
        calls += 1
        assert calls < 20
    assert calls > len(PARTS)
    run.finish()
    assert len(sink.parts()) == len(PARTS)
    assert not memory.exists(before[0])


def test_a_request_that_stood_still_cannot_bring_an_old_list_back(memory, monkeypatch):
    sink = JSONLines("memory://out/")
    run = Run(sink, MemoryStore(), "old")
    run.commit(A, (0,), 0)
    while not memory.glob("/out/_staged/old/_parts*"):
        assert not run.finish_once(Budget.records(1))
    # The next call publishes. It stands still before it does.
    publish = type(sink.output.folder).publish

    def stand_still(folder, name, as_name):
        monkeypatch.undo()
        run.finish()
        later = Run(sink, MemoryStore(), "later")
        later.commit(B, (0,), 0)
        later.finish()
        publish(folder, name, as_name)

    monkeypatch.setattr(type(sink.output.folder), "publish", stand_still)
    assert not run.finish_once(Budget())
    assert [url.rpartition("/")[2] for url in sink.parts()] == ["part-later-0.0.1.jsonl"]


def test_another_request_may_publish_between_any_two_looks(tmp_path, monkeypatch):
    """Each time the one looks into the folder, or moves a file in it, the other comes first."""
    for at in range(40):
        sink = JSONLines(f"{tmp_path}/{at}/")
        run = Run(sink, MemoryStore(), "job")
        run.commit_all()
        looked = [0]

        def first(verb, looked=looked, run=run, at=at):
            def act(*args):
                looked[0] += 1
                if looked[0] == at:
                    run.finish()
                return verb(*args)

            return act

        for name in ("get", "sizes", "publish", "put"):
            monkeypatch.setattr(sink.output.folder, name, first(getattr(sink.output.folder, name)))
        run.finish()
        assert len(sink.parts()) == len(PARTS)
        assert os.listdir(tmp_path / str(at) / "_staged") == []
    assert looked[0] < 40  # so that all were tried


def test_what_others_put_in_the_folder_stays(tmp_path):
    (tmp_path / "mine.jsonl").write_text("{}")
    for job in ("one", "two"):
        run = Run(JSONLines(f"{tmp_path}/"), MemoryStore(), job)
        run.commit(A, (0,), 0)
        run.finish()
    assert names(tmp_path) == ["_parts.json", "_staged", "mine.jsonl", "part-two-0.0.1.jsonl"]


def test_its_parts_are_the_input_of_another_job(memory):
    run = Run(JSONLines("memory://out/"), MemoryStore(), "job")
    run.commit_all()
    run.finish()
    source = sources.JSONLines(*run.sink.parts())
    assert sorted(tuple(pair) for _, pair in source.read(None, None)) == sorted(chain(*PARTS))
    assert sources.JSONLines("memory://out/*.jsonl").paths() == sorted(run.sink.parts())


@pytest.mark.parametrize("anew", [False, True], ids=["map only", "reduced"])
def test_a_whole_job_writes_elsewhere_and_is_retried(memory, anew):
    wrong = {3}

    def mapper(key, value):
        if key in wrong:
            raise ValueError("not yet")
        yield key % 2 if anew else key, 1

    sink = JSONLines("memory://out/")
    reducer = httpmr.reducers.Sum() if anew else None
    jobs = made(mapper, sink=sink, reducer=reducer, max_bad_records=1, version="1")

    def written():
        return sorted(pair for url in sink.parts() for pair in pairs(memory.cat_file(url).decode()))

    job = carried(jobs, jobs.start(), 3)
    assert (job.state, len(job.bad_records)) == ("done", 1)
    before = written()
    wrong.clear()
    jobs.retry(job.id)
    assert carried(jobs, job, 3).state == "done"
    assert written() == ([(0, 5), (1, 5)] if anew else [(key, 1) for key in range(10)])
    assert written() != before
    assert len(memory.glob("/out/part-*")) == len(sink.parts())


# What goes wrong


def test_a_part_that_is_missing_or_damaged_is_told(memory):
    sink = JSONLines("memory://out/")
    receipt = sink.write(A, Slice("job", (0,), 0, 1))
    memory.pipe("/out/_staged/job/0.0.1.jsonl", b"cut")
    with pytest.raises(Damaged, match=r"part 0\.0\.1 of memory://out/ is not what was written"):
        sink.finish("job", [receipt], Budget())
    memory.rm("/out/_staged/job/0.0.1.jsonl")
    with pytest.raises(OutputError, match=r"part 0\.0\.1 of .* is missing"):
        sink.finish("job", [receipt], Budget())
    assert sink.parts() == []


def test_a_retry_needs_what_was_published(memory):
    sink = JSONLines("memory://out/")
    run = Run(sink, MemoryStore(), "job")
    run.commit(C, (0,), 0)
    run.finish()
    receipts = [("0.0.1", 1)]
    sink.check_retry("job", receipts, False)
    sink.check_retry("other", receipts, True)
    with pytest.raises(OutputError, match="is not what the job published"):
        sink.check_retry("other", receipts, False)


def test_where_nothing_can_be_written_is_told_before_the_job(tmp_path):
    for sink, told in [
        (JSONLines(f"{tmp_path}/no/out/"), "no directory .*/no to write JSONLines"),
        (JSONLines(f"file://{tmp_path}/no/out/"), "/no/out/ is not there: see that"),
    ]:
        with pytest.raises(OutputError, match=told):
            sink.check(MemoryStore())
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file: name a folder"):
        JSONLines(f"{tmp_path}/file/").check(MemoryStore())


def test_one_file_by_url_is_refused():
    with pytest.raises(RecipeError, match=r"name a folder for them, as 'memory://out\.csv/'"):
        CSVFile("memory://out.csv", header=("a", "b"))


def test_options_are_not_shown():
    assert (
        repr(JSONLines("s3://bucket/out/", options={"key": "k"})) == "JSONLines('s3://bucket/out/')"
    )
