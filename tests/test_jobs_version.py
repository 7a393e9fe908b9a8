"""A job goes on with the code it began with; with other code only when an operator says so."""

import importlib.util
import re
import subprocess
import sys
import textwrap

import pytest
from faults import Clock
from jobslib import carried, made

from httpmr import reducers, sinks, sources
from httpmr.budget import Budget
from httpmr.errors import RecipeError
from httpmr.jobs import Jobs
from httpmr.jobs.version import changed, versions
from httpmr.stores import MemoryStore

SOURCE = """
import httpmr

STEP = 1

class Words(httpmr.Mapper):
    def __init__(self, least=3):
        self.least = least
        self.cache = object()

    def map(self, key, line):
        return [(word, 1) for word in line.split() if len(word) >= self.least]

def total(key, values):
    yield key, sum(values)

def shifted(by):
    def mapper(key, value):
        return [(key + by, value)]
    return mapper
"""


def module(tmp_path, text, name="theirs"):
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    found = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def of(mapper, **settings):
    return versions(made(mapper, **settings).recipe)


def differs(one, two):
    return changed(one, two)


class TestVersions:
    def test_layout_and_comments_are_no_code(self, tmp_path):
        other = SOURCE.replace("def map", "# their words\n    def map").replace("[(word", "[ (word")
        before = of(module(tmp_path, SOURCE).Words())
        assert differs(before, of(module(tmp_path, other, "other").Words())) == []

    @pytest.mark.parametrize(
        "old, new",
        [(">= self.least", "> self.least"), ("least=3", "least=4"), ("class Words", "class Verbs")],
    )
    def test_code_settings_and_names_are(self, tmp_path, old, new):
        before = module(tmp_path, SOURCE)
        after = module(tmp_path, SOURCE.replace(old, new), "after")
        made_after = getattr(after, "Verbs", None) or after.Words
        assert differs(of(before.Words()), of(made_after())) == ["mapper"]

    def test_what_is_inherited_is_code_too(self, tmp_path):
        ours = "\nclass Mine(Words):\n    pass\n"
        before = module(tmp_path, SOURCE + ours)
        after = module(tmp_path, SOURCE.replace("len(word)", "2 * len(word)") + ours, "after")
        assert differs(of(before.Mine()), of(after.Mine())) == ["mapper"]

    def test_what_a_function_closes_over_is_a_setting(self, tmp_path):
        theirs = module(tmp_path, SOURCE)
        assert differs(of(theirs.shifted(1)), of(theirs.shifted(1))) == []
        assert differs(of(theirs.shifted(1)), of(theirs.shifted(2))) == ["mapper"]

    @pytest.mark.parametrize(
        "settings, part",
        [
            ({"reducer": reducers.Sum()}, ["reducer", "combine"]),
            ({"reducer": reducers.Top(2)}, ["reducer", "combine"]),
            ({"source": sources.Memory({1: 2})}, ["source"]),
            ({"sink": sinks.JSONLines("out.jsonl")}, ["sink"]),
            ({"partitioner": lambda key, n: 0}, ["partitioner"]),
            ({"slice_seconds": 5.0, "num_mappers": 7, "keep": 3, "max_bad_records": 2}, []),
        ],
    )
    def test_each_part_tells_of_itself(self, settings, part):
        def mapper(key, value):
            return []

        usual = {"reducer": reducers.Top(1)}
        assert differs(of(mapper, **usual), of(mapper, **usual | settings)) == part

    def test_top_with_a_key_is_the_same_in_each_process(self, tmp_path):
        """The address of a function stands in its repr."""
        (tmp_path / "theirs.py").write_text(SOURCE)
        script = textwrap.dedent("""
            import theirs, httpmr
            from httpmr import reducers, sources, sinks
            from httpmr.recipe import Recipe
            from httpmr.jobs.version import versions
            print(sorted(versions(Recipe(
                name="r", source=sources.SQLTable("sqlite:///x.db", "t", key="id", where="a > 1"),
                mapper=theirs.Words(), reducer=reducers.Top(3, key=len), sink=sinks.Stored(),
                partitioner=lambda key, n: hash(key) % n,
            )).items()))
        """)
        (tmp_path / "script.py").write_text(script)
        said = {
            subprocess.run(
                [sys.executable, "script.py"],
                cwd=tmp_path,
                env={"PYTHONPATH": f"{tmp_path}:{':'.join(sys.path)}", "PYTHONHASHSEED": seed},
                check=True,
                capture_output=True,
            ).stdout
            for seed in ("1", "2")
        }
        assert len(said) == 1

    def test_code_without_a_source_is_told_by_what_it_is_compiled_to(self):
        def compiled(text):
            names = {}
            exec(f"def f(key, value):\n    return [(key, {text})]", names)
            return of(names["f"])

        assert differs(compiled("value"), compiled("value")) == []
        assert differs(compiled("value + 1"), compiled("value + 2")) == ["mapper"]

    def test_a_version_that_is_given_says_it_all(self):
        given = {"version": "2"}
        assert of(lambda k, v: [], version="2") == of(lambda k, v: [(k, v)], version="2") == given
        assert differs(given, of(lambda k, v: [], version="3")) == ["version"]

    @pytest.mark.parametrize("wrong", ["", 2, b"2"])
    def test_a_version_is_text(self, wrong):
        with pytest.raises(RecipeError, match=re.escape("version= is a str, such as '2', not")):
            made(version=wrong)


class TestChangedInMidJob:
    def deployed(self):
        """A job half done, and the Jobs of the code that comes after it."""
        store = MemoryStore(clock=Clock())
        old = made(lambda k, v: [("old", 1)], store=store, reducer=reducers.Sum())
        job = old.start()
        while not job.status()["records"]:
            old.step(job.id, budget=Budget.records(2))
        new = made(lambda k, v: [("new", 1)], store=store, reducer=reducers.Sum())
        return old, new, job

    def test_a_request_with_other_code_pauses_the_job_and_says_why(self):
        old, new, job = self.deployed()
        done = job.status()["records"]
        assert new.step(job.id).did == "stale"
        assert job.state == "paused" and job.status()["records"] == done
        assert job.status()["error"] == (
            "the code changed since the job began (mapper): resume to go on with what it is now, "
            "or cancel and start again"
        )
        assert old.step(job.id).did == "stale"

    def test_resume_goes_on_with_the_code_there_is(self):
        _, new, job = self.deployed()
        done = job.status()["records"]
        new.step(job.id)
        new.resume(job.id)
        assert carried(new, new.find(job.id)).state == "done"
        assert dict(job.output()) == {"old": done, "new": 10 - done}

    def test_while_both_serve_requests_neither_does_the_other_ones_work(self):
        old, new, job = self.deployed()
        new.step(job.id)
        new.resume(job.id)
        assert old.step(job.id).did == "stale" and job.state == "paused"
        old.resume(job.id)
        assert carried(old, job).state == "done"
        assert dict(job.output()) == {"old": 10}

    def test_a_slice_that_was_in_flight_still_counts(self):
        store = MemoryStore(clock=Clock())

        def mapper(key, value):
            if key == 0:
                new.step(job.id)
            return [("old", 1)]

        old = made(mapper, store=store, reducer=reducers.Sum())
        new = made(lambda k, v: [("new", 1)], store=store, reducer=reducers.Sum())
        job = old.start()
        while job.state == "running":
            old.step(job.id)
        assert job.state == "paused" and job.status()["records"] > 0

    def test_the_same_code_elsewhere_goes_on(self):
        old, _, job = self.deployed()
        assert carried(Jobs(old.recipe, old.store), job).state == "done"

    def test_a_job_of_an_older_minor_format_goes_on(self):
        """It kept no versions."""
        old, new, job = self.deployed()
        old.ledger.change(job.record, versions={})
        assert carried(new, new.find(job.id)).state == "done"

    def test_a_rival_that_changed_the_job_first_is_heeded(self):
        old, new, job = self.deployed()
        stale = job.record
        old.cancel(job.id)
        assert new.step(stale).did == "stale"
        assert job.state == "cancelled"
