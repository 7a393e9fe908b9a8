"""The map phase: read on from the cursor, map each record, hold what it emits.

What a record emits and counts is held until its mapper has returned, so that an exception
drops it whole. The slice then ends before the record: at the record's own slice it is found
again, alone, and put aside or stopped at.
"""

from httpmr import counters
from httpmr.engine import blame
from httpmr.engine.gather import Groups, Held
from httpmr.errors import InputError
from httpmr.state import Outcome


def map_records(recipe, task, store, budget):
    """Map records of the shard until the budget says stop; at least one."""
    stopped = _changed(recipe, task)
    if stopped:
        return stopped
    walk = _Walk(recipe, task, budget)
    try:
        with counters.collecting() as counted:
            walk.run(counted)
        return walk.finish()
    except _Refused as error:
        return walk.refused(error.__cause__)
    except blame.GroupFailed as error:
        return blame.stuck(task, error.bad)


def _changed(recipe, task):
    if task.fingerprint is None:
        return None
    try:
        now = recipe.source.fingerprint(*task.notes.get("origin", (task.after, task.until)))
    except InputError as error:
        return blame.paused(task, error.message)
    if now == task.fingerprint:
        return None
    return blame.paused(
        task,
        f"the input of shard {'-'.join(map(str, task.shard))} is not what it was when the job "
        f"began ({recipe.source!r:.80}); put it back and resume, or cancel and start a new job",
    )


class _Refused(Exception):
    """Something that was emitted cannot be packed; the cause says why."""


class _Walk:
    """One slice's way along its shard."""

    def __init__(self, recipe, task, budget):
        self.recipe = recipe
        self.task = task
        self.budget = budget
        self.cursor = task.cursor
        self.marks = task.marks
        self.records = 0
        self.counters = {}
        self.done = False
        self.bad = self.past = self.pause = None
        self.why = None
        self.buffer = []  # what was emitted and is not in `held` yet
        self.held = Groups(recipe, task) if task.fan_out else Held(recipe.mapper.map)

    def run(self, counted):
        """Go as far as the budget allows, or the source can be read."""
        try:
            self._along(counted)
        except (_Refused, blame.GroupFailed):
            raise
        except InputError as error:
            self.pause = error.message
        except Exception as error:  # what is left is the source's own code
            if not blame.surroundings(error):
                self.pause = f"the source {self.recipe.source!r:.80} failed: {blame.told(error)}"
            elif self.records:
                self.why = "the source is away"
            else:
                raise blame.away(error) from error

    def _along(self, counted):
        after = self.task.after if self.cursor is None else self.cursor
        bounds = [*self.marks, self.task.until]
        for number, until in enumerate(bounds):
            if not self._stretch(after, until, counted):
                return
            if until is not None:
                self.cursor = after = until
            self.marks = self.task.marks[number + 1 :]
        self.done = True

    def _stretch(self, after, until, counted):
        """Map from one mark to the next; return whether the end was reached."""
        # The hot loop: what it asks for at each record is at hand, and nothing else is asked.
        source, map_record = self.recipe.source, self.recipe.mapper.map
        buffer, scale, most = self.buffer, self.held.scale, self.task.notes.get("most", 0)
        take, refused, records, cursor = buffer.extend, blame.REFUSED, self.records, self.cursor
        size = len(buffer)  # without what the present record emits
        first = True
        try:
            for key, value in self.budget.over(source.read(after, until)):
                if first or key is None:
                    blame.check_key(source, key, after)
                    first = False
                try:
                    pairs = map_record(key, value)
                    if pairs.__class__ in refused:
                        raise blame.not_pairs(map_record, pairs)
                    take(pairs)
                except Exception as error:
                    del buffer[size:]
                    counted.clear()
                    self._failed(key, error, records)
                    return False
                cursor = key
                records += 1
                if counted:
                    self.counters = counters.add(self.counters, counted)
                    counted.clear()
                size = len(buffer)
                if size >= scale.chunk:
                    self._flush()
                    size = 0
                    if scale.full:
                        self.why = "size"
                        return False
                if records == most:
                    self.why = "records"
                    return False
        finally:
            self.cursor, self.records = cursor, records
        self.why = self.budget.why
        return not self.why

    def _failed(self, key, error, records):
        """Note why the slice ends before the record `key`."""
        if not blame.surroundings(error):
            self.bad = blame.bad(key, error)
            self.past = {"cursor": key, "marks": self.marks}
            self.why = "a bad record"
        elif records:
            self.why = "an error of the surroundings"
        else:
            raise blame.away(error) from error

    def _flush(self):
        self._packing(self.held.add, self.buffer)
        self.buffer.clear()

    def _packing(self, call, *args):
        try:
            return call(*args)
        except blame.GroupFailed:
            raise
        except Exception as error:
            raise _Refused from error

    def outcome(self, **fields):
        """What was done so far, without what was emitted."""
        task = self.task
        passed = 1 - (len(self.marks) + 1) / (task.marked + 1)
        return Outcome(
            cursor=self.cursor,
            done=self.done,
            records=self.records,
            counters=self.counters,
            marks=self.marks,
            progress=passed,
            notes=blame.regrown(task.notes) if self.records else task.notes,
            bad=self.bad,
            alone=self.bad is not None and not self.records,
            past=self.past or {},
            pause=self.pause,
            why=self.why or "end",
            **fields,
        )

    def finish(self):
        """Pack what was emitted, and say what the slice came to."""
        self._flush()
        if not self.task.fan_out:
            return self.outcome(pairs=self.held.pairs)
        return self.outcome(blocks=self._packing(self.held.blocks))

    def refused(self, error):
        """Say what the slice came to where what was emitted cannot be packed."""
        if blame.surroundings(error):
            raise blame.away(error) from error
        mapper = self.recipe.mapper.map
        return blame.refused(self.task, self.outcome(), error, mapper, self.cursor, "record")
