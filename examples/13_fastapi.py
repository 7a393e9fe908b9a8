"""The word count at /wordcount/ of a FastAPI application, for those who are logged in there.

pip install fastapi a2wsgi itsdangerous uvicorn
python examples/13_fastapi.py, then open http://127.0.0.1:8000/login
"""

import re
from pathlib import Path

from a2wsgi import WSGIMiddleware
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse
from starlette.middleware.sessions import SessionMiddleware

import httpmr
from httpmr import reducers, sources

TEXTS = Path(__file__).with_name("texts")


def words(key, line):
    for word in re.findall(r"[a-z']+", line.lower()):
        yield word, 1


def staff(request):
    return request.environ["asgi.scope"]["session"].get("user")


wordcount = httpmr.Master(
    "wordcount",
    source=sources.TextFiles(TEXTS / "*.txt"),
    mapper=words,
    reducer=reducers.Sum(),
    store="sqlite:///wordcount.db",
    authorize=staff,
)

app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key="your own")
app.mount("/wordcount", WSGIMiddleware(wordcount))


@app.get("/")
async def home():
    return "Words are counted at /wordcount/"


@app.get("/login")
async def login(request: Request):  # yours asks for a password
    request.session["user"] = "ann"
    return RedirectResponse("/wordcount/")


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, port=8000)
