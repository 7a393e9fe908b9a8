"""The file sinks: JSONLines and CSVFile."""

import csv
import errno
import json
import math
import os
import shutil
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain
from unittest.mock import Mock
from uuid import UUID

import pytest

from httpmr.budget import Budget
from httpmr.errors import Damaged, OutputError, RecipeError, StoreFull, Unavailable
from httpmr.interfaces import Slice
from httpmr.sinks import CSVFile, JSONLines
from httpmr.stores import MemoryStore
from httpmr.testing import SinkSuite
from httpmr.testing.sink_jobs import PARTS, Run


class TestJSONLines(SinkSuite):
    @pytest.fixture
    def sink(self, tmp_path):
        return JSONLines(tmp_path / "out.jsonl")

    def published(self, sink, job):
        with open(sink.path, encoding="utf-8") as lines:
            return [tuple(json.loads(line)) for line in lines]


class TestCSVFile(SinkSuite):
    @pytest.fixture
    def sink(self, tmp_path):
        return CSVFile(tmp_path / "out.csv", header=("key", "value"))

    def published(self, sink, job):
        with open(sink.path, encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        assert header == ["key", "value"]
        return [(key, int(value)) for key, value in rows]


def publish(sink, *pairs):
    run = Run(sink, MemoryStore(), "job")
    run.commit(pairs, (0,), 0)
    run.finish()
    with open(sink.path, encoding="utf-8", newline="") as file:
        return file.read()


def lines(tmp_path, *pairs):
    text = publish(JSONLines(tmp_path / "out"), *pairs)
    return [json.loads(line) for line in text.splitlines()]


def rows(tmp_path, header, *pairs):
    text = publish(CSVFile(tmp_path / "out", header=header), *pairs)
    return list(csv.reader(text.splitlines(keepends=True)))[1:]


# What stands in the files


def test_json_lines_are_arrays_of_key_and_value(tmp_path):
    text = publish(JSONLines(tmp_path / "out"), ("naïve", 1), (("a", 2), {"x": [1.5, None, True]}))
    assert text == '["naïve", 1]\n[["a", 2], {"x": [1.5, null, true]}]\n'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("1.50"), "1.50"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (date(2008, 12, 1), "2008-12-01"),
        (datetime(2008, 12, 1, 13, 5, tzinfo=UTC), "2008-12-01T13:05:00+00:00"),
        (time(13, 5), "13:05:00"),
        (timedelta(days=1, milliseconds=500), 86400.5),
        (b"\x00\xff", "AP8="),
        ({"b", "a", "c"}, ["a", "b", "c"]),
        (frozenset({(2,), (1,)}), [[1], [2]]),
        (2**70, 2**70),
        ("\ud800", "\ud800"),
        ("line\nbreak\u2028", "line\nbreak\u2028"),
    ],
)
def test_what_json_lacks_is_a_string(tmp_path, value, shown):
    text = publish(JSONLines(tmp_path / "out"), ("key", [value]))
    assert text.count("\n") == 1
    assert json.loads(text) == ["key", [shown]]


@pytest.mark.parametrize("value", [math.nan, -math.inf, 1j, object, {(1, 2): 3}])
def test_what_json_cannot_hold_names_the_key(tmp_path, value):
    sink = JSONLines(tmp_path / "out")
    with pytest.raises(OutputError, match=r"JSONLines cannot write the output of key 'b'") as error:
        sink.write([("a", 1), ("b", value)], Slice("job", (0,), 0, 1))
    assert error.value.key == "b"
    assert "\n" not in str(error.value)


def test_csv_spreads_keys_and_values_over_its_columns(tmp_path):
    header = ("year", "word", "count", "share")
    pairs = [((2008, "a"), (1, 0.5)), ((2009, "b"), {"share": 0.25, "count": None})]
    assert rows(tmp_path, header, *pairs) == [["2008", "a", "1", "0.5"], ["2009", "b", "", "0.25"]]


def test_csv_takes_a_value_whole_for_one_column(tmp_path):
    pairs = [("a", ["x", "y"]), ("b", ["x"]), ("c", {"n": 1}), ("d", "text"), ("e", {3, 1})]
    shown = [row[1] for row in rows(tmp_path, ("key", "value"), *pairs)]
    assert shown == ['["x", "y"]', '["x"]', '{"n": 1}', "text", "[1, 3]"]


def test_csv_cells_come_back(tmp_path):
    awkward = ['quo"te', "com,ma", "line\nbreak", "return\rhere", " space ", "=1+1", "é"]
    pairs = [(text, text) for text in awkward]
    assert rows(tmp_path, ("key", "value"), *pairs) == [[text, text] for text in awkward]
    pairs = [(1, True), (2, Decimal("1.50")), (3, date(2008, 12, 1)), (4, b"\xff"), (5, math.nan)]
    shown = [row[1] for row in rows(tmp_path, ("key", "value"), *pairs)]
    assert shown == ["True", "1.50", "2008-12-01", "/w==", "nan"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("a", (1, 2, 3)),
        ("a", 1),
        ("a", {"n": 1, "x": 2}),
        ("a", {"n": 1}),
        (("a", 1, 2), 3),
        ("\ud800", (1, 2)),
        ("a", (1, object())),
    ],
)
def test_csv_names_the_key_of_a_pair_that_does_not_fit(tmp_path, key, value):
    sink = CSVFile(tmp_path / "out", header=("word", "n", "m"))
    with pytest.raises(OutputError, match="CSVFile cannot write the output of key") as error:
        sink.write([(key, value)], Slice("job", (0,), 0, 1))
    assert error.value.key == key


def test_an_empty_csv_has_its_header(tmp_path):
    sink = CSVFile(tmp_path / "out.csv", header=["word", "the, count"])
    Run(sink, MemoryStore(), "job").finish()
    assert (tmp_path / "out.csv").read_bytes() == b'word,"the, count"\r\n'


# Staging and publishing


def test_nothing_is_left_but_the_file(tmp_path):
    run = Run(JSONLines(tmp_path / "out"), MemoryStore(), "job")
    run.zombie(PARTS[0], (0,), 0, epoch=1)
    run.commit_all()
    assert not (tmp_path / "out").exists()
    run.finish()
    assert os.listdir(tmp_path) == ["out"]


def test_readers_see_the_old_file_until_the_new_one_is_whole(tmp_path):
    (tmp_path / "out").write_text("old")
    run = Run(JSONLines(tmp_path / "out"), MemoryStore(), "job")
    run.commit_all()
    for _ in PARTS[:-1]:
        assert not run.finish_once(Budget.records(1))
        assert (tmp_path / "out").read_text() == "old"
    assert run.finish_once(Budget.records(1))
    assert len((tmp_path / "out").read_text().splitlines()) == sum(map(len, PARTS))


def test_it_goes_on_from_the_middle_of_a_part(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # hundreds of them take their time
    whole = publish(CSVFile(tmp_path / "other", header=("key", "value")), *chain(*PARTS))
    for cut in range(len(whole) + 1):
        sink = CSVFile(tmp_path / f"out{cut}", header=("key", "value"))
        run = Run(sink, MemoryStore(), "job")
        run.commit_all()
        if cut:
            run.finish_once(Budget.records(1))
            [grows] = (tmp_path / f"out{cut}.job.parts").glob("whole.*")
            grows.write_bytes(whole[:cut].encode())
        run.finish()
        assert (tmp_path / f"out{cut}").read_bytes() == whole.encode()


def test_what_another_began_anew_is_not_taken_for_the_whole(tmp_path, monkeypatch):
    """One stands still before it moves the file; one moves it, and dies; a third begins anew."""
    sink = JSONLines(tmp_path / "out")
    run = Run(sink, MemoryStore(), "job")
    run.commit_all()
    content = publish(JSONLines(tmp_path / "other"), *chain(*PARTS))
    replace = os.replace

    def others(*paths):
        monkeypatch.setattr(os, "replace", replace)
        with monkeypatch.context() as dying:
            dying.setattr(shutil, "rmtree", Mock(side_effect=KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                run.finish_once(Budget())
        assert (tmp_path / "out").read_text() == content
        assert not run.finish_once(Budget.records(1))
        replace(*paths)

    monkeypatch.setattr(os, "replace", others)
    run.finish_once(Budget())
    assert (tmp_path / "out").read_text() == content
    run.finish()
    assert (tmp_path / "out").read_text() == content
    assert sorted(os.listdir(tmp_path)) == ["other", "out"]


def test_other_receipts_publish_another_file(tmp_path):
    run = Run(JSONLines(tmp_path / "out"), MemoryStore(), "job")
    run.commit_all()
    run.finish_once(Budget.records(2))
    run.commit([("new", 0)], (0,), 0, epoch=2)
    run.finish()
    assert (tmp_path / "out").read_text().splitlines()[:2] == ['["new", 0]', '["key03", 3]']


def test_a_part_on_another_machines_disk_is_missed(tmp_path):
    (tmp_path / "here").mkdir()
    here, there = JSONLines(tmp_path / "here/out"), JSONLines(tmp_path / "out")
    receipt = there.write([("a", 1)], Slice("job", (0,), 0, 1))
    with pytest.raises(OutputError, match="one shared disk"):
        here.finish("job", [receipt], Budget())
    other = here.write([("b", 1)], Slice("job", (1,), 0, 1))
    with pytest.raises(OutputError, match=r"0\.0\.1 is missing"):
        here.finish("job", [receipt, other], Budget())
    assert not (tmp_path / "here/out").exists()


def test_a_part_that_is_not_what_was_written_is_damaged(tmp_path):
    sink = JSONLines(tmp_path / "out")
    receipt = sink.write([("a", 1)], Slice("job", (0,), 0, 1))
    (tmp_path / "out.job.parts/0.0.1").write_text('["a", 2]\n')
    with pytest.raises(Damaged, match=r"part 0\.0\.1"):
        sink.finish("job", [receipt], Budget())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EIO, Unavailable),
        (errno.EROFS, OutputError),
    ],
)
def test_errors_of_the_disk_are_no_pairs_fault(tmp_path, monkeypatch, number, kind):
    def fail(descriptor):
        raise OSError(number, os.strerror(number))

    sink = JSONLines(tmp_path / "out")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(kind, match=os.strerror(number)) as error:
        sink.write([("a", 1)], Slice("job", (0,), 0, 1))
    assert not hasattr(error.value, "key")


# What is wrong with a recipe


def test_a_directory_that_is_missing_is_told_before_the_job(tmp_path):
    with pytest.raises(OutputError, match=r"no directory .*/nowhere to write JSONLines"):
        JSONLines(tmp_path / "nowhere/out").check(MemoryStore())
    with pytest.raises(OutputError, match="is a directory"):
        JSONLines(tmp_path).check(MemoryStore())


def test_a_directory_that_cannot_be_written_to_is_told_before_the_job(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OutputError, match="cannot be written to"):
        JSONLines(tmp_path / "out").check(MemoryStore())


@pytest.mark.parametrize("path", [None, 3, b"out", ""])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(RecipeError, match="path of a file"):
        JSONLines(path)


@pytest.mark.parametrize("header", [None, "word", (), ("a", 1), ("a", "a"), 7])
def test_a_header_that_is_none_is_refused(header):
    with pytest.raises(RecipeError, match="header"):
        CSVFile("out.csv", header=header)


def test_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sink = JSONLines("out")
    monkeypatch.chdir("/")
    assert repr(sink) == f"JSONLines({os.path.join(tmp_path, 'out')!r})"
    assert repr(CSVFile("/x.csv", header=["a", "b"])) == "CSVFile('/x.csv', header=('a', 'b'))"
