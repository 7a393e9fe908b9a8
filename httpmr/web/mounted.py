"""What can be mounted: a WSGI application that a handler of a framework can also call."""

from webob import exc

from httpmr.web import pages
from httpmr.web.visit import moved


class Mounted:
    """Serves by `answer(environ)`, which returns a webob.Response whatever it is asked."""

    def __call__(self, environ, start_response):
        return self.answer(environ)(environ, start_response)

    def map_reduce(self, request, at=""):
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
