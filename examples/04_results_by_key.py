"""Serve results by key: the newest finished job answers while the next one is being done.

    python examples/04_results_by_key.py, then curl http://127.0.0.1:8000/word/tyger

A job's own URLs answer the same to whoever has its view link: LINK/output?key=tyger
"""

import re
from pathlib import Path
from wsgiref.simple_server import make_server

import httpmr
from httpmr import reducers, sources

TEXTS = Path(__file__).with_name("texts")


def words(key, line):
    for word in re.findall(r"[a-z']+", line.lower()):
        yield word, 1


wordcount = httpmr.Master(
    "wordcount",
    source=sources.TextFiles(TEXTS / "*.txt"),
    mapper=words,
    reducer=reducers.Sum(),
    store="sqlite:///results.db",
    authorize=httpmr.allow_local,
)


def app(environ, start_response):
    """Your application: GET /word/tyger says how often there is a tyger."""
    job = wordcount.latest()
    _, _, word = environ["PATH_INFO"].rpartition("/")
    counts = job.get(word) if job else []
    start_response("200 OK" if counts else "404 Not Found", [("Content-Type", "text/plain")])
    return [f"{word}: {counts[0] if counts else 'never'}\n".encode()]


if __name__ == "__main__":
    wordcount.run()
    with make_server("127.0.0.1", 8000, app) as server:
        server.serve_forever()
