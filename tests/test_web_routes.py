"""Paths: what is matched, and the addresses of slices in them."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpmr.jobs import Address
from httpmr.web import routes
from httpmr.web.routes import LETTERS, Place, match

numbers = st.integers(0, 10**9 - 1)
shards = st.tuples(numbers) | st.tuples(numbers, st.integers(-999, -1), st.integers(-999, -1))
addresses = st.builds(Address, st.sampled_from(sorted(LETTERS)), shards, numbers)


@given(st.builds(Place, numbers, addresses, numbers, numbers))
def test_a_place_survives_being_a_path(place):
    route, parts = match(f"/j-1/t0k/go/{place}")
    assert route.name == "go"
    assert Place.of(parts["place"]) == place


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("", "mount"),
        ("/", "console"),
        ("/jobs", "new"),
        ("/start/t/", "start"),
        ("/start/t", "start"),
        ("/operate/t", "operate"),
        ("/static/style.css", "static"),
        ("/j-1/t", "folder"),
        ("/j-1/t/", "page"),
        ("/j-1/t/drive", "drive"),
        ("/j-1/t/drive-4", "lanes"),
        ("/j-1/t/chain", "chain"),
        ("/j-1/t/chain/go/1.m0.0.0.0", "chain_go"),
        ("/j-1/t/chain/1.m0.0.0.0", "chain_go"),
        ("/j-1/t/step", "step"),
        ("/j-1/t/status", "status"),
        ("/j-1/t/output", "output"),
        ("/j-1/t/output.csv", "download"),
        ("/j-1/t/output.jsonl", "download"),
        ("/j-1/t/pause", "action"),
        ("/j-1/t/delete", "action"),
    ],
)
def test_every_path_has_its_route(path, name):
    assert match(path)[0].name == name


@pytest.mark.parametrize(
    "path",
    ["/j-1", "/j-1/", "//", "/j-1/t//", "/j-1/t/drive/", "/j-1/t/drive-0", "/j-1/t/drive-",
     "/j-1/t/go/",
     "/j-1/t/go/1.x0.0.0.0", "/j-1/t/go/1.m.0.0.0", "/j-1/t/go/-1.m0.0.0.0", "/j-1/t/go/1.m0.0.0",
     "/j-1/t/go/1.m0.0.0.0\n", "/j-1/t/go/1.m0-.0.0.0", "/j-1/t/go/" + "9" * 5000 + ".m0.0.0.0",
     "/j-1/t/go/٣.m0.0.0.0", "/j-1/t/retire", "/j-1/t/../x", "/static/../master.py",
     "/static/.css", "/j-1/t/output.exe", "/ä/t/", "/j-1/t\xff/", "/j 1/t/"],
)  # fmt: skip
def test_anything_else_has_none(path):
    assert match(path) is None


def test_the_examples():
    assert doctest.testmod(routes).failed == 0
