"""A command as a whole, with the processes that it leaves to end by themselves, as a JVM does."""

import ctypes
import os
import sys

from benchmarks.measure import Figures, run

PR_SET_CHILD_SUBREAPER = 36


def run_with_orphans(command: list[str]) -> Figures:
    """Run a command to its end, and wait for what it leaves: its time is the command's too.

    Where that can not be (on anything but Linux), what is left does not count. No other child of
    this process may be alive: it would be waited for as well.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wall, cpu, memory = run(command)
    while True:
        try:
            _, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return Figures(wall, cpu, memory)
        cpu += usage.ru_utime + usage.ru_stime
        memory = max(memory, usage.ru_maxrss / 1024)
