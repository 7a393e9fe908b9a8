"""How drivers are told apart, and that nothing else is told of them."""

import pytest
from weblib import link, master, one_by_one, stranger
from webob import Request

from httpmr.web.drivers import HEADER, driver, kinds

AGENTS = {
    "Wget/1.21.3": "wget",
    "curl/7.88.1": "curl",
    "httpmr-drive": "httpmr drive",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36": "browser",
    "": "program",
    "python-requests/2": "program",
}


def asked(agent="Wget/1", address="203.0.113.9", **headers):
    return Request.blank("/", headers={"User-Agent": agent, **headers}, remote_addr=address)


@pytest.mark.parametrize(("agent", "kind"), AGENTS.items())
def test_kinds(agent, kind):
    assert kinds([driver(asked(agent), b"secret")]) == {kind: 1}


def test_the_same_sender_has_one_name_and_others_have_others():
    names = [
        driver(request, b"secret")
        for request in (
            asked(),
            asked(address="203.0.113.10"),
            asked(agent="Wget/2"),
            asked(**{HEADER: "tab 1"}),
            asked(**{HEADER: "tab 2"}),
        )
    ]
    assert len(set(names)) == len(names)
    assert driver(asked(), b"secret") == names[0] != driver(asked(), b"another")
    assert len(driver(asked(**{HEADER: "x" * 10_000}), b"secret")) < 20


def test_a_job_knows_who_drove_it():
    made = one_by_one(master())
    job = made.start()
    web = stranger(made)
    web.post(link(made, job) + "step", headers={"User-Agent": "curl/8"})
    web.get(link(made, job) + "drive", headers={"User-Agent": "Wget/1"}).follow(
        headers={"User-Agent": "Wget/1"}
    )
    _, tasks = job.history()
    names = [name for some in tasks.values() for task in some for name in task.drivers]
    assert kinds(names) == {"curl": 1, "wget": 1}
    assert "203.0.113.9" not in repr(tasks)


def test_who_skips_a_record_drives_nothing():
    def mapper(key, line):
        if key == 3:
            raise LookupError
        return [(key, line)]

    made = one_by_one(master(mapper=mapper, num_mappers=1))
    job = made.start()
    while job.state == "running":
        made.work.step(job.id, driver="wget 1a2b")
    made.work.skip(job.id)
    assert [set(task.drivers) for task in job.shards()] == [{"wget 1a2b"}]


def test_a_driver_that_finds_nothing_to_do_is_among_those_seen():
    made = one_by_one(master(num_mappers=1))
    job = made.start()
    while job.record.phase != "map":
        made.work.step(job.id)
    made.work.ledger.claim(job.shards()[0], 60, "wget 1a2b")
    agent = {"User-Agent": "curl/8"}
    assert stranger(made).post(f"{link(made, job)}step", headers=agent).json["did"] == "busy"
    page = stranger(made).get(link(made, job))
    assert "curl, this machine, wget" in page.html.select_one(".hero").text
