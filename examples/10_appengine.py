"""A word count on App Engine: entities in, entities out, and the job in the same datastore.

Beside it: requirements.txt with httpmr[appengine] and gunicorn, and app.yaml with
runtime: python312, app_engine_apis: true, entrypoint: gunicorn -b :$PORT 10_appengine:app
"""

import re

from google.appengine.api import users, wrap_wsgi_app
from google.appengine.ext import ndb

import httpmr
from httpmr import reducers, sinks, sources


class Message(ndb.Model):
    """What your application already has: many small entities."""

    text = ndb.TextProperty()


class WordCount(ndb.Model):
    """What it gets: an entity for each word, with the word as its id."""

    count = ndb.IntegerProperty()


def words(path, message):
    for word in re.findall(r"[a-z']+", message.text.lower()):
        yield word, 1


def administrator(request):
    """Let the administrators of the application start jobs."""
    return users.get_current_user().email() if users.is_current_user_admin() else None


wordcount = httpmr.Master(
    "wordcount",
    source=sources.AppEngineSource(Message),
    mapper=words,
    reducer=reducers.Sum(),
    sink=sinks.AppEngineSink(WordCount, value="count"),
    store="appengine:",
    authorize=administrator,
)

app = wrap_wsgi_app(wordcount)
