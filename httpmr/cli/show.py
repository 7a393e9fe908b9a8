"""What the terminal shows: progress, one-line accounts of a job.

Results go to standard output; all else goes to standard error, so that `httpmr run ... | sort`
sorts results.
"""

import sys
import time
from collections.abc import Mapping
from typing import Any, Self

from httpmr.budget import Clock
from httpmr.web.plain import UNPRINTABLE

EVERY = 10.0  # seconds between two lines of progress where there is no terminal

Status = Mapping[str, Any]
"""Where a job stands, as it was told here or over HTTP."""


def clean(text: str) -> str:
    """Return text that stays on its line, whatever a server or a file put into it."""
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def say(line: str) -> None:
    """Write one line to standard error."""
    print(clean(line), file=sys.stderr, flush=True)


def account(status: Status) -> str:
    """Return what became of a job, in one line."""
    parts = [f"{status.get('recipe', 'job')}: {status['state']}"]
    if status["state"] in ("running", "paused", "cancelled"):
        parts[0] += f" in {status.get('phase')}, {percent(status)}"
    if "records" in status:
        parts.append(f"{status['records']:,} records in {status['slices']:,} slices")
    if status.get("bad_records"):
        parts.append(f"{status['bad_records']:,} bad records put aside")
    if status.get("started") and status.get("finished"):
        parts.append(f"{status['finished'] - status['started']:.1f} s")
    line = ", ".join(parts)
    return f"{line}: {status['error']}" if status.get("error") else line


def percent(status: Status) -> str:
    """Return the progress, never 100 % before the end."""
    return f"{int(100 * status.get('progress', 0))} %"


def watch() -> "Lines | Bar":
    """Return a context manager that shows each status it is called with."""
    if not sys.stderr.isatty():
        return Lines()
    try:
        return Bar()
    except ImportError:
        return Lines()


class Lines:
    """Progress for a log: a line for each phase, and one now and then."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.clock = clock
        self.phase: str | None = None
        self.trouble: str | None = None
        self.due = clock() + EVERY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __call__(self, status: Status) -> None:
        trouble = status.get("trouble")
        if trouble and trouble != self.trouble:
            say(f"no answer ({trouble}); trying again")
        self.trouble = trouble
        phase = status.get("phase")
        if status["state"] != "running" or not phase:
            return
        if phase != self.phase or self.clock() >= self.due:
            self.phase = phase
            self.due = self.clock() + EVERY
            records = f", {status['records']:,} records" if status.get("records") else ""
            say(f"{phase}: {percent(status)}{records}")


class Bar:
    """Progress for a terminal: one line that moves, and is gone in the end."""

    def __init__(self) -> None:
        from rich import console, progress

        self.bar = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(bar_width=30),
            progress.TextColumn("{task.percentage:>3.0f} %"),
            progress.TextColumn("{task.fields[note]}", markup=False),
            progress.TimeElapsedColumn(),
            console=console.Console(stderr=True),
            transient=True,
            # What is printed meanwhile would go by way of a lock, which a forked process may
            # find held for ever.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.task = self.bar.add_task("starting", total=1.0, note="")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()

    def __call__(self, status: Status) -> None:
        note = f"{status['records']:,} records" if status.get("records") else ""
        if status.get("trouble"):
            note = f"no answer ({status['trouble']}); trying again"
        self.bar.update(
            self.task,
            description=f"{status.get('recipe', 'job')}: {status.get('phase', '')}",
            completed=min(status.get("progress", 0.0), 0.99),
            note=clean(note),
        )
