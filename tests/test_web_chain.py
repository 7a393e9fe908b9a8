"""What drivers follow: redirects, pages, their ends; and requests that must run nothing."""

import re
from itertools import pairwise

import pytest
from weblib import (
    COUNTS,
    LINES,
    client,
    follow,
    link,
    master,
    next_links,
    one_by_one,
    output,
    stranger,
    words,
)

from httpmr.errors import Unavailable, Uncertain
from httpmr.stores import MemoryStore
from httpmr.web.master import AWAY
from httpmr.web.routes import Place, match


@pytest.fixture
def made():
    return one_by_one(master(num_mappers=4, num_reducers=4))


@pytest.fixture
def web(made):
    return stranger(made)


def place_of(url):
    return Place.of(match(url)[1]["place"])


# The chain


def test_drive_carries_a_job_to_its_end(made, web):
    job = made.start()
    way = follow(web, link(made, job) + "drive")
    assert job.state == "done" and output(job) == COUNTS
    last = way[-1][1]
    assert last.status_int == 200 and "Done." in last.text
    assert next_links(last) == []


def test_drive_never_redirects_more_than_15_times_on_end(made, web):
    way = follow(web, link(made, made.start()) + "drive")
    run = longest = 0
    for _, answer in way:
        run = run + 1 if answer.status_int == 303 else 0
        longest = max(longest, run)
    assert 10 < longest <= 15
    assert sum(answer.status_int == 200 for _, answer in way) > 1


def test_no_url_is_seen_twice(made, web):
    urls = [url for url, _ in follow(web, link(made, made.start()) + "drive")]
    assert len(set(urls)) == len(urls) > 25


def test_a_page_has_a_refresh_one_next_link_and_no_other(made, web):
    way = follow(web, link(made, made.start()) + "drive")
    pages = [answer for _, answer in way if answer.status_int == 200]
    for page in pages[:-1]:
        [ahead] = next_links(page)
        assert ahead.startswith("/") and not set("?&#") & set(ahead)
        assert f'<meta http-equiv="refresh" content="0;url={ahead}">' in page.text
    for page in pages:
        assert len(re.findall(r"(?:href|src|action|url)\s*=", page.text)) <= 2
        assert "<link" not in page.text and "<script" not in page.text


def test_locations_are_path_absolute_and_ascii(made, web):
    for _, answer in follow(web, link(made, made.start()) + "drive"):
        if answer.status_int == 303:
            there = answer.headers["Location"]
            assert there.startswith("/") and not there.startswith("//")
            assert there.isascii() and not set("?&# ") & set(there)


def test_a_lane_stays_on_its_shard(made, web):
    urls = [url for url, _ in follow(web, link(made, made.start()) + "drive")][1:]
    shards = [place_of(url).at[:2] for url in urls]
    changes = sum(a != b for a, b in pairwise(shards))
    assert changes < len(set(shards)) + 2


def test_chain_has_no_pages(made, web):
    job = made.start()
    way = follow(web, link(made, job) + "chain")
    assert [answer.status_int for _, answer in way[:-1]] == [303] * (len(way) - 1)
    assert way[-1][1].status_int == 200 and output(job) == COUNTS
    assert len({url for url, _ in way}) == len(way) > 25


def test_lanes_are_so_many_links(made, web):
    job = made.start()
    page = web.get(link(made, job) + "drive-4")
    assert len(set(next_links(page))) == 4
    assert "refresh" not in page.text
    for ahead in next_links(page):
        follow(web, ahead)
    assert output(job) == COUNTS


def test_lanes_are_bounded(made, web):
    assert len(next_links(web.get(link(made, made.start()) + "drive-999"))) == 16


def test_two_lanes_share_a_job(made, web):
    job = made.start()
    lanes = next_links(web.get(link(made, job) + "drive-2"))
    while lanes:
        for url in list(lanes):
            lanes.remove(url)
            answer = web.get(url)
            lanes += (
                [answer.headers["Location"]] if answer.status_int == 303 else next_links(answer)
            )
    assert output(job) == COUNTS
    assert job.status()["records"] == len(LINES)


# Stale, busy, repeated


def test_a_repeated_url_does_no_work_and_leads_to_the_current_slice(made, web):
    job = made.start()
    first = web.get(link(made, job) + "drive").headers["Location"]
    ahead = web.get(first).headers["Location"]
    before = job.status()["slices"]
    again = web.get(first)
    assert job.status()["slices"] == before == 1
    there = place_of(again.headers["Location"])
    assert there.turn == 1 and there.at.phase == place_of(ahead).at.phase
    assert web.get(again.headers["Location"]).status_int == 303
    assert job.status()["slices"] == 2


def test_a_slice_that_another_holds_waits_and_gives_a_page():
    clock = [1000.0]
    made = master(store=MemoryStore(clock=lambda: clock[0]), num_mappers=1)
    web, job = stranger(made), made.start()
    url = web.get(link(made, job) + "drive").headers["Location"]
    ledger = made.work.ledger
    [task] = job.shards()
    ledger.claim(task, 30)
    answer = web.get(url)
    assert answer.status_int == 200 and made.slept == [0.25]
    [ahead] = next_links(answer)
    assert place_of(ahead) == place_of(url)._replace(turn=1, hop=0)
    chained = web.get(url.replace("/go/", "/chain/go/"))
    assert chained.status_int == 303 and made.slept == [0.25, 0.25]
    clock[0] += 31
    assert web.get(ahead).status_int == 303
    assert job.status()["slices"] == 1


def test_an_address_of_no_shard_leads_on(made, web):
    job = made.start()
    for place in ("1.m99.0.0.0", "1.r0.7.0.0", "1.s0-1-1.0.0.0", "1.c0.0.0.0"):
        answer = web.get(link(made, job) + f"go/{place}")
        assert answer.status_int == 303
        assert place_of(answer.headers["Location"]).turn == 1
    assert job.status()["slices"] == 0


def test_a_lane_beyond_max_lanes_waits_and_goes_on_when_there_is_room():
    seen = []

    def meanwhile(key, line):
        made.work.recipe.mapper.map = words
        seen.extend((web.post(link(made, job) + "step"), web.get(ahead)))
        seen.append(web.get(ahead.replace("/go/", "/chain/go/")))
        return words(key, line)

    made = one_by_one(master(mapper=meanwhile, max_lanes=1, num_mappers=4))
    web, job = stranger(made), made.start()
    while job.record.phase != "map":
        made.work.step(job.id)
    here, ahead = (link(made, job) + f"go/7.m{shard}.0.0.3" for shard in (0, 1))
    assert web.get(here).status_int == 303
    step, page, chained = seen
    assert (step.status_int, step.json["did"]) == (202, "busy")
    assert page.status_int == 200 and made.slept == [0.25] * 3
    [again] = next_links(page)
    assert place_of(again) == place_of(ahead)._replace(turn=1, hop=0)
    assert chained.status_int == 303
    assert place_of(chained.headers["Location"]) == place_of(ahead)._replace(turn=1, hop=4)
    before = job.status()["slices"]
    follow(web, again)
    assert before < job.status()["slices"] and output(job) == COUNTS


# The ends


def test_a_job_that_is_done_answers_200(made, web):
    job = made.run()
    for rest in ("drive", "chain", "drive-3", "go/1.m0.0.0.0", "chain/go/1.m0.0.0.0"):
        answer = web.get(link(made, job) + rest)
        assert answer.status_int == 200 and next_links(answer) == []


@pytest.mark.parametrize("act", ["pause", "cancel"])
def test_a_job_that_was_stopped_answers_409_with_the_reason(made, web, act):
    job = made.start()
    getattr(made.work, act)(job.id)
    for rest in ("drive", "chain", "drive-3", "go/1.m0.0.0.0", "chain/go/1.m0.0.0.0"):
        answer = web.get(link(made, job) + rest, status=409)
        assert "paused" in answer.text or "cancelled" in answer.text
        assert next_links(answer) == []


def broken(key, line):
    if key == 5:
        raise LookupError("secret value")
    return words(key, line)


def test_a_bad_record_stops_the_chain_and_drivers_see_no_key():
    made = master(mapper=broken, lines={**LINES, 5: "hush"})
    job = made.start()
    last = follow(stranger(made), link(made, job) + "drive")[-1][1]
    assert last.status_int == 409 and job.state == "paused"
    assert "LookupError" in last.text
    assert "secret value" not in last.text and "Traceback" not in last.text
    seen = stranger(made).get(link(made, job, "view") + "drive", status=409)
    assert "secret value" in seen.text


# Step


def test_step_until_done(made, web):
    job = made.start()
    url = link(made, job) + "step"
    codes = []
    while not codes or codes[-1] == 202:
        answer = web.post(url)
        codes.append(answer.status_int)
        assert set(answer.json) == {"state", "phase", "progress", "did"}
        assert answer.json["did"] == "slice"
    assert codes[-1] == 200 and answer.json["state"] == "done" and answer.json["progress"] == 1
    assert output(job) == COUNTS
    assert web.post(url).json["did"] == "stale"


def test_what_step_tells_of_a_running_job_is_at_most_half_a_second_old(made, web):
    """With a thousand shards, to add them all up would cost more than the step."""
    now = 1000.0
    made.clock = lambda: now
    job = made.start()
    while job.record.phase == "split":
        made.work.step(job.id)
    url = link(made, job) + "step"
    told = [web.post(url).json["progress"] for _ in range(5)]
    assert told == told[:1] * 5
    now += 0.5
    fresh = web.post(url).json["progress"]
    assert told[0] < fresh == job.status()["progress"]
    made.work.pause(job.id)
    assert web.post(url, status=409).json["state"] == "paused"  # an end is told at once
    made.work.resume(job.id)
    assert web.post(url).json["state"] == "running"


def test_step_of_a_job_that_was_stopped(made, web):
    job = made.start()
    made.work.pause(job.id)
    assert web.post(link(made, job) + "step", status=409).json["state"] == "paused"
    made.work.cancel(job.id)
    assert web.post(link(made, job) + "step", status=409).json["state"] == "cancelled"


def test_step_while_all_is_taken(made, web):
    job = made.start()
    made.work.ledger.claim(job.shards()[0], 30)
    answer = web.post(link(made, job) + "step", status=202)
    assert answer.json["did"] == "busy" and made.slept == [0.25]


class Away(MemoryStore):
    """A store that goes away."""

    why = None

    def commit(self, batch):
        if self.why:
            raise self.why
        super().commit(batch)


@pytest.mark.parametrize("why", [Unavailable("gone fishing"), Uncertain("cut off")])
def test_a_store_that_is_away_is_503_to_all_drivers(why):
    made = master(store=Away())
    job = made.start()
    web = stranger(made)
    url = web.get(link(made, job) + "drive").headers["Location"]
    made.work.store.why = why
    answer = web.post(link(made, job) + "step", status=503)
    assert answer.json == {"error": AWAY} and answer.headers["Retry-After"] == "2"
    answer = client(made).post(link(made, job) + "step", status=503)
    assert answer.json == {"error": str(why)}
    answer = web.get(url, status=503)
    assert answer.headers["Retry-After"] == "2" and next_links(answer) == []
    made.work.store.why = None
    follow(web, url)
    assert output(job) == COUNTS


# The start link


def start_url(made, every=None):
    made.work.start_link(every=every)
    return made.link("start") + "/"


def test_the_start_link_starts_a_job_and_joins_it(made, web):
    url = start_url(made)
    first = web.get(url)
    assert first.status_int == 303 and first.headers["Location"].endswith("/drive")
    assert web.get(url).headers["Location"] == first.headers["Location"]
    [job] = made.jobs()
    way = follow(web, url)
    assert output(job) == COUNTS and way[-1][1].status_int == 200
    assert web.get(url).headers["Location"] != first.headers["Location"]
    assert len(made.jobs()) == 2


def test_the_start_link_with_every_joins_a_finished_job(made, web):
    url = start_url(made, every=3600)
    follow(web, url)
    assert follow(web, url)[-1][1].status_int == 200
    assert len(made.jobs()) == 1


def test_a_start_link_whose_parameters_no_longer_fit(made, web):
    made.work.links.make("start", params={"year": 2008})
    assert "year" in web.get(made.link("start") + "/", status=409).text
    assert made.jobs() == []


def test_from_the_start_link_there_are_15_redirects_at_most(made, web):
    codes = [answer.status_int for _, answer in follow(web, start_url(made))]
    assert codes.index(200) == 15


def test_the_start_link_exists_only_once_made_and_until_revoked(made, web):
    token = made.tokens.make("start", 0)
    web.get(f"/start/{token}/", status=404)
    url = start_url(made)
    assert url == f"/start/{token}/"
    web.get(url[:-1], status=303)
    made.work.revoke("start")
    web.get(url, status=404)
    assert len(made.jobs()) == 1


# Requests that run nothing


def ways(made, job, web):
    url = link(made, job)
    go = web.get(url + "drive").headers["Location"]
    return [url + "drive", url + "chain", go, go.replace("/go/", "/chain/go/"), start_url(made)]


@pytest.mark.parametrize(
    "headers",
    [{"Purpose": "prefetch"}, {"Sec-Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"},
     {"X-Moz": "prefetch"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"},
     {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate"},
     {"Sec-Fetch-Site": "cross-site"}],
)  # fmt: skip
def test_what_nobody_clicked_runs_nothing(made, web, headers):
    job = made.start()
    for url in ways(made, job, web):
        web.get(url, headers=headers, status=403)
    assert job.status()["slices"] == 0 and len(made.jobs()) == 1


def test_a_person_from_another_site_gets_a_button(made, web):
    job = made.start()
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}
    for url in ways(made, job, web):
        page = web.get(url, headers=headers)
        assert page.status_int == 200 and next_links(page) == []
        there = page.form.action
        assert there == (url if "/start/" in url else link(made, job) + "drive")
        assert page.form.method.upper() == "GET"
    assert job.status()["slices"] == 0 and len(made.jobs()) == 1
    assert page.form.submit().status_int == 303


def test_head_does_nothing(made, web):
    job = made.start()
    for url in ways(made, job, web):
        answer = web.head(url)
        assert answer.status_int == 200 and answer.body == b""
    assert job.status()["slices"] == 0 and len(made.jobs()) == 1
    web.head(link(made, job)[:-1] + "x/drive", status=404)


def test_a_same_origin_click_runs(made, web):
    job = made.start()
    url = ways(made, job, web)[2]
    web.get(url, headers={"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "document"})
    assert job.status()["slices"] == 1


def test_a_driver_needs_no_authorize():
    asked = []
    made = master(authorize=asked.append)
    follow(stranger(made), link(made, made.start()) + "drive")
    assert asked == []
