"""Text files: where lines begin and end, whatever the bytes and wherever the split."""

import gzip
import os
import random
import tempfile
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from httpmr.errors import InputError, RecipeError
from httpmr.sources import TextFiles
from httpmr.testing.sources import SourceSuite

CORPUS = Path(__file__).parents[2] / "shared" / "data" / "text"

TRICKY = {
    "a-empty.txt": b"",
    "b-no-end.txt": b"one\ntwo\nthree",
    "c-crlf.txt": b"one\r\ntwo\r\n\r\nfour\r",
    "d-blank.txt": b"\n\n\n\nfive\n\n",
    "e-unicode.txt": "naïve\u2028not a line end\x0b\x0c\x85\x1enor these\nünï\n".encode(),
    "f-huge.txt": b"x" * 5000 + b"\nafter\n",
    "g-one.txt": b"\n",
    "h-cr.txt": b"a\rb\r\r\nc\n",
    "i-empty.txt": b"",
}


def write(directory, files):
    for name, content in files.items():
        (directory / name).write_bytes(content)


@pytest.fixture
def tricky(tmp_path):
    write(tmp_path, TRICKY)
    return tmp_path


class Base(SourceSuite):
    fingerprints = True

    def change(self, source):
        path = Path(source.paths()[0])
        path.write_bytes(path.read_bytes() + b"more\n")


class TestOneFile(Base):
    @pytest.fixture
    def source(self, tmp_path):
        (tmp_path / "a.txt").write_bytes(b"".join(b"line %d\n" % n for n in range(60)))
        return TextFiles(tmp_path / "*.txt")


class TestTrickyFiles(Base):
    splits = False  # one line is nearly all there is

    @pytest.fixture
    def source(self, tricky):
        return TextFiles(tricky / "*.txt")

    @pytest.fixture
    def expected(self, tricky):
        """Written again in other words: split at each newline, drop what follows the last."""
        found = []
        for name in sorted(TRICKY):
            pieces, offset = TRICKY[name].split(b"\n"), 0
            for n, piece in enumerate(pieces):
                ended = n < len(pieces) - 1
                if ended or piece:
                    text = piece[:-1] if ended and piece.endswith(b"\r") else piece
                    found.append(((str(tricky / name), offset), text.decode()))
                offset += len(piece) + 1
        return found


class TestGzipFiles(Base):
    splits = False

    @pytest.fixture
    def source(self, tmp_path):
        for name in "abc":
            with gzip.open(tmp_path / f"{name}.gz", "wb") as file:
                file.write(b"".join(b"line %d of %s\r\n" % (n, name.encode()) for n in range(20)))
        return TextFiles(tmp_path / "*.gz")


class TestMixedFiles(Base):
    @pytest.fixture
    def source(self, tmp_path):
        (tmp_path / "a.txt").write_bytes(b"".join(b"%d\n" % n for n in range(30)))
        (tmp_path / "b.gz").write_bytes(gzip.compress(b"".join(b"%d\n" % n for n in range(30))))
        (tmp_path / "c.txt").write_bytes(b"".join(b"%d\n" % n for n in range(30)))
        return TextFiles(tmp_path / "*")


# Splitting at any byte


def test_each_byte_can_be_a_split(tricky):
    source = TextFiles(tricky / "*.txt")
    everything = list(source.read(None, None))
    for path in source.paths():
        for offset in {*range(min(40, os.path.getsize(path) + 2)), 4999, 5000, 5001}:
            before = list(source.read(None, (path, offset)))
            assert before + list(source.read((path, offset), None)) == everything


@pytest.mark.parametrize("shards", [*range(1, 40), 100, 333, 1000])
def test_any_number_of_splits_is_exact(tricky, shards):
    source = TextFiles(tricky / "*.txt")
    last = source.last()
    marks = [None, *source.split(None, last, shards), last]
    assert all(a is None or a < b for a, b in pairwise(marks))
    read = [record for a, b in pairwise(marks) for record in source.read(a, b)]
    assert read == list(source.read(None, None))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared text is not here")
def test_real_text_is_split_exactly():
    source = TextFiles(CORPUS / "*.txt")
    last = source.last()
    whole = list(source.read(None, last))
    plain = [line for path in source.paths() for line in Path(path).read_text().split("\n")[:-1]]
    assert [line for _, line in whole] == plain
    for shards in (3, 60):
        marks = [None, *source.split(None, last, shards), last]
        assert [r for a, b in pairwise(marks) for r in source.read(a, b)] == whole
    for (path, _), line in random.Random(5).sample(whole, 20):
        assert line in Path(path).read_text()


def test_steps_are_even_over_files_of_any_size(tmp_path):
    sizes = [1, 50_000, 3, 700, 0, 90_000, 20_000]
    write(tmp_path, {f"{n}.txt": b"x\n" * (size // 2) for n, size in enumerate(sizes)})
    source = TextFiles(tmp_path / "*.txt")
    marks = [None, *source.split(None, source.last(), 64), source.last()]
    parts = [sum(1 for _ in source.read(a, b)) for a, b in pairwise(marks)]
    assert len(parts) >= 64
    assert max(parts[:-1]) - min(parts[:-1]) <= 2


def test_whole_gzip_files_are_shards(tmp_path):
    write(tmp_path, {f"{n}.gz": gzip.compress(b"%d\n" % n) for n in range(5)})
    source = TextFiles(tmp_path / "*.gz")
    marks = list(source.split(None, source.last(), 50))
    assert marks == [(str(tmp_path / f"{n}.gz"), -1) for n in range(1, 5)]


def test_a_shard_inside_a_huge_line_reads_no_further_than_its_end(tmp_path):
    write(tmp_path, {"a.txt": b"x" * 4_000_000 + b"\n"})
    source = TextFiles(tmp_path / "a.txt")
    path = str(tmp_path / "a.txt")
    tracemalloc.start()
    assert list(source.read((path, 1000), (path, 2000))) == []
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert [len(line) for _, line in source.read(None, (path, 2000))] == [4_000_000]


# Which files


def test_files_are_sorted_and_come_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    write(tmp_path, {"b.txt": b"b\n", "a.txt": b"a\n", "other.md": b"o\n", "a[1].txt": b"1\n"})
    write(tmp_path / "deep" / "er", {"c.txt": b"c\n"})
    source = TextFiles("**/*.txt", "b.txt", "./a.txt", tmp_path / "deep" / "*" / "c.txt")
    assert source.paths() == ["a.txt", "a[1].txt", "b.txt", "deep/er/c.txt"]
    assert TextFiles("a[1].txt").paths() == ["a[1].txt"]


@pytest.mark.parametrize(
    "pattern, told",
    [
        ("*.csv", r"no file matches '\*.csv' \(looked in {here}\)"),
        ("deep/*.txt", r"no file matches 'deep/\*.txt' \(looked in {here}/deep\)"),
        ("no/where/*/a", r"\(looked in {here}/no/where, which is no directory\)"),
        ("missing.txt", r"no file matches 'missing.txt' \(looked in {here}\)"),
        ("deep", r"deep is a directory: name the files, as 'deep/\*'"),
    ],
)
@pytest.mark.parametrize("use", ["read", "last", "split", "fingerprint"])
def test_a_pattern_without_files_is_told(tmp_path, monkeypatch, pattern, told, use):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep").mkdir()
    write(tmp_path, {"a.txt": b"a\n"})
    source = TextFiles("a.txt", pattern)  # this one needs no file yet
    arguments = {"last": [], "split": [None, None, 3]}.get(use, [None, None])
    with pytest.raises(InputError, match=told.format(here=tmp_path)):
        list(getattr(source, use)(*arguments))


def test_a_file_that_vanished_is_told(tmp_path):
    write(tmp_path, {"a.txt": b"a\n" * 9, "b.txt": b"b\n" * 9, "c.txt": b"c\n"})
    source = TextFiles(tmp_path / "*.txt")
    a, b = str(tmp_path / "a.txt"), str(tmp_path / "b.txt")
    (tmp_path / "b.txt").unlink()
    for after, until in [((b, 2), (b, 6)), ((a, 2), (b, 6)), ((b, 2), None)]:
        for use in (source.read, source.fingerprint):
            with pytest.raises(InputError, match=r"b\.txt is gone"):
                list(use(after, until))


def test_a_fingerprint_is_of_the_files_in_the_range(tmp_path):
    write(tmp_path, {"a.txt": b"a\n" * 9, "b.txt": b"b\n" * 9, "c.txt": b"c\n" * 9})
    source = TextFiles(tmp_path / "*.txt")
    a, b, c = source.paths()
    early, late = ((a, 3), (b, 4)), ((b, 4), (c, 9))
    before = source.fingerprint(*early), source.fingerprint(*late)
    os.utime(a, (1, 1))
    assert source.fingerprint(*early) != before[0]
    assert source.fingerprint(*late) == before[1]
    write(tmp_path, {"b2.txt": b"new\n"})
    assert source.fingerprint(*late) != before[1]


def test_what_a_file_gains_is_not_read(tmp_path):
    write(tmp_path, {"a.txt": b"one\ntwo\n"})
    source = TextFiles(tmp_path / "a.txt")
    last = source.last()
    write(tmp_path, {"a.txt": b"one\ntwo\nthree\n"})
    assert [line for _, line in source.read(None, last)] == ["one", "two"]


# What is in them


def test_bytes_that_are_no_text_are_told(tmp_path):
    write(tmp_path, {"a.txt": b"fine\nalso fine\nna\xefve\n"})
    source = TextFiles(tmp_path / "a.txt")
    read = []
    told = r"a\.txt: byte 17 is not utf-8 \(.*\): TextFiles\(\.\.\., encoding=\.\.\.\)"
    with pytest.raises(InputError, match=told) as caught:
        read.extend(source.read(None, None))
    assert caught.value.offset == 17
    latin = TextFiles(tmp_path / "a.txt", encoding="latin-1")
    assert [line for _, line in latin.read(None, None)][-1] == "naïve"
    lossy = TextFiles(tmp_path / "a.txt", errors="replace")
    assert [line for _, line in lossy.read(None, None)][-1] == "na\ufffdve"


@example([b"\r", b"\xe2", b"\n"], "utf-8", "ignore")
@given(
    st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"\xe2", b"\x82", b"\xac", b"\xff"])),
    st.sampled_from(["utf-8", "ascii", "latin-1", "cp1252", "utf-8-sig"]),
    st.sampled_from(["strict", "ignore", "replace", "backslashreplace", "surrogateescape"]),
)
def test_lines_are_decoded_together_as_each_would_be_alone(pieces, encoding, errors):
    content, offset = b"".join(pieces), 0
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/a.txt"
        Path(path).write_bytes(content)
        read = TextFiles(path, encoding=encoding, errors=errors).read(None, None)
        for line in content.split(b"\n"):
            ended = offset + len(line) < len(content)
            try:
                text = (line.removesuffix(b"\r") if ended else line).decode(encoding, errors)
            except UnicodeDecodeError as error:
                with pytest.raises(InputError) as caught:
                    next(read)
                assert caught.value.offset == offset + error.start
                return
            if line or ended:
                assert next(read) == ((path, offset), text)
            offset += len(line) + 1
        assert next(read, None) is None


def test_text_that_is_not_cut_at_a_byte_is_read_line_by_line(tmp_path):
    """In UTF-7, what looks like other letters may be a newline."""
    write(tmp_path, {"a.txt": b"one+AAo-two\nthree\n"})
    read = TextFiles(tmp_path / "a.txt", encoding="utf-7").read(None, None)
    assert [(key[1], line) for key, line in read] == [(0, "one\ntwo"), (12, "three")]


@pytest.mark.parametrize(
    "content",
    [b"plain text\n", gzip.compress(b"text\n" * 999)[:-9], b"\x1f\x8b\x08" + b"\xff" * 40],
    ids=["no gzip", "cut off", "no content"],
)
def test_a_damaged_gzip_file_is_told(tmp_path, content):
    write(tmp_path, {"a.gz": content})
    with pytest.raises(InputError, match=r"a\.gz is not a whole gzip file"):
        list(TextFiles(tmp_path / "a.gz").read(None, None))


def test_a_file_that_must_not_be_read_is_told(tmp_path, monkeypatch):
    write(tmp_path, {"a.txt": b"a\n"})

    def refuse(*args, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(InputError, match=r"a\.txt cannot be read: Permission denied"):
        list(TextFiles(tmp_path / "a.txt").read(None, None))


@pytest.mark.parametrize(
    "arguments, options, told",
    [
        ([], {}, "needs a path or a pattern"),
        ([["a", "b"]], {}, "takes paths or patterns"),
        ([""], {}, "takes paths or patterns"),
        (["a"], {"encoding": "utf-9"}, "unknown encoding: utf-9"),
        (["a"], {"encoding": "utf-16"}, "cannot split 'utf-16' into lines at a byte"),
        (["a"], {"encoding": "rot13"}, "rot13"),
        (["a"], {"errors": "sloppy"}, "sloppy"),
    ],
)
def test_what_cannot_work_is_told_at_once(arguments, options, told):
    with pytest.raises(RecipeError, match=told):
        TextFiles(*arguments, **options)


def test_shows_itself_as_it_is_written():
    assert repr(TextFiles("a*.txt", Path("b"))) == "TextFiles('a*.txt', 'b')"
    assert repr(TextFiles("a", encoding="latin-1")) == "TextFiles('a', encoding='latin-1')"
