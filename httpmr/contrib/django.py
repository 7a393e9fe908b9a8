"""httpmr in a Django site: where it is mounted, and who may come in.

    from django.urls import include, path
    from httpmr.contrib.django import staff, urls

    urlpatterns = [path("wordcount/", include(urls(wordcount)))]

What jobs read, write and are kept in is for `sources.DjangoQuerySet`, `sinks.DjangoModel` and
`store="django:"`.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import URLPattern, re_path
from django.utils.functional import SimpleLazyObject
from django.views.decorators.csrf import csrf_exempt

from httpmr.errors import RecipeError
from httpmr.web.mounted import Mounted
from httpmr.web.visit import moved


def urls(mounted: Mounted) -> list[URLPattern]:
    """Return the patterns that serve a Master, or a Site, for `path("name/", include(...))`.

    The view is exempt from Django's CSRF check, for the Master checks its forms itself, also
    without Django's middleware; from LoginRequiredMiddleware, for drivers have links and no login;
    and from ATOMIC_REQUESTS, for a slice is a transaction of its own. It serves WSGI and ASGI.
    """
    if not isinstance(mounted, Mounted):
        raise RecipeError(f"urls() takes a Master or a Site, not {mounted!r:.80}")

    def view(request: HttpRequest, httpmr_path: str, **_: Any) -> HttpResponseBase:
        environ = moved(_environ(request), request.path_info.removesuffix(httpmr_path))
        environ["httpmr.request"] = request
        return _response(mounted.answer(environ), request)

    exempt: Any = csrf_exempt(view)
    exempt.login_required = False
    # As transaction.non_atomic_requests has it, of all databases; settings may come later.
    exempt._non_atomic_requests = SimpleLazyObject(lambda: set(connections))
    return [re_path(r"^(?P<httpmr_path>.*)\Z", exempt)]


def staff(request: Any) -> Any:
    """Let in the active members of the site's staff, as its admin does: `authorize=staff`."""
    user = request.environ["httpmr.request"].user
    return user if user.is_active and user.is_staff else None


def _environ(request: HttpRequest) -> dict[str, Any]:
    """Return what WSGI says of a request, also where ASGI brought it.

    Its body is read through Django, which may have read it before.
    """
    return {**request.META, "wsgi.input": request, "wsgi.url_scheme": request.scheme}


def _response(answer: Any, request: HttpRequest) -> HttpResponseBase:
    """Return Django's response of webob's; what is long is streamed."""
    response: HttpResponse | StreamingHttpResponse
    if isinstance(answer.app_iter, (list, tuple)):
        response = HttpResponse(answer.body, status=answer.status_code)
    elif hasattr(request, "environ"):
        response = StreamingHttpResponse(answer.app_iter, status=answer.status_code)
    else:
        response = StreamingHttpResponse(_apart(answer.app_iter), status=answer.status_code)
    del response["Content-Type"]
    for name, value in answer.headerlist:
        response[name] = value
    return response


async def _apart(chunks: Any) -> AsyncIterator[bytes]:
    """Give what is read from the store in a thread, piece by piece, to an event loop."""
    pieces: Iterator[bytes] = iter(chunks)
    following = sync_to_async(lambda: next(pieces, None))
    while (piece := await following()) is not None:
        yield piece
