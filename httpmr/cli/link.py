"""`httpmr link`: whoever can reach the store can always make himself a way in."""

import argparse

from httpmr.cli import show, target
from httpmr.cli.params import given
from httpmr.cli.serve import console
from httpmr.errors import ParameterError
from httpmr.web.commands import WGET
from httpmr.web.master import Master


def link(args: argparse.Namespace) -> int:
    """Make a link, or end all of its kind; return the exit code."""
    master = target.master(args.target)
    if args.revoke:
        return _revoke(master, args.of)
    if args.params and args.of != "start":
        raise ParameterError("parameters are for a start link, which keeps them", fields={})
    base = (args.base or "").rstrip("/") + target.place(args.target)
    if args.of == "operate":
        print(console(master, base), flush=True)
    elif args.of == "replica":
        master.work.links.make("replica")
        url = master.link("replica", base)
        print(url, flush=True)
        if args.base:
            show.say(f"on any machine with the code: httpmr replica {url} {args.target}")
    elif args.of == "start":
        master.work.start_link(every=args.every, params=given(master.recipe, args.params))
        url = f"{master.link('start', base)}/"
        print(url, flush=True)
        if args.base:
            show.say(f"for cron: {WGET} {url}")
    else:
        job = master.work.find(args.of)
        print(f"{master.link('view', base, job)}/")
        print(f"{master.link('drive', base, job)}/drive", flush=True)
        show.say("the first shows keys and values, the second drives the job and shows none")
    if not args.base:
        show.say("put the address of the mount before it, or give it: --base https://host/mount")
    return 0


def _revoke(master: Master, of: str) -> int:
    if of in ("start", "operate", "replica"):
        master.work.revoke(of)
        show.say(f"every {of} link of {master.recipe.name} is revoked")
    else:
        master.work.revoke_links(of)
        show.say(f"every link of the job {of} is revoked; without --revoke you get new ones")
    return 0
