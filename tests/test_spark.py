"""The same recipes on a Spark cluster of one master and two workers, on loopback."""

import contextlib
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from functools import partial
from pathlib import Path

import pytest
from docslib import ROOT

import httpmr
from httpmr import Master, reducers, sinks
from httpmr.cli import target
from httpmr.cli.main import main
from httpmr.errors import JobError, RecipeError
from httpmr.partitioners import RangePartitioner
from httpmr.sources import Memory
from httpmr.stores import MemoryStore

DEPLOY = "org.apache.spark.deploy"
FULL = bool(os.environ.get("HTTPMR_TEST_FULL"))
"""Set by hand: each example, and each setting; a job on a cluster takes its time."""

SMALL = {
    "SPARK_LOCAL_IP": "127.0.0.1",
    "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
"""For each JVM: to compile well, and to collect garbage by many threads, takes half of its time."""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as door:
        return door.getsockname()[1]


def workers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)["aliveworkers"]
    except (OSError, ValueError):
        return 0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The URL of a cluster. Without Spark or Java: a skip at a desk and a failure in CI."""
    try:
        import pyspark
    except ImportError:
        pyspark = None
    if pyspark is None or shutil.which("java") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no pyspark, or no Java")
    folder = tmp_path_factory.mktemp("spark")
    started = Path(pyspark.__file__).parent / "bin" / "spark-class"
    environ = {
        **os.environ,
        **SMALL,
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
        "SPARK_WORKER_DIR": str(folder),
        "SPARK_NO_DAEMONIZE": "1",
    }
    port, page = free_port(), free_port()
    url = f"spark://127.0.0.1:{port}"
    limits = ("--cores", 1, "--memory", "600m")
    commands = [
        [f"{DEPLOY}.master.Master", "--host", "127.0.0.1", "--port", port, "--webui-port", page],
        *[[f"{DEPLOY}.worker.Worker", "--host", "127.0.0.1", *limits, "--webui-port", 0, url]] * 2,
    ]
    with contextlib.ExitStack() as stack, open(folder / "log", "w") as log:
        for command in commands:
            process = subprocess.Popen(
                [started, *map(str, command)], env=environ, stdout=log, stderr=log, cwd=folder
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
        for _ in range(600):
            if workers(f"http://127.0.0.1:{page}/json/") == 2:
                break
            time.sleep(0.1)
        else:
            raise AssertionError((folder / "log").read_text())
        yield url


@pytest.fixture(scope="module")
def context(cluster):
    from pyspark import SparkConf, SparkContext

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        for name, value in SMALL.items():
            patch.setenv(name, value)
        conf = SparkConf().setMaster(cluster).setAppName("tests").set("spark.ui.enabled", "false")
        conf.set("spark.executor.memory", "500m").set("spark.log.level", "ERROR")
        conf.set("spark.executorEnv.PYTHONPATH", f"{ROOT}:{ROOT / 'tests'}")
        context = SparkContext(conf=conf)
        yield context
        context.stop()


@pytest.fixture
def run(context, tmp_path, monkeypatch):
    from httpmr.contrib import spark

    monkeypatch.chdir(tmp_path)
    return lambda master, **params: spark.run(master, context, **params)


def example(number):
    [path] = (ROOT / "examples").glob(f"{number}_*.py")
    return partial(target.master, str(path))


# The examples


@pytest.mark.parametrize("number", ["01", "03", "21", "23"] if FULL else ["01", "21"])
def test_an_example_gives_what_it_gives_over_http(run, number):
    master = example(number)
    assert list(run(master).output()) == list(master().run().output())


def test_rows_of_a_table(run):
    master = example("02")()
    run(example("02"))
    with contextlib.closing(sqlite3.connect("posts.db")) as db:
        ours = db.execute("SELECT * FROM words ORDER BY word").fetchall()
        db.execute("DELETE FROM words")
        db.commit()
        master.run()
        assert ours == db.execute("SELECT * FROM words ORDER BY word").fetchall() != []


def test_a_file_that_is_sorted_as_a_whole(run):
    result = run(example("22"))
    ours = Path("by_delay.csv").read_text()
    with pytest.raises(JobError, match="it went to the sink"):
        next(result.output())
    example("22")().run()
    delays = [float(line.split(",")[0]) for line in ours.splitlines()[1:]]
    assert delays == sorted(delays)
    assert sorted(ours.splitlines()) == sorted(Path("by_delay.csv").read_text().splitlines())


# What else there is to a recipe


def words(key, line):
    httpmr.count("lines")
    for word in line.split():
        yield word, key
    if "bad" in line:
        raise ValueError("a bad line")


def listed(key, values):
    httpmr.count("groups")
    yield key, list(values)


def made(mapper=words, reducer=listed, records=None, **settings):
    records = records or {n: f"a{n % 3} b{n % 7}" for n in range(60)}
    settings = {"store": MemoryStore(), "num_mappers": 3, "num_reducers": 3} | settings
    return Master("r", source=Memory(records), mapper=mapper, reducer=reducer, **settings)


SETTINGS = [
    {"sort_values": lambda value: -value},
    {"partitioner": RangePartitioner()},
    {"reducer": reducers.Count()},
    {},
    {"partitioner": lambda key, count: len(key) % count},
    {"mapper": lambda n, _: [((1, 1.0, True)[n % 3], n)]},
    {"reducer": None},
]


@pytest.mark.parametrize("settings", SETTINGS if FULL else SETTINGS[:3])
def test_groups_values_output_and_counters_are_the_same(run, settings):
    master = made(**settings)
    result, job = run(master), master.run()
    assert list(result.output()) == list(job.output())
    assert result.counters == job.counters


def test_bad_records_are_put_aside(run):
    records = {n: "bad" if n in (3, 50) else "well" for n in range(60)}
    master = made(records=records, max_bad_records=2)
    result, job = run(master), master.run()
    assert [bad["key"] for bad in result.bad_records] == [3, 50]
    assert "ValueError: a bad line" in result.bad_records[0]["message"]
    assert list(result.output()) == list(job.output())
    assert result.counters == job.counters


def broken(key, values):
    raise LookupError("no such group")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        *[({"records": dict.fromkeys(range(9), "bad"), "max_bad_records": 3}, "a bad line")] * FULL,
        ({"reducer": broken, "max_bad_records": 3}, "group .*LookupError: no such group"),
    ],
)
def test_what_goes_too_far_is_an_error(run, settings, message):
    with pytest.raises(JobError, match=message):
        run(made(**settings))


def test_a_sink_that_writes_in_the_stores_commit_alone_is_refused(run):
    with pytest.raises(RecipeError, match="in a store's own commit"):
        run(made(sink=sinks.Memory()))


def test_the_command(cluster, context, tmp_path, monkeypatch, capfd):
    """Its own context, in a process of its own: this one has one already."""
    environ = os.environ | SMALL
    program = f"{ROOT / 'examples'}/01_word_count.py"
    ran = subprocess.run(
        [sys.executable, "-m", "httpmr", "spark", program, "--master", "local[2]"],
        env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    monkeypatch.chdir(tmp_path)
    assert main(["run", program]) == 0
    assert ran.stdout == capfd.readouterr().out
    assert re.search("done on local.*0 bad records", ran.stderr)
