"""`httpmr link`: whoever can reach the store can always make himself a way in."""

from httpmr.cli import show, target
from httpmr.cli.serve import console
from httpmr.web.commands import WGET


def link(args):
    """Make a link, or end all of its kind; return the exit code."""
    master = target.master(args.target)
    if args.revoke:
        master.work.revoke(args.kind)
        show.say(f"every {args.kind} link of {master.recipe.name} is revoked")
        return 0
    base = (args.base or "").rstrip("/")
    if args.kind == "operate":
        print(console(master, base), flush=True)
    else:
        master.work.start_link(every=args.every)
        url = f"{master.link('start', base)}/"
        print(url, flush=True)
        if base:
            # It leaves the folder it begins in, hence without -np.
            show.say(f"for cron: {WGET.replace(' -np', '')} {url}")
    if not base:
        show.say("put the address of the mount before it, or give it: --base https://host/mount")
    return 0
