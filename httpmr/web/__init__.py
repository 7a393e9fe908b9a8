"""httpmr over HTTP: the Master, a WSGI application, and who may ask it for what."""

from httpmr.web.master import Master
from httpmr.web.pipeline import Pipeline
from httpmr.web.security import allow_local
from httpmr.web.site import Site

__all__ = ["Master", "Pipeline", "Site", "allow_local"]
