"""`httpmr run TARGET --sample N`: some records, what they emit, and what comes of it."""

import contextlib
import shutil
import sys
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from httpmr.cli import show
from httpmr.jobs.sample import sample
from httpmr.jobs.tried import Tried
from httpmr.recipe import Recipe
from httpmr.web.plain import text
from httpmr.web.sample import accounts

SHOWN, PAIRS = 20, 5
"""Records that are shown, and of each so many pairs."""


def tried(recipe: Recipe, count: int) -> int:
    """Try a recipe on a sample and print it; return the exit code, 1 where something failed."""
    with contextlib.redirect_stdout(sys.stderr):  # what user code prints is none of it
        came = sample(recipe, count)
    records = [line for one in came.records[:SHOWN] for line in _lines(one)]
    results = [_pair(*pair) for pair in came.results[: max(SHOWN, len(records))]]
    half = (shutil.get_terminal_size((100, 24)).columns - 3) // 2
    for left, right in [
        ("records, and what they emit", "results"),
        ("-" * half, "-" * half),
        *zip_longest(records, results, fillvalue=""),
    ]:
        print(f"{_cut(left, half):{half}} | {_cut(right, half)}".rstrip())
    sys.stdout.flush()
    failed = [one for one in came.records if one.error]
    for one in failed[:SHOWN]:
        show.say(f"record {text(one.key)}: {one.error}")
    for group in came.bad[:SHOWN]:
        show.say(f"group {text(group['key'])}: {group['message']}")
    for line in accounts(came):
        show.say(line)
    return 1 if failed or came.bad or came.cut else 0


def _lines(one: Tried) -> Iterator[str]:
    yield _pair(one.key, one.value)
    for pair in one.pairs[:PAIRS]:
        yield f"  > {_pair(*pair)}"
    if len(one.pairs) > PAIRS:
        yield f"  > and {len(one.pairs) - PAIRS:,} more"
    if one.error:
        yield f"  ! {one.error}"


def _pair(key: Any, value: Any) -> str:
    return f"{_said(key)}  {_said(value)}"


def _said(value: Any) -> str:
    try:
        return text(value)
    except TypeError:  # what a source reads may be of any type
        return repr(value)


def _cut(line: str, width: int) -> str:
    line = show.clean(line)
    return line if len(line) <= width else f"{line[: width - 1]}…"
