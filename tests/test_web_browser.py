"""The console in a real browser: Debian's Chromium, led by Playwright.

A job's mapper can be held at a record, so that a test sees the page while the job runs and lets it
go on when it has seen enough.
"""

import os
import re
import shutil
import threading
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright
from weblib import OneByOne, words

from httpmr.cli.serve import listen
from httpmr.sources import Memory, Output
from httpmr.stores import MemoryStore
from httpmr.web import Master, Pipeline, Site, allow_local

LINES = {n: f"the cat {n % 3} the hat" for n in range(40)}
PHONE = {"width": 360, "height": 740}

expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def chromium():
    """A browser. Without one: a skip at a desk and a failure in CI."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no chromium")
    flags = ["--no-sandbox", "--disable-quic", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium):
    """Open a tab in a window of its own: opened(url, **what the window is like)."""
    windows = []

    def opened(url, **settings):
        window = chromium.new_context(**settings)
        window.set_default_timeout(60_000)
        windows.append(window)
        page = window.new_page()
        page.goto(url)
        return page

    yield opened
    for window in windows:
        window.close()


class Gate:
    """Holds the mapper at a record until it is told to let it pass."""

    def __init__(self):
        self.at = None
        self.reached, self.free = threading.Event(), threading.Event()

    def mapper(self, key, line):
        if key == self.at:
            self.reached.set()
            assert self.free.wait(120)
        if key == self.bad:
            raise ValueError("no such currency: 'XBT'")
        return words(key, line)

    bad = None


class Place:
    """A Master that is served, and its gate."""

    def __init__(self, lines=LINES, **settings):
        self.gate = Gate()
        settings = {"num_mappers": 4, "num_reducers": 2, "version": "1"} | settings
        self.master = Master(
            "wordcount",
            source=Memory(lines),
            mapper=self.gate.mapper,
            reducer=lambda key, values: [(key, sum(values))],
            store=MemoryStore(),
            authorize=allow_local,
            **settings,
        )
        self.master.work = OneByOne(self.master.recipe, self.master.work.store)
        _, self.url = listen(self.master, threads=12)

    def job(self, scope="view"):
        """Start a job; return it and its page."""
        job = self.master.start()
        return job, self.page(job, scope)

    def page(self, job, scope="view"):
        return self.master.link(scope, self.url, job) + "/"


@pytest.fixture
def place():
    made = Place()
    yield made
    made.gate.free.set()


@contextmanager
def without_errors(page):
    """Hold that the page logs nothing but what servers refuse, and that no script fails."""
    said = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda it: it.type == "error" and said.append(it.text))
    yield
    assert [it for it in said if "Failed to load resource" not in it] == []


def same_pair(place, pair):
    yield pair


def state(page):
    return page.locator("h1 .state")


def drives(page):
    page.get_by_role("button", name="Drive here").click()


def held(place, opened, url):
    """The page of a job that this tab drives, in the middle of it, until the gate is opened."""
    page = opened(url)
    place.gate.at = 20
    drives(page)
    assert place.gate.reached.wait(60)
    return page


# Start, watch, drive


def test_start_watch_and_drive_to_the_end(place, opened):
    page = opened(place.url)
    place.gate.at = 17
    with without_errors(page):
        page.get_by_role("button", name="Start a job").click()
        expect(state(page)).to_have_text("running")
        page.evaluate("window.same = true")
        drives(page)
        expect(page.locator("#doing")).to_have_text("Driving in 2 lanes.")
        expect(page.locator(".phases .now b")).to_have_text("map")
        expect(page.locator(".hero")).to_contain_text("Drivers in the last minute: browser.")
        expect(page.locator(".grid .work").first).to_be_visible()
        assert "100" not in page.locator(".percent").inner_text()
        place.gate.free.set()
        expect(state(page)).to_have_text("done")
        expect(page.locator("#results td").first).to_be_visible()
        expect(page).to_have_title(re.compile("^done"))
        assert page.evaluate("window.same"), "the page was loaded anew"
        assert page.locator("#drive").count() == 0
    [job] = place.master.jobs()
    assert dict(job.output())["the"] == 80


def test_a_tab_that_drives_goes_on_with_the_pipeline(opened):
    settings = {"store": MemoryStore(), "authorize": allow_local}
    first = Master("first", source=Memory(LINES), mapper=words, **settings)
    second = Master("second", source=Output(first), mapper=same_pair, **settings)
    for master in (first, second):
        master.work.__class__ = OneByOne
    _, url = listen(Pipeline([first, second]), threads=12)
    job = first.start()
    page = opened(f"{first.link('view', f'{url}/first', job)}/")
    with without_errors(page):
        drives(page)
        expect(page.locator("h1")).to_contain_text("second")
        expect(state(page)).to_have_text("done")
    [last] = second.jobs()
    assert len(list(last.output())) == 5 * len(LINES)
    page.goto(f"{first.link('view', f'{url}/first', job)}/")
    page.locator("#follows").click()
    expect(page.locator("h1")).to_contain_text("second")


def test_it_stops_when_asked(place, opened):
    job, url = place.job()
    page = opened(url)
    place.gate.at = 20
    page.get_by_label("lanes").select_option("4")
    drives(page)
    expect(page.locator("#doing")).to_have_text("Driving in 4 lanes.")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#doing")).to_have_text("Stopped.")
    steps = []
    page.on("request", lambda it: it.url.endswith("/step") and steps.append(it))
    place.gate.free.set()
    page.evaluate("refresh()")
    page.reload()
    expect(page.get_by_role("button", name="Drive here")).to_be_visible()
    assert steps == [] and job.state == "running"


def test_a_reload_in_the_middle_drives_on(place, opened):
    _, url = place.job()
    page = held(place, opened, url)
    page.reload()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    place.gate.free.set()
    expect(state(page)).to_have_text("done")


def test_pause_and_resume(place, opened):
    job, url = place.job()
    page = held(place, opened, url)
    page.get_by_role("button", name="Pause").click()
    expect(state(page)).to_have_text("paused")
    place.gate.free.set()
    expect(page.locator("#doing")).to_have_text(re.compile("The job is paused"))
    expect(page.locator("#acts")).to_contain_text("pause by local")
    slices = job.status()["slices"]
    page.evaluate("refresh()")
    assert job.status()["slices"] <= slices + 4  # one for each lane that was in flight
    page.get_by_role("button", name="Resume").click()
    expect(state(page)).to_have_text("done")


def test_two_tabs_at_once(place, opened):
    job, url = place.job()
    first, second = opened(url), opened(url)
    place.gate.at = 39
    for page in (first, second):
        page.get_by_label("lanes").select_option("1")
        drives(page)
    assert place.gate.reached.wait(60)
    expect(first.locator(".hero")).to_contain_text("browser \N{MULTIPLICATION SIGN} 2")
    place.gate.free.set()
    for page in (first, second):
        expect(state(page)).to_have_text("done")
    assert dict(job.output())["the"] == 80


def test_without_javascript(place, opened):
    job, url = place.job()
    page = opened(url, java_script_enabled=False)
    page.get_by_role("button", name="Drive here").click()
    page.get_by_text("Done.").wait_for()
    assert job.state == "done"
    page.goto(url)
    expect(state(page)).to_have_text("done")
    expect(page.locator("#results td").first).to_be_visible()


def test_a_server_that_is_away_is_asked_again(place, opened):
    _, url = place.job()
    page = opened(url)
    page.route("**/step", lambda route: route.abort())
    drives(page)
    expect(page.locator("#doing")).to_have_text(re.compile("cannot be reached.*Trying again"))
    page.unroute("**/step")
    page.route("**/step", lambda route: route.fulfill(status=503, body='{"error": "away"}'))
    expect(page.locator("#doing")).to_have_text(re.compile("503.*Trying again"))
    page.unroute("**/step")
    expect(state(page)).to_have_text("done")


def test_a_link_that_is_no_longer_good_ends_the_drive(place, opened):
    _, url = place.job()
    page = opened(url)
    page.route("**/step", lambda route: route.fulfill(status=404, body='{"error": "revoked"}'))
    drives(page)
    expect(page.locator("#doing")).to_have_text("revoked")
    expect(page.get_by_role("button", name="Drive here")).to_be_visible()


def test_a_bad_record_is_skipped(place, opened):
    place.gate.bad = 7
    job, url = place.job()
    page = opened(url)
    drives(page)
    expect(state(page)).to_have_text("paused")
    expect(page.locator("#error")).to_contain_text("no such currency: 'XBT'")
    page.locator("#error summary").click()
    expect(page.locator("#error pre")).to_contain_text("Traceback")
    expect(page.locator(".grid .stopped")).to_have_count(1)
    page.locator(".sure summary", has_text="Skip").click()
    page.get_by_role("button", name="Skip").click()
    expect(state(page)).to_have_text("done")
    expect(page.locator("#bad")).to_contain_text("XBT")
    place.gate.bad = None
    page.get_by_role("button", name="Retry").click()
    expect(state(page)).to_have_text("running")
    drives(page)
    expect(page.locator("#bad")).to_have_count(0)
    expect(state(page)).to_have_text("done")
    assert dict(job.output())["the"] == 80


# What is read, selected, opened or typed stays


def test_nothing_that_is_in_use_moves(place, opened):
    place.gate.bad = 3
    job, url = place.job()
    place.master.work.step(job.id)
    page = opened(url)
    page.locator("#drive summary").click()
    was = page.locator("#drive details").evaluate("it => it.open")
    page.locator("#lanes").focus()
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#acts-name'))")
    before = page.locator(".percent b").inner_text()
    while job.state == "running":
        place.master.work.step(job.id)
    with page.expect_response(url):
        page.evaluate("refresh()")
    expect(state(page)).to_have_text("paused")
    assert page.locator(".percent b").inner_text() != before
    assert page.evaluate("getSelection().toString()") == "What was done to it"
    assert page.locator("#drive details").evaluate("it => it.open") == was
    assert page.evaluate("document.activeElement.id") == "lanes"


def test_what_is_asked_for_does_not_become_something_else(place, opened):
    place.gate.bad = 39
    job, url = place.job()
    page = opened(url)
    page.locator(".sure summary", has_text="Cancel").click()
    while job.state == "running":
        place.master.work.step(job.id)
    with page.expect_response(url):
        page.evaluate("refresh()")
    expect(page.locator("#ask-skip")).to_be_visible()
    opened_ones = page.locator(".sure[open]")
    expect(opened_ones).to_have_count(1)
    expect(opened_ones).to_contain_text("It ends for good")


def test_what_is_typed_stays(place, opened):
    job = place.master.run()
    page = opened(place.page(job))
    page.locator("#results input[name=key]").fill("ca")
    page.evaluate("refresh()")
    place.master.work.start()
    assert page.locator("#results input[name=key]").input_value() == "ca"
    page.get_by_label("Key", exact=True).fill("cat")
    page.get_by_role("button", name="Look up").click()
    expect(page.locator("main")).to_contain_text("40")


# Shards


def test_a_shard_tells_itself_by_pointer_by_key_and_by_a_press(place, opened):
    job, url = place.job()
    while job.status()["records"] < 2:
        place.master.work.step(job.id)
    page = opened(url)
    content = "it => getComputedStyle(it, '::after').content"
    cell, next_one = page.locator(".grid a").nth(0), page.locator(".grid a").nth(1)
    assert cell.evaluate(content) == "none"
    cell.hover()
    assert "slice" in cell.evaluate(content) and "from the start" in cell.evaluate(content)
    cell.focus()
    page.keyboard.press("ArrowRight")
    assert "slice" in next_one.evaluate(content)
    two = 2.8 * cell.bounding_box()["width"]
    page.locator(".grid").evaluate(f"it => it.style.width = '{two}px'")
    focused = "it => it === document.activeElement"
    page.keyboard.press("ArrowDown")
    assert page.locator(".grid a").nth(3).evaluate(focused)
    page.keyboard.press("ArrowUp")
    assert next_one.evaluate(focused)
    page.keyboard.press("Enter")
    expect(page.locator("#shard")).to_contain_text("cursor")
    assert page.url.endswith("?shard=1")
    page.reload()
    expect(page.locator("#shard")).to_contain_text("cursor")


def test_the_lines_can_be_copied(place, opened):
    _, url = place.job("drive")
    page = opened(url, permissions=["clipboard-read", "clipboard-write"])
    page.locator(".copy").nth(0).click()
    expect(page.locator(".copy").nth(0)).to_have_text("Copied")
    page.evaluate("refresh()")
    expect(page.locator(".copy").nth(0)).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith("wget -q -r")


# How it looks


def every_page(place):
    """Yield (what it is, its URL): each kind of page there is."""
    job, url = place.job()
    while job.status()["records"] < 9:
        place.master.work.step(job.id, driver="wget 1a2b")
    yield "running", f"{url}?shard=1"
    yield "by a drive link", place.page(job, "drive")
    place.gate.bad = 39  # not yet mapped, whatever shards came first
    while job.state == "running":
        place.master.work.step(job.id)
    yield "paused", url
    place.master.work.skip(job.id)
    while job.state == "running":
        place.master.work.step(job.id)
    yield "done", url
    yield "output", f"{url}output"
    yield "lookup", f"{url}output?key=cat"
    yield "console", f"{place.url}/"
    yield "error", f"{place.url}/nothing"
    yield "chain", f"{url}drive"
    _, site = listen(Site([place.master]))
    yield "site", f"{site}/"


LOOKED_AT = {
    "light": {"resultTypes": ["violations"]},
    # All else is as it is in light.
    "dark": {"resultTypes": ["violations"], "runOnly": ["color-contrast", "link-in-text-block"]},
}


def serious(page, scheme):
    """What axe finds on a page that keeps people out of it."""
    found = Axe().run(page, options=LOOKED_AT[scheme]).response["violations"]
    return [
        (it["id"], [node["html"][:200] for node in it["nodes"]])
        for it in found
        if it["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_finding(place, opened, scheme):
    page = opened("about:blank", color_scheme=scheme)
    for what, url in every_page(place):
        page.goto(url)
        if page.get_by_text("Settings, and what").count():
            page.get_by_text("Settings, and what").click()
        assert serious(page, scheme) == [], what
    place.gate.bad = None
    page.goto(place.url)
    page.get_by_role("button", name="Try on a sample").click()
    expect(page.locator("h1")).to_contain_text("on a sample")
    assert serious(page, scheme) == []


@pytest.mark.parametrize("window", [PHONE, {"width": 2560, "height": 1200}], ids=["phone", "wide"])
def test_no_page_is_wider_than_the_window(place, opened, window):
    page = opened("about:blank", viewport=window)
    for what, url in every_page(place):
        page.goto(url)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= window["width"], what


def test_dark_is_dark(place, opened):
    def brightness(scheme):
        page = opened(place.url, color_scheme=scheme)
        said = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", said)))

    assert brightness("dark") < 150 < 600 < brightness("light")


def test_an_error_page_leads_somewhere(place, opened):
    page = opened(f"{place.url}/nothing")
    expect(page.locator("h1")).to_have_text("Not found")
    assert page.locator("link[rel=stylesheet]").count() == 1


def test_what_is_printed_has_no_buttons(place, opened):
    _, url = place.job()
    page = opened(url)
    page.emulate_media(media="print")
    expect(page.locator("#drive")).to_be_hidden()
    expect(page.locator(".actions")).to_be_hidden()
    expect(page.locator(".facts")).to_be_visible()


def test_nothing_breaks_the_policy_of_what_may_run(place, opened):
    page = opened("about:blank")
    with without_errors(page):
        for _, url in every_page(place):
            page.goto(url)
