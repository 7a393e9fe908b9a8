"""Every endpoint, asked for in every wrong way by four callers: 10,000 requests.

Whatever is asked, an answer is no 5xx, shows no traceback, puts no tag of the caller's into a
page and no line into a header (`attackslib.sound`); and nobody gets more than his link gives.
"""

import json
from urllib.parse import quote, urlencode

import pytest
from attackslib import HIDDEN, IMG, USER, ask, site
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from httpmr import codec
from httpmr.errors import UnknownJob

ENDPOINTS = {
    "mount": ("GET", ""),
    "console": ("GET", "/"),
    "new": ("POST", "/jobs"),
    "tried": ("POST", "/sample"),
    "metrics": ("GET", "/metrics"),
    "start": ("GET", "/start/{start}/"),
    "operate": ("GET", "/operate/{token}"),
    "replica": ("POST", "/replica/{replica}/ann/{verb}"),
    "order": ("POST", "/replicas/ann/{order}"),
    "static": ("GET", "/static/style.css"),
    "folder": ("GET", "/{job}/{token}"),
    "page": ("GET", "/{job}/{token}/"),
    "drive": ("GET", "/{job}/{token}/drive"),
    "lanes": ("GET", "/{job}/{token}/drive-999"),
    "go": ("GET", "/{job}/{token}/go/1.m0.{n}.0.0"),
    "chain": ("GET", "/{job}/{token}/chain"),
    "chain_go": ("GET", "/{job}/{token}/chain/go/1.{letter}0.{n}.999999999999.0"),
    "step": ("POST", "/{job}/{token}/step"),
    "status": ("GET", "/{job}/{token}/status"),
    "output": ("GET", "/{job}/{token}/output"),
    "download": ("GET", "/{job}/{token}/output.csv"),
    "again": ("POST", "/{job}/{token}/again"),
    "action": ("POST", "/{job}/{token}/{action}"),
    "anything": ("GET", "/{text}"),
}
CALLERS = ("nobody", "drive", "view", "user")
EXAMPLES = 115  # of each endpoint, by each caller: 10,120 in all

NASTY = st.sampled_from(
    [IMG, "\r\nX-Evil: 1", "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%00", "%ff",
     "{{7*7}}", "${jndi:ldap://127.0.0.1/a}", "http://169.254.169.254/latest/", "//evil.example/",
     "' OR 1=1 --",
     "javascript:alert(1)", '"><script>alert(1)</script>', "\ud800".encode("utf-8", "surrogatepass")
     .decode("latin-1"), "9" * 5000, "-1", "1e999", "[" * 300, '{"$float": "nan"}', "a" * 9000,
     '["../../etc/passwd", 0]', '{"$decimal": "1e99999"}', "__class__", "null", "\x00", ";", "="]
) | st.text(st.characters(max_codepoint=255), max_size=25)  # fmt: skip
FIELDS = st.sampled_from(["key", "after", "until", "limit", "before", "csrf", "next", "url", "x"])
HEADERS = st.sampled_from(
    ["HTTP_HOST", "HTTP_ACCEPT", "HTTP_COOKIE", "HTTP_ORIGIN", "HTTP_REFERER", "CONTENT_TYPE",
     "CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING", "HTTP_SEC_FETCH_SITE", "HTTP_SEC_FETCH_DEST",
     "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_FOR", "HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_RANGE",
     "HTTP_IF_NONE_MATCH", "HTTP_PURPOSE", "HTTP_USER_AGENT", "SCRIPT_NAME"]
)  # fmt: skip
VALUES = NASTY | st.sampled_from(
    ["application/json", "text/html", "cross-site", "same-origin", "null"]
)
BODIES = (
    st.binary(max_size=60)
    | st.just(b"x" * 70_000)
    | st.dictionaries(FIELDS, NASTY, max_size=3).map(
        lambda said: urlencode(said, encoding="latin-1").encode()
    )
    | st.dictionaries(FIELDS, NASTY, max_size=3).map(lambda said: json.dumps(said).encode())
    | st.just(b"{}")
    | st.dictionaries(
        st.sampled_from(["state", "lease", "outcome", "what", "args", "slices"]), NASTY
    ).map(codec.dumps)
)
REQUESTS = st.fixed_dictionaries(
    {
        "query": st.lists(st.tuples(FIELDS, NASTY), max_size=3),
        "quoted": st.booleans(),
        "headers": st.dictionaries(HEADERS, VALUES, max_size=3),
        "body": BODIES,
        "csrf": st.booleans(),
        "method": st.sampled_from([None] * 6 + ["GET", "POST", "HEAD", "PUT", "OPTIONS", "\r\n"]),
        "tail": st.just("") | NASTY,
        "n": st.integers(0, 10**12 - 1) | st.integers(0, 9),
        "verb": st.sampled_from(["status", "claim", "read", "commit"]),
        "order": st.sampled_from(["drain", "drop"]),
        "letter": st.sampled_from("smgrpcx"),
        "action": st.sampled_from(["pause", "resume", "skip", "cancel", "delete", "retry", "fire"]),
    }
)


class World:
    """A site that goes on while it is asked: a job that is gone is started anew."""

    def __init__(self):
        self.made = site()
        self.made.work.start_link()
        self.made.work.links.make("replica")
        self.job = self.made.start()

    def present(self):
        try:
            assert self.job.state
        except UnknownJob:
            self.job = self.made.start()
        return self.job


@pytest.fixture(scope="module")
def world():
    return World()


def asked(world, endpoint, caller, said):
    """Send the request, and return its answer."""
    made, job = world.made, world.present()
    method, path = ENDPOINTS[endpoint]
    scope = caller if caller == "drive" else "view"
    token = "A" * 32 if caller == "nobody" else made.tokens.make(scope, 0, job.id)
    start = made.link("start").rpartition("/")[2] if caller == "user" else token
    replica = made.link("replica").rpartition("/")[2] if caller == "user" else token
    parts = {"job": job.id, "token": token, "start": start, "text": said["tail"] or "x"}
    given = {name: said[name] for name in ("n", "letter", "action", "verb", "order")}
    path = path.format(**parts, **given, replica=replica)
    code = quote if said["quoted"] else str
    query = "&".join(f"{name}={code(value)}" for name, value in said["query"])
    headers, body = dict(said["headers"]), said["body"]
    if caller == "user":
        headers |= USER
        if said["csrf"]:
            body += b"&csrf=" + made.tokens.csrf("ann", made.clock()).encode()
    tail = "" if endpoint == "anything" else said["tail"]
    return ask(made, path + tail, said["method"] or method, query, body, **headers)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_nothing_asked_for_breaks_it_or_gives_more_than_the_link(world, endpoint):
    count = 0

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(said=REQUESTS)
    def attack(said):
        nonlocal count
        for caller in CALLERS:
            try_it(world, endpoint, caller, said)
            count += 1

    attack()
    assert count * len(ENDPOINTS) >= 10_000


def try_it(world, endpoint, caller, said):
    """Send the request, and look whether the caller got what he may."""
    job, commits = world.present(), world.made.work.store.commits
    before, jobs = job.state, len(world.made.work.all(limit=10**6))
    told = asked(world, endpoint, caller, said)
    assert "X-Evil" not in told.headers
    if caller == "user":
        return
    assert "csrf" not in told.text or "form is not" in told.text
    assert len(world.made.work.all(limit=10**6)) == jobs
    assert job.state == before or (before, job.state) == ("running", "done")
    if caller == "nobody":
        assert world.made.work.store.commits == commits
        assert told.status in (303, 400, 403, 404, 405, 413) or endpoint == "static"
    if caller != "view":
        assert HIDDEN not in told.text and "Traceback" not in told.text
