"""One job, carried each way: the answer is what ten lines of plain Python give.

Every way is taken once, the servers and databases in turn; with HTTPMR_TEST_FULL set, each on
each, over all of the text.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from itertools import product

import pytest
from servers import FULL, ROOT, fetched, rows

WGET = [
    *("wget", "-q", "-r", "-l", "inf", "-np", "-nd", "-e", "robots=off", "--delete-after"),
    *("--tries=0", "--waitretry=10", "--timeout=120", "--retry-connrefused"),
    "--retry-on-http-error=429,502,503,504",
]


def wget_r(job, cwd):
    return subprocess.Popen([*WGET, job["drive"]], cwd=cwd)


def wget_chain(job, cwd):
    chain = job["drive"].removesuffix("drive") + "chain"
    return subprocess.Popen(["wget", "-q", "-O", "end", "--max-redirect=1000000", chain], cwd=cwd)


def curl_loop(job, cwd):
    step = job["drive"].removesuffix("drive") + "step"
    loop = f"""while :; do
        code=$(curl -s -o /dev/null -w '%{{http_code}}' -X POST {step})
        case $code in 202|503) ;; 200) exit 0 ;; *) exit 1 ;; esac
    done"""
    return subprocess.Popen(["sh", "-c", loop], cwd=cwd)


def browser(job, cwd):
    """Headless Chromium without JavaScript: meta refresh carries it on."""
    flags = [
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--blink-settings=scriptEnabled=false", "--remote-debugging-port=0"),
        f"--user-data-dir={cwd}/profile",
    ]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    return subprocess.Popen([chromium, *flags, job["drive"]], cwd=cwd, **quiet)


def drive(job, cwd):
    command = [sys.executable, "-m", "httpmr", "drive", job["drive"], "-j", "4"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=cwd, env=environ, stderr=subprocess.DEVNULL)


WAYS = {
    "wget -r": [wget_r],
    "wget chain": [wget_chain],
    "curl": [curl_loop],
    "browser": [browser],
    "drive -j 4": [drive],
    "all at once": [wget_r, wget_chain, curl_loop, browser, drive],
}
NEEDS = {wget_r: "wget", wget_chain: "wget", curl_loop: "curl", browser: "chromium"}
SERVERS = ["waitress", "gunicorn"]
DATABASES = ["sqlite", "postgresql", "mariadb"]
RECIPES = ["words", "index"]
IN_TURN = [
    (way, RECIPES[(n + n // 6) % 2], SERVERS[(n + n // 3) % 2], DATABASES[(n + n // 6) % 3])
    for n, way in enumerate([*WAYS, *WAYS])
]
EACH = list(product(WAYS, RECIPES, SERVERS, DATABASES))


@pytest.fixture(scope="session")
def expected(text):
    """Ten lines of plain Python, for each recipe."""
    words, index = Counter(), {}
    for path in sorted(text.glob("*.txt")):
        offset = 0
        for line in path.read_bytes().split(b"\n"):
            for word in re.findall(r"[a-z']+", line.decode().lower()):
                words[word] += 1
                index.setdefault(word, set()).add(f"{path.name}:{offset // 16384}")
            offset += len(line) + 1
    return {"words": dict(words), "index": {word: sorted(found) for word, found in index.items()}}


def here(program):
    """Whether a program is installed; in CI it must be."""
    if shutil.which(program) or (program == "chromium" and shutil.which("chromium-browser")):
        return True
    assert not os.environ.get("CI"), f"{program} is not installed"
    return False


def carried(job, cwd, start):
    """Let the drivers carry the job to its end; return their exit codes, None for a browser."""
    begun = []
    for number, way in enumerate(start):
        folder = cwd / f"{way.__name__}{number}"
        folder.mkdir()
        begun.append((way, way(job, folder)))
    try:
        deadline = time.monotonic() + 300
        while fetched(job["status"])["state"] == "running":
            assert time.monotonic() < deadline, fetched(job["status"])
            time.sleep(0.1)
        return [None if way is browser else process.wait(60) for way, process in begun]
    finally:
        for _, process in begun:
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    ("way", "recipe", "server", "database_url"),
    EACH if FULL else IN_TURN,
    indirect=["database_url"],
)
def test_the_answer_is_the_same(site, expected, tmp_path, way, recipe, server, database_url):
    start = [driver for driver in WAYS[way] if driver not in NEEDS or here(NEEDS[driver])]
    if not start:
        pytest.skip(f"{NEEDS[WAYS[way][0]]} is not installed")
    job = site(server, database_url).begin(recipe)
    codes = carried(job, tmp_path, start)
    status = fetched(job["status"])
    assert status["state"] == "done", status
    assert not any(codes), codes
    assert rows(job) == expected[recipe]
    if recipe == "words":
        lines = status["counters"]["lines"]
        assert status["records"] == lines > 1000


@pytest.mark.parametrize("database_url", DATABASES, indirect=True)
def test_in_two_processes_without_http(expected, database_url, tmp_path, text):
    """`httpmr run -j 2` prints the same, as key and value in key order."""
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HTTPMR_STORY_STORE": database_url,
        "HTTPMR_STORY_TEXT": str(text / "*.txt"),
    }
    target = str(ROOT / "tests" / "stories" / "story_site.py") + ":words"
    command = [sys.executable, "-m", "httpmr", "run", target, "-j", "2"]
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    printed = [line.split("\t") for line in done.stdout.splitlines()]
    assert {word: int(count) for word, count in printed} == expected["words"]
    assert printed == sorted(printed)


@pytest.mark.parametrize("way", [wget_r, wget_chain])
def test_wget_exits_8_on_a_job_that_failed(site, tmp_path, way):
    if not here("wget"):
        pytest.skip("wget is not installed")
    job = site().begin("fussy")
    assert carried(job, tmp_path, [way]) == [8]
    assert fetched(job["status"])["state"] == "paused"
