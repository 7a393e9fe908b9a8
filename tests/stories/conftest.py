"""Real servers, real drivers, real text."""

import os
from pathlib import Path

import pytest
from servers import FULL, ROOT, Site

REAL_TEXT = ROOT.parent / "shared" / "data" / "text"


@pytest.fixture
def site(sqlite_url, text):
    """Starts sites; each is killed after the test."""
    started = []

    def start(server="waitress", store=sqlite_url, **settings):
        started.append(Site(server, store, str(text / "*.txt"), **settings).start())
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.fixture(scope="session")
def text(tmp_path_factory):
    """A folder of text files: real books where they are, else the standard library's source."""
    if FULL and REAL_TEXT.is_dir():
        return REAL_TEXT
    folder = tmp_path_factory.mktemp("text")
    sources = sorted(REAL_TEXT.glob("*.txt")) or sorted(Path(os.__file__).parent.glob("s*.py"))
    for number, source in enumerate(sources[:8]):
        data = source.read_bytes()[: 60_000 + 20_000 * number]
        (folder / f"{number}.txt").write_bytes(data)
    return folder
