"""The measurements of load: jobs end and are right, answers are counted, a page is timed."""

import os
from collections import Counter
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
    # Of one record each, but for a shard's last, of none.
    assert done.slices >= 6 and done.answers[202] and done.answers[303]
    assert len(done.progress) == len(done.shares) == len(done.pauses) == 1
    [(least, most)] = done.shares
    assert least <= 1.0 <= most
    assert not load.failed(done.answers)
    assert "1 jobs right" in load.load_line(kind, done)


@pytest.mark.parametrize(
    ("done", "share", "pause", "said"),
    [
        (0.2, 0.5, 1.0, ""),
        (0.0, 0.5, 1.0, "a shard stood at 0% half way"),
        (0.2, 0.1, 1.0, "a driver had 10% of an even share"),
        (0.2, 0.5, 9.0, "nothing was done for 9.0 s"),
    ],
)
def test_what_is_not_even_ends_with_1(monkeypatch, capsys, done, share, pause, said):
    one = jobs.Load(2, 100, 2.0, 2.0, Counter({202: 100}))
    one.progress, one.shares = [(0.4, 0.6), (done, 1.0)], [(share, 2.0), (0.9, 1.1)]
    one.pauses = [pause, 0.1]
    pages = page.Pages(page.Latency(4.0, 5.0, 9), page.Latency(6.0, 7.0, 9), {200: 9})
    monkeypatch.setattr(jobs, "measured", lambda *given: one)
    monkeypatch.setattr(page, "measured", lambda *given: pages)
    monkeypatch.setattr(databases, "answering", lambda: ({"SQLite": ""}, []))
    monkeypatch.setattr("sys.argv", ["load"])
    with pytest.raises(SystemExit) as ended:
        load.main()
    assert ended.value.code == bool(said)
    assert (f"UNEVEN: {said}\n" in capsys.readouterr().out) == bool(said)


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
