"""Parquet files: read by row groups, and written as a folder of parts."""

import tracemalloc
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pyarrow
import pytest
from fileslib import empty_memory, over_http
from pyarrow import parquet

import httpmr
from httpmr import sinks, sources
from httpmr.errors import InputError, OutputError, RecipeError
from httpmr.interfaces import Slice
from httpmr.stores import MemoryStore
from httpmr.testing import SinkSuite, SourceSuite
from httpmr.testing.sink_jobs import A, Run

ROWS = [{"id": n, "text": f"row {n}", "list": [n, None]} for n in range(13)]


def write(path, rows=ROWS, size=4, **options):
    table = pyarrow.Table.from_pylist(rows) if isinstance(rows, list) else rows
    parquet.write_table(table, path, row_group_size=size, **options)
    return path


class TestSource(SourceSuite):
    fingerprints = True

    @pytest.fixture
    def source(self, tmp_path):
        write(tmp_path / "a.parquet")
        write(tmp_path / "b.parquet", pyarrow.table({"id": pyarrow.array([], "int64")}))
        write(tmp_path / "c.parquet", size=3)
        return sources.Parquet(tmp_path / "*.parquet")

    @pytest.fixture
    def expected(self, tmp_path):
        names = ("a.parquet", "c.parquet")
        return [((str(tmp_path / name), n), ROWS[n]) for name in names for n in range(13)]

    def change(self, source):
        write(source.paths()[0], ROWS[:5])


class TestSourceInMemory(SourceSuite):
    fingerprints = True

    @pytest.fixture
    def source(self, tmp_path):
        memory = empty_memory()
        memory.pipe("/in/a.parquet", write(tmp_path / "a").read_bytes())
        return sources.Parquet("memory://in/*.parquet", columns=["text"])

    @pytest.fixture
    def expected(self):
        return [(("memory://in/a.parquet", n), {"text": f"row {n}"}) for n in range(13)]

    def change(self, source):
        empty_memory().pipe("/in/a.parquet", b"x")


class TestSink(SinkSuite):
    @pytest.fixture
    def sink(self):
        empty_memory()
        return sinks.Parquet("memory://out/", {"key": "string", "value": "int64"})

    def published(self, sink, job):
        parts = sink.parts()
        # One by one, for keys ascend by path, and parts by shard and slice.
        rows = [row for url in parts for _, row in sources.Parquet(url).read(None, None)]
        return [(row["key"], row["value"]) for row in rows]


# Reading


def test_splits_are_between_row_groups(tmp_path):
    rows = [{"n": n} for n in range(1000)]
    path = str(write(tmp_path / "a.parquet", rows, size=10))
    source = sources.Parquet(path)
    for shards in (2, 7, 50):
        marks = list(source.split(None, source.last(), shards))
        assert all(row % 10 == 9 for _, row in marks)
        sizes = [b[1] - a[1] for a, b in pairwise([(path, -1), *marks, source.last()])]
        assert len(sizes) >= shards
        assert max(sizes) - min(sizes) <= 10 + 1000 // shards % 10


def test_values_are_plain(tmp_path):
    moment = datetime(2008, 12, 1, 13, 5, 0, 123456)
    types = pyarrow.schema(
        [
            ("when", pyarrow.timestamp("ns")),
            ("where", pyarrow.timestamp("ns", "UTC")),
            ("took", pyarrow.duration("ns")),
            ("day", pyarrow.date32()),
            ("cost", pyarrow.decimal128(9, 2)),
            ("raw", pyarrow.binary()),
            ("word", pyarrow.dictionary(pyarrow.int32(), pyarrow.string())),
            ("in", pyarrow.struct([("x", pyarrow.float64())])),
        ]
    )
    row = {
        "when": moment,
        "where": moment.replace(tzinfo=UTC),
        "took": timedelta(seconds=1.5),
        "day": date(2008, 12, 1),
        "cost": Decimal("1.50"),
        "raw": b"\xff",
        "word": "text",
        "in": {"x": 0.5},
    }
    path = write(tmp_path / "a.parquet", pyarrow.Table.from_pylist([row], types))
    [(_, found)] = sources.Parquet(path).read(None, None)
    assert found == row
    # Pandas has times of its own, which are no plain ones.
    assert {type(value).__module__ for value in found.values()} <= {
        "builtins",
        "datetime",
        "decimal",
    }


def test_nanoseconds_are_cut(tmp_path):
    table = pyarrow.table({"t": pyarrow.array([1_000_000_001], pyarrow.timestamp("ns"))})
    [(_, row)] = sources.Parquet(write(tmp_path / "a.parquet", table)).read(None, None)
    assert row == {"t": datetime(1970, 1, 1, 0, 0, 1)}


def test_a_row_group_is_in_memory_at_a_time(tmp_path):
    path = write(tmp_path / "a.parquet", [{"n": n} for n in range(60_000)], size=5_000)
    tracemalloc.start()
    assert sum(row["n"] for _, row in sources.Parquet(path).read(None, None)) == 1799970000
    assert tracemalloc.get_traced_memory()[1] < 4_000_000
    tracemalloc.stop()


def test_columns_that_are_not_asked_for_are_not_fetched(tmp_path):
    rows = [{"id": n, "long": f"{n * n:x}" * 999} for n in range(2000)]
    content = write(tmp_path / "a.parquet", rows, size=500, compression="none").read_bytes()
    with over_http() as (app, address):
        app.files["a.parquet"] = content
        source = sources.Parquet(f"{address}/a.parquet", columns=["id"])
        assert len(list(source.read(None, None))) == 2000
        asked = [asked[6:].split("-") for method, _, asked in app.asked if asked]
    fetched = sum(min(int(last), len(content)) - int(first) for first, last in asked)
    assert 0 < fetched < len(content)


@pytest.mark.parametrize("harm", ["cut", "none", "flipped"])
def test_a_damaged_file_is_told(tmp_path, harm):
    path = write(tmp_path / "a.parquet", compression="zstd")
    whole = path.read_bytes()
    flipped = whole[:4] + bytes(byte ^ 0xFF for byte in whole[4:60]) + whole[60:]
    path.write_bytes({"cut": whole[:-9], "none": b"no", "flipped": flipped}[harm])
    with pytest.raises(InputError, match=r"a\.parquet is not a whole Parquet file") as error:
        list(sources.Parquet(path).read(None, None))
    assert "\n" not in error.value.message


def test_a_column_that_is_missing_is_told(tmp_path):
    source = sources.Parquet(write(tmp_path / "a.parquet"), columns=["id", "size"])
    with pytest.raises(InputError, match=r"a\.parquet has no column 'size', but id, text, list"):
        list(source.read(None, None))


def test_a_packed_file_is_told(tmp_path):
    with pytest.raises(InputError, match=r"a\.parquet\.gz is packed"):
        list(sources.Parquet(write(tmp_path / "a.parquet.gz")).read(None, None))


# Writing


def test_a_pair_that_does_not_fit_names_its_key():
    sink = sinks.Parquet("memory://out/", {"key": "string", "value": "int64"})
    pairs = [*A, ("bad", "text"), ("good", 1)]
    for wrong in ([*A, ("bad", "text")], pairs, [("bad", 2**70)], [(("bad", 1), 2)]):
        with pytest.raises(OutputError, match="Parquet cannot write the output of key") as error:
            sink.write(wrong, Slice("job", (0,), 0, 1))
        assert "bad" in error.value.key
        assert "\n" not in error.value.message


def test_all_files_have_the_types_that_were_given(tmp_path):
    sink = sinks.Parquet(f"{tmp_path}/", {"year": "int16", "word": "string", "n": "float64"})
    run = Run(sink, MemoryStore(), "job")
    run.commit([((2008, "a"), 1)], (0,), 0)
    run.commit([((2009, "b"), None)], (0,), 1)
    run.finish()
    assert [parquet.read_schema(path) for path in sink.parts()] == [sink.schema] * 2
    assert parquet.read_table(str(tmp_path)).num_rows == 2


def test_a_whole_job_from_files_to_files(tmp_path):
    write(tmp_path / "a.parquet")
    master = httpmr.Master(
        "parquet",
        source=sources.Parquet(tmp_path / "a.parquet"),
        mapper=lambda key, row: [(row["id"] % 2, row["id"])],
        reducer=httpmr.reducers.Sum(),
        sink=sinks.Parquet(f"{tmp_path}/out/", {"odd": "int8", "sum": "int64"}),
        store="memory:",
    )
    assert master.run().state == "done"
    rows = [row for _, row in sources.Parquet(f"{tmp_path}/out/*.parquet").read(None, None)]
    assert sorted(row["sum"] for row in rows) == [36, 42]


# What is wrong with a recipe


@pytest.mark.parametrize("columns", ["id", [], [1], {"id": "int64"}])
def test_columns_to_read_are_names(columns):
    with pytest.raises(RecipeError, match="columns is a list of names"):
        sources.Parquet("a.parquet", columns=columns)


@pytest.mark.parametrize(
    "path, columns, told",
    [
        ("out/", ["a"], "columns is a dict"),
        ("out/", {}, "columns"),
        ("out/", {"a": "longtext"}, "longtext"),
        ("out.parquet", {"a": "int8"}, "name a folder for them, as 'out.parquet/'"),
    ],
)
def test_what_cannot_be_written_is_told_at_once(path, columns, told):
    with pytest.raises(RecipeError, match=told):
        sinks.Parquet(path, columns)


def test_their_names(tmp_path):
    assert repr(sources.Parquet("a", columns=["x"])) == "Parquet('a', columns=['x'])"
    sink = sinks.Parquet("s3://b/out/", {"x": "int8"})
    assert repr(sink) == "Parquet('s3://b/out/', columns=['x'])"
