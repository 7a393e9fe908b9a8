"""The word count at /wordcount/ of a plain WSGI application: nothing but the standard library.

python examples/09_wsgiref.py, then open http://127.0.0.1:8000/wordcount/
"""

import re
from pathlib import Path
from wsgiref.simple_server import make_server
from wsgiref.util import shift_path_info

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
    store="sqlite:///wordcount.db",
    authorize=httpmr.allow_local,
)


def app(environ, start_response):
    if shift_path_info(environ) == "wordcount":
        return wordcount(environ, start_response)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Words are counted at /wordcount/"]


if __name__ == "__main__":
    with make_server("127.0.0.1", 8000, app) as server:
        server.serve_forever()
