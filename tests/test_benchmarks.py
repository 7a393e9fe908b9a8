"""The benchmarks measure what they say: each Master gives what the plain loop gives."""

import json
import sqlite3

import pytest

from benchmarks import loops, measure, recipes

LINE = "The cat and the hat: that's {} cats.\n"


def text(path):
    path.mkdir()
    for number in range(3):
        (path / f"{number}.txt").write_text(LINE.format(number) * (number + 1))


def flights(path):
    rows = [
        ("AA" if n % 3 else "UA", f"D{n % 4}", None if n % 7 == 0 else n - 20) for n in range(90)
    ]
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE flights (id INTEGER PRIMARY KEY, carrier TEXT NOT NULL,"
            " dest TEXT NOT NULL, arr_delay INTEGER)"
        )
        connection.executemany(
            "INSERT INTO flights (carrier, dest, arr_delay) VALUES (?, ?, ?)", rows
        )
    connection.close()


def documents(path):
    found = [{"title": f"d{n:03}", "text": LINE.format(n % 5)} for n in range(40)]
    path.write_text("".join(json.dumps(document) + "\n" for document in found))


def records(path):
    path.write_text("".join(f"{n * 7919 % 100:010} {n:088}\n" for n in range(100)))


INPUTS = {"word count": text, "group by": flights, "index": documents, "sort": records}


@pytest.mark.parametrize("workload", INPUTS)
def test_each_recipe_gives_what_the_loop_gives(workload, tmp_path):
    source, expected, job = tmp_path / "input", tmp_path / "expected", tmp_path / "job"
    INPUTS[workload](source)
    job.mkdir()
    loops.LOOPS[workload](source, expected)
    recipes.main(workload, source, job, "1")
    recipes.main(workload, source, job, "same", expected)


@pytest.mark.parametrize("workload", ["word count", "index", "sort"])
def test_another_result_is_not_the_same(workload, tmp_path):
    source, expected, job = tmp_path / "input", tmp_path / "expected", tmp_path / "job"
    INPUTS[workload](source)
    job.mkdir()
    loops.LOOPS[workload](source, expected)
    recipes.main(workload, source, job, "1")
    lines = expected.read_text().splitlines(keepends=True)
    expected.write_text("".join(lines[:-1]))
    with pytest.raises(SystemExit, match="not the loop's"):
        recipes.main(workload, source, job, "same", expected)


def test_a_command_is_measured_as_a_whole(tmp_path):
    """Its children too, once it has waited for them."""
    burn = "import time; t = time.process_time()\nwhile time.process_time() - t < 0.2: pass"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    figures = measure.run([measure.sys.executable, "-c", child])
    assert figures.cpu >= 0.2
    assert figures.wall > 0
    assert figures.memory > 1
    with pytest.raises(SystemExit, match="ended with 3"):
        measure.run([measure.sys.executable, "-c", "raise SystemExit(3)"])
