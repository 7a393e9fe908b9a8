"""What can be mounted: a WSGI application that a handler of a framework can also call."""

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from webob import exc

from httpmr.web import pages
from httpmr.web.visit import moved


class Mounted:
    """Serves by `answer(environ)`, which returns a webob.Response whatever it is asked."""

    def answer(self, environ: WSGIEnvironment) -> pages.Answer:
        """Answer one request."""
        raise NotImplementedError(f"{type(self).__name__} needs a method answer(environ)")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answered: Iterable[bytes] = self.answer(environ)(environ, start_response)
        return answered

    def map_reduce(self, request: Any, at: str = "") -> pages.Answer:
        """Serve one request, anything with an `environ`, from inside another handler.

        `at` is the part of the path that belongs to the mount. Returns a webob.Response;
        `authorize` finds the handler's own request in environ["httpmr.request"].
        """
        try:
            environ = moved(request.environ, at)
        except exc.HTTPNotFound as error:
            return pages.refusal(404, error.detail, "person", "")
        environ["httpmr.request"] = request
        return self.answer(environ)
