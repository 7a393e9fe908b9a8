"""Several Masters, one after the other: each begins where a job of the one before it is done."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from httpmr.errors import RecipeError
from httpmr.jobs import Job
from httpmr.web.master import Master
from httpmr.web.site import Site


class Pipeline(Site):
    """A Site whose recipes follow each other: `Pipeline([words, longest])`.

    A job that is done starts one of the next Master, once, with those of its parameters that the
    next has; whatever drove the one drives on with the other. `sources.Output(words)` is a source
    of what `words` left in its store; a step may as well read what the one before it wrote
    elsewhere. A job that is retried later does not start another.
    """

    one_by_one = True

    def __init__(self, masters: Iterable[Master]) -> None:
        super().__init__(masters)
        self.masters = list(self.mounts.values())
        names = list(self.mounts)
        if len({id(master) for master in self.masters}) < len(names):
            raise RecipeError("a Pipeline takes each Master once")
        for (_, one), (name, other) in pairwise(self.mounts.items()):
            if one.then not in (None, (name, other)):
                raise RecipeError(
                    f"{one.recipe.name} is in a Pipeline already: make another Master"
                )
            one.then = name, other
            one.work.then = other.work

    def start(self, **params: Any) -> Job:
        """Start a job of the first Master and return it. Something must then drive it."""
        return self.masters[0].start(**params)

    def run(self, processes: int = 1, **params: Any) -> Job:
        """Run a job of each Master here, as far as they get; return the last of them."""
        return self.masters[0].run(processes=processes, **params)

    def latest(self) -> Job | None:
        """Return the newest job of the last Master that is done, or None."""
        return self.masters[-1].latest()
