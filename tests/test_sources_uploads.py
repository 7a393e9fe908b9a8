"""Uploads as what the sources of files read: in the store, in chunks, plain and packed."""

import gzip
import io
import zipfile

import pytest
from faults import Clock
from jobslib import carried, made

import httpmr
import httpmr.testing
from httpmr import reducers
from httpmr.budget import Budget
from httpmr.errors import InputError, RecipeError
from httpmr.sources import CSVFiles, JSONLines, Parquet, TextFiles
from httpmr.stores import MemoryStore, SQLStore
from httpmr.testing.sources import SourceSuite
from httpmr.uploads import writing

ROWS = "id,text\r\n" + "".join(f'{n},"one\n\n{n},""two"""\r\n' for n in range(14))
LINES = "".join(f"line {n} größer\n" for n in range(20))


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(writing, "CHUNK", 32)


@pytest.fixture(params=["memory", "sqlite"])
def uploads(request, tmp_path):
    if request.param == "memory":
        store = MemoryStore(clock=Clock())
    else:
        store = SQLStore(f"sqlite:///{tmp_path}/a.db", clock=Clock())
    yield httpmr.Uploads(store)
    store.close()


@pytest.fixture
def shelf():
    return httpmr.Uploads(MemoryStore(clock=Clock()))


def put(uploads, content, name="a.csv"):
    """Put a file, a second after the one before."""
    uploads.store._clock.pass_(1)
    data = content.encode() if isinstance(content, str) else content
    return uploads.put(name, io.BytesIO(data))


class Base(SourceSuite):
    splits = False  # inside a file
    fingerprints = True

    def change(self, source):
        name = source.options.names()[0]
        with source.options.open(name) as file:
            put(source.options, file.read(), name)  # the same content, but it is another file


class TestCSV(Base):
    @pytest.fixture
    def source(self, uploads):
        put(uploads, ROWS, "a.csv")
        put(uploads, ROWS, "b.csv")
        return CSVFiles(uploads.path("a.csv"), uploads.path("b.csv"))

    @pytest.fixture
    def expected(self, uploads, source):
        begins = [0]
        for row in ROWS.split("\r\n")[:-2]:
            begins.append(begins[-1] + len(row) + 2)
        return [
            ((uploads.find(name).path, at), {"id": str(n), "text": f'one\n\n{n},"two"'})
            for name in ("a.csv", "b.csv")
            for n, at in enumerate(begins[1:])
        ]


class TestManyTexts(Base):
    splits = True

    @pytest.fixture
    def source(self, uploads):
        for name in ("z.txt", "a [1].txt", "other.csv", "m.txt"):
            put(uploads, LINES, name)
        return TextFiles(uploads.path("*.txt"))

    @pytest.fixture
    def expected(self, uploads, source):
        """In the order in which they came."""
        lines = LINES.split("\n")[:-1]
        begins = [sum(len(line.encode()) + 1 for line in lines[:n]) for n in range(len(lines))]
        return [
            ((uploads.find(name).path, at), line)
            for name in ("z.txt", "a [1].txt", "m.txt")
            for at, line in zip(begins, lines, strict=True)
        ]


class TestPacked(Base):
    @pytest.fixture
    def source(self, shelf):
        values = "".join(f'{{"n": {n}}}\n' for n in range(12))
        put(shelf, gzip.compress(values.encode()), "b.jsonl.gz")
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("may/one.jsonl", values)
            packed.writestr("june.jsonl", values)
            packed.writestr("readme.txt", "not JSON")
        put(shelf, archive.getvalue(), "c.zip")
        return JSONLines(shelf.path("b.jsonl.gz"), shelf.path("c.zip/*.jsonl"))

    @pytest.fixture
    def expected(self, shelf, source):
        begins = [9 * n for n in range(10)] + [90, 100]
        packed, archive = shelf.find("b.jsonl.gz").path, shelf.find("c.zip").path
        return [
            ((path, at), {"n": n})
            for path in (packed, f"{archive}/june.jsonl", f"{archive}/may/one.jsonl")
            for n, at in enumerate(begins)
        ]


def test_parquet(shelf, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"n": list(range(50))})
    parquet.write_table(table, tmp_path / "a", row_group_size=20)
    put(shelf, (tmp_path / "a").read_bytes(), "a.parquet")
    source = Parquet(shelf.path("a.parquet"))
    assert [row["n"] for _, row in source.read(None, source.last())] == list(range(50))
    assert list(source.split(None, source.last(), 3))


def test_an_empty_file_has_no_records(uploads):
    put(uploads, b"", "a.txt")
    for source in (TextFiles(uploads.path("a.txt")), CSVFiles(uploads.path("a.txt"))):
        assert list(source.read(None, source.last())) == []
        assert list(source.split(None, source.last(), 4)) == []
        jobs = over(source, uploads)
        assert carried(jobs, jobs.start()).state == "done"


def test_a_name_with_signs_is_that_file(shelf):
    put(shelf, "one\n", "a*.txt")
    put(shelf, "two\n", "ab.txt")
    assert [line for _, line in TextFiles(shelf.path("a*.txt")).read(None, None)] == ["one"]


def test_what_goes_on_after_a_cut_reads_no_more_than_the_chunks_it_needs(shelf, monkeypatch):
    put(shelf, LINES * 10, "a.txt")
    source = TextFiles(shelf.path("a.txt"))
    records = list(source.read(None, None))
    asked = []
    get = shelf.store.get
    monkeypatch.setattr(shelf.store, "get", lambda keys: asked.extend(keys) or get(keys))
    last = records[-1][0]
    assert list(source.read(records[150][0], records[151][0])) == records[151:152]
    # What tells of the file, the chunks of the buffer, and no others.
    assert 1 < len(asked) <= 1 + 8192 // 32
    asked.clear()
    assert list(source.read(records[-2][0], last)) == records[-1:]
    assert len(asked) <= 3


# What cannot be


def test_what_is_not_there_is_told(shelf):
    for pattern in ("b.csv", "*.txt", "a.zip/*.csv", "s3://bucket/a.csv", "a/b.csv"):
        with pytest.raises(InputError, match=r"no upload matches '.*': send one and start a new"):
            CSVFiles(shelf.path(pattern)).paths()


def test_uploads_are_not_mixed_with_other_files(shelf):
    other = httpmr.Uploads(MemoryStore())
    told = "TextFiles takes uploads of one store, or other files: read each alone, and Chain them"
    for patterns in (["a.txt"], [other.path("a.txt")]):
        with pytest.raises(RecipeError, match=told):
            TextFiles(shelf.path("a.txt"), *patterns)
    with pytest.raises(RecipeError, match=told):
        TextFiles(shelf.path("a.txt"), options={"key": "x"})
    same = httpmr.Uploads(shelf.store)
    assert repr(TextFiles(shelf.path("a"), same.path("b"))) == "TextFiles('a', 'b')"


def test_what_is_wrong_in_a_file_names_it(shelf):
    put(shelf, "id,n\n1,2\n3\n")
    with pytest.raises(InputError, match=r"/a\.csv: the row at line 3, byte 9: 1 values for 2 col"):
        list(CSVFiles(shelf.path("a.csv")).read(None, None))
    put(shelf, gzip.compress(LINES.encode())[:-9], "a.gz")
    with pytest.raises(InputError, match=r"/a\.gz is not a whole gzip file"):
        list(TextFiles(shelf.path("a.gz")).read(None, None))
    put(shelf, b"PK no archive", "a.zip")
    with pytest.raises(InputError, match=r"/a\.zip is not a whole zip file"):
        TextFiles(shelf.path("a.zip")).paths()


# Jobs


def first_word(key, row):
    text = row["text"] if isinstance(row, dict) else row
    yield text.split()[0], key[1]


def over(source, uploads, **settings):
    """The Jobs over a source, in the store that has its files."""
    return made(mapper=first_word, source=source, store=uploads.store, **settings)


def test_a_job_over_it_may_be_cut_anywhere(uploads):
    put(uploads, ROWS)
    begins = [at for (_, at), _ in CSVFiles(uploads.path("a.csv")).read(None, None)]
    for records in (1, 3, 100):
        jobs = over(CSVFiles(uploads.path("a.csv")), uploads, reducer=lambda k, v: [(k, sorted(v))])
        job = carried(jobs, jobs.start(), records)
        assert job.get("one") == [begins]


def test_a_master_over_it_is_the_same_wherever_it_is_cut(shelf):
    put(shelf, LINES, "a.txt")
    put(shelf, LINES, "b.txt")
    master = httpmr.Master(
        "lines",
        source=TextFiles(shelf.path("*.txt")),
        mapper=lambda key, line: [(line.split()[1], 1)],
        reducer=reducers.Sum(),
        store=shelf.store,
    )
    assert dict(httpmr.testing.run(master).output()) == {str(n): 2 for n in range(20)}


@pytest.mark.parametrize("act", ["replace", "delete"])
@pytest.mark.parametrize("slices", range(6))
def test_a_file_that_is_replaced_in_mid_job_pauses_it(shelf, act, slices):
    put(shelf, LINES, "a.txt")
    jobs = over(TextFiles(shelf.path("a.txt")), shelf)
    job = jobs.start()
    for _ in range(slices):
        jobs.step(job.id, budget=Budget.records(3))
    assert job.state == "running"
    if act == "delete":
        shelf.delete("a.txt")
    else:
        put(shelf, LINES.upper(), "a.txt")
    assert carried(jobs, job, 3).state == "paused"
    told = {
        "replace": "the upload a.txt was replaced or deleted meanwhile: start a new job",
        "delete": "no upload matches 'a.txt': send one and start a new job, or mend the name",
    }
    assert job.status()["error"] == told[act]
    if act == "replace":
        assert carried(jobs, jobs.start()).get("LINE") != []


@pytest.mark.parametrize("slices", [0, 1, 2])
@pytest.mark.parametrize("files", ["a.txt", "*.txt"])
def test_one_that_is_replaced_while_a_slice_begins_is_not_read_for_the_old(shelf, files, slices):
    """After the fingerprint was looked at, and before the file is opened: it is another path."""
    put(shelf, LINES, "a.txt")
    source = TextFiles(shelf.path(files))
    jobs = over(source, shelf, num_mappers=1)
    job = jobs.start()
    while job.record.phase != "map":
        jobs.step(job.id)
    for _ in range(slices):
        jobs.step(job.id, budget=Budget.records(3))
    look = source.fingerprint

    def then_replace(after, until):
        told = look(after, until)
        put(shelf, LINES.upper(), "a.txt")
        return told

    source.fingerprint = then_replace
    jobs.step(job.id)
    assert job.state == "paused"
    assert [shard.records for shard in job.shards()] == [3 * slices]


def test_files_that_come_later_are_not_the_job_s(shelf):
    put(shelf, LINES, "a.txt")
    jobs = over(TextFiles(shelf.path("*.txt")), shelf)
    job = jobs.start()
    for _ in range(3):
        jobs.step(job.id, budget=Budget.records(3))
    put(shelf, "later\n", "b.txt")
    assert carried(jobs, job, 3).state == "done"
    assert job.get("later") == []
    assert len(job.get("line")) == 20
