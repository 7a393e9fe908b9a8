"""`httpmr replica`: this machine does slices for a primary, by the code that it has itself."""

import argparse
import os
import random
import re
import signal
import socket
from types import FrameType

from httpmr.cli import show, target
from httpmr.errors import TargetError
from httpmr.jobs.identity import letters
from httpmr.replica import Replica
from httpmr.replica.remote import Remote, where

TARGET = "HTTPMR_TARGET"
"""The environment variable that names the job's code where the command line does not."""

SAID = {"drain": "drained", "drop": "dropped by an operator", "": "nothing was to be done"}


def replica(args: argparse.Namespace) -> int:
    """Do slices until that ends; return the exit code."""
    at = where(args.url)
    text = args.target or os.environ.get(TARGET)
    if not text:
        raise TargetError(
            f"which code? No code comes from the primary: name it, httpmr replica URL TARGET, or "
            f"set {TARGET}"
        )
    recipe = target.master(text).recipe
    name = _name(args.name or socket.gethostname())

    def tell(why: str) -> None:
        show.say(f"{at.site}: {why}; trying again" if why else f"{at.site} answers")

    remote = Remote(at, name, tell, timeout=max(60.0, 30 + 2 * recipe.slice_seconds))
    worker = Replica(recipe, remote, args.reach)
    before = signal.signal(signal.SIGTERM, _interrupted)
    show.say(f"replica {name} of {recipe.name}, for {at.site}; end it with Ctrl-C")
    try:
        order = worker.run(args.idle)
    finally:
        signal.signal(signal.SIGTERM, before)
        show.say(
            f"replica {name}: {worker.slices:,} slices, {worker.records:,} records, "
            f"{worker.errors:,} errors"
        )
    show.say(f"replica {name} ends: {SAID[order]}")
    return 1 if order == "drop" else 0


def _interrupted(number: int, frame: FrameType | None) -> None:
    """Take SIGTERM for Ctrl-C, so that what was leased is given back at once."""
    raise KeyboardInterrupt


def _name(given: str) -> str:
    """A name that no other has, nor had: it ends in letters of chance."""
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", given).strip("-.")[:50] or "replica"
    return f"{plain}-{letters(random.SystemRandom(), 4)}"
