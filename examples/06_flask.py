"""The word count at /wordcount/ of a Flask application.

    python examples/06_flask.py, then open http://127.0.0.1:8000/wordcount/

Flask's own `before_request` does not see what is mounted so: `authorize` decides who may come in.
"""

import re
from pathlib import Path

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

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

app = Flask(__name__)
app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/wordcount": wordcount})


@app.get("/")
def home():
    return "Words are counted at /wordcount/"


if __name__ == "__main__":
    app.run(port=8000)
