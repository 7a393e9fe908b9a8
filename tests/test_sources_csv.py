"""Files of comma-separated values."""

import csv
import gzip
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpmr.errors import InputError, RecipeError
from httpmr.sources import CSVFiles
from httpmr.testing.sources import SourceSuite

HARD = (
    "name,note\r\n"
    'plain,"quoted, with a comma"\r\n'
    '"two\nlines","and\r\nthree\n\nmore"\r\n'
    "\r\n"
    '"say ""hello""",\r\n'
    'naïve,"\u2028"\n'
    ",\n"
    'last,"no end"'
)


def rows(source, after=None, until=None):
    return [row for _, row in source.read(after, until)]


@pytest.fixture
def write(tmp_path):
    def write(content, name="a.csv"):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / name

    return write


class Base(SourceSuite):
    splits = False  # inside a file
    fingerprints = True

    def change(self, source):
        with open(source.paths()[0], "ab") as file:
            file.write(b"more,rows\r\n")


class TestManyFiles(Base):
    @pytest.fixture
    def source(self, write, tmp_path):
        for name in "abcd":
            write("".join(f'{name}{n},"{n}\n{n}"\n' for n in range(12)), f"{name}.csv")
        return CSVFiles(tmp_path / "*.csv", header=["id", "text"])

    @pytest.fixture
    def expected(self, tmp_path):
        return [
            ((str(tmp_path / f"{name}.csv"), offset), {"id": f"{name}{n}", "text": f"{n}\n{n}"})
            for name in "abcd"
            for n in range(12)
            for offset in [sum(len(f'{name}{m},"{m}\n{m}"\n') for m in range(n))]
        ]


class TestHardRows(Base):
    @pytest.fixture
    def source(self, write, tmp_path):
        write(HARD, "a.csv")
        write(b"\xef\xbb\xbf" + HARD.encode(), "b.csv")
        write(gzip.compress(HARD.encode()), "c.csv.gz")
        return CSVFiles(tmp_path / "*")

    def change(self, source):
        with open(source.paths()[1], "ab") as file:
            file.write(b"\nmore,rows\n")


def test_rows_are_what_the_standard_reader_makes_of_them(write):
    plain = list(csv.DictReader(io.StringIO(HARD, newline="")))
    assert rows(CSVFiles(write(HARD))) == plain
    assert rows(CSVFiles(write(gzip.compress(HARD.encode()), "a.csv.gz"))) == plain


def test_keys_are_where_rows_begin(write):
    path = write(HARD)
    for (_, offset), row in CSVFiles(path).read(None, None):
        record = next(csv.reader(io.StringIO(HARD.encode()[offset:].decode(), newline="")))
        assert record == list(row.values())


def test_a_byte_order_mark_is_passed_over(write):
    path = write(b"\xef\xbb\xbfid,x\n1,2\n")
    assert list(CSVFiles(path).read(None, None)) == [((str(path), 8), {"id": "1", "x": "2"})]
    bare = CSVFiles(write(b"\xef\xbb\xbf1,2\n3,4\n"), header=["id", "x"])
    assert [key[1] for key, _ in bare.read(None, None)] == [3, 7]
    assert rows(bare, (str(path), 3)) == [{"id": "3", "x": "4"}]


def test_other_delimiters_and_encodings(write):
    path = write("größe;wert\n1;ä\n".encode("latin-1"))
    assert rows(CSVFiles(path, delimiter=";", encoding="latin-1")) == [{"größe": "1", "wert": "ä"}]


def test_files_without_rows_are_fine(write, tmp_path):
    write("", "a.csv")
    write("id,x\n", "b.csv")
    write("x,id\n1,2\n", "c.csv")
    assert rows(CSVFiles(tmp_path / "*.csv")) == [{"x": "1", "id": "2"}]


@pytest.mark.parametrize(
    "content, told",
    [
        ("id,x\n1,2\n3\n", r"a\.csv: the row at line 3, byte 9: 1 values for 2 columns"),
        ('id,x\n"1\n1",2\n3,4,5\n', r"line 4, byte 13: 3 values for 2 columns"),
        ('id,x\n1,2\n3,"never\nending\n', r"line 3, byte 9: unexpected end of data"),
        ('id,x\n1,"a"b\n', r"line 2, byte 5: ',' expected after"),
        ("id,x,id\n1,2,3\n", r"two columns are called 'id'"),
        ('"id', r"line 1, byte 0: unexpected end"),
        (b"id,x\n1,\xff\n", r"byte 7 is not utf-8 .*CSVFiles\(\.\.\., encoding=\.\.\.\)"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_place(write, content, told):
    source = CSVFiles(write(content))
    with pytest.raises(InputError, match=told) as caught:
        rows(source)
    assert "\n" not in str(caught.value)


def test_rows_before_a_wrong_one_are_read(write):
    path = write("id,x\n1,2\n3\n")
    reading = CSVFiles(path).read(None, None)
    assert next(reading)[1] == {"id": "1", "x": "2"}
    with pytest.raises(InputError):
        next(reading)


@pytest.mark.parametrize(
    "options, told",
    [
        ({"header": False}, "header is True or a list of names"),
        ({"header": "id"}, "header is True or a list of names"),
        ({"header": []}, "header is True or a list of names"),
        ({"header": 5}, "header is True or a list of names"),
        ({"header": ["a", "a"]}, "two columns are called 'a'"),
        ({"header": ["a", 1]}, "names of columns are str"),
        ({"delimiter": ",,"}, "delimiter is one character"),
        ({"delimiter": '"'}, "delimiter is one character"),
        ({"encoding": "utf-16"}, "cannot split 'utf-16' into lines"),
    ],
)
def test_what_cannot_work_is_told_at_once(options, told):
    with pytest.raises(RecipeError, match=told):
        CSVFiles("a.csv", **options)


def test_shows_itself_as_it_is_written():
    assert repr(CSVFiles("a.csv")) == "CSVFiles('a.csv')"
    shown = "CSVFiles('a', header=['x'], delimiter=';', encoding='ascii')"
    assert repr(CSVFiles("a", header=("x",), delimiter=";", encoding="ascii")) == shown


def test_a_quote_that_is_never_closed_is_told_before_it_fills_the_memory(write):
    path = write('id,text\n1,fine\n2,"open\n' + "line\n" * 100_000)
    source = CSVFiles(path)
    told = r"the row at line 3, byte 15: field larger .*: close a quote that is open, or raise csv"
    with pytest.raises(InputError, match=told):
        list(source.read(None, None))


@given(
    st.lists(st.lists(st.text('a,"\r\nü ', max_size=6), min_size=2, max_size=2), max_size=6),
    st.sampled_from(["\n", "\r\n"]),
)
def test_reading_goes_on_after_any_row_whatever_is_quoted(cells, ending):
    content = io.StringIO()
    csv.writer(content, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows(cells)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        path.write_bytes(content.getvalue().encode())
        source = CSVFiles(path, header=["x", "y"])
        records = list(source.read(None, None))
        assert [list(row.values()) for _, row in records] == cells
        for n, (key, _) in enumerate(records):
            assert list(source.read(key, None)) == records[n + 1 :]
            assert list(source.read(None, key)) == records[: n + 1]
