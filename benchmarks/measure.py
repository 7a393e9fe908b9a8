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
    return (
        subprocess.run(command, env=_environ(), cwd=ROOT, check=True, stdout=subprocess.PIPE)
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
    return subprocess.Popen(command, env={**_environ(), **(environ or {})}, cwd=ROOT)


def _environ() -> dict:
    """Return the environment of a command: its modules are compiled once, as at a user's."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return environ


def ended(process: subprocess.Popen) -> tuple[float, float]:
    """Wait for a process; return its processor seconds and the MB of its peak."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def children(pid: int) -> list[int]:
    """Return the processes that a process has started, as they are now."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident(pid: int) -> tuple[float, float]:
    """Return the MB of a living process: now, and at its peak so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    said = dict(line.split(":", 1) for line in lines)
    return tuple(int(said[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))


def forget_peak(pid: int) -> None:
    """Let the peak of a living process begin anew, at what it holds now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def processor(pid: int) -> float:
    """Return the processor seconds of a living process so far."""
    # After the name, which may have spaces in it: utime and stime are the 14th and 15th of all.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def disk_wait(folder: Path, times: int = 50) -> float:
    """Return the seconds until a page is on the disk, on the average: what a commit waits for."""
    path = Path(folder, "page")
    with open(path, "wb", buffering=0) as file:
        began = time.perf_counter()
        for _ in range(times):
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
        took = time.perf_counter() - began
    path.unlink()
    return took / times
