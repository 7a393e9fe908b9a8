"""What a replica asks of the primary, over HTTP: its state at one address, its data at others.

Bodies and answers are `codec`'s bytes, so that nothing is unpickled and no code crosses; they are
bounded. What is not as a replica sends it is 400, a lease that is lost 409, a wrong token 404.
"""

from collections.abc import Callable

from webob import exc

from httpmr import codec
from httpmr.errors import Damaged, UserCodeError
from httpmr.jobs.primary import Primary
from httpmr.jobs.wire import MOST_BYTES, Malformed
from httpmr.state import Plain
from httpmr.web import body, pages
from httpmr.web.visit import Visit

LIMITS = {"status": 64 * 1024, "claim": 64 * 1024, "read": 512 * 1024, "commit": MOST_BYTES}
"""Bytes of a body."""

TYPE = "application/octet-stream"

_VERBS: dict[str, Callable[[Primary, Plain], Plain]] = {
    "status": Primary.status,
    "claim": Primary.claim,
    "read": lambda primary, said: primary.read(
        said.get("lease"), said.get("what"), said.get("args")
    ),
    "commit": lambda primary, said: primary.commit(said.get("lease"), said.get("outcome")),
}


def replica(visit: Visit, token: str, replica: str, verb: str) -> pages.Answer:
    """Answer the replica of that name."""
    generation = visit.work.links.generation("replica")
    if not visit.tokens.holds(token, "replica", generation):
        raise exc.HTTPNotFound("no such replica's link here, or it has been revoked")
    said = _said(body.read(visit.request.environ, LIMITS[verb]))
    try:
        answer = _VERBS[verb](Primary(visit.work, replica), said)
    except Malformed as error:
        raise exc.HTTPBadRequest(str(error)) from None
    recipe = {"recipe": visit.master.recipe.name}
    return pages.Answer(codec.dumps(answer | recipe), content_type=TYPE)


def _said(raw: bytes) -> Plain:
    try:
        said = codec.loads(raw)
    except (Damaged, UserCodeError) as error:
        raise exc.HTTPBadRequest(f"the body is not what a replica sends: {error}") from None
    if type(said) is not dict:
        raise exc.HTTPBadRequest("the body is not what a replica sends: it must be a dict")
    return said
