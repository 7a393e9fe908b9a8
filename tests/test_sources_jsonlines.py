"""Files of JSON lines."""

import gzip
import json

import pytest

from httpmr.errors import InputError, RecipeError
from httpmr.sources import JSONLines
from httpmr.testing.sources import SourceSuite

VALUES = [{"n": n, "text": "ü\n" * (n % 5)} for n in range(50)] + [None, 1.5, "x", [1, [2]]]


@pytest.fixture
def write(tmp_path):
    def write(content, name="a.jsonl"):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


class TestJSONLines(SourceSuite):
    fingerprints = True

    @pytest.fixture
    def source(self, write, tmp_path):
        text = "\r\n".join(json.dumps(value, ensure_ascii=False) for value in VALUES)
        write(text.encode(), "a.jsonl")
        write(b"\n" + text.replace("\r\n", "\n\n").encode() + b"\n  \n", "b.jsonl")
        write(gzip.compress(text.encode()), "c.gz")
        return JSONLines(tmp_path / "*")

    def change(self, source):
        with open(source.paths()[0], "ab") as file:
            file.write(b"\n1\n")

    def test_gives_the_values(self, records):
        assert [value for _, value in records] == VALUES * 3


def test_a_byte_order_mark_is_passed_over(write):
    path = write(b'\xef\xbb\xbf{"a": 1}\n2\n')
    assert [value for _, value in JSONLines(path).read(None, None)] == [{"a": 1}, 2]


@pytest.mark.parametrize(
    "line, told",
    [
        (
            b"{'a': 1}",
            r"a\.jsonl: the line at byte 2 is not JSON \(.* at column 2\): \"\{'a': 1\}\"",
        ),
        (b'{"a": ' + b"1" * 100, r"'\{\"a\": 1{51}\.\.\.': mend the line and start a new job"),
        (b"[" * 100_000, r"at byte 2 is not JSON \(.*recursion"),
        (b"\xff", r"byte 2 is not utf-8 .*JSONLines\(\.\.\., encoding=\.\.\.\)"),
    ],
    ids=["quotes", "cut", "deep", "bytes"],
)
def test_a_malformed_line_is_told(write, line, told):
    reading = JSONLines(write(b"1\n" + line + b"\n3\n")).read(None, None)
    assert next(reading)[1] == 1
    with pytest.raises(InputError, match=told) as caught:
        next(reading)
    assert "\n" not in str(caught.value)
    assert caught.value.offset == 2


def test_what_cannot_work_is_told_at_once():
    with pytest.raises(RecipeError, match="JSONLines needs a path or a pattern"):
        JSONLines()
    with pytest.raises(RecipeError, match="JSONLines cannot split 'utf-32'"):
        JSONLines("a", encoding="utf-32")


def test_shows_itself_as_it_is_written():
    assert repr(JSONLines("a", encoding="latin-1")) == "JSONLines('a', encoding='latin-1')"
