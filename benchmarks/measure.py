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
    began = time.perf_counter()
    process = begun(command, environ)
    cpu, memory = ended(process)
    wall = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Figures(wall, cpu, memory)


def begun(command: list[str], environ: dict | None = None) -> subprocess.Popen:
    """Start a command."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})}
    return subprocess.Popen(command, env=environ, cwd=ROOT)


def ended(process: subprocess.Popen) -> tuple[float, float]:
    """Wait for a process; return its processor seconds and the MB of its peak."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
