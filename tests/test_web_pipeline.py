"""Recipes that follow each other: whatever drives the first job drives the last."""

import dataclasses
import shutil
import subprocess

import pytest
from weblib import LINES, OneByOne, client, follow, link, total, words

from httpmr import driver
from httpmr.cli.main import main
from httpmr.cli.serve import listen
from httpmr.errors import RecipeError, Unavailable
from httpmr.sources import Memory, Output
from httpmr.stores import MemoryStore
from httpmr.testing.cut import Through
from httpmr.web import Master, Pipeline, allow_local
from httpmr.web.commands import commands

EXPECTED = [(4, ["0", "1", "2"]), (12, ["cat", "hat"]), (24, ["the"])]


def by_count(place, pair):
    word, count = pair
    yield count, word


def listed(key, values):
    yield key, sorted(values)


def doubled(place, pair):
    yield pair[0] * 2, pair[1]


def made(store=None, third=False, **settings):
    """A Pipeline whose slices are of one record; it never really sleeps."""
    common = {
        "store": store or MemoryStore(),
        "authorize": allow_local,
        "num_mappers": 2,
    } | settings
    first = Master("Words", source=Memory(LINES), mapper=words, reducer=total, **common)
    second = Master("by count", source=Output(first), mapper=by_count, reducer=listed, **common)
    masters = [first, second]
    if third:
        masters.append(Master("doubled", source=Output(second), mapper=doubled, **common))
    pipeline = Pipeline(masters)
    for one in masters:
        one.work.__class__ = OneByOne
        one.sleep = lambda seconds: None
    return pipeline


@pytest.fixture
def pipeline():
    return made()


def test_without_http_it_runs_from_the_first_to_the_last():
    pipeline = made(third=True)
    job = pipeline.run()
    assert job.recipe == "doubled"
    assert list(job.output()) == [(2 * count, some) for count, some in EXPECTED]
    assert list(pipeline.latest().output()) == list(job.output())
    assert [len(one.jobs()) for one in pipeline.masters] == [1, 1, 1]


@pytest.mark.parametrize("way", ["drive", "chain", "drive-3"])
def test_whoever_follows_the_first_job_comes_to_the_end_of_the_last(way):
    pipeline = made(third=True)
    web = client(pipeline, SCRIPT_NAME="/mr")
    job = pipeline.start()
    at = link(pipeline.masters[0], job, "drive", "/mr/words") + way
    if way == "drive-3":
        at = web.get(at).html.select('a[rel="next"]')[1]["href"]
    path = follow(web, at)
    assert path[-1][0].startswith("/mr/doubled/") and path[-1][1].status_int == 200
    assert list(pipeline.latest().output()) == [(2 * count, some) for count, some in EXPECTED]
    assert [len(one.jobs()) for one in pipeline.masters] == [1, 1, 1]
    if way == "chain":
        assert {answer.status_int for _, answer in path[:-1]} == {303}


def test_a_page_says_what_follows_and_starts_nothing(pipeline):
    web = client(pipeline)
    first, second = pipeline.masters
    then, first.work.then = first.work.then, None
    job = first.run()
    first.work.then = then
    view = link(first, job, "view", "/words")
    assert not web.get(view).html.find(id="follows") and second.jobs() == []
    follow(web, link(first, job, "drive", "/words") + "drive")
    [after] = second.jobs()
    shown = web.get(view).html.find(id="follows")
    assert shown["href"] == link(second, after, "view", "/by-count")
    assert f"Words {job.id}" in web.get("/by-count/").text


def test_it_reads_the_job_it_follows_though_there_is_a_newer_one(pipeline):
    first, second = pipeline.masters
    then, first.work.then = first.work.then, None
    old, new = first.run(), first.run()
    first.work.then = then
    assert first.work.following(old.record).record.last == (old.id,)
    assert first.work.following(new.record).record.last == (new.id,)
    assert first.work.following(old.record).id == second.jobs()[1].id


@pytest.mark.parametrize("lost", [False, True])
def test_it_is_started_once_whatever_becomes_of_the_commit(lost):
    class Rival(Through):
        """Somebody else starts it just before; or the answer to the commit is lost."""

        armed = False

        def commit(self, batch):
            if self.armed:
                self.armed = False
                if not lost:
                    first.work.following(job.record)
                self.store.commit(batch)
                if lost:
                    raise Unavailable("away")
            else:
                self.store.commit(batch)

    store = Rival(MemoryStore())
    pipeline = made(store)
    first, second = pipeline.masters
    then, first.work.then = first.work.then, None
    job = first.run()
    first.work.then = then
    store.armed = True
    if lost:
        with pytest.raises(Unavailable):
            first.work.following(job.record)
    found = first.work.following(job.record)
    assert [one.id for one in second.jobs()] == [found.id]


def test_what_follows_is_no_more_once_it_is_deleted(pipeline):
    job = pipeline.run()
    first, second = pipeline.masters
    second.work.delete(job.id)
    [before] = first.jobs()
    assert first.work.following(before.record) is None
    web = client(pipeline)
    way = follow(web, link(first, before, "drive", "/words") + "drive")
    assert "Done." in way[-1][1].text and second.jobs() == []


def test_a_start_link_joins_the_pipeline_where_it_is(pipeline):
    first, second = pipeline.masters
    web = client(pipeline)
    first.work.start_link()
    start = first.link("start", "/words") + "/"
    job = first.work.join(0)
    while job.state == "running":
        first.work.step(job.id)
    way = follow(web, start)
    assert way[-1][0].startswith("/by-count/")
    assert (len(first.jobs()), len(second.jobs())) == (1, 1)
    web.get(start)
    assert len(first.jobs()) == 2  # all was done


def test_parameters_go_to_the_steps_that_take_them():
    @dataclasses.dataclass
    class Words:
        start: str
        most: int = 3

    @dataclasses.dataclass
    class Counts:
        most: int

    store = MemoryStore()
    common = {"store": store, "authorize": allow_local}
    first = Master("one", source=Memory(LINES), reducer=total, params=Words,
                   mapper=lambda p: lambda key, line: [(p.start, 1)], **common)  # fmt: skip
    second = Master("two", source=lambda p: Output(first), params=Counts,
                    mapper=lambda p: lambda place, pair: [(pair, p.most)], **common)  # fmt: skip
    job = Pipeline([first, second]).run(start="x", most=7)
    assert list(job.output()) == [(("x", 12), 7)]
    assert job.record.last == (first.latest().id,)


def test_a_step_that_cannot_begin_says_why():
    store = MemoryStore()
    first = Master("one", source=Memory(LINES), mapper=words, reducer=total, store=store)
    second = Master("two", source=Output(Master("other", source=Memory(LINES), mapper=words,
                    store=store)), mapper=by_count, store=store)  # fmt: skip
    pipeline = Pipeline([first, second])
    job = pipeline.start()
    web = client(pipeline)
    drive = link(first, job, "drive", "/one")
    way = follow(web, drive + "drive")
    assert way[-1][1].status_int == 409
    assert "the recipe other has no job that is done: run it first" in way[-1][1].text
    assert "run it first" in web.post(drive + "step", status=409).json["error"]


@pytest.mark.parametrize("wrong", ["twice", "elsewhere"])
def test_a_master_is_in_one_place_of_one_pipeline(wrong):
    first = made().masters[0]
    other = Master("other", source=Memory({}), mapper=words, store=MemoryStore())
    masters = [other, other] if wrong == "twice" else [first, other]
    with pytest.raises(RecipeError):
        Pipeline(masters)


# By programs


@pytest.fixture
def served(pipeline):
    _, url = listen(pipeline, threads=8)
    job = pipeline.start()
    return link(pipeline.masters[0], job, "drive", f"{url}/words"), pipeline


def test_our_own_driver(served):
    url, pipeline = served
    seen = []
    status = driver.drive(url, 3, progress=lambda status: seen.append(status.get("recipe")))
    assert (status["state"], status["recipe"]) == ("done", "by count")
    assert list(pipeline.latest().output()) == EXPECTED
    assert {"Words", "by count"} <= set(seen)
    assert driver.status(url)["recipe"] == "by count"


@pytest.mark.parametrize("command", ["wget", "curl"])
def test_the_commands_of_the_page(served, command, tmp_path):
    if shutil.which(command) is None:
        pytest.skip(f"no {command}")
    url, pipeline = served
    subprocess.run(commands(url)[command], shell=True, cwd=tmp_path, timeout=60)
    assert list(pipeline.latest().output()) == EXPECTED


# By the command line

FILE = """
from httpmr import Master, Pipeline, sources
from httpmr.sources import Memory

store = "sqlite:///jobs.db"
def words(key, line):
    for word in line.split():
        yield word, 1
def total(key, values):
    yield key, sum(values)
def turned(place, pair):
    yield pair[1], pair[0]
one = Master("one", source=Memory({1: "a b a"}), mapper=words, reducer=total, store=store)
two = Master("two", source=sources.Output(one), mapper=turned, store=store)
both = Pipeline([one, two])
"""


@pytest.fixture
def app(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "both.py").write_text(FILE)
    return "both.py"


def test_run_prints_what_the_last_step_gave(app, capsys):
    assert main(["run", app]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["1", "b"],
        ["2", "a"],
    ]


def test_resume_goes_on_where_the_pipeline_is(app, capsys, monkeypatch):
    from httpmr.cli import target

    first = target.master(app)
    job = first.start()
    while job.state == "running":
        first.work.step(job.id)
    assert main(["run", app, "--resume"]) == 0
    assert capsys.readouterr().out.split() == ["1", "b", "2", "a"]


def test_its_start_link_is_that_of_the_first(app, capsys):
    assert main(["link", app, "start", "--base", "https://host/mr/"]) == 0
    assert capsys.readouterr().out.startswith("https://host/mr/one/start/")
