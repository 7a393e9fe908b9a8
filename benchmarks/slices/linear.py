"""Whether time grows with the input alone: 4 times the input, then 10 times as many shards.

The whole word count, durable on SQLite, in one process without HTTP, each result compared with
the loop's. `python -m benchmarks.slices.linear INPUT FOLDER SHARDS` runs one.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import httpmr
from benchmarks import inputs, recipes
from benchmarks.measure import module, run, said
from httpmr import reducers, sources

MOST_RATIO, MOST_PERCENT = 4.3, 5.0
BYTES = 45_000_000  # of the smaller input
NAME = "word count"

JOBS = {
    "1 time": ("once", 8),
    "4 times": ("four", 8),
    "4 times, 80 shards": ("four", 80),
    "4 times, 10 shards": ("four", 10),
    "4 times, 100 shards": ("four", 100),
}
"""The input and the shards of each."""

COMPARED = [
    ("4 times", "1 time", MOST_RATIO),
    ("4 times, 80 shards", "4 times", 1 + MOST_PERCENT / 100),
    ("4 times, 100 shards", "4 times, 10 shards", 1 + MOST_PERCENT / 100),
]
"""Which is measured by which, and the most it may be."""


def prepare(folder, count):
    """Make the input, `count` bytes or little more, once and four times over."""
    inputs.text(folder / "real", 1)
    real = sorted((folder / "real").iterdir())
    size = 0
    with open(folder / "text.txt", "wb") as file:
        while size < count:
            for path in real:
                with open(path, "rb") as text:
                    lines = text.readlines(count - size) if size < count else []
                file.writelines(lines)
                size += sum(map(len, lines))
    for name, times in (("once", 1), ("four", 4)):
        (folder / name).mkdir()
        for number in range(times):
            (folder / name / f"{number}.txt").symlink_to(folder / "text.txt")
        said(module("loops", NAME, folder / name, folder / f"{name}.expected"))


def measured(scale, rounds, jobs=JOBS):
    """Return {job: the Figures of each round}; the jobs take turns."""
    figures = {name: [] for name in jobs}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        prepare(folder, round(BYTES * scale))
        for number in range(rounds):
            for name, some in figures.items():
                source, shards = JOBS[name]
                job = folder / f"{number} {name}"
                job.mkdir()
                some.append(run(module("slices.linear", folder / source, job, shards)))
                said(module("recipes", NAME, "unused", job, "same", folder / f"{source}.expected"))
    return figures


def table(scale, rounds):
    """Yield the lines of the table: medians over the rounds."""
    figures = measured(scale, rounds)
    yield "the whole word count, seconds"
    middle = {
        name: [statistics.median(getattr(one, field) for one in some) for field in ("wall", "cpu")]
        for name, some in figures.items()
    }
    for name, (wall, cpu) in middle.items():
        yield f"  {name:20} wall {wall:6.2f}  processor {cpu:6.2f}"
    for name, base, most in COMPARED:
        wall, cpu = (a / b for a, b in zip(middle[name], middle[base], strict=True))
        yield (
            f"  {name} / {base}: wall {wall:.3f}, processor {cpu:.3f} (target: at most {most:.2f})"
        )


def main(source, folder, shards):
    """Run one job."""
    job = httpmr.Master(
        NAME,
        source=sources.TextFiles(f"{source}/*.txt"),
        mapper=recipes.Words(),
        reducer=reducers.Sum(),
        store=f"sqlite:///{folder}/jobs.db",
        num_mappers=int(shards),
    ).run()
    if job.state != "done":
        sys.exit(f"the job is {job.state}: {job.status()['error']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
