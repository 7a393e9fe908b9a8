"""The jobs as Prometheus reads them."""

import re

import pytest
from weblib import client, follow, link, master, stranger

from httpmr import counters
from httpmr.web import security

LINE = re.compile(r'(httpmr_\w+)\{((?:\w+="(?:[^"\\\n]|\\[\\"n])*",?)+)\} ([-\d.e+]+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def read(text):
    """What a scraper makes of it: {(name, labels): value}; every line must be one it knows."""
    found, known = {}, set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            known.add(line.split()[2])
        elif not line.startswith("# HELP "):
            name, labels, value = LINE.fullmatch(line).groups()
            assert name in known
            found[name, frozenset(LABEL.findall(labels))] = float(value)
    return found


def one(found, name, **labels):
    [value] = [
        value
        for (n, held), value in found.items()
        if n == name and labels.items() <= dict(held).items()
    ]
    return value


def test_jobs_are_told_by_state_and_each_by_itself():
    made = master()
    web = client(made)
    done, running = made.start(), made.start()
    follow(web, f"{link(made, done)}drive")
    found = read(web.get("/metrics").text)
    assert one(found, "httpmr_jobs", state="done", recipe="wordcount") == 1
    assert one(found, "httpmr_jobs", state="running") == 1
    assert one(found, "httpmr_jobs", state="failed") == 0
    assert one(found, "httpmr_job_records", job=done.id) == 12
    assert one(found, "httpmr_job_progress", job=done.id) == 1
    assert one(found, "httpmr_job_counter", job=done.id, counter="lines") == 12
    assert one(found, "httpmr_job_finished", job=done.id) > 0
    finished = {dict(held)["job"] for name, held in found if name == "httpmr_job_finished"}
    assert running.id not in finished


@pytest.mark.parametrize("evil", ['a"b', "a\\b", "a\nb", "a\udcffb"])
def test_names_are_escaped(evil):
    def mapper(key, line):
        counters.count(evil)
        return []

    made = master(mapper=mapper)
    job = made.run()
    web = client(made)
    found = read(web.get("/metrics").text)
    assert one(found, "httpmr_job_counter", job=job.id) == 12


def test_it_is_for_operators():
    assert stranger(master()).get("/metrics", status=403).json["error"]
    answer = client(master()).get("/metrics")
    assert answer.content_type == "text/plain"
    assert set(security.HEADERS) <= set(answer.headers.items())
