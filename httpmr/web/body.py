"""The body and the query of a request: bounded, and malformed ones refused in one line."""

import json
from urllib.parse import parse_qsl
from wsgiref.types import WSGIEnvironment

from webob import exc

from httpmr.state import Plain

LIMIT = 64 * 1024
FIELDS = 100


def read(environ: WSGIEnvironment, limit: int = LIMIT) -> bytes:
    """Read the body of a request, whole, or refuse it with 400 or 413: at most `limit` bytes."""
    said = environ.get("CONTENT_LENGTH") or ""
    if not said:
        if environ.get("wsgi.input_terminated"):  # chunked, and the server finds its end
            return _read(environ, limit + 1, limit)
        if "HTTP_TRANSFER_ENCODING" in environ:
            raise exc.HTTPBadRequest("this server needs a Content-Length")
        return b""
    if not (said.isascii() and said.isdigit()):
        raise exc.HTTPBadRequest("Content-Length is no whole number")
    length = int(said[:20])
    if length > limit:
        raise _too_large(limit)
    body = _read(environ, length, limit)
    if len(body) < length:
        raise exc.HTTPBadRequest(
            "the body is shorter than its Content-Length; has a framework read it before?"
        )
    return body


def _read(environ: WSGIEnvironment, length: int, limit: int) -> bytes:
    try:
        body: bytes = environ["wsgi.input"].read(length)
    except Exception as error:  # each server has its own for a client that broke off
        raise exc.HTTPBadRequest(f"the body cannot be read: {error}") from None
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _too_large(limit: int) -> exc.HTTPException:
    return exc.HTTPRequestEntityTooLarge(f"a body has at most {limit:,} bytes")


def fields(raw: bytes) -> dict[str, str]:
    """Read a form's body, or a query string."""
    try:
        return dict(
            parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
        )
    except ValueError as error:
        raise exc.HTTPBadRequest(f"malformed fields: {error}") from None


def json_object(raw: bytes) -> Plain:
    """Read a body that must be a JSON object."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise exc.HTTPBadRequest(f"the body is not JSON: {error}") from None
    if type(found) is not dict:
        raise exc.HTTPBadRequest("the body must be a JSON object: {} or the job's parameters")
    return found
