"""The word count at /wordcount/ of a Django project, here in one file.

    python examples/07_django.py, then open http://127.0.0.1:8000/wordcount/

`csrf_exempt`, because the Master checks its forms itself.
"""

import re
from pathlib import Path
from wsgiref.simple_server import make_server

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

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


@csrf_exempt
def mapreduce(request):
    answer = wordcount.map_reduce(request, at="/wordcount")
    return StreamingHttpResponse(
        answer.app_iter, status=answer.status_code, headers=dict(answer.headerlist)
    )


def home(request):
    return HttpResponse("Words are counted at /wordcount/")


urlpatterns = [path("", home), re_path("^wordcount(?:/|$)", mapreduce)]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1", "localhost"])
app = get_wsgi_application()

if __name__ == "__main__":
    with make_server("127.0.0.1", 8000, app) as server:
        server.serve_forever()
