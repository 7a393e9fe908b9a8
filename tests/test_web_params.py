"""A recipe's parameters in the console: a form, what is wrong beside each field, and JSON."""

import dataclasses
from datetime import date
from typing import Literal

from weblib import client, master, stranger

from httpmr.params import MASK
from httpmr.sources import Memory


@dataclasses.dataclass
class Params:
    """since: the <first> day"""

    since: date
    word: Literal["cat", "hat"] = "cat"
    limit: int = 3
    loud: bool = True
    api_key: str = dataclasses.field(default="", metadata={"secret": True})
    note: str | None = dataclasses.field(default=None, metadata={"textarea": True})


def words(key, line):
    yield line, key


def source(params):
    return Memory(dict.fromkeys(range(params.limit), params.word))


def web():
    one = master(params=Params, mapper=words, source=source)
    return one, client(one)


def test_the_form_asks_for_each_by_its_kind():
    _, browser = web()
    page = browser.get("/")
    form = page.forms[0]
    kinds = {name: page.html.find(attrs={"name": name}) for name in form.fields if name}
    assert kinds["since"]["type"] == "date" and kinds["since"].has_attr("required")
    assert kinds["limit"]["type"] == "number" and kinds["limit"]["value"] == "3"
    assert kinds["loud"]["type"] == "checkbox" and kinds["loud"].has_attr("checked")
    assert kinds["api_key"]["type"] == "password"
    assert kinds["note"].name == "textarea" and kinds["word"].name == "select"
    assert [option.text for option in kinds["word"].find_all("option")] == ["cat", "hat"]
    for name, field in kinds.items():
        if name != "csrf":
            assert page.html.find("label", attrs={"for": field["id"]}), name
    help = page.html.find(id=kinds["since"]["aria-describedby"])
    assert help.text == "the <first> day"


def test_a_part_that_is_made_of_them_is_said_to_be():
    _, browser = web()
    page = browser.get("/")
    assert "source(parameters)" in page.html.text and " at 0x" not in page


def test_a_form_starts_a_job():
    one, browser = web()
    form = browser.get("/").forms[0]
    form["since"], form["word"], form["limit"], form["loud"] = "2013-01-02", "hat", "2", False
    form["api_key"] = "hunter2"
    page = form.submit().follow()
    [job] = one.jobs()
    assert job.record.params == {
        "since": date(2013, 1, 2),
        "word": "hat",
        "limit": 2,
        "loud": False,
        "api_key": "hunter2",
        "note": None,
    }
    assert "hunter2" not in page and MASK in page and "2013-01-02" in page
    told = browser.get(page.request.path, headers={"Accept": "application/json"})
    assert "hunter2" not in told and told.json["params"]["limit"] == 2


def test_what_is_wrong_stands_beside_its_field_and_the_rest_is_kept():
    one, browser = web()
    form = browser.get("/").forms[0]
    form["since"], form["limit"], form["note"] = "soon", "<b>", "kept"
    form["api_key"] = "hunter2"
    page = form.submit(status=400)
    limit = page.html.find(attrs={"name": "limit"})
    assert limit["value"] == "<b>" and limit["aria-invalid"] == "true"
    assert page.html.find(id="field-limit-wrong").text == "a whole number, not '<b>'"
    assert page.html.find(id="field-since-wrong").text == "a date as 2013-01-31, not 'soon'"
    assert page.html.find(attrs={"name": "note"}).text == "kept"
    assert "hunter2" not in page
    assert one.jobs() == []


def test_programs_send_json_and_get_one_line():
    one, browser = web()
    job = browser.post_json("/jobs", {"since": "2013-01-02", "limit": 1}, status=201).json["job"]
    assert one.work.find(job).record.params["limit"] == 1
    refused = browser.post_json("/jobs", {"limit": []}, status=400).json
    assert refused == {"error": "since: is required; limit: a whole number, not []"}
    refused = browser.post_json("/jobs", {"since": "2013-01-02", "x": 1}, status=400).json
    assert refused["error"].startswith("x: no such parameter; there are since, word")


def test_a_sample_takes_them_too():
    _, browser = web()
    form = browser.get("/").forms[0]
    form["since"], form["word"] = "2013-01-02", "hat"
    fields = dict(form.submit_fields())
    page = browser.post("/sample", fields)
    assert "3 records emit 3 pairs" in page and "hat" in page
    again = page.forms[0]
    assert again["word"].value == "hat"
    assert browser.post("/sample", fields | {"limit": "x"}, status=400).html.find(
        id="field-limit-wrong"
    )


def test_a_job_is_started_again_with_the_same():
    one, browser = web()
    browser.post_json("/jobs", {"since": "2013-01-02", "limit": 1}, status=201)
    [job] = one.jobs()
    page = browser.get(f"{one.link('view', '', job)}/")
    csrf = page.html.find(attrs={"name": "csrf"})["value"]
    browser.post(f"{one.link('view', '', job)}/again", {"csrf": csrf})
    again, first = one.jobs()
    assert again.id != first.id and again.record.params == first.record.params


def test_the_start_link_keeps_them():
    one, _ = web()
    generation = one.work.start_link(params={"since": "2013-01-02"})
    token = one.tokens.make("start", generation)
    assert stranger(one).get(f"/start/{token}/", status=303)
    assert one.jobs()[0].record.params["since"] == date(2013, 1, 2)
