"""A job's page, its status, and what an operator does with it."""

import html
from dataclasses import replace
from unittest.mock import Mock

import pytest
from faults import Clock
from weblib import (
    COUNTS,
    LINES,
    client,
    follow,
    link,
    master,
    one_by_one,
    output,
    stranger,
    words,
)

from httpmr import counters, reducers
from httpmr.errors import InputError, JobError
from httpmr.interfaces import Batch
from httpmr.ledger import places
from httpmr.shuffle.heaviest import Heaviest
from httpmr.shuffle.reading import Entry
from httpmr.sinks import Memory
from httpmr.stores import MemoryStore
from httpmr.web import skew

EVIL = "<script>alert(1)</script>\"'&{{7919*7907}}"


def broken(key, line):
    if key in (5, 6):
        raise LookupError("secret value")
    return words(key, line)


@pytest.fixture
def made():
    return master()


@pytest.fixture
def web(made):
    return client(made)


@pytest.fixture
def stopped():
    """A Master whose job stops at its first bad record."""
    return master(mapper=broken)


# Who sees what


def test_the_page_tells_how_to_drive_it(made):
    job = made.start()
    url = link(made, job, "drive", "http://example.org")
    text = html.unescape(stranger(made).get(url, extra_environ={"HTTP_HOST": "example.org"}).text)
    assert (
        "wget -q -r -l inf -nd -e robots=off --delete-after --tries=0 --waitretry=10 "
        f"--timeout=120 --retry-connrefused --retry-on-http-error=429,502,503,504 {url}drive"
    ) in text
    assert f"-d '' {url}step" in text and f"httpmr drive -j 4 {url}" in text


def test_the_page_reloads_itself_while_the_job_runs(made, web):
    job = made.start()
    url = link(made, job, "view")
    assert 'http-equiv="refresh"' in web.get(url).text
    made.work.pause(job.id)
    assert 'http-equiv="refresh"' not in web.get(url).text


def test_the_page_in_every_state(made, web):
    job = made.start()
    url = link(made, job, "view")
    seen = [web.get(url).text]
    made.work.pause(job.id)
    seen.append(web.get(url).text)
    made.work.cancel(job.id)
    seen.append(web.get(url).text)
    seen.append(web.get(link(made, made.run(), "view")).text)
    for state, text in zip(("running", "paused", "cancelled", "done"), seen, strict=True):
        assert f'<span class="state {state}">{state}</span>' in text


def test_drive_scope_sees_no_key_value_or_traceback(stopped):
    web, job = stranger(stopped), stopped.start()
    drive, view = link(stopped, job), link(stopped, job, "view")
    follow(web, drive + "drive")
    for path in ("", "status"):
        assert "secret value" not in web.get(drive + path).text
        assert "Traceback" not in web.get(drive + path).text
        assert "secret value" in web.get(view + path).text
    assert "Traceback" in web.get(view).text
    assert "LookupError" in web.get(drive + "status").json["error"]
    operators = client(stopped).get(drive)
    assert "secret value" not in operators.text
    assert "secret value" in operators.click("With keys and values").text


def test_bad_records_are_shown_with_their_tracebacks():
    made = master(mapper=broken, max_bad_records=5)
    job = made.run()
    page = stranger(made).get(link(made, job, "view"))
    assert page.text.count("LookupError: secret value") >= 2
    assert len(page.html.select("details.bad")) == 2
    assert "secret value" not in stranger(made).get(link(made, job)).text


def test_only_so_many_bad_records_are_shown():
    def never(key, line):
        raise LookupError("no")

    made = master(mapper=never, max_bad_records=99, lines=dict.fromkeys(range(30), ""))
    page = stranger(made).get(link(made, made.run(), "view"))
    assert len(page.html.select("details.bad")) == 20 and "and 10 more" in page.text


def test_there_are_no_buttons_for_who_may_not(made):
    job = made.start()
    for scope in ("drive", "view"):
        page = stranger(made).get(link(made, job, scope))
        assert "csrf" not in page.text and not page.html.select('form[method="post"]')


def test_nothing_is_unescaped_anywhere():
    def mapper(key, line):
        if key == 1:
            raise LookupError(EVIL)
        counters.count(EVIL)
        yield EVIL, EVIL
        yield (EVIL, 1), {EVIL: [EVIL]}

    lines = {EVIL + str(n): "" for n in range(3)} | {EVIL: "bad"}

    def bad_too(key, line):
        if line == "bad":
            raise LookupError(EVIL)
        return mapper(key, line)

    made = master(lines, mapper=bad_too, reducer=None, max_bad_records=1)
    object.__setattr__(made.recipe, "name", f"<i>{EVIL}</i>")
    web, job = client(made), made.run()
    view = link(made, job, "view")
    key = web.get(view + "output").html.select("td a")[0]["href"]
    paths = ("/", view, view + "output", key, view + "drive", view + "output?after=" + EVIL[:8])
    for path in paths:
        text = web.get(path).text
        assert "<script>alert" not in text and "<i>" not in text
        assert str(7919 * 7907) not in text
    missing = web.get(view + "output?key=<script>alert(1)</script>", status=404)
    assert "<script>alert" not in missing.text


def test_lone_surrogates_break_no_page():
    def mapper(key, line):
        yield "\ud800", "\udfff"

    made = master({1: ""}, mapper=mapper, reducer=None)
    job = made.run()
    view = link(made, job, "view")
    for path in ("", "output", "output.csv", "output.jsonl", 'output?key="\\ud800"'):
        assert client(made).get(view + path).status_int == 200
    page = client(made).get(view + "output", headers={"Accept": "application/json"})
    assert page.json["rows"] == [["\ud800", "\udfff"]]


# Status


def test_status(made, web):
    job = made.run()
    said = web.get(link(made, job) + "status").json
    assert said == job.status()
    assert set(said) == {
        "job", "recipe", "state", "phase", "progress", "records", "slices", "counters",
        "bad_records", "shards", "started", "finished", "error",
    }  # fmt: skip
    assert said["counters"] == {"lines": len(LINES)} and said["records"] == len(LINES)


# Actions


def test_actions_by_form(made, web):
    job = made.start()
    page = web.get(link(made, job, "view"))
    for label, state in (("Pause", "paused"), ("Resume", "running"), ("Cancel", "cancelled")):
        [form] = [f for f in page.forms.values() if f.action.endswith("/" + label.lower())]
        answer = form.submit()
        assert answer.status_int == 303
        assert answer.headers["Location"] == link(made, job, "view")
        assert job.state == state
        page = answer.follow()
    again, form = page.forms.values()
    assert again.action.endswith("/again") and form.action.endswith("/delete")
    assert form.submit().headers["Location"] == "/"
    assert made.jobs() == []
    web.get(link(made, made.start(), "view"))


def test_actions_by_json(made, web):
    job = made.start()
    url = link(made, job)
    assert web.post_json(url + "pause", {}).json == job.status()
    assert job.state == "paused"
    assert web.post_json(url + "resume", {}).json["state"] == "running"
    assert web.post_json(url + "delete", {}).json["state"] == "running"
    assert web.get(url + "status", status=404).json["error"]


def test_who_deleted_a_job_stands_in_the_console():
    made = master(authorize=lambda request: "<b>anna")
    web = client(made)
    job = made.start()
    assert "Deleted" not in web.get("/").text
    web.post_json(link(made, job) + "delete", {})
    shown = web.get("/").html.find(id="deleted").text
    assert job.id in shown and "running" in shown and "by <b>anna" in shown
    (noted,) = web.get("/", headers={"Accept": "application/json"}).json["deleted"]
    assert (noted["job"], noted["who"], noted["state"]) == (job.id, "<b>anna", "running")
    lines = web.get("/", headers={"Accept": "text/plain"}).text.splitlines()
    assert any(job.id in line and "<b>anna" in line for line in lines)


def test_an_action_that_does_not_fit(made, web):
    job = made.start()
    url = link(made, job)
    for action in ("resume", "skip", "retry"):
        assert web.post_json(url + action, {}, status=409).json["error"]
    made.work.cancel(job.id)
    for action in ("pause", "resume", "skip", "retry", "cancel"):
        assert web.post_json(url + action, {}, status=409).json["error"]
    csrf = made.tokens.csrf("local", made.clock())
    assert "cancelled" in web.post(url + "pause", {"csrf": csrf}, status=409).text


def test_what_no_record_is_to_blame_for_is_not_skipped(made, web, monkeypatch):
    job, gone = made.start(), InputError("the input is gone")
    monkeypatch.setattr(made.recipe.source, "read", Mock(side_effect=gone))
    view = link(made, job, "view")
    while job.state == "running":
        web.post(view + "step", expect_errors=True)
    page = web.get(view).text
    assert "the input is gone" in page and "Resume tries again.</p>" in page
    assert f"{view}skip" not in page


def test_skip_and_resume_after_a_bad_record(stopped):
    web, job = client(stopped), stopped.run()
    view = link(stopped, job, "view")
    for n in (1, 2):
        assert job.state == "paused"
        assert [a for a in ("resume", "skip") if f"{view}{a}" in web.get(view).text]
        assert "skip puts this aside" in web.get(view).text
        assert web.post_json(view + "resume", {}).json["state"] == "running"
        follow(web, view + "drive")
        assert web.post_json(view + "skip", {}).json["bad_records"] == n
        follow(web, view + "drive")
    assert job.state == "done"
    assert output(job)["the"] == 2 * (len(LINES) - 2)


def test_a_skip_of_a_page_that_is_old_lets_go_of_nothing(stopped):
    web, job = client(stopped), stopped.run()
    view = link(stopped, job, "view")
    old = web.get(view).forms
    [form] = [form for form in old.values() if form.action == f"{view}skip"]
    while job.state != "done":
        web.post_json(view + "skip", {"seen": "paused"})
        follow(web, view + "drive")
    assert "the job was paused and is done by now" in form.submit(status=409)
    assert not job.record.let_go
    web.post_json(view + "skip", {"seen": "done"})
    assert job.record.let_go


def test_retry_after_a_fix():
    wrong = {5, 6}

    def mapper(key, line):
        if key in wrong:
            raise LookupError("secret value")
        return words(key, line)

    made = master(mapper=mapper, max_bad_records=2, version="1")
    web, job = client(made), made.run()
    view = link(made, job, "view")
    page = web.get(view)
    assert "Retry maps the bad records again" in page.text
    [form] = [form for form in page.forms.values() if form.action == f"{view}retry"]
    assert output(job)["the"] == 2 * (len(LINES) - 2)
    wrong.remove(5)
    assert form.submit().headers["Location"] == view
    assert job.state == "running"
    follow(web, view + "drive")
    assert (job.state, [bad["key"] for bad in job.bad_records]) == ("done", [6])
    wrong.clear()
    said = web.post_json(view + "retry", {}).json
    assert (said["state"], said["phase"], said["bad_records"]) == ("running", "map", 1)
    assert web.post_json(view + "retry", {}, status=409).json["error"]
    follow(web, view + "drive")
    assert (output(job), job.counters["lines"]) == (COUNTS, len(LINES))
    assert f"{view}retry" not in web.get(view).text
    assert "nothing was put aside" in web.post_json(view + "retry", {}, status=409).json["error"]


def test_there_is_nothing_to_retry_when_it_was_skipped():
    made = master(mapper=broken, max_bad_records=2)
    web, job = client(made), made.run()
    view = link(made, job, "view")
    assert web.post_json(view + "skip", {}).json["state"] == "done"
    page = web.get(view).text
    assert f"{view}retry" not in page and f"{view}skip" not in page
    assert "start a new job" in web.post_json(view + "retry", {}, status=409).json["error"]


def test_a_sink_that_replaces_nothing_says_so():
    made = master(mapper=broken, max_bad_records=2, sink=Memory())
    web, job = client(made), made.run()
    csrf = made.tokens.csrf("local", made.clock())
    answer = web.post(link(made, job) + "retry", {"csrf": csrf}, status=409)
    assert "cannot retry: Memory() cannot replace what the job has given it" in answer.text
    assert (job.state, job.record.round) == ("done", 0)


def test_actions_need_more_than_a_link(made):
    job = made.start()
    csrf = made.tokens.csrf("local", made.clock())
    for scope in ("drive", "view"):
        for action in ("pause", "resume", "skip", "retry", "cancel", "delete"):
            url = link(made, job, scope) + action
            stranger(made).post_json(url, {}, status=403)
            stranger(made).post(url, {"csrf": csrf}, status=403)
    assert job.state == "running"


def test_actions_need_csrf(made, web):
    job = made.start()
    url = link(made, job, "view") + "cancel"
    csrf = made.tokens.csrf("local", made.clock())
    web.post(url, status=403)
    web.post(url, {"csrf": "x"}, status=403)
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        web.post(url, {"csrf": csrf}, headers=headers, status=403)
        web.post_json(url, {}, headers=headers, status=403)
    assert job.state == "running"
    web.post(url, {"csrf": csrf}, headers={"Origin": "null"}, status=303)


# Links that are none


def test_links_of_others_are_not_found(made, web):
    job, other = made.start(), made.start()
    good = made.tokens.make("drive", 0, job.id)
    for path in (
        f"/{job.id}/{made.tokens.make('drive', 0, other.id)}/",
        f"/{job.id}/{made.tokens.make('drive', 1, job.id)}/",
        f"/{job.id}/{made.tokens.make('operate', 0, job.id)}/",
        f"/{job.id}/{made.tokens.make('start', 0)}/",
        f"/{job.id}/{good[:-1]}/",
        f"/{job.id}x/{good}/",
        f"/nothing/{good}/",
        f"/operate/{good}/",
        f"/start/{good}/",
    ):
        web.get(path, status=404)
        answer = web.post(path + "step", expect_errors=True)
        assert answer.status_int == 404


def test_a_job_of_another_recipe_in_the_same_store():
    store = MemoryStore()
    a, b = master(store=store), master(store=store)
    object.__setattr__(b.recipe, "name", "other")
    job = a.start()
    token = b.tokens.make("view", 0, job.id)
    client(b).get(f"/{job.id}/{token}/", status=404)
    client(b).get(link(a, job), status=404)


def test_a_job_of_another_store_is_a_conflict_whatever_the_token(made):
    job = master().start()
    for rest in ("", "drive", "status", "output"):
        answer = client(made).get(f"/{job.id}/xyz/{rest}", status=409)
        assert "store" in answer.text
    assert "store" in client(made).post(f"/{job.id}/xyz/step", status=409).json["error"]


def test_output_that_went_elsewhere_is_said():
    made = master(sink=Memory())
    job = made.run()
    page = client(made).get(link(made, job, "view"))
    with pytest.raises(JobError) as said:
        job.get("the")
    assert str(said.value) in html.unescape(page.text)
    client(made).get(link(made, job, "view") + "output", status=409)
    client(made).get(link(made, job, "view") + "output.csv", status=409)


# What a page tells beside the status


def test_shards_are_cells_that_tell_how_they_stand():
    made = one_by_one(master(num_mappers=3))
    job = made.start()
    while job.status()["records"] < 3:
        made.work.step(job.id, driver="wget 1a2b")
    page = stranger(made).get(link(made, job, "view"))
    labels = [cell["aria-label"] for cell in page.html.select(".grid a")]
    assert len(labels) == len(job.shards())
    assert all("slice" in label and "%" in label for label in labels)
    assert any("from" in label and " to " in label and " at " in label for label in labels)
    drive = stranger(made).get(link(made, job))
    assert not any(" from " in cell["aria-label"] for cell in drive.html.select(".grid a"))


def test_a_shard_in_full():
    made = one_by_one(master(num_mappers=3))
    job = made.start()
    while job.record.phase == "split":
        made.work.step(job.id)
    made.work.step(job.id, driver="wget 1a2b")
    [name] = ["".join(map(str, task.shard)) for task in job.shards() if task.slice]
    view, drive = (link(made, job, scope) + f"?shard={name}" for scope in ("view", "drive"))
    seen = stranger(made).get(view).html.select_one("#shard").text
    assert "range" in seen and "cursor" in seen and "wget 1a2b" in seen
    hidden = stranger(made).get(drive).html.select_one("#shard").text
    assert "range" not in hidden and "cursor" not in hidden and "lease" in hidden
    assert not stranger(made).get(link(made, job) + "?shard=<b>").html.select("#shard")


def test_a_shard_that_the_job_stopped_at_tells_its_error(stopped):
    job = stopped.run()
    for scope, sees in (("view", True), ("drive", False)):
        page = stranger(stopped).get(link(stopped, job, scope))
        [cell] = page.html.select(".grid .stopped")
        assert ("secret value" in cell["aria-label"]) == sees
        assert ("secret value" in page.text) == sees


def test_a_shard_tells_its_last_error_when_the_job_has_gone_on():
    def mapper(key, line):
        if key == 1:
            raise LookupError("secret value")
        return words(key, line)

    made = one_by_one(master(mapper=mapper, max_bad_records=1, num_mappers=3))
    job = made.start()
    while not job.record.bad_records:
        made.work.step(job.id)
    assert job.state == "running"
    for scope, sees in (("view", True), ("drive", False)):
        page = stranger(made).get(link(made, job, scope))
        labels = [cell["aria-label"] for cell in page.html.select(".grid a")]
        assert sum("secret value" in label for label in labels) == sees
        [name] = ["".join(map(str, task.shard)) for task in job.shards() if task.bad]
        full = stranger(made).get(f"{link(made, job, scope)}?shard={name}").html
        assert ("secret value" in full.select_one("#shard").text) == sees


def test_a_job_that_nobody_drives_is_stalled_and_says_how_to_go_on(made):
    clock = Clock()
    made.work.store._clock = clock
    job = made.start()
    web = stranger(made)
    assert "Nobody drives it yet" in web.get(link(made, job)).text
    clock.pass_(119)
    assert "Stalled" not in web.get(link(made, job)).text
    clock.pass_(1)
    page = web.get(link(made, job))
    assert "Stalled: no driver for 2 min" in page.text
    assert page.html.select_one("#drive button#here") and "wget -q" in page.text
    web.post(link(made, job) + "step")
    again = web.get(link(made, job)).text
    assert "Stalled" not in again and "Drivers in the last minute: program." in again
    clock.pass_(3600)
    assert "Stalled: no driver for 1 h" in web.get(link(made, job)).text
    made.work.pause(job.id)
    assert "Stalled" not in web.get(link(made, job)).text


def test_what_was_done_is_shown_but_not_by_whom_to_everybody(made, web):
    job = made.start()
    csrf = {"csrf": made.tokens.csrf("local", made.clock())}
    web.post(link(made, job, "view") + "pause", csrf)
    assert "pause by local" in web.get(link(made, job, "view")).text
    assert "pause by local" in stranger(made).get(link(made, job, "view")).text
    assert "local" not in stranger(made).get(link(made, job)).html.select_one("#acts").text


def test_what_loses_something_is_asked_for_twice(made, web):
    page = web.get(link(made, made.start(), "view"))
    once = [form.action for form in page.forms.values()]
    sure = [form["action"] for form in page.html.select("details.sure form")]
    assert [action.rpartition("/")[2] for action in sure] == ["cancel", "delete"]
    rest = [action.rpartition("/")[2] for action in once if action not in sure]
    assert rest == ["pause", "drive"]
    assert page.html.select_one("#ask-cancel form").text.strip() == "Cancel the job"


def test_start_again(made, web):
    job = made.run()
    page = web.get(link(made, job, "view"))
    [form] = [form for form in page.forms.values() if form.action.endswith("/again")]
    answer = form.submit()
    newest = made.jobs()[0]
    assert newest.id != job.id and newest.record.params == job.record.params
    assert answer.headers["Location"] == link(made, newest, "view")
    assert newest.record.acts[0][1:] == ["local", "start"]
    said = web.post_json(link(made, job) + "again", {}, status=201).json
    assert said["job"] == made.jobs()[0].id
    stranger(made).post_json(link(made, job, "view") + "again", {}, status=403)
    web.post(link(made, job, "view") + "again", status=403)


def test_the_chart_and_the_phases_of_a_done_job(made, web):
    page = web.get(link(made, made.run(), "view"))
    assert [li.b.text for li in page.html.select(".phases li")] == [
        "split", "map", "reduce", "publish", "cleanup",
    ]  # fmt: skip
    assert [path["class"] for path in page.html.select(".chart path")] == [["map"], ["reduce"]]
    assert "100 %" in page.html.select_one(".percent").text


def test_it_is_never_100_percent_early():
    made = one_by_one(master())
    job = made.start()
    web = stranger(made)
    while job.state == "running":
        assert web.get(link(made, job)).html.select_one(".percent b").text != "100"
        made.work.step(job.id)
    assert web.get(link(made, job)).html.select_one(".percent b").text == "100"


def test_skew_is_told_before_reduce_begins_and_keys_to_those_who_may():
    def mapper(key, line):
        yield from (("giant", f"{key} {n:060}") for n in range(3000))
        yield from ((f"word {key} {n}", "") for n in range(50))

    made = one_by_one(master(mapper=mapper, num_reducers=4))
    job = made.start()
    while job.record.phase in ("split", "map") and job.status()["records"] < 6:
        made.work.step(job.id)
    page = stranger(made).get(link(made, job, "view"))
    assert "times its share" in page.text
    assert "giant" in page.html.select_one("#skew").text
    cells = page.html.select("#skew table")[0].select(".n")
    values = [int(cell.text.replace("\u202f", "")) for cell in cells]
    assert len(values) == 4 and sum(values) == 6 * 3050
    drive = stranger(made).get(link(made, job))
    assert "times its share" in drive.text and "giant" not in drive.text


def postings(key, line):
    yield from ((word, [key] * 20) for word in line.split())


def spread(key, line):
    yield from words(key, line)
    yield f"rare {key}", 1


SUMMED = {"mapper": spread, "reducer": reducers.Sum()}
JOINED = {"mapper": postings, "combiner": lambda key, values: [n for some in values for n in some]}


@pytest.mark.parametrize(
    ("settings", "values", "rest"),
    [
        ({"mapper": spread}, {"the": 80, "cat": 40, "hat": 40, "0": 40, "rare 0": 1}, 1 / 80),
        (SUMMED, {"0": 40}, 1),  # one value of each slice: one group is as big as another
        (JOINED, {"the": 40, "cat": 40, "hat": 40, "0": 40}, 0),
    ],
    ids=["uncombined", "combined", "lists"],
)
@pytest.mark.parametrize("phase", ["map", "reduce"])
def test_the_biggest_groups_of_any_job_with_a_reducer_are_shown(settings, values, rest, phase):
    made = one_by_one(master(dict.fromkeys(range(40), LINES[0]), num_reducers=1, **settings))
    job = made.start()
    while job.record.phase != phase or (phase == "map" and job.status()["records"] < 40):
        made.work.step(job.id)
    said = asked(stranger(made), link(made, job, "view"), "application/json").json["skew"]
    assert {key: n for key, n, _ in said["biggest"]} == values
    sizes = [size for _, _, size in said["biggest"]]
    assert sizes == sorted(sizes, reverse=True)
    assert said["whole"] and said["rest"] == pytest.approx(rest * sizes[0])
    page = stranger(made).get(link(made, job, "view"))
    shown = [row.th.text for row in page.html.select("#skew h3 + table tbody tr")]
    assert shown == [key for key, _, _ in said["biggest"]]
    assert ("no other has more than" in page.text) == bool(rest)


def test_what_the_merge_phase_left_as_it_is_counts_too(monkeypatch):
    monkeypatch.setattr("httpmr.engine.plan.FAN_IN", 30)
    monkeypatch.setattr("httpmr.engine.fold.FAN_IN", 30)
    lines = dict.fromkeys(range(40), LINES[0])
    made = one_by_one(master(lines, num_reducers=1, mapper=spread))
    job = made.start()
    while job.record.phase != "reduce":
        made.work.step(job.id)
    said = asked(stranger(made), link(made, job, "view"), "application/json").json["skew"]
    found = {key: n for key, n, _ in said["biggest"]}
    assert found.items() > {"the": 80, "cat": 40, "hat": 40, "0": 40}.items()


def test_what_no_group_exceeds_holds_for_groups_that_go_on_from_block_to_block():
    entries = [
        Entry(((0,), 0), first, last, "s", groups, 9, None, Heaviest([], rest))
        for first, last, groups, rest in (("a", "b", 2, 5), ("b", "b", 1, 7), ("b", "d", 2, 4))
    ]
    assert skew._unseen(entries) == 5 + 7 + 4
    assert skew._unseen(entries[:1] + entries[2:]) == 9
    assert skew._unseen(entries[1:2]) == 7


# The same as text and as JSON


def asked(web, url, kind):
    return web.get(url, headers={"Accept": kind})


def test_the_same_facts_as_json():
    made = one_by_one(master())
    job = made.start()
    while job.status()["records"] < 3:
        made.work.step(job.id)
    said = asked(stranger(made), link(made, job, "view"), "application/json").json
    status = job.status()
    assert {name: said[name] for name in status} == status
    assert [it["phase"] for it in said["phases"] if it["at"] == "now"] == ["map"]
    assert len(said["shards_now"]) == status["shards"]["total"]
    assert all("cursor" in it for it in said["shards_now"])
    hidden = asked(stranger(made), link(made, job), "application/json").json
    assert not any("cursor" in it or "range" in it for it in hidden["shards_now"])


def test_the_same_facts_as_text(stopped):
    job = stopped.run()
    text = asked(stranger(stopped), link(stopped, job, "view"), "text/plain")
    assert text.content_type == "text/plain"
    assert "paused" in text.text and "secret value" in text.text and "map " in text.text
    assert "Traceback (most recent call last)" in text.text
    hidden = asked(stranger(stopped), link(stopped, job), "text/plain").text
    assert "secret value" not in hidden and "Traceback" not in hidden
    done = master()
    said = asked(stranger(done), link(done, done.run(), "view"), "text/plain").text
    rows = [line.split() for line in said.splitlines()]
    assert ["progress", "100", "%"] in rows and ["lines", "12"] in rows and ["the", "24"] in rows
    assert any(row[:1] == ["map"] and "█" in "".join(row) for row in rows)


def test_a_refusal_as_text(made):
    answer = stranger(made).get("/nothing/token/", headers={"Accept": "text/plain"}, status=404)
    assert answer.content_type == "text/plain" and answer.text.count("\n") == 1


def test_control_characters_do_not_get_into_a_terminal():
    def mapper(key, line):
        raise LookupError("\x1b[2Jgone\nand\tmore")

    made = master({"\x1b]0;title\x07": "x"}, mapper=mapper)
    text = asked(stranger(made), link(made, made.run(), "view"), "text/plain").text
    assert "\x1b" not in text and "\x07" not in text and "gone" in text


# A job of many shards


@pytest.fixture(scope="module")
def thousand():
    """A job in its map phase, of 1,000 shards that all have a history."""
    made = master({('a "file".txt', n): "word" for n in range(20_000)}, num_mappers=1000)
    job = made.start()
    while job.record.phase == "split":
        made.work.step(job.id)
    store, ledger = made.work.store, made.work.ledger
    batch = Batch()
    for task in ledger.tasks(job.record, "open"):
        spans = [number for n in range(12) for number in (1e9 + n + 0.5, 1e9 + n + 1.25, 12345)]
        drivers = {f"wget {n:04x}": 1e9 + n for n in range(4)}
        worked = {"slice": 12, "records": 12 * 12345, "progress": 0.5, "cursor": task.until}
        worked |= {"error": {"message": f"LookupError: {'no such <thing>' * 20}", "when": 1e9}}
        full = replace(task, spans=spans, drivers=drivers, **worked)
        places.put(batch, places.task_key(task), full)
        if len(batch.puts) == 300:
            store.commit(batch)
            batch = Batch()
    store.commit(batch)
    return made, job


@pytest.mark.parametrize("scope", ["view", "drive"])
def test_the_page_of_a_thousand_shards_is_small(thousand, scope):
    made, job = thousand
    web, url = stranger(made), link(made, job, scope)
    page = web.get(url)
    labels = [cell["aria-label"] for cell in page.html.select(".grid a")]
    assert len(labels) == 1000
    assert all((" at " in label and " from " in label) == (scope == "view") for label in labels)
    assert len(page.body) < 200_000
