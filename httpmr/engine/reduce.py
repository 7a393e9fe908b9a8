"""The reduce phase: merge a partition's runs, and reduce group after group.

A group is reduced whole, in one slice, its values streaming. A group that user code fails on
stops the job, which can then skip it.
"""

from httpmr import counters, keys
from httpmr.engine import blame
from httpmr.engine.gather import Held, met
from httpmr.errors import Damaged, NotPairs, StoreError
from httpmr.shuffle import Runs
from httpmr.state import Outcome


def reduce_groups(recipe, task, store, budget):
    """Reduce groups of one partition until the budget says stop; at least one."""
    return _Walk(recipe, task, store, budget).run()


class _Walk:
    """One slice's way along its partition."""

    def __init__(self, recipe, task, store, budget):
        self.recipe = recipe
        self.task = task
        self.budget = budget
        self.runs = Runs(store)
        self.index = list(self.runs.entries(task.job, task.shard[0], task.level))
        self.held = Held(recipe.reducer.reduce)
        self.most = task.notes.get("most", 0)
        self.cursor = task.cursor
        self.groups = 0
        self.counters = {}
        self.buffer = []  # what was given and is not in `held` yet
        self.bad = None
        self.why = None

    def run(self):
        try:
            try:
                with counters.collecting() as counted:
                    self._along(counted)
            except StoreError:
                if not self.groups:
                    raise
                self.why = "the store is away"
            self._flush()
        except NotPairs as error:
            return self._refused(error)
        return self._outcome()

    def _refused(self, error):
        reduce, key = self.recipe.reducer.reduce, self.cursor[0]
        return blame.refused(self.task, self._outcome(), error, reduce, key, "group")

    def _along(self, counted):
        reduce, buffer = self.recipe.reducer.reduce, self.buffer
        groups = self.runs.merged(self.task.job, self.index, self.cursor)
        size = 0  # of the buffer, without what the present group gives
        for key, values in self.budget.over(groups):
            try:
                pairs = reduce(key, iter(values))
                if pairs.__class__ in blame.REFUSED:
                    raise blame.not_pairs(reduce, pairs)
                buffer.extend(pairs)
                if error := met(values):
                    raise error
            except Exception as error:
                del buffer[size:]
                error = met(values) or error
                if isinstance(error, Damaged):
                    raise error
                if blame.surroundings(error):
                    raise blame.away(error) from error
                self._blame(key, error)
                return
            self.cursor = (key, None)
            self.groups += 1
            if counted:
                self.counters = counters.add(self.counters, counted)
                counted.clear()
            size = len(buffer)
            if size >= self.held.scale.chunk:
                self._flush()
                size = 0
                if self.held.scale.full:
                    self.why = "size"
                    return
            if self.groups == self.most:
                self.why = "records"
                return
        self.why = self.budget.why

    def _flush(self):
        self.held.add(self.buffer)
        self.buffer.clear()

    def _blame(self, key, error):
        self.bad, self.why = blame.bad(key, error, "group"), "a bad group"

    def _outcome(self):
        group, task = self.bad, self.task
        return Outcome(
            cursor=self.cursor,
            done=not self.why,
            records=self.groups,
            counters=self.counters,
            progress=_passed(self.index, self.cursor),
            level=task.level,
            notes=blame.regrown(task.notes),
            pairs=self.held.pairs,
            bad=group,
            alone=group is not None and not self.groups,
            past={"cursor": (group.key, None)} if group else {},
            why=self.why or "end",
        )


def _passed(index, cursor):
    """How much of the partition is done, in blocks."""
    if cursor is None or not index:
        return 0.0
    at = keys.pack(cursor[0])
    return sum(keys.pack(entry.last) <= at for entry in index) / (len(index) + 1)
