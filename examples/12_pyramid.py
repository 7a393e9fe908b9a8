"""The word count at /wordcount/ of a Pyramid application, for those who are logged in there.

pip install pyramid waitress
python examples/12_pyramid.py, then open http://127.0.0.1:8000/login
"""

import re
from pathlib import Path

from pyramid.authentication import SessionAuthenticationHelper
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPFound
from pyramid.session import SignedCookieSessionFactory

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
    authorize=lambda request: request.environ["httpmr.request"].authenticated_userid,
)


def login(request):  # yours asks for a password
    security.remember(request, "ann")
    return HTTPFound("/wordcount/")


def mapreduce(request):
    return wordcount.map_reduce(request, at="/wordcount")


security = SessionAuthenticationHelper()  # your own policy looks users up

with Configurator(session_factory=SignedCookieSessionFactory("your own")) as config:
    config.set_security_policy(security)
    config.set_default_csrf_options(require_csrf=True)
    config.add_route("login", "/login")
    config.add_view(login, route_name="login")
    config.add_route("wordcount", "/wordcount*path")
    # The Master checks its forms itself.
    config.add_view(mapreduce, route_name="wordcount", require_csrf=False)
    app = config.make_wsgi_app()

if __name__ == "__main__":
    import waitress

    waitress.serve(app, listen="127.0.0.1:8000")
