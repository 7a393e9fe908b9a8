"""A web application with records that end its workers; what it serves is told by the environment.

HTTPMR_STORY_STORE is the path of the store, HTTPMR_STORY_BEGAN when the story began, and
HTTPMR_STORY_MENDED a file that is there once the code is mended; HTTPMR_STORY_POISON says which
record does what. A worker that hangs is ended, as by a host where a request takes too long (others
may take as long as a busy machine needs), and so is one that takes too much memory. The store's
clock runs fast, so that leases of seconds run out in no time.
"""

import json
import os
import resource
import signal
import time

import httpmr
from httpmr import sources, stores

BEGAN = float(os.environ["HTTPMR_STORY_BEGAN"])
MENDED = os.environ["HTTPMR_STORY_MENDED"]
TOO_LONG = 0.7  # seconds
FASTER = 25
RECORDS = 60
POISON = {int(key): fate for key, fate in json.loads(os.environ["HTTPMR_STORY_POISON"]).items()}

resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))


def mapper(key, value):
    fate = None if os.path.exists(MENDED) else POISON.get(key)
    if fate == "exit":
        os._exit(7)
    elif fate == "raise":
        raise ValueError("no six")
    elif fate == "hang":
        signal.setitimer(signal.ITIMER_REAL, TOO_LONG)  # its signal ends the process
        while True:
            time.sleep(60)
    elif fate == "memory":
        bytearray(4 << 30)
    elif fate == "kill":  # as is done where memory runs out
        os.kill(os.getpid(), signal.SIGKILL)
    httpmr.count("mapped")
    yield key % 7, key


def listed(key, values):
    yield key, list(values)


application = httpmr.Master(
    "poison",
    source=sources.Memory({n: n for n in range(RECORDS)}),
    mapper=mapper,
    reducer=listed,
    store=stores.SQLStore(
        f"sqlite:///{os.environ['HTTPMR_STORY_STORE']}",
        clock=lambda: BEGAN + (time.time() - BEGAN) * FASTER,
    ),
    num_mappers=4,
    slice_seconds=0.05,
    max_bad_records=10,
    authorize=httpmr.allow_local,
)
