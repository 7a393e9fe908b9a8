"""Several Masters under one mount."""

import pytest
from weblib import client, follow, link, master, output, stranger

from httpmr import mappers, reducers
from httpmr.errors import RecipeError, Unavailable
from httpmr.web import Site


def named(name, **settings):
    made = master(**settings)
    object.__setattr__(made.recipe, "name", name)
    return made


@pytest.fixture
def masters():
    return [named("Word count"), named("orders")]


@pytest.fixture
def web(masters):
    return client(Site(masters))


def test_the_first_page_lists_them_and_leads_to_each(masters, web):
    job = masters[0].run()
    page = web.get("/")
    assert "Word count" in page.text and "orders" in page.text
    assert page.html.select(".state.done") and "No jobs yet" in page.text
    assert page.click("Word count").html.select_one(
        f'a[href="{link(masters[0], job, "view", "/word-count")}"]'
    )
    assert web.get("/orders/").click("All recipes").request.path == "/"


def test_a_job_is_started_and_driven_below_its_name(masters, web):
    said = web.post_json("/word-count/jobs", {}, status=201).json
    assert said["drive"].startswith("http://localhost/word-count/")
    follow(web, said["drive"])
    [job] = masters[0].jobs()
    assert output(job)["the"] == 24 and masters[1].jobs() == []


def test_it_works_under_a_mount_of_its_own(masters):
    web = client(Site(masters), SCRIPT_NAME="/mr")
    page = web.get("/mr/")
    assert page.html.select_one('a[href="/mr/orders/"]')
    assert web.get("/mr/orders/").html.select_one('form[action="/mr/orders/jobs"]')
    assert web.get("/mr/orders/").html.select_one('a[href="/mr/"]')
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/mr/orders/jobs"}
    answer = Site(masters).map_reduce(type("R", (), {"environ": environ}), at="mr")
    assert answer.status_int == 405


def test_each_authorize_finds_the_request_of_the_handler_it_is_called_from():
    asked = type("R", (), {"environ": {"REQUEST_METHOD": "GET", "PATH_INFO": "/mr/orders/"}})()
    asked.user = "ann"
    made = named("orders", authorize=lambda r: r.environ["httpmr.request"].user)
    answer = Site([made]).map_reduce(asked, at="mr")
    assert answer.status_int == 200 and "<b>ann</b>" in answer.text


def test_without_its_slash_it_leads_to_it(masters):
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/mr", "PATH_INFO": ""}
    answer = Site(masters).map_reduce(type("R", (), {"environ": environ}))
    assert answer.status_int == 303 and answer.headers["Location"] == "/mr/"


def test_each_master_says_who_sees_it():
    masters = [named("open"), named("closed", authorize=lambda request: None)]
    page = client(Site(masters)).get("/")
    assert "open" in page.text and "closed" not in page.text
    stranger(Site(masters)).get("/", status=403)


def test_what_is_not_there(web):
    assert web.get("/nothing/", status=404).html.select_one("link[rel=stylesheet]")["href"] == (
        "/static/style.css"
    )
    assert web.get("/static/style.css").content_type == "text/css"
    web.get("/static/nothing.css", status=404)
    web.post("/", status=405)
    web.get("/word-count/nothing/token/", status=404)


def test_it_comes_as_text_and_as_json(masters, web):
    masters[0].run()
    said = web.get("/", headers={"Accept": "application/json"}).json
    assert [row["name"] for row in said] == ["Word count", "orders"]
    assert said[0]["latest"]["state"] == "done" and said[1]["latest"] is None
    text = web.get("/", headers={"Accept": "text/plain"}).text
    assert "Word count" in text and "100 %" in text and "no jobs yet" in text


def test_a_store_that_is_away_hides_no_other(masters, web, monkeypatch):
    def away(**_):
        raise Unavailable("postgresql://secret@host is away")

    monkeypatch.setattr(masters[0].work, "all", away)
    page = web.get("/").text
    assert "the store cannot be used now" in page and "secret" not in page and "orders" in page


@pytest.mark.parametrize("names", [["a", "a"], ["A!", "a"], ["static"], ["!"], []])
def test_names_that_make_no_address(names):
    with pytest.raises(RecipeError):
        Site([named(name) for name in names])


def test_what_is_no_master():
    with pytest.raises(RecipeError, match="takes a list of Masters"):
        Site(["orders"])


def test_what_is_mounted_shows_what_it_is(masters):
    assert repr(masters[1]) == "Master('orders', MemoryStore())"
    assert repr(Site(masters[1:])) == "Site([Master('orders', MemoryStore())])"
    assert [repr(part) for part in (reducers.Sum(), mappers.Identity())] == ["Sum()", "Identity()"]
