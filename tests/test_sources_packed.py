"""Files that are packed: gzip, zstd, and the members of zip archives."""

import gzip
import io
import sys
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

import httpmr
import httpmr.testing
from httpmr.errors import InputError
from httpmr.sources import CSVFiles, JSONLines, TextFiles
from httpmr.testing.sources import SourceSuite

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LINES = b"".join(b"line %d\r\n" % n for n in range(20))
QUOTED = "id,text\n" + "".join(f'{n},"one\n\n{n},""two"""\r\n' for n in range(14))


def zipped(path, members, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


class Base(SourceSuite):
    splits = False  # inside a file
    fingerprints = True


class TestZstdFiles(Base):
    @pytest.fixture
    def source(self, tmp_path):
        (tmp_path / "a.zst").write_bytes(zstd.compress(LINES))
        # A file may be of several frames, one after the other.
        (tmp_path / "b.zst").write_bytes(zstd.compress(LINES[:95]) + zstd.compress(LINES[95:]))
        return TextFiles(tmp_path / "*.zst")

    @pytest.fixture
    def expected(self, tmp_path):
        texts = LINES.decode().split("\r\n")[:-1]
        offsets = [sum(len(text) + 2 for text in texts[:n]) for n in range(len(texts))]
        return [
            ((str(tmp_path / name), offset), text)
            for name in ("a.zst", "b.zst")
            for offset, text in zip(offsets, texts, strict=True)
        ]

    def change(self, source):
        Path(source.paths()[0]).write_bytes(zstd.compress(LINES + b"more"))


class TestZipMembers(Base):
    @pytest.fixture
    def source(self, tmp_path):
        members = {"b/c.txt": LINES, "a.txt": LINES, "d.txt.gz": gzip.compress(LINES), "b/": b""}
        zipped(tmp_path / "x.zip", members)
        zipped(tmp_path / "y.zip", {"stored.txt": LINES}, zipfile.ZIP_STORED)
        return TextFiles(tmp_path / "*.zip")

    @pytest.fixture
    def expected(self, tmp_path):
        texts = LINES.decode().split("\r\n")[:-1]
        offsets = [sum(len(text) + 2 for text in texts[:n]) for n in range(len(texts))]
        return [
            ((f"{tmp_path}/{name}", offset), text)
            for name in ("x.zip/a.txt", "x.zip/b/c.txt", "x.zip/d.txt.gz", "y.zip/stored.txt")
            for offset, text in zip(offsets, texts, strict=True)
        ]

    def change(self, source):
        archive = source.patterns[0].replace("*", "x")
        with zipfile.ZipFile(archive, "a") as file:
            file.writestr("new.txt", "more\n")


class TestPackedCSV(Base):
    @pytest.fixture
    def source(self, tmp_path):
        (tmp_path / "a.csv.zst").write_bytes(zstd.compress(QUOTED.encode()))
        (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + QUOTED.encode()))
        zipped(tmp_path / "c.zip", {"c.csv": QUOTED})
        return CSVFiles(tmp_path / "*")

    def change(self, source):
        (Path(source.patterns[0]).parent / "a.csv.zst").write_bytes(zstd.compress(b"id,text\n"))


# Which members


def test_members_are_chosen_by_name_and_by_pattern(tmp_path):
    names = ["a.txt", "b/c.txt", "b/d.md", ".hidden.txt", "__MACOSX/a.txt", "odd[1].txt"]
    archive = zipped(tmp_path / "x.zip", dict.fromkeys(names, "text\n"))

    def members(pattern):
        paths = TextFiles(pattern).paths()
        return [path.removeprefix(f"{archive}/") for path in paths]

    assert members(archive) == ["a.txt", "b/c.txt", "b/d.md", "odd[1].txt"]
    assert members(archive / "*.txt") == ["a.txt", "b/c.txt", "odd[1].txt"]
    assert members(archive / "b" / "d.md") == ["b/d.md"]
    assert members(archive / "odd[1].txt") == ["odd[1].txt"]
    assert members(archive / ".hidden.txt") == [".hidden.txt"]
    assert members(tmp_path / "*.zip" / "b" / "*") == ["b/c.txt", "b/d.md"]
    with pytest.raises(InputError, match=r"no member of an archive, matches .*x\.zip/\*\.csv"):
        members(archive / "*.csv")


def test_a_directory_may_be_called_like_an_archive(tmp_path):
    (tmp_path / "x.zip").mkdir()
    (tmp_path / "x.zip" / "a.txt").write_text("one\ntwo\n")
    source = TextFiles(tmp_path / "x.zip" / "*.txt")
    assert [line for _, line in source.read(None, None)] == ["one", "two"]
    assert list(source.split(None, source.last(), 8))  # for it is a plain file


def test_each_packed_file_is_a_shard(tmp_path):
    zipped(tmp_path / "x.zip", {f"{n}.txt": LINES for n in range(4)})
    source = TextFiles(tmp_path / "x.zip")
    marks = list(source.split(None, source.last(), 50))
    assert marks == [(f"{tmp_path}/x.zip/{n}.txt", -1) for n in range(1, 4)]


def test_a_member_that_is_gone_is_told(tmp_path):
    archive = zipped(tmp_path / "x.zip", {"a.txt": LINES})
    source = TextFiles(archive)
    first, second = [key for key, _ in source.read(None, None)][:2]
    zipped(archive, {"b.txt": LINES})
    for use in (source.read, source.fingerprint):
        with pytest.raises(InputError, match=r"x\.zip/a\.txt is gone"):
            list(use(first, second))


# What is damaged


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


BIG = b"".join(b"%d and %d\n" % (n, n * n) for n in range(4000))


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gz", "zst"])
@pytest.mark.parametrize("harm", ["cut", "empty header", "flipped", "tail", "no such thing"])
def test_a_damaged_file_is_told(tmp_path, pack, harm):
    whole = pack(BIG)
    content = {
        "cut": whole[: len(whole) // 2],
        "empty header": whole[:7],
        "flipped": flipped(whole, len(whole) // 2),
        "tail": whole + b"something else",
        "no such thing": BIG,
    }[harm]
    path = tmp_path / f"a.{'gz' if pack is gzip.compress else 'zst'}"
    path.write_bytes(content)
    kind = "gzip" if path.suffix == ".gz" else "zstd"
    told = rf"{path} is not a whole {kind} file \(.+\): write it again, start a new job"
    with pytest.raises(InputError, match=told) as error:
        list(TextFiles(path).read(None, None))
    assert "\n" not in error.value.message


@pytest.mark.parametrize("harm", ["cut", "no archive", "flipped"])
@pytest.mark.parametrize("use", ["read", "fingerprint"])
def test_a_damaged_archive_is_told(tmp_path, harm, use):
    path = zipped(tmp_path / "x.zip", {"a.txt": BIG, "b.txt": BIG})
    whole = path.read_bytes()
    content = {"cut": whole[:-9], "no archive": BIG, "flipped": flipped(whole, 900)}[harm]
    path.write_bytes(content)
    if (harm, use) == ("flipped", "fingerprint"):
        return  # only whoever reads it can tell
    name = "x.zip/a.txt" if harm == "flipped" else "x.zip"
    with pytest.raises(InputError, match=rf"/{name} is not a whole zip file \("):
        list(getattr(TextFiles(path), use)(None, None))


def test_an_archive_with_a_password_is_told(tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.txt", "text")
    raw = bytearray(content.getvalue())
    raw[6] |= 1  # the flag that says so, in both headers
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "x.zip").write_bytes(raw)
    with pytest.raises(InputError, match=r"x\.zip/a\.txt cannot be unpacked .*encrypted"):
        list(TextFiles(tmp_path / "x.zip").read(None, None))


def test_an_archive_in_an_archive_is_told(tmp_path):
    path = zipped(tmp_path / "x.zip", {"in.zip": b""})
    with pytest.raises(InputError, match=r"x\.zip/in\.zip is an archive in an archive"):
        TextFiles(path).paths()


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
def test_a_truncated_file_pauses_the_job_and_a_whole_one_is_done(tmp_path, name):
    lines = b"".join(b'{"n": %d}\n' % n for n in range(3000))
    pack = gzip.compress if name.endswith("gz") else zstd.compress
    whole = pack(lines)
    (tmp_path / name).write_bytes(whole[:-20])
    master = httpmr.Master(
        "packed",
        source=JSONLines(tmp_path / name),
        mapper=lambda key, value: [("sum", value["n"])],
        reducer=httpmr.reducers.Sum(),
        store="memory:",
    )
    job = master.run()
    assert job.state == "paused"
    assert f"{name} is not a whole" in job.status()["error"]
    (tmp_path / name).write_bytes(whole)
    assert master.run().get("sum") == [sum(range(3000))]


def test_any_split_of_packed_files_is_exact(tmp_path):
    zipped(tmp_path / "x.zip", {f"{n}.csv": QUOTED for n in range(3)})
    source = CSVFiles(tmp_path / "x.zip")
    everything = list(source.read(None, None))
    for shards in range(1, 20):
        marks = [None, *source.split(None, source.last(), shards), source.last()]
        assert [row for a, b in pairwise(marks) for row in source.read(a, b)] == everything


def test_a_job_of_packed_files_may_be_cut_anywhere(tmp_path):
    zipped(tmp_path / "x.zip", {"a.csv": QUOTED, "b.csv.gz": gzip.compress(QUOTED.encode())})
    master = httpmr.Master(
        "packed",
        source=CSVFiles(tmp_path / "x.zip"),
        mapper=lambda key, row: [(int(row["id"]) % 3, len(row["text"]))],
        reducer=httpmr.reducers.Sum(),
        num_mappers=2,
        num_reducers=1,
    )
    job = httpmr.testing.run(master)
    texts = [f'one\n\n{n},"two"' for n in range(14)]
    expected = {rest: 2 * sum(len(texts[n]) for n in range(rest, 14, 3)) for rest in range(3)}
    assert dict(job.output()) == expected
