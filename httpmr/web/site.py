"""Several Masters under one mount, each below its name, and a page that lists them."""

import re
from collections.abc import Iterable
from wsgiref.types import WSGIEnvironment

from webob import exc

from httpmr.errors import HttpmrError, RecipeError
from httpmr.state import Plain
from httpmr.web import console, pages, tables
from httpmr.web.draw import percent
from httpmr.web.master import AWAY, Master
from httpmr.web.mounted import Mounted
from httpmr.web.plain import plain
from httpmr.web.visit import Visit, mounted, moved

RESERVED = ("static",)


class Site(Mounted):
    """A WSGI application of several Masters: `Site([invoices, orders])`.

    Each is served below its name, in small letters and with dashes: "Word count" at
    `word-count/`. Who may see a Master on the first page is for that Master's `authorize` to say.
    `mounts` is {name in the URL: Master}.
    """

    one_by_one = False
    """Whether the Masters follow each other."""

    def __init__(self, masters: Iterable[Master]) -> None:
        self.mounts: dict[str, Master] = {}
        for master in masters:
            if not isinstance(master, Master):
                raise RecipeError(f"Site takes a list of Masters, not {master!r:.80}")
            name = re.sub(r"[^a-z0-9]+", "-", master.recipe.name.lower()).strip("-")
            if not name or name in RESERVED or name in self.mounts:
                raise RecipeError(
                    f"the recipe {master.recipe.name!r:.80} cannot be at {name!r:.80} in a Site, "
                    "which is empty or taken: give it another name, of letters and digits"
                )
            self.mounts[name] = master
        if not self.mounts:
            raise RecipeError("Site needs at least one Master")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.mounts.values())})"

    def answer(self, environ: WSGIEnvironment) -> pages.Answer:
        """Answer one request: by the Master it is for, or of them all."""
        name = environ.get("PATH_INFO", "").split("/")[1:2]
        if name and name[0] in self.mounts:
            inner = moved(environ, name[0])
            inner["httpmr.site"] = f"{mounted(environ)}/"
            return self.mounts[name[0]].answer(inner)
        try:
            return self._own(environ)
        except exc.HTTPException as error:
            return pages.refusal(error.code, error.detail, "person", mounted(environ))

    def _own(self, environ: WSGIEnvironment) -> pages.Answer:
        visits = {name: Visit(master, environ) for name, master in self.mounts.items()}
        visit = next(iter(visits.values()))
        path = environ.get("PATH_INFO", "")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            raise exc.HTTPMethodNotAllowed("not by this method")
        if not path:
            return pages.redirect(visit.path(""))
        if path.startswith("/static/"):
            return console.static(visit, path.removeprefix("/static/"))
        if path != "/":
            raise exc.HTTPNotFound("there is nothing at this address")
        listed = [_row(name, its) for name, its in visits.items() if its.authorized()]
        if not listed:
            visit.must_operate()
        if visit.wants_json:
            return pages.data([plain(row) for row in listed])
        if visit.wants == "text":
            return pages.words(_text(listed))
        title = "A pipeline" if self.one_by_one else "Recipes"
        return pages.page(
            "site.html",
            mount=visit.mount,
            masters=listed,
            title=title,
            one_by_one=self.one_by_one,
        )


def _row(name: str, visit: Visit) -> Plain:
    """What there is to tell of a Master; where its store is away, the others are still told."""
    recipe = visit.master.recipe
    row = {"at": visit.path(name, ""), "name": recipe.name, "about": console.sentence(recipe)}
    try:
        jobs = visit.work.all(limit=1)
        return row | {"latest": jobs[0].status() if jobs else None, "trouble": None}
    except HttpmrError:
        return row | {"latest": None, "trouble": AWAY}


def _text(listed: list[Plain]) -> str:
    rows = []
    for row in listed:
        latest = row["latest"]
        rows.append(
            [
                row["name"],
                row["at"],
                row["trouble"] or (latest["state"] if latest else "no jobs yet"),
                f"{percent(latest['progress'])} %" if latest else None,
            ]
        )
    return tables.table(rows, ["recipe", "at", "latest job", ""])
