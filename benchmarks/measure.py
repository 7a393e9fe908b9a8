"""A command as a whole: wall and processor seconds of its process tree, and peak memory."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Figures(NamedTuple):
    """Seconds, seconds, and MB of the largest single process.

    A process begins with its parent's peak in its account: who calls `run` must be small.
    """

    wall: float
    cpu: float
    memory: float


def module(name: str, *arguments) -> list[str]:
    """Return the command that runs `benchmarks.name` with `arguments`."""
    return [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)]


def said(command: list[str]) -> str:
    """Run a command that is not measured; return what it prints."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return (
        subprocess.run(command, env=environ, cwd=ROOT, check=True, stdout=subprocess.PIPE)
        .stdout.decode()
        .strip()
    )


def run(command: list[str], environ: dict | None = None) -> Figures:
    """Run a command to its end; its children count once it has waited for them."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})}
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environ, cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Figures(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
