"""The word count at /wordcount/ of a Django project, here in one file.

    python examples/07_django.py, then open http://127.0.0.1:8000/wordcount/

Jobs that read and write models are in docs/django.md.
"""

import re
from pathlib import Path
from wsgiref.simple_server import make_server

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import include, path

import httpmr
from httpmr import reducers, sources
from httpmr.contrib.django import urls

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
    return HttpResponse("Words are counted at /wordcount/")


urlpatterns = [path("", home), path("wordcount/", include(urls(wordcount)))]
settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)
app = get_wsgi_application()

if __name__ == "__main__":
    with make_server("127.0.0.1", 8000, app) as server:
        server.serve_forever()
