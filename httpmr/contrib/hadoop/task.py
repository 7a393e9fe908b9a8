"""A task of Hadoop's: map, combine or reduce what comes in lines, with the parts of a recipe.

What fails gives nothing and counts nothing, up to `max_bad_records` of a task; beyond that the
task fails, and Hadoop runs it again or gives up. It is not known here where the input lies, where
the output goes, nor how often a task is run.
"""

import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, groupby
from operator import itemgetter
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from httpmr import counters
from httpmr.contrib.hadoop import lines
from httpmr.contrib.hadoop.lines import MOST_PARTITIONS, Row, between, mark
from httpmr.engine import blame
from httpmr.errors import HttpmrError, RecipeError, UserCodeError
from httpmr.interfaces import Pair
from httpmr.recipe import Recipe
from httpmr.web.plain import UNPRINTABLE

EVERY = 10.0
"""Seconds between two accounts to Hadoop, which ends tasks that say nothing for ten minutes."""

_HELD = 8 * 1024 * 1024  # bytes of one record's or group's output that are held in memory
_COMMA = re.compile(r"[,\s]+")

Work = Callable[[Any, Any], Iterable[bytes]]


class Task:
    """One task: it reads `input`, writes `output`, and tells on `log` what it counts.

    `settings` are Hadoop's, as a task has them in its environment. Every method reads all there is,
    and raises HttpmrError where the task fails; its output is then void.
    """

    def __init__(
        self,
        recipe: Recipe,
        input: Iterable[bytes],
        output: IO[bytes],
        log: IO[str],
        settings: Mapping[str, str],
        packed: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.recipe = recipe
        self.input = input
        self.output = output
        self.log = log
        self.settings = settings
        self.clock = clock
        self.written = lines.packed if packed else lines.shown
        self.partitions = int(settings.get("mapreduce_job_reduces", recipe.num_reducers))
        self.marks: list[bytes] = []
        self.damage: HttpmrError | None = None  # for user code may swallow what reading raised
        self.bad = self.done = 0
        self.counted: counters.Counters = {}
        self.due = clock() + EVERY

    def map(self, form: str = "lines") -> None:
        """Map records, which come as one of FORMS, for reduce; or, without a reducer, for good."""
        reader, self.read = lines.FORMS[form]
        records = reader(self.input, self.settings)
        if self.recipe.reducer is None:
            if int(self.settings.get("mapreduce_job_reduces", 0)):
                raise RecipeError("a Master without a reducer needs -D mapreduce.job.reduces=0")
            self._each("record", records, self._final)
            return
        if not 1 <= self.partitions <= MOST_PARTITIONS:
            most = f"give 1 to {MOST_PARTITIONS}, not {self.partitions}"
            raise RecipeError(f"-D mapreduce.job.reduces: {most}")
        if self.recipe.learned(()) is not None:
            told = "learns of a sample of the input, which no task has: say what, as cuts="
            raise RecipeError(f"{type(self.recipe.partitioner).__name__} {told}")
        self.marks = [mark(n, self.partitions) for n in range(self.partitions)]
        self._each("record", records, self._mapped)

    def combine(self) -> None:
        """Make of neighbouring lines with one key one line; what is counted in it, is not."""
        if self.recipe.combine is None:
            raise RecipeError("the Master has no combiner: leave -combiner out")
        self._each("group", self._groups(), self._combined, combines=True)

    def reduce(self) -> None:
        """Reduce the groups of sorted lines, each as it comes."""
        if self.recipe.reducer is None:
            raise RecipeError("the Master has no reducer: give -D mapreduce.job.reduces=0")
        number = self.settings.get("mapreduce_task_partition")
        own = mark(int(number), self.partitions) if number else b""
        self._each("group", self._groups(own), self._reduced)

    def records(self) -> None:
        """Write what the Master's own source has as packed pairs, to be put where Hadoop reads."""
        source = self.recipe.source
        for record in source.read(None, source.last()):
            self.output.write(lines.packed(*record))

    def _each(
        self, kind: str, items: Iterable[Pair], work: Work, *, combines: bool = False
    ) -> None:
        """Write what comes of each item; what fails gives and counts nothing, if it may fail."""
        most = None if combines else self.recipe.max_bad_records
        with SpooledTemporaryFile(_HELD) as held, counters.collecting() as counted:
            for key, value in items:
                try:
                    if not most:  # then nobody sees what a task wrote that fails
                        self.output.writelines(work(key, value))
                    else:
                        for line in work(key, value):
                            held.write(line)
                except blame.FAULTS as error:
                    blame.passes(error)
                    self._failed(kind, key, error, most)
                    held.seek(0)
                else:
                    if self.damage:
                        raise self.damage
                    if most:
                        held.truncate()
                        held.seek(0)
                        shutil.copyfileobj(held, self.output)
                        held.seek(0)
                    if counted and not combines:
                        self.counted = counters.add(self.counted, counted)
                counted.clear()
                self.done += 1
                if self.clock() > self.due:
                    self._tell(kind)
        self._tell(kind)

    def _failed(self, kind: str, key: Any, error: BaseException, most: int | None) -> None:
        if self.damage:
            raise self.damage
        if isinstance(error, Exception) and blame.surroundings(error):
            raise blame.away(error) from error
        self.bad += 1
        told = f"{kind} {key!r:.200}: {blame.told(error)}"
        if self.bad > (most or 0):
            why = "a combiner must not fail" if most is None else f"max_bad_records={most}"
            raise UserCodeError(f"bad {told} ({why})") from error
        say(self.log, f"bad {told}")
        self.counted = counters.add(self.counted, {"bad_records": 1})

    def _tell(self, kind: str) -> None:
        """Hand on what was counted since the last time."""
        self.due = self.clock() + EVERY
        told = [f"reporter:status:{self.done:,} {kind}s"]
        for name, n in self.counted.items():
            told.append(f"reporter:counter:httpmr,{_COMMA.sub(' ', name)},{n:d}")
        # Whatever user code printed before may not have ended its line.
        self.log.write("".join(f"\n{line}" for line in told) + "\n")
        self.log.flush()
        self.counted = {}

    def _final(self, key: Any, value: Any) -> Iterator[bytes]:
        function = self.recipe.mapper.map
        for found in _pairs(function, function(key, self.read(value))):
            yield self.written(*found)

    def _mapped(self, record: Any, held: Any) -> Iterator[bytes]:
        function, order = self.recipe.mapper.map, self.recipe.order
        for key, value in _pairs(function, function(record, self.read(held))):
            at = None if order is None else order(value)
            yield between(self.marks[self._partition(key)], key, value, at)

    def _partition(self, key: Any) -> int:
        number = self.recipe.partitioner.partition(key, self.partitions)
        if type(number) is not int or not 0 <= number < self.partitions:
            raise UserCodeError(
                f"the partitioner gave {number!r:.40} for the key {key!r:.60}; it must give a "
                f"whole number from 0 to {self.partitions - 1}"
            )
        return number

    def _combined(self, key: Any, rows: Iterator[Row]) -> Iterator[bytes]:
        first = next(rows)
        second = next(rows, None)
        if second is None:
            yield b"%b\t%b\n" % first
        else:
            values = map(self._value, chain((first, second), rows))
            yield lines.again(first, self.recipe.combine(key, values))  # type: ignore[misc]

    def _reduced(self, key: Any, rows: Iterator[Row]) -> Iterator[bytes]:
        function = self.recipe.reducer.reduce  # type: ignore[union-attr]
        for found in _pairs(function, function(key, map(self._value, rows))):
            yield self.written(*found)

    def _groups(self, own: bytes = b"") -> Iterator[tuple[Any, Iterator[Row]]]:
        for _, rows in groupby(self._rows(own), key=itemgetter(0)):
            first = next(rows)
            yield lines.key_of(first), chain((first,), rows)  # noqa: B031

    def _rows(self, own: bytes) -> Iterator[Row]:
        try:
            yield from lines.rows(self.input, own)
        except HttpmrError as error:
            self.damage = error
            raise

    def _value(self, row: Row) -> Any:
        try:
            return lines.value_of(row)
        except HttpmrError as error:
            self.damage = error
            raise


def _pairs(function: Callable[..., Any], given: Any) -> Iterator[Pair]:
    if given.__class__ in blame.REFUSED:
        raise blame.not_pairs(function, given)
    for found in given:
        if type(found) not in (tuple, list) or len(found) != 2:
            raise blame.not_pairs(function, found)
        yield found


def say(log: IO[str], told: str) -> None:
    """Write one line for people to read where tasks log."""
    log.write(f"\nhttpmr: {UNPRINTABLE.sub(' ', told)}\n")
