"""Jobs started with parameters: each has a recipe of its own, and keeps what it began with."""

import dataclasses
from datetime import date
from enum import Enum

import pytest
from faults import Clock

from httpmr import reducers
from httpmr.errors import ParameterError, RecipeError
from httpmr.jobs import Jobs
from httpmr.jobs.jobs import STEPPERS
from httpmr.recipe import Recipe
from httpmr.sinks import JSONLines, Stored
from httpmr.sources import Memory
from httpmr.stores import MemoryStore


class Order(Enum):
    SUM = 1
    MAX = 2


@dataclasses.dataclass
class Params:
    since: date
    limit: int = 5
    order: Order = Order.SUM


DAY = {"since": "2013-01-01"}


def jobs(store=None, **parts):
    parts = {
        "source": lambda p: Memory({n: n for n in range(p.limit)}),
        "mapper": lambda p: lambda key, value: [(p.since.year, value)],
        "reducer": lambda p: reducers.Sum() if p.order is Order.SUM else reducers.Max(),
        "sink": Stored(),
        "params": Params,
        "keep": 100,
    } | parts
    return Jobs(Recipe(name="r", **parts), store or MemoryStore(clock=Clock()))


def output(made, **params):
    job = made.run(params=DAY | params)
    assert job.state == "done"
    return list(job.output())


def test_each_job_has_parts_made_of_its_parameters():
    made = jobs()
    assert output(made) == [(2013, 10)]
    assert output(made, limit="3", since="2014-05-06") == [(2014, 3)]
    assert output(made, order="MAX", limit=4) == [(2013, 3)]
    first = made.all()[-1]
    assert first.record.params == {"since": date(2013, 1, 1), "limit": 5, "order": "SUM"}
    assert list(first.output()) == [(2013, 10)]


def test_jobs_with_different_parameters_go_on_side_by_side():
    made = jobs()
    some = [made.start(DAY | {"limit": n}) for n in range(1, STEPPERS + 9)]
    while any(job.state == "running" for job in some):
        for job in some:
            made.step(job.id)
    assert [list(job.output()) for job in some] == [
        [(2013, sum(range(n)))] for n in range(1, STEPPERS + 9)
    ]
    assert len(made._steppers) <= STEPPERS


def test_any_process_goes_on_with_what_the_job_was_started_with():
    store = MemoryStore(clock=Clock())
    job = jobs(store).start(DAY | {"limit": 7, "order": "MAX"})
    other = jobs(store)
    assert list(other.run(job=other.find(job.id)).output()) == [(2013, 6)]


def test_nothing_is_started_by_wrong_ones():
    made = jobs()
    with pytest.raises(ParameterError, match="since: is required; limit: a whole number, not 'x'"):
        made.start({"limit": "x"})
    with pytest.raises(ParameterError, match="colour: no such parameter; there are since, limit"):
        made.start(DAY | {"colour": "red"})
    assert made.all() == []


def test_a_start_link_keeps_them():
    made = jobs()
    generation = made.start_link(params=DAY | {"limit": 2})
    job = made.join(generation)
    assert job.record.params["limit"] == 2 and job.record.params["since"] == date(2013, 1, 1)
    with pytest.raises(ParameterError):
        made.start_link(params={"limit": 2})


def test_a_job_whose_parameters_no_longer_fit_pauses_and_says_so():
    @dataclasses.dataclass
    class Others:
        until: date

    store = MemoryStore(clock=Clock())
    job = jobs(store).start(DAY)
    changed = jobs(store, params=Others)
    assert changed.step(job.id).did == "stale"
    assert job.state == "paused"
    assert "its parameters do not fit the code any more" in job.status()["error"]
    with pytest.raises(RecipeError):
        changed.resume(job.id)
    back = jobs(store)
    back.resume(job.id)
    assert list(back.run(job=back.find(job.id)).output()) == [(2013, 10)]


def test_what_a_function_of_them_makes_is_checked_when_a_job_starts():
    for source, said in (
        (lambda p: {1: 2}, "source= must be a Source"),
        (lambda p: 1 / 0, "source=, a function of the parameters, raised ZeroDivisionError"),
    ):
        with pytest.raises(RecipeError, match=said):
            jobs(source=source).start(DAY)
    with pytest.raises(RecipeError, match="mapper"):
        jobs(mapper=lambda p: None).start(DAY)


def test_parts_that_need_none_stay_as_they_are(tmp_path):
    made = jobs(
        source=Memory({1: 2}),
        mapper=lambda key, value: [(key, value)],
        reducer=lambda p: None,
        sink=lambda p: JSONLines(str(tmp_path / f"{p.since}.jsonl")),
    )
    assert made.run(params=DAY).state == "done"
    assert (tmp_path / "2013-01-01.jsonl").read_text() == "[1, 2]\n"


def test_a_reducer_brings_its_combiner():
    made = jobs()
    assert made.stepper(made.recipe.read(DAY)).recipe.combine is not None
    assert made.stepper(made.recipe.read(DAY)).recipe.tally is not None


def test_without_them_none_are_taken():
    made = jobs(params=None, source=Memory({1: 1}), mapper=lambda k, v: [(k, v)], reducer=None)
    with pytest.raises(ParameterError, match="the recipe r takes no parameters: limit"):
        made.start({"limit": 2})
    with pytest.raises(RecipeError, match="source= must be a Source"):
        jobs(params=None)
