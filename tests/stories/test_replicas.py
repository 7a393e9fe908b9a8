"""A primary and its replicas, in processes of their own: the answer is exact, whatever they suffer.

What each story ends with is what ten lines of plain Python give, and counters that count each
record once.
"""

import re
import signal
import time
from collections import Counter

import pytest
from machines import Machine, Namespace, listed, need_namespaces
from servers import fetched, rows
from test_every_way import NEEDS, browser, carried, drive, here, wget_r

SLOW = {n: sum(range(n, 300, 10)) for n in range(10)}
LEASE = 3.0  # of the recipe `slow`: 2 * slice_seconds + 2
BUSY = 4.0  # seconds that others may be at their own slices, on a machine that has much to do


@pytest.fixture
def machine():
    """Starts replicas; each is killed after the test."""
    started = []

    def start(*args, **options):
        started.append(Machine(*args, **options))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.fixture(scope="session")
def expected(text):
    words = Counter()
    for path in sorted(text.glob("*.txt")):
        words.update(re.findall(r"[a-z']+", path.read_text("utf-8").lower()))
    return dict(words)


def until(so, seconds=60):
    """Wait until `so()` is true; return the seconds that took."""
    began = time.monotonic()
    while not so():
        assert time.monotonic() - began < seconds, "it takes too long"
        time.sleep(0.05)
    return time.monotonic() - began


def ended(job):
    return lambda: fetched(job["status"])["state"] != "running"


def mapped(job, count):
    return lambda: fetched(job["status"])["records"] >= count


def is_exact(job):
    """Whether a job of the recipe `slow` is done, and has mapped each record once."""
    status = fetched(job["status"])
    assert status["state"] == "done", status
    assert status["counters"] == {"mapped": 300} and status["records"] == 300
    return {int(key): value for key, value in rows(job).items()} == SLOW


@pytest.mark.parametrize(
    ("recipe", "replicas", "server"),
    [("words", 1, "waitress"), ("words", 4, "gunicorn"), ("letters", 4, "waitress")],
)
def test_the_pipeline_with_replicas_alone(site, machine, expected, recipe, replicas, server):
    """With one replica, with four, and with a user's own hash."""
    primary = site(server)
    several = [machine(primary, recipe, name=f"r{n}") for n in range(replicas)]
    until(lambda: len(listed(primary, recipe)) == replicas)
    job = primary.begin(recipe)
    until(ended(job))
    status = fetched(job["status"])
    assert status["state"] == "done", status
    assert status["records"] == status["counters"]["lines"] > 1000
    assert rows(job) == expected
    found = listed(primary, recipe)
    assert found.keys() == {one.name for one in several}
    # One may come too late to get any: the job is short. Even shares are for benchmarks.replicas.
    assert sum(row["slices"] for row in found.values()) > 0
    assert not any(row["errors"] for row in found.values())
    assert [one.end() for one in several] == [130] * replicas
    assert {row["state"] for row in listed(primary, recipe).values()} == {"gone"}


def test_one_of_four_is_killed_in_the_middle(site, machine):
    primary = site()
    job = primary.begin("slow")
    victim, *others = [machine(primary, "slow", name=f"r{n}") for n in range(4)]
    until(lambda: listed(primary, "slow").get("r0", {}).get("shard", None) is not None)
    until(mapped(job, 30))
    victim.kill()
    shard = listed(primary, "slow")["r0"]["shard"]
    if shard and shard.startswith("map "):
        took = until(lambda: not held(primary, "r0"))
        assert took < LEASE + BUSY
    until(ended(job))
    assert is_exact(job)
    assert all(one.process.poll() is None for one in others)


def held(site, name):
    return listed(site, "slow")[name]["shard"]


def test_the_last_one_is_killed_and_another_comes(site, machine):
    primary = site("gunicorn")
    job = primary.begin("slow")
    first = machine(primary, "slow", name="first")
    until(mapped(job, 60))
    first.kill()
    machine(primary, "slow", name="second")
    until(ended(job))
    assert is_exact(job)


def test_one_stands_still_for_longer_than_its_lease(site, machine):
    """SIGSTOP in the middle of a slice, until others have its shard; then it goes on."""
    primary = site()
    job = primary.begin("slow")
    asleep = machine(primary, "slow", name="asleep")
    until(mapped(job, 30))
    until(lambda: held(primary, "asleep"))
    asleep.signal(signal.SIGSTOP)
    shard = held(primary, "asleep")
    machine(primary, "slow", name="awake")
    if shard:
        until(lambda: not held(primary, "asleep"))
    asleep.signal(signal.SIGCONT)
    until(ended(job))
    assert is_exact(job)
    until(lambda: listed(primary, "slow")["asleep"]["state"] != "mapping")
    assert asleep.process.poll() is None


def test_the_primary_is_killed_and_comes_back(site, machine):
    primary = site()
    job = primary.begin("slow")
    for n in range(2):
        machine(primary, "slow", name=f"r{n}")
    until(mapped(job, 60))
    primary.kill()
    time.sleep(1)
    primary.start()
    until(ended(job))
    assert is_exact(job)


def test_dropped_and_drained(site, machine):
    primary = site()
    dropped, drained, _ = [machine(primary, "slow", name=name) for name in ("x", "y", "z")]
    until(lambda: len(listed(primary, "slow")) == 3)
    job = primary.begin("slow")
    until(mapped(job, 30))
    full = {name: row["name"] for name, row in listed(primary, "slow").items()}
    fetched(f"{primary.url('slow')}/replicas/{full['x']}/drop", b"{}")
    fetched(f"{primary.url('slow')}/replicas/{full['y']}/drain", b"{}")
    assert (dropped.process.wait(20), drained.process.wait(20)) == (1, 0)
    until(ended(job))
    assert is_exact(job)
    assert listed(primary, "slow")["x"]["order"] == "drop"


def test_slices_of_the_web_and_replicas_work_on_one_job(site, machine, tmp_path):
    """Two replicas, a browser, wget and `httpmr drive`, at once."""
    ways = [way for way in (browser, wget_r, drive) if way is drive or here(NEEDS[way])]
    primary = site()
    job = primary.begin("slow")
    for n in range(2):
        machine(primary, "slow", name=f"r{n}")
    until(lambda: len(listed(primary, "slow")) == 2)
    assert not any(carried(job, tmp_path, ways))
    assert is_exact(job)
    assert all(row["slices"] for row in listed(primary, "slow").values())


def test_a_link_is_cut_in_the_middle(site, machine):
    """Replicas on machines of their own; the link of one is cut, and later mended."""
    need_namespaces()
    with Namespace() as near, Namespace() as far:
        primary = site(also=near.here)
        beside = site_beside(primary, far)
        job = primary.begin("slow")
        try:
            for name, network, at in (("near", near, primary), ("far", far, beside)):
                options = {"host": network.here, "prefix": network.prefix, "name": name}
                machine(at, "slow", "--through-primary", **options)
            until(lambda: held(primary, "far") if "far" in listed(primary, "slow") else None)
            until(mapped(job, 30))
            far.cut()
            took = until(lambda: not held(primary, "far") or ended(job)())
            assert took < LEASE + BUSY
            far.mend()
            until(ended(job))
            until(lambda: listed(primary, "slow")["far"]["state"] in ("ready", "waiting"))
        finally:
            beside.kill()
        assert is_exact(job)
        assert listed(primary, "slow")["near"]["slices"] > 0


def site_beside(primary, network):
    """The same site once more, at the end of another link."""
    kind = type(primary)
    again = kind(
        primary.server,
        primary.environ["HTTPMR_STORY_STORE"],
        primary.environ["HTTPMR_STORY_TEXT"],
        also=network.here,
    )
    return again.start()
