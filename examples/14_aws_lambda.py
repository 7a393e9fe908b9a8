"""The word count as a function on AWS Lambda, behind API Gateway or a function URL.

Handler: 14_aws_lambda.handler. Timeout: 30 seconds. DATABASE_URL names PostgreSQL or MariaDB:
the disk of a function is its own and goes with it, so the store is elsewhere.

    DATABASE_URL=... httpmr link 14_aws_lambda.py operate --base https://YOUR.FUNCTION
"""

import os
import re
from pathlib import Path

import httpmr
from httpmr import reducers, sources
from httpmr.contrib import aws

TEXTS = Path(__file__).with_name("texts")


def words(key, line):
    for word in re.findall(r"[a-z']+", line.lower()):
        yield word, 1


wordcount = httpmr.Master(
    "wordcount",
    source=sources.TextFiles(TEXTS / "*.txt"),
    mapper=words,
    reducer=reducers.Sum(),
    store=os.environ["DATABASE_URL"],
    slice_seconds=10,  # of the 30 that API Gateway waits
)

handler = aws.handler(wordcount)
