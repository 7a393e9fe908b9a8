"""The commands, their arguments and their exits: 0 done, 1 not done, 2 in vain, 130 Ctrl-C."""

import argparse
import contextlib
import importlib.metadata
import io
import os
import re
import sys
from collections.abc import Callable, Sequence

from httpmr.cli import demo, follow, link, octopy, replica, run, serve, show, spark
from httpmr.errors import HttpmrError

Command = Callable[[argparse.Namespace], int]

LANES = 64
SAMPLE = 10_000
_PARAMS = "Behind these come the recipe's own parameters, if it has any: --name value."
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code. Every error of ours is one line."""
    parser = _parser()
    args, rest = parser.parse_known_args(argv)
    if rest and not hasattr(args, "params"):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    args.params = rest
    if isinstance(sys.stdout, io.TextIOWrapper):  # else another stream stands in
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code: int = args.command(args)
        return code
    except HttpmrError as error:
        show.say(f"httpmr: {error}")
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read the output has had enough. Let the flush at exit find an open pipe.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="httpmr", description="MapReduce for web applications, driven by plain HTTP requests."
    )
    parser.add_argument("--version", action="version", version=f"httpmr {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, function: Command, help: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
        command.set_defaults(command=function)
        return command

    def add_target(command: argparse.ArgumentParser) -> None:
        command.add_argument(
            "target", metavar="TARGET", help="file.py, file.py:name or module:name of a Master"
        )

    command = add("demo", demo.demo, "index the source of this Python's library, over real HTTP")
    command.add_argument("--serve", action="store_true", help="keep the console up when done")

    command = add("run", run.run, "run a whole job here, without HTTP")
    add_target(command)
    command.epilog = _PARAMS
    command.set_defaults(params=[])
    command.add_argument("-j", type=_lanes, default=1, metavar="N", help="in N processes")
    command.add_argument("--resume", action="store_true", help="go on with one that was cut")
    command.add_argument(
        "--sample", type=_count, metavar="N", help="only try it on N records; nothing is written"
    )

    command = add("spark", spark.spark, "run a whole job on a Spark cluster")
    add_target(command)
    command.epilog = _PARAMS
    command.set_defaults(params=[])
    command.add_argument(
        "--master", metavar="URL", default="local[*]", help="of the cluster; default: %(default)s"
    )

    command = add("serve", serve.serve, "serve a Master, or the application it is mounted in")
    add_target(command)
    command.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    command.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    command.add_argument("--threads", type=_lanes, default=4, help="default: %(default)s")
    command.add_argument("--base", metavar="URL", help="where others reach the Master, for links")

    command = add("drive", follow.drive, "carry a job to its end")
    command.add_argument("url", metavar="URL", help="any link of the job, or a start link")
    command.add_argument("-j", type=_lanes, default=1, metavar="N", help="in N lanes")

    command = add("replica", replica.replica, "let this machine do slices for a primary")
    command.add_argument("url", metavar="URL", help="as httpmr link TARGET replica prints it")
    command.add_argument(
        "target",
        metavar="TARGET",
        nargs="?",
        help="the job's code, here: file.py, file.py:name or module:name; else $HTTPMR_TARGET",
    )
    command.add_argument("--name", metavar="NAME", help="for the console; default: the host's")
    command.add_argument(
        "--idle", type=_seconds, metavar="30s", help="end when there was nothing to do for so long"
    )
    reach = command.add_mutually_exclusive_group()
    reach.set_defaults(reach="")
    reach.add_argument(
        "--direct",
        action="store_const",
        const="direct",
        dest="reach",
        help="the source, and a keyed sink, are the primary's own here, too: reach them directly",
    )
    reach.add_argument(
        "--through-primary",
        action="store_const",
        const="primary",
        dest="reach",
        help="read the source by way of the primary, always",
    )

    command = add("status", follow.status, "say where a job stands")
    command.add_argument("url", metavar="URL", help="any link of the job")
    command.add_argument("--json", action="store_true", help="as JSON")

    command = add("link", link.link, "make a link: to start (for cron), to operate, of replicas")
    add_target(command)
    command.epilog = _PARAMS
    command.set_defaults(params=[])
    command.add_argument(
        "of", metavar="start|operate|replica|JOB", help="of what; JOB is a job's id"
    )
    command.add_argument("--base", metavar="URL", help="where the Master is mounted")
    command.add_argument(
        "--every", type=_seconds, metavar="1d", help="start: join any job younger than that"
    )
    command.add_argument("--revoke", action="store_true", help="end the links made so far")

    _add_octopy(commands)
    return parser


def _add_octopy(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "run a program of octopy as it is: a file with source, mapfn, reducefn and final"
    group = commands.add_parser("octopy", help=what, description=what, allow_abbrev=False)
    both = group.add_subparsers(required=True, metavar="server|client")
    what = "serve its job until that is done, then call final"
    command = both.add_parser("server", help=what, description=what, allow_abbrev=False)
    command.set_defaults(command=octopy.server)
    command.add_argument("file", metavar="FILE", help="the program, in Python 3 or 2")
    command.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    command.add_argument("--port", type=int, default=octopy.PORT, help="default: %(default)s")
    command.add_argument("-j", type=_lanes, default=1, metavar="N", help="in N processes")
    command.add_argument("--password", metavar="P", help="let clients in by it, without the link")
    command.add_argument("--store", metavar="URL", help="keep the job there until final is through")
    what = "carry requests to a server until its job has ended"
    command = both.add_parser("client", help=what, description=what, allow_abbrev=False)
    command.set_defaults(command=octopy.client)
    command.add_argument("host", metavar="LINK", help="as the server prints it, or HOST[:PORT]")
    command.add_argument("--password", metavar="P", help="the server's, with HOST[:PORT]")
    command.add_argument("-j", type=_lanes, default=1, metavar="N", help="in N lanes")


def _version() -> str:
    try:
        return importlib.metadata.version("httpmr")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def _lanes(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= LANES:
        raise argparse.ArgumentTypeError(f"a number from 1 to {LANES}, not {text!r}")
    return int(text)


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= SAMPLE:
        raise argparse.ArgumentTypeError(f"a number from 1 to {SAMPLE:,}, not {text!r}")
    return int(text)


def _seconds(text: str) -> int:
    parts = re.fullmatch(r"(\d+)([smhdw]?)", text)
    if parts is None or int(parts[1]) == 0:
        raise argparse.ArgumentTypeError(f"a time as 90s, 30m, 12h, 1d or 2w, not {text!r}")
    return int(parts[1]) * _UNITS[parts[2]]
