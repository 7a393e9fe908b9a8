"""The web site that things happen to: jobs of numbered records, and what must come of them.

Three kinds of jobs, for three ways in which output is kept: `grouped` is reduced, its values in
order, to output in the store; `rows` are plain INSERTs beside the store, where a row written
twice is there twice; `lines` is a file put together from parts. Some records are bad.

With HTTPMR_CHAOS_UNFENCED set, the fence is taken out of this process's ledger: that must be seen.
"""

import json
import logging
import os
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType

import sqlalchemy

import httpmr
from benchmarks.chaos import workers
from benchmarks.numbered import Numbers
from httpmr import sinks, sql
from httpmr.jobs.job import Job
from httpmr.ledger import ledger
from httpmr.ledger.places import task_key
from httpmr.stores import SQLStore

GIVEN = "HTTPMR_CHAOS_SITE"
"""The environment variable that says what `application` is: the fields of a Site as JSON."""

UNFENCED = "HTTPMR_CHAOS_UNFENCED"
KINDS = ("grouped", "rows", "lines")
DIGITS, BAD = 7, 41
LOG = "errors.log"


@dataclass(frozen=True)
class Site:
    """What is served: a Master for each of `names`, a kind and perhaps a number.

    `code` is a file whose function `take` maps. The store's clock goes `hurry` times as fast
    from the time `since` on, so that leases of seconds are over sooner.
    """

    folder: str
    store: str
    names: tuple = KINDS
    records: int = 60
    shards: int = 6
    pace: float = 0.003  # seconds that a record takes
    slice_seconds: float = 0.1
    since: float = 0.0
    hurry: float = 1.0
    fat: int = 0  # bytes that go with each number, to take up room
    code: str = ""
    disk: str = ""  # where output files go; "": the folder

    @property
    def environ(self) -> dict:
        """What tells `application` to be this."""
        return {GIVEN: json.dumps(asdict(self))}

    @cached_property
    def masters(self) -> dict[str, httpmr.Master]:
        """The Masters, each to be mounted at its name."""
        return {name: self._master(name) for name in self.names}

    def through(self, url: str) -> "Site":
        """Return the same site as it is where its database is reached by another way."""
        return replace(self, store=url)

    def prepare(self) -> dict[str, str]:
        """Make what the jobs need; return the path of each Master's start link."""
        paths = {}
        for name, master in self.masters.items():
            if kind(name) == "rows":
                self._rows(name).create(sql.engine(self.store))
            master.work.start_link()
            paths[name] = master.link("start", f"/{name}") + "/"
        return paths

    def _master(self, name):
        return httpmr.Master(
            name,
            source=Numbers(self.records),
            mapper=self._given() if self.code else self._mapper(name),
            reducer=listed if kind(name) == "grouped" else None,
            sink=self._sink(name),
            store=Hurried(self.store, self.since, self.hurry),
            num_mappers=self.shards,
            num_reducers=self.shards // 2,
            slice_seconds=self.slice_seconds,
            max_bad_records=self.records,
            authorize=httpmr.allow_local,
        )

    def _given(self):
        module = ModuleType("given")
        exec(compile(Path(self.code).read_text(), self.code, "exec"), vars(module))
        return module.take

    def _mapper(self, name):
        pace, fat, grouped = self.pace, self.fat, kind(name) == "grouped"

        def take(n, _):
            httpmr.count("begun")
            time.sleep(pace)
            if n % BAD == BAD - 1:
                raise ValueError("it will not do")
            httpmr.count("mapped")
            yield (n % DIGITS if grouped else n), weighing(n, fat)

        return take

    def _sink(self, name):
        if kind(name) == "rows":
            return sinks.SQLTable(self.store, name, key="n", value="value", mode="insert")
        return sinks.JSONLines(self._file(name)) if kind(name) == "lines" else None

    def _file(self, name):
        return Path(self.disk or self.folder, f"{name}.jsonl")

    def _rows(self, name):
        # No key: a row that is written twice is there twice.
        number = sqlalchemy.Column("n", sqlalchemy.Integer)
        value = sqlalchemy.Column("value", sqlalchemy.Text)
        return sqlalchemy.Table(name, sqlalchemy.MetaData(), number, value)

    # What must come of a job, computed one record after the other, and what came

    def expected(self, name: str) -> dict:
        """Return what a job must come to."""
        good = [n for n in range(self.records) if n % BAD != BAD - 1]
        pairs = [(n, weighing(n, self.fat)) for n in good]
        counters = {"begun": len(good), "mapped": len(good)}
        if kind(name) == "grouped":
            counters["groups"] = DIGITS
            output = [(d, [value for n, value in pairs if n % DIGITS == d]) for d in range(DIGITS)]
        elif kind(name) == "lines":
            output = "".join(json.dumps(pair) + "\n" for pair in pairs)
        else:
            output = pairs
        return {
            "state": "done",
            "records": self.records,
            "counters": counters,
            "bad": [n for n in range(self.records) if n % BAD == BAD - 1],
            "output": output,
        }

    def came(self, name: str, job: Job) -> dict:
        """Return what a job came to, of the same form."""
        status = job.status()
        return {
            "state": status["state"],
            "records": status["records"],
            "counters": status["counters"],
            "bad": [bad["key"] for bad in job.bad_records],
            "output": self.output(name, job),
        }

    def output(self, name: str, job: Job) -> object:
        """Return what the jobs of a Master gave: the last, if it is in a file or in the store."""
        if kind(name) == "grouped":
            return list(job.output())
        if kind(name) == "lines":
            return self._file(name).read_text() if self._file(name).exists() else None
        with sql.reading(sql.engine(self.store)) as connection:
            rows = self._rows(name)
            found = connection.execute(sqlalchemy.select(rows).order_by(rows.c.n))
            return [tuple(row) for row in found]

    def differences(self, name: str, job: Job) -> Iterator[str]:
        """Yield what is not as it must be."""
        came = self.came(name, job)
        for what, value in self.expected(name).items():
            if came[what] != value:
                yield f"{name}, job {job.id}: {what} {came[what]!r:.300} is not {value!r:.300}"

    def forget(self, name: str) -> None:
        """Remove the output of a job that is kept outside the store."""
        if kind(name) == "rows":
            with sql.writing(sql.engine(self.store)) as connection:
                connection.execute(sqlalchemy.delete(self._rows(name)))
        elif kind(name) == "lines":
            self._file(name).unlink(missing_ok=True)

    def errors(self) -> list[str]:
        """Return what the workers logged as errors: there must be nothing."""
        log = Path(self.folder, LOG)
        return log.read_text().splitlines() if log.exists() else []


class Hurried(SQLStore):
    """A store whose clock goes faster."""

    def __init__(self, url, since, hurry):
        super().__init__(url)
        self.since, self.hurry = since, hurry

    def now(self):
        return self.since + (super().now() - self.since) * self.hurry


def kind(name: str) -> str:
    """Return the kind of a job by the name of its Master."""
    return name.rstrip("0123456789")


def listed(key, values):
    """Not commutative: the output shows the order in which values came."""
    httpmr.count("groups")
    yield key, list(values)


def weighing(n: int, fat: int) -> str:
    """Return a text of the number that cannot be compressed well, of about `fat` bytes."""
    return f"{n}:{random.Random(n).randbytes(fat // 2).hex()}"


class Errors(logging.Handler):
    """Keeps in a file what is logged as an error, one line each."""

    def __init__(self, path):
        super().__init__(logging.ERROR)
        self.path = path

    def emit(self, record):
        cause = record.exc_info[1] if record.exc_info else ""
        with open(self.path, "a") as file:
            file.write(f"{record.getMessage()} ({cause!r:.500})\n")


def unfenced() -> None:
    """Let a slice be committed whoever holds it by now."""
    finish = ledger.finish

    def careless(batch, task, *given):
        finished = finish(batch, task, *given)
        batch.expected.pop(task_key(task), None)
        return finished

    ledger.finish = careless


def served(site: Site):
    """Return the WSGI application: each Master at its name."""
    masters = site.masters
    log = logging.getLogger("httpmr")
    log.addHandler(Errors(Path(site.folder, LOG)))
    log.propagate = False
    noted = workers.noted(site.folder, site.hurry)

    def application(environ, start_response):
        _, name, *rest = environ["PATH_INFO"].split("/", 2)
        if name not in masters:
            start_response("404 Not Found", [])
            return []
        environ["SCRIPT_NAME"] = f"/{name}"
        environ["PATH_INFO"] = "/" + "".join(rest)
        return masters[name](environ, start_response)

    return noted(application)


if GIVEN in os.environ:
    if os.environ.get(UNFENCED):
        unfenced()
    fields = json.loads(os.environ[GIVEN])
    application = served(Site(**{**fields, "names": tuple(fields["names"])}))
