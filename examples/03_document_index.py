"""Index documents, as the first HTTPMR did: from each token to the titles that it occurs in.

httpmr run examples/03_document_index.py
"""

import re
from pathlib import Path

import httpmr
from httpmr import sources

TEXTS = Path(__file__).with_name("texts").glob("*.txt")


class Tokens(httpmr.Mapper):
    """A document's tokens, each with the document's title."""

    def map(self, title, text):
        for token in set(re.findall(r"\w+", text.lower())):
            yield token, title


class Titles(httpmr.Reducer):
    """A token's titles, in order."""

    def reduce(self, token, titles):
        yield token, sorted(titles)


index = httpmr.Master(
    "index",
    source=sources.Memory({path.stem: path.read_text() for path in TEXTS}),
    mapper=Tokens(),
    reducer=Titles(),
    store="sqlite:///index.db",
    authorize=httpmr.allow_local,
)


if __name__ == "__main__":
    job = index.run()
    for token in ("hand", "dead", "summer"):
        for titles in job.get(token):
            print(f"{token}: {', '.join(titles)}")
