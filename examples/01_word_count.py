"""Count the words of some text files.

httpmr run examples/01_word_count.py          the whole job, here
httpmr serve examples/01_word_count.py        over HTTP: open the link it prints
"""

import re
from pathlib import Path

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


if __name__ == "__main__":
    job = wordcount.run()
    for word, count in sorted(job.output(), key=lambda pair: -pair[1])[:10]:
        print(f"{count:4} {word}")
