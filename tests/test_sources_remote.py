"""Files by URL: in memory, over HTTP with ranges and without, and like S3."""

import errno
import gzip
import subprocess
import sys
import zipfile

import fsspec
import pytest
from fileslib import empty_memory, over_http

import httpmr
from httpmr import remote
from httpmr.errors import InputError, RecipeError, Unavailable
from httpmr.sources import CSVFiles, TextFiles
from httpmr.testing.sources import SourceSuite

LINES = b"".join(b"line %d\n" % n for n in range(12))
ROWS = b"id,text\n" + b"".join(b'%d,"one\n%d"\n' % (n, n) for n in range(14))


@pytest.fixture
def memory():
    return empty_memory()


@pytest.fixture(scope="module")
def http():
    with over_http() as (app, address):
        yield app, address


@pytest.fixture(scope="module")
def without_ranges():
    with over_http(ranges=False) as (app, address):
        yield app, address


class TestInMemory(SourceSuite):
    fingerprints = True

    @pytest.fixture
    def source(self, memory):
        memory.pipe({f"/in/{name}": LINES for name in ("a.txt", "b.txt", "d.md")})
        memory.pipe("/in/c.txt.gz", gzip.compress(LINES))
        return TextFiles("memory://in/*.txt*")

    @pytest.fixture
    def expected(self):
        texts = LINES.decode().splitlines()
        offsets = [sum(len(text) + 1 for text in texts[:n]) for n in range(len(texts))]
        return [
            ((f"memory://in/{name}", offset), text)
            for name in ("a.txt", "b.txt", "c.txt.gz")
            for offset, text in zip(offsets, texts, strict=True)
        ]

    def change(self, source):
        fsspec.filesystem("memory").pipe("/in/a.txt", LINES.upper())


class TestOverHTTP(SourceSuite):
    fingerprints = True

    @pytest.fixture
    def source(self, http):
        type(self).app, address = http
        self.app.files = {"a.txt": LINES[:42], "b.txt": LINES[:35], "c.md": LINES}
        return TextFiles(f"{address}/*.txt")

    def change(self, source):
        self.app.files["b.txt"] = LINES.upper()


class TestOverHTTPWithoutRanges(SourceSuite):
    splits = False
    fingerprints = True

    @pytest.fixture
    def source(self, without_ranges):
        type(self).app, address = without_ranges
        self.app.files = {"a.csv": ROWS}
        return CSVFiles(f"{address}/a.csv")

    def change(self, source):
        self.app.files["a.csv"] = ROWS.upper()


# What is fetched


def test_a_part_of_a_large_file_is_fetched_in_part(http):
    app, address = http
    app.files = {"a.txt": b"x" * 99 + b"\n"}
    app.files["a.txt"] *= 200_000
    source = TextFiles(f"{address}/a.txt")
    url = f"{address}/a.txt"
    app.asked.clear()
    found = list(source.read((url, 10_000_000), (url, 10_001_000)))
    assert [key[1] for key, _ in found] == [10_000_100 + 100 * n for n in range(10)]
    fetched = [asked.removeprefix("bytes=").split("-") for method, _, asked in app.asked if asked]
    assert 0 < sum(int(last) - int(first) for first, last in fetched) < 2_000_000


def test_members_of_an_archive_elsewhere(http, tmp_path):
    app, address = http
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a/b.csv", ROWS)
        archive.writestr("c.txt", LINES)
    app.files = {"x.zip": (tmp_path / "x.zip").read_bytes()}
    source = CSVFiles(f"{address}/x.zip/*.csv")
    assert source.paths() == [f"{address}/x.zip/a/b.csv"]
    assert [row["id"] for _, row in source.read(None, None)] == [str(n) for n in range(14)]
    app.files = {"x.zip": app.files["x.zip"][:-30]}
    with pytest.raises(InputError, match=r"/x\.zip is not a whole zip file"):
        list(source.read(None, None))


def test_what_a_pattern_matches(memory):
    memory.pipe({f"/in/{name}.txt": LINES for name in ("a1", "a2", "b1", "deep/c")})
    for pattern, found in [
        ("a?.txt", ["a1", "a2"]),
        ("[ab]1.txt", ["a1", "b1"]),
        ("**/*.txt", ["a1", "a2", "b1", "deep/c"]),
        ("a1.txt", ["a1"]),
    ]:
        paths = TextFiles(f"memory://in/{pattern}", "memory://in/a1.txt").paths()
        assert paths == sorted({f"memory://in/{name}.txt" for name in [*found, "a1"]})


def test_a_whole_job_reads_files_elsewhere(memory):
    memory.pipe({f"/in/{n}.txt": LINES for n in range(3)})
    master = httpmr.Master(
        "remote",
        source=TextFiles("memory://in/*.txt"),
        mapper=lambda key, line: [("lines", 1)],
        reducer=httpmr.reducers.Sum(),
        store="memory:",
    )
    assert master.run().get("lines") == [36]


def test_a_file_of_this_disk_may_be_given_by_url(tmp_path):
    (tmp_path / "a.txt").write_bytes(LINES)
    for scheme in ("file", "local"):
        source = TextFiles(f"{scheme}://{tmp_path}/*.txt")
        assert [line for _, line in source.read(None, None)] == LINES.decode().splitlines()
        assert source.paths() == [f"{scheme}://{tmp_path}/a.txt"]


# What goes wrong


def test_a_url_without_files_is_told(memory, http):
    app, address = http
    app.files = {}
    for url in ("memory://no/*.txt", "memory://no.txt", f"{address}/no.txt", f"{address}/*.txt"):
        with pytest.raises(InputError, match=r"no file matches '.*'"):
            TextFiles(url).paths()


def test_a_file_that_vanished_is_told(http):
    app, address = http
    app.files = {"a.txt": LINES}
    source = TextFiles(f"{address}/a.txt")
    first, second = [key for key, _ in source.read(None, None)][:2]
    app.files = {}
    for use in (source.read, source.fingerprint):
        with pytest.raises(InputError, match=r"a\.txt is (gone|not there): put it back"):
            list(use(first, second))


@pytest.mark.parametrize(
    "status, kind",
    [
        ("403 Forbidden", InputError),
        ("429 Too Many Requests", Unavailable),
        ("500 Internal Server Error", Unavailable),
        ("503 Service Unavailable", Unavailable),
    ],
)
def test_what_a_server_refuses_stays_or_passes(http, status, kind):
    app, address = http
    app.files = {"a.txt": LINES}
    source = TextFiles(f"{address}/a.txt")
    first, second = [key for key, _ in source.read(None, None)][:2]
    app.status = status
    try:
        for use in (source.read, source.fingerprint):
            with pytest.raises(kind, match=r"a\.txt cannot be used"):
                list(use(first, second))
    finally:
        app.status = None


def test_a_server_that_is_away_passes():
    with pytest.raises(Unavailable, match="cannot be used now"):
        TextFiles("http://127.0.0.1:9/a.txt").paths()


@pytest.mark.parametrize(
    "error, kind",
    [
        (TimeoutError(), "Unavailable"),
        (ConnectionResetError("reset"), "Unavailable"),
        (RuntimeError("what\nelse"), "Unavailable"),
        (PermissionError("no"), "InputError"),
        (ValueError("no"), "InputError"),
        (OSError(errno.ENOSPC, "full"), "StoreFull"),
    ],
)
def test_what_errors_mean(error, kind):
    with pytest.raises(httpmr.HttpmrError) as caught, remote.meaning("s3://b", InputError, "mend"):
        raise error
    assert type(caught.value).__name__ == kind
    assert "\n" not in caught.value.message


# What is wrong with a recipe


@pytest.mark.parametrize(
    "url, told",
    [
        ("nope://x/y", "nope:// is no URL that fsspec knows"),
        ("gs://bucket/x", r'gcsfs.*pip install "httpmr\[files\]"'),
        ("ftp://user:secret@host/x", "a URL with a password would be seen"),
    ],
)
def test_what_cannot_work_is_told_at_once(url, told):
    with pytest.raises(RecipeError, match=told) as error:
        TextFiles(url)
    assert "secret" not in str(error.value)


def test_options_are_not_shown():
    assert repr(TextFiles("s3://b/*", options={"key": "x"})) == "TextFiles('s3://b/*')"


def test_a_disk_needs_no_fsspec(tmp_path):
    (tmp_path / "a.txt").write_bytes(LINES)
    code = f"""
import sys
sys.modules["fsspec"] = None
from httpmr import errors, sources
assert len(list(sources.TextFiles({str(tmp_path / "*.txt")!r}).read(None, None))) == 12
try:
    sources.TextFiles("s3://b/x")
except errors.RecipeError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert 'pip install "httpmr[files]"' in ran.stdout, ran.stderr
