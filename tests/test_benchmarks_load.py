"""The measurements of load: jobs end and are right, answers are counted, a page is timed."""

import os
from types import SimpleNamespace

import pytest

from benchmarks.load import __main__ as load
from benchmarks.load import drivers, jobs, page
from benchmarks.slices import databases


@pytest.mark.parametrize("kind", ["SQLite", "PostgreSQL", "MariaDB"])
def test_many_drivers_on_one_job(kind):
    found, absent = databases.answering()
    if kind not in found:
        [why] = [line for line in absent if line.startswith(kind)]
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    done = jobs.measured(found[kind], drivers=6, workers=2, seconds=0, slices=60)
    assert (done.jobs, done.wrong) == (1, {})
    # Of one record each, but for a shard's last, of none, and for those of requests that came while
    # the source was being split.
    assert done.slices >= 6 and done.answers[202] and done.answers[303]
    assert len(done.progress) == len(done.shares) == len(done.stalls) == 1
    assert not load.failed(done.answers)
    assert "1 jobs right" in load.load_line(kind, done)


def test_the_page_beside_a_driven_job():
    pages = page.measured("", 3, 2, seconds=0.4, max_lanes=1)
    assert pages.times > 0 and min(pages.quiet.pages, pages.loaded.pages) >= 2
    assert pages.answers and not load.failed(pages.answers)
    assert "times" in load.page_line("SQLite", 1, pages)


def test_what_should_never_be_answered_is_counted_and_the_driver_goes_on(monkeypatch):
    told = [503, "cut", 202, 200]

    class Lane:
        def __init__(self, url):
            self.connection = SimpleNamespace(close=lambda: None)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def ask(self, method, path, done):
            if (status := told.pop(0)) == "cut":
                raise ConnectionResetError
            return SimpleNamespace(status=status, headers={}, body=b"")

    monkeypatch.setattr(drivers, "Lane", Lane)
    monkeypatch.setattr(drivers, "PAUSE", 0)
    driver = drivers.Driver().drive("http://x/J/drive", True, float("inf"))
    assert driver.answers == {503: 1, "cut": 1, 202: 1, 200: 1} and driver.last == 200
    assert load.failed(driver.answers) and told == []
    assert jobs.Load(answers=driver.answers).wrong == {503: 1, "cut": 1}
