"""The word count at /wordcount/ of a Starlette application; FastAPI mounts it by the same line.

pip install starlette a2wsgi uvicorn
python examples/08_starlette.py, then open http://127.0.0.1:8000/wordcount/
"""

import re
from pathlib import Path

from a2wsgi import WSGIMiddleware
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

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


def home(request):
    return PlainTextResponse("Words are counted at /wordcount/")


app = Starlette(routes=[Route("/", home), Mount("/wordcount", WSGIMiddleware(wordcount))])

if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, port=8000)
