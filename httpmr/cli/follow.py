"""`httpmr drive` and `httpmr status`: a job behind a URL."""

import argparse
import json
import time

from httpmr import driver
from httpmr.cli import show


def drive(args: argparse.Namespace) -> int:
    """Carry a job to its end; return the exit code."""
    try:
        with show.watch() as watch:
            status = driver.drive(args.url, args.j, progress=watch)
    except KeyboardInterrupt:
        show.say("interrupted; nothing is lost: the same command goes on")
        raise
    show.say(show.account(status))
    return 0 if status["state"] == "done" else 1


def status(args: argparse.Namespace) -> int:
    """Print where a job stands; return the exit code."""
    found = driver.status(args.url)
    if args.json:
        print(json.dumps(found))
        return 0
    shards = found.get("shards") or {}
    rows = {
        "job": found.get("job"),
        "state": found["state"],
        "phase": f"{found.get('phase')}, {show.percent(found)}",
        "shards": f"{shards.get('done')} of {shards.get('total')} done",
        "records": f"{found.get('records'):,} in {found.get('slices'):,} slices",
        "bad records": found.get("bad_records"),
        "started": _moment(found.get("started")),
        "finished": _moment(found.get("finished")),
        "error": found.get("error"),
    }
    rows |= {f"counter {name}": f"{n:,}" for name, n in found.get("counters", {}).items()}
    print(found.get("recipe"))
    for name, value in rows.items():
        if value is not None:
            print(f"  {name:<12} {show.clean(str(value))}")
    return 0


def _moment(seconds: float | None) -> str | None:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else None
