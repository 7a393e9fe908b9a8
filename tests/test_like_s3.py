"""What is like S3: a job that reads from it and writes to it, and what is remembered of it.

The suites pass there, too; they are left out for they take their time.
"""

import json

import fsspec
import pytest
from fileslib import like_s3
from jobslib import carried, made

from httpmr import reducers, sinks, sources
from httpmr.errors import OutputError
from httpmr.stores import MemoryStore
from httpmr.testing.sink_jobs import GHOSTS, A, Acting, B, Cut, Run, cut


@pytest.fixture(scope="module")
def s3():
    with like_s3() as options:
        yield options


@pytest.fixture(scope="module")
def files(s3):
    return fsspec.filesystem("s3", **s3)


def published(sink, files):
    lines = [line for url in sink.parts() for line in files.cat_file(url).splitlines()]
    return [tuple(json.loads(line)) for line in lines]


def test_a_job_reads_from_it_and_writes_to_it(s3, files):
    lines = b"".join(b"%d\n" % n for n in range(8))
    files.pipe({"bucket/in/a.txt": lines, "bucket/in/b.txt": lines, "bucket/in/c.md": lines})
    sink = sinks.JSONLines("s3://bucket/job/", options=s3)
    source = sources.TextFiles("s3://bucket/in/*.txt", options=s3)
    jobs = made(
        lambda key, line: [(int(line) % 2, int(line))],
        source=source,
        sink=sink,
        reducer=reducers.Sum(),
        num_reducers=1,
    )
    assert carried(jobs, jobs.start(), 5).state == "done"
    assert sorted(published(sink, files)) == [(0, 24), (1, 32)]
    again = source.read(*[key for key, _ in source.read(None, None)][6:10:3])
    assert [line for _, line in again] == ["7", "0", "1"]


def test_a_change_is_seen_though_the_file_system_remembers(s3, files):
    files.pipe("bucket/seen/a.txt", b"one\n")
    source = sources.TextFiles("s3://bucket/seen/*.txt", options=s3)
    before = source.fingerprint(None, None)
    elsewhere = fsspec.filesystem("s3", **s3, skip_instance_cache=True)
    elsewhere.pipe("bucket/seen/a.txt", b"two\n")
    assert source.fingerprint(None, None) != before
    elsewhere.pipe("bucket/seen/b.txt", b"new\n")
    assert len(source.paths()) == 2


def test_committed_parts_alone_are_published(s3, files):
    sink = sinks.JSONLines("s3://bucket/out/", options=s3)
    run = Run(sink, MemoryStore(), "job")
    run.zombie(GHOSTS, (0,), 0, epoch=1)
    run.commit(A, (0,), 0, epoch=2)
    run.commit(B, (1,), 0)
    with pytest.raises(Cut):
        run.finish(lambda: Acting(1, cut))
    assert sink.parts() == []
    run.finish()
    assert published(sink, files) == A + B
    later = Run(sink, MemoryStore(), "later")
    later.commit(B, (0,), 0)
    later.finish()
    with pytest.raises(OutputError, match="is missing"):
        run.finish()
    assert published(sink, files) == B
    files.invalidate_cache()
    found = [name.rpartition("/")[2] for name in files.find("bucket/out")]
    assert found == ["_parts.json", "part-later-0.0.1.jsonl"]


def test_a_bucket_that_is_missing_is_told_and_not_made(s3, files):
    with pytest.raises(OutputError, match=r"s3://no-such-bucket/out/ "):
        sinks.JSONLines("s3://no-such-bucket/out/", options=s3).check(MemoryStore())
    files.invalidate_cache()
    assert files.ls("") == ["bucket"]
