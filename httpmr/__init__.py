"""MapReduce for people who have a web application and nothing else.

A Master is a WSGI application. Each request to it does one bounded slice of a job and answers
with the way to the next, so that anything that speaks HTTP carries the job to its end.
"""

# The ready-made parts
from httpmr import mappers, partitioners, reducers, sinks, sources, stores

# Inside user code
from httpmr.counters import count

# What can go wrong
from httpmr.errors import HttpmrError

# What users write
from httpmr.interfaces import Mapper, OrderedStore, Partitioner, Reducer, Sink, Source

# What they mount, and what it gives them
from httpmr.jobs import Job
from httpmr.uploads import Uploads
from httpmr.web import Master, Pipeline, Site, allow_local
from httpmr.webhook import Webhook

__version__ = "0.1.0"

__all__ = [
    "HttpmrError",
    "Job",
    "Mapper",
    "Master",
    "OrderedStore",
    "Partitioner",
    "Pipeline",
    "Reducer",
    "Sink",
    "Site",
    "Source",
    "Uploads",
    "Webhook",
    "allow_local",
    "count",
    "mappers",
    "partitioners",
    "reducers",
    "sinks",
    "sources",
    "stores",
]
