"""Tokens, CSRF proofs, `allow_local`, and where a request comes from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from weblib import LOCAL
from webob import Request

from httpmr.web import security
from httpmr.web.security import Tokens, allow_local

TOKENS = Tokens(b"s" * 32, "inst", "words")


def request(**environ):
    return Request.blank("/", environ={"HTTP_HOST": "example.org"} | environ)


def test_a_token_is_long_and_fits_a_url():
    token = TOKENS.make("drive", 0, "inst-1")
    assert len(token) == 32 and token.replace("-", "").replace("_", "").isalnum()


def test_scopes_are_told_apart():
    for scope in ("view", "drive"):
        assert TOKENS.scope(TOKENS.make(scope, 3, "inst-1"), 3, "inst-1") == scope
    for other in ("operate", "start", "csrf", ""):
        assert TOKENS.scope(TOKENS.make(other, 3, "inst-1"), 3, "inst-1") is None


@pytest.mark.parametrize(
    "other",
    [
        Tokens(b"t" * 32, "inst", "words").make("drive", 3, "inst-1"),
        Tokens(b"s" * 32, "tsni", "words").make("drive", 3, "inst-1"),
        Tokens(b"s" * 32, "inst", "word").make("drive", 3, "inst-1"),
        TOKENS.make("drive", 2, "inst-1"),
        TOKENS.make("drive", 3, "inst-2"),
        TOKENS.make("drive", 3, "inst-1")[:-1],
        TOKENS.make("drive", 3, "inst-1") + "A",
        TOKENS.make("drive", 3, "inst-1").swapcase(),
        "",
        "\ud800",
    ],
)
def test_a_token_is_good_for_nothing_else(other):
    assert TOKENS.scope(other, 3, "inst-1") is None


parts = st.lists(st.text() | st.integers(0, 99), max_size=4)


@given(parts, parts)
def test_no_two_lists_of_parts_sign_alike(a, b):
    same = [str(part) for part in a] == [str(part) for part in b]
    assert (security._sign(b"s", *a) == security._sign(b"s", *b)) == same


def test_no_generation_no_token():
    assert not TOKENS.holds(TOKENS.make("operate", None), "operate", None)


def test_a_form_is_good_for_its_user_until_tomorrow():
    day = security.DAY
    form = TOKENS.csrf("ann", 10 * day)
    assert TOKENS.meant(form, "ann", 10.9 * day) and TOKENS.meant(form, "ann", 11.9 * day)
    assert not TOKENS.meant(form, "ann", 12 * day)
    assert not TOKENS.meant(form, "ann", 9.9 * day)
    assert not TOKENS.meant(form, "bob", 10 * day)
    assert not TOKENS.meant("", "ann", 10 * day)


def test_the_name_of_a_user_is_no_address_in_memory():
    class User:
        pass

    assert security.name(User()) == security.name(User()) == "User"
    assert security.name("ann") == "ann" and security.name(True) == "True"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"REMOTE_ADDR": "127.8.9.1"},
        {"REMOTE_ADDR": "::1", "HTTP_HOST": "[::1]:8080"},
        {"REMOTE_ADDR": "::ffff:127.0.0.1"},
        {"HTTP_HOST": "127.0.0.1:8080"},
        {"HTTP_HOST": "LOCALHOST"},
    ],
)
def test_allow_local_lets_in(environ):
    assert allow_local(request(**LOCAL | environ)) == "local"


@pytest.mark.parametrize(
    "environ",
    [
        {"REMOTE_ADDR": "10.0.0.1"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "localhost"},
        {"REMOTE_ADDR": "::ffff:10.0.0.1"},
        {"HTTP_HOST": "example.org"},
        {"HTTP_HOST": "localhost.example.org"},
        {"HTTP_HOST": "127.0.0.1.example.org"},
        {"HTTP_HOST": "user@localhost@example.org"},
        {"HTTP_HOST": ""},
        {"HTTP_HOST": "[::1"},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_X_FORWARDED_PROTO": "https"},
        {"HTTP_FORWARDED": ""},
        {"HTTP_X_REAL_IP": "127.0.0.1"},
        {"HTTP_VIA": "1.1 proxy"},
        {"HTTP_CF_CONNECTING_IP": "127.0.0.1"},
    ],
)
def test_allow_local_keeps_out(environ):
    assert allow_local(request(**LOCAL | environ)) is None


def test_allow_local_needs_a_host():
    environ = {key: value for key, value in LOCAL.items() if key != "HTTP_HOST"}
    assert allow_local(type("Any", (), {"environ": environ})) is None


@pytest.mark.parametrize(
    ("environ", "form", "json"),
    [
        ({}, False, False),
        ({"HTTP_ORIGIN": "http://example.org"}, False, False),
        ({"HTTP_ORIGIN": "https://EXAMPLE.org"}, False, False),
        ({"HTTP_ORIGIN": "http://example.org:80"}, False, False),
        ({"HTTP_ORIGIN": "http://example.org:81"}, True, True),
        ({"HTTP_ORIGIN": "http://evil.example"}, True, True),
        ({"HTTP_ORIGIN": "http://example.org.evil.example"}, True, True),
        ({"HTTP_ORIGIN": "http://[", "HTTP_SEC_FETCH_SITE": "same-origin"}, True, True),
        ({"HTTP_ORIGIN": "null"}, False, True),
        ({"HTTP_ORIGIN": "null", "HTTP_SEC_FETCH_SITE": "same-origin"}, False, False),
        ({"HTTP_ORIGIN": "null", "HTTP_SEC_FETCH_SITE": "cross-site"}, True, True),
        ({"HTTP_SEC_FETCH_SITE": "cross-site"}, True, True),
    ],
)
def test_what_comes_from_elsewhere(environ, form, json):
    assert security.foreign(request(**environ), form=True) is form
    assert security.foreign(request(**environ), form=False) is json
