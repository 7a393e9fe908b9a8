"""A table whose whole content is what the newest job gave: replaced at once, when that is done.

Rows are staged in a table of their own beside it, `<table>_httpmr`: each with its job and its part,
which is of one slice and epoch. Which parts are committed only the receipts say. The row of the
part PUBLISHED says which job the content is of; whoever publishes locks it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Table, exc

from httpmr import sql
from httpmr.budget import Budget
from httpmr.errors import OutputError
from httpmr.interfaces import OrderedStore, Pair, Slice
from httpmr.sinks.sql.table import SQLTable, parameter, said

PUBLISHED = "published"

_JOB, _PART = "httpmr_job", "httpmr_part"
_AT_ONCE = 500  # parts in a statement


class SQLReplace(SQLTable):
    """The rows of a table, all of them: those that are there stay until the job is done.

    A pair's key goes to the columns `key`, its value to `value`, as `SQLTable` has it. When the
    job is done, one transaction deletes what is there and inserts the job's rows: readers see the
    old content or the new, whole. It has to fit into a request: a database copies some hundred
    thousand rows a second. Of two jobs at once the content is that of the one which was started
    last. The rows are staged in `<table>_httpmr`, which is made when the first job starts.
    """

    guarantee = "staged"

    def __init__(
        self,
        database: sql.Database,
        table: str | Table,
        *,
        key: str | Sequence[str],
        value: str | Sequence[str],
    ) -> None:
        super().__init__(database, table, key=key, value=value, mode="insert")
        self._written = (*self._columns, _JOB, _PART)

    def joins(self, store: OrderedStore) -> bool:
        """Rows are staged in transactions of their own, wherever the table is."""
        return False

    def check(self, store: OrderedStore) -> None:
        """Raise OutputError unless the table is there and can take rows; make the staging table."""
        engine = sql.engine(self.database)
        target = sql.table(engine, self.table, OutputError, self._creation)
        sql.check_columns(target, self.table, self._columns, OutputError)
        self._check_filled(target)
        stage = self._stage(target)
        # Of two that make it at once, one is refused: then it is there.
        try:
            with sql.writing(engine) as connection:
                stage.create(connection, checkfirst=True)
        except exc.DBAPIError:
            pass
        there = sql.table(engine, f"{self.table}_httpmr", OutputError)
        if set(there.columns.keys()) != set(stage.columns.keys()):
            raise OutputError(f"table {there} is staged in for other columns: drop it")
        with sql.writing(engine) as connection:
            if self._published(connection, stage) is None:
                connection.execute(stage.insert().values({_JOB: "", _PART: PUBLISHED}))

    def check_retry(self, job: str, receipts: Iterable[Any], anew: bool) -> None:
        """Raise OutputError where rows would come to those that are published."""
        if not anew:
            raise OutputError(f"{self!r} cannot add to what it has replaced: start a new job")

    def write(self, pairs: Sequence[Pair], slice: Slice) -> tuple[str, int] | None:
        """Stage the rows of a slice; the receipt is their part, and how many they are."""
        found = self._rows(pairs)
        if not found:
            return None
        part = ".".join(map(str, (slice.round, *slice.shard, slice.number, slice.epoch)))
        place = zip(map(parameter, range(len(self._columns), len(self._written))),
                    (slice.job, part), strict=True)  # fmt: skip
        more = dict(place)
        with sql.writing(sql.engine(self.database)) as connection:
            self._execute(connection, [(key, row | more) for key, row in found])
        return part, len(found)

    def finish(self, job: str, receipts: Iterable[Any], budget: Budget) -> bool:
        """Publish the rows of committed receipts, all of them or none."""
        parts = dict(receipt for receipt in receipts if receipt is not None)
        engine = sql.engine(self.database)
        target = sql.table(engine, self.table, OutputError)
        try:
            with sql.writing(engine) as connection:
                self._publish(connection, target, self._stage(target), job, parts)
        except exc.StatementError as error:
            why = f"the rows of job {job} cannot be published: {said(error)}"
            raise OutputError(f"{self!r}: {why}") from error
        return True

    def _publish(
        self, connection: Connection, target: Table, stage: Table, job: str, parts: dict[str, int]
    ) -> None:
        before = self._published(connection, stage)
        own = stage.c[_JOB] == job
        counted = sqlalchemy.select(stage.c[_PART], sqlalchemy.func.count()).where(own)
        rows = connection.execute(counted.group_by(stage.c[_PART])).all()
        staged = {part: count for part, count in rows if part in parts}
        if before == job and not staged:
            return  # it is published already
        if not (before and _later(before, job)):
            if staged != parts:
                raise OutputError(
                    f"{self!r}: of {sum(parts.values()):,} rows that the job {job} staged there "
                    f"are {sum(staged.values()):,}: start it again"
                )
            connection.execute(target.delete())
            self._copy(connection, target, stage, own, list(parts))
            marked = stage.update().where(stage.c[_PART] == PUBLISHED)
            connection.execute(marked.values({_JOB: job}))
        # What jobs before it have staged is never published any more, even if they still run.
        older = (stage.c[_JOB] < job) & stage.c[_JOB].startswith(job.partition("-")[0])
        gone = own if before and _later(before, job) else own | older
        connection.execute(stage.delete().where(gone, stage.c[_PART] != PUBLISHED))

    def _copy(
        self, connection: Connection, target: Table, stage: Table, own: Any, parts: list[str]
    ) -> None:
        columns = [stage.c[name] for name in self._columns]
        for start in range(0, len(parts), _AT_ONCE):
            some = stage.c[_PART].in_(parts[start : start + _AT_ONCE])
            rows = sqlalchemy.select(*columns).where(own, some)
            connection.execute(target.insert().from_select(list(self._columns), rows))

    def _published(self, connection: Connection, stage: Table) -> str | None:
        """Return which job the content is of, "" for none of ours, and lock that."""
        marker = sqlalchemy.select(stage.c[_JOB]).where(stage.c[_PART] == PUBLISHED)
        return connection.execute(marker.with_for_update()).scalar()

    def _table(self, engine: sqlalchemy.Engine) -> Table:
        return self._stage(sql.table(engine, self.table, OutputError))

    def _stage(self, target: Table) -> Table:
        """Return the staging table for a target: its columns, any of which may be NULL."""
        short = sqlalchemy.String(200)
        return Table(
            f"{target.name}_httpmr",
            sqlalchemy.MetaData(),
            sqlalchemy.Column(_JOB, short, nullable=False),
            sqlalchemy.Column(_PART, short, nullable=False),
            *(sqlalchemy.Column(name, target.c[name].type) for name in self._columns),
            sqlalchemy.Index(f"{target.name}_httpmr_parts", _JOB, _PART),
            schema=target.schema,
        )


def _later(one: str, other: str) -> bool:
    """Whether a job was started after another; of other stores' nobody knows."""
    return one.partition("-")[0] == other.partition("-")[0] and one > other
