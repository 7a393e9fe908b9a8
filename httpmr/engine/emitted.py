"""What the mapper emits in a slice: taken from it record by record, and held until the commit.

What a record emits is held once its mapper has returned, so that an exception drops it whole.
Which record comes next, and what becomes of one that failed, is not known here.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, starmap
from typing import Any

from httpmr.budget import Budget
from httpmr.engine import blame
from httpmr.engine.gather import Groups, Held
from httpmr.engine.lot import Lot
from httpmr.interfaces import MapMany, Pair
from httpmr.recipe import Recipe
from httpmr.shuffle import Placed
from httpmr.state import Task

_LOTS = 8  # times as many, where a mapper maps many and they are combined
_MUCH = 10_000  # pairs that are held at most before they are looked at
_TUPLES = frozenset({zip, type({}.items())})  # that give nothing but tuples


class Emitted:
    """What is held of a slice, as pairs for the sink or by key for the shuffle."""

    def __init__(self, recipe: Recipe, task: Task, budget: Budget) -> None:
        self.map = recipe.mapper.map
        self.budget = budget
        self.lots = _LOTS if recipe.combine else 1
        self.pairs: list[Pair] = []  # that are not in `held` yet
        self.count = 0
        self.held: Groups | Held = Held(self.map)
        # Takes pairs over as they come, where that can be done at all.
        self.take: Callable[[Iterable[Iterable[Pair]], list[Any]], None] | None = None
        if task.fan_out:
            self.held = groups = Groups(recipe, task)
            self.take = None if recipe.combine else groups.take
        self.tuples = False  # whether it is known of the last ones that they are tuples
        self.given = 0  # for how many records pairs were given, the last time

    def room(self, by_many: bool) -> int:
        """Return how many pairs to hold before it is seen what they weigh."""
        scale = self.held.scale
        if by_many:
            return scale.chunk * self.lots
        return scale.most if self.take and self.tuples else scale.chunk

    def of_each(self, some: list[Pair]) -> int:
        """Map records, each alone, while there is time and room; return how many, at least one.

        Raises what the mapper does, and blame.Refused; then nothing of these records is held. The
        hot loop is in C, but for `_given`.
        """
        take = self.take if self.tuples and len(some) > 1 else None
        if take:
            self._flush()  # what came before
        held: list[Any] = [] if take else self.pairs  # the keys of what is taken over, or pairs
        size = len(held)
        mapped = starmap(self.map, some)
        given = self._given(mapped, len(some), held, bool(take))
        try:
            if take:
                take(given, held)
            else:
                held.extend(chain.from_iterable(given))
        except blame.FAULTS:
            del held[size:]
            self.take = None
            raise
        self.count += len(held) - size
        return self.given

    def _given(
        self, mapped: Iterable[Iterable[Pair]], expected: int, held: list[Any], tuples: bool
    ) -> Iterator[Iterable[Pair]]:
        """Yield what the mapper gives for each record in turn, while there is time and room."""
        budget, refused, given = self.budget, blame.REFUSED, 0
        clock, due = budget.clock, budget.due
        for pairs in mapped:
            kind = pairs.__class__
            if kind in refused:
                raise blame.not_pairs(self.map, pairs)
            if tuples and kind not in _TUPLES:
                pairs = list(pairs)
                blame.checked(pairs, self.map)
            yield pairs
            given += 1
            if clock() > due:
                if not budget.more() or len(held) >= _MUCH:
                    break
                due = budget.due
        else:
            if given < expected:
                raise RuntimeError("the mapper raised StopIteration")
        self.given = given
        self.tuples = kind in _TUPLES

    def of_lot(self, lot: Lot, many: MapMany) -> None:
        """Let the mapper map many records at once. Raises as `of_each`."""
        pairs, size = self.pairs, len(self.pairs)
        try:
            given = many(lot.records)
            if given.__class__ in blame.REFUSED:
                raise blame.not_pairs(many, given)
            pairs.extend(given)
            lot.close()
        except blame.FAULTS:
            del pairs[size:]
            raise
        self.count += len(pairs) - size
        if self.budget.clock() > self.budget.due:
            self.budget.more(lot.count)

    def full(self) -> bool:
        """Return whether it is as much as a slice may hold. Raises blame.Refused."""
        if len(self.pairs) >= self.held.scale.chunk:
            self._flush()
        return self.held.scale.full

    def for_sink(self) -> list[Pair]:
        """Return the pairs in the order in which they were emitted. Raises blame.Refused."""
        self._flush()
        assert isinstance(self.held, Held)
        return self.held.pairs

    def for_shuffle(self) -> list[Placed]:
        """Return what was emitted, sorted and packed. Raises blame.Refused and GroupFailed."""
        self._flush()
        assert isinstance(self.held, Groups)
        blocks: list[Placed] = _packing(self.held.blocks)
        return blocks

    def _flush(self) -> None:
        _packing(self.held.add, self.pairs)
        self.pairs.clear()


def _packing(call: Callable[..., Any], *args: Any) -> Any:
    try:
        return call(*args)
    except blame.GroupFailed:
        raise
    except blame.FAULTS as error:
        blame.passes(error)
        raise blame.Refused(error) from error
