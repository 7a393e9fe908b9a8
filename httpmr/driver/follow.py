"""The drive: threads that post `J/step` until the job ends, and one that listens to them.

A lane is a thread with a connection of its own. Lanes share nothing but the news they send to
the caller's thread, which alone decides. They are daemons: whoever interrupts the drive waits for
none of them, and what they were at is done again by whoever drives the job next.
"""

import contextlib
import queue
import random
import threading
import time
from collections.abc import Callable

from httpmr.budget import Clock
from httpmr.driver.asking import Asker, Chance, Contact, Over, Said
from httpmr.driver.links import Link, parse
from httpmr.errors import DriverError

LOOK = 0.5  # seconds between two looks at the whole status
POLL = 0.1  # and between two looks at `stop`

News = queue.SimpleQueue[Said | BaseException]
"""What was learned, or the error that ends the drive."""


def drive(
    url: str,
    lanes: int = 1,
    *,
    progress: Callable[[Said], object] | None = None,
    stop: threading.Event | None = None,
    timeout: float = 120.0,
    patience: float = 60.0,
    keep_alive: bool = True,
    sleep: Callable[[float], object] | None = None,
    clock: Clock = time.monotonic,
    rng: Chance = random,
) -> Said:
    """Carry a job to its end; return its last status, as `J/status` gives it.

    `url` is any link of the job (`J/`, `J/drive`, `J/chain`, `J/status`, ...), or a start link.
    A job that is paused, failed or cancelled ends the drive too: see `status["state"]`.

    `progress(status)` is called now and then, in this thread; `status["trouble"]` says in one
    line why the server does not answer, or is None. `stop`, a threading.Event, ends the drive
    early, with what is known by then. A request may take `timeout` seconds. Raises Unreachable
    after `patience` seconds without any answer (10 at most before the first), and DriverError for
    what no further try can mend. With `keep_alive=False` each request has a connection of its own,
    for servers that share out connections among processes. `sleep`, `clock` and `rng` are for
    tests.
    """
    ended = threading.Event()
    news: News = queue.SimpleQueue()
    known: Said = {"state": "running"}

    def learn(new: Said) -> None:
        same = new.get("job", known.get("job")) == known.get("job")  # not the next of a pipeline
        if same and new.get("progress", 1) < known.get("progress", 0):
            new = {k: v for k, v in new.items() if k not in ("phase", "progress")}  # overtaken
        known.update({"trouble": None} | new)
        if progress is not None:
            progress(dict(known))

    def over() -> bool:
        return ended.is_set() or (stop is not None and stop.is_set())

    contact = Contact(patience, timeout, over, learn, sleep or ended.wait, clock, rng, keep_alive)
    try:
        with contextlib.closing(Asker(parse(url), contact)) as first:
            learn(first.find())
        contact.tell = news.put
        for _ in range(max(1, lanes) if known["state"] == "running" else 0):
            lane = (first.link, contact, news)
            threading.Thread(target=_lane, args=lane, daemon=True).start()
        while known["state"] == "running" and not over():
            with contextlib.suppress(queue.Empty):
                new = news.get(timeout=POLL)
                if isinstance(new, BaseException):
                    raise new
                learn(new)
    except Over:
        pass
    finally:
        ended.set()
    return {name: value for name, value in known.items() if name != "trouble"}


def status(url: str, *, timeout: float = 30.0, patience: float = 5.0) -> Said:
    """Return the status of the job that `url` is a link of. Raises as `drive` does."""
    link = parse(url)
    if link.starts:
        raise DriverError("a start link names no job yet: drive it, or give a job's link")
    never = threading.Event()
    contact = Contact(
        patience, timeout, never.is_set, lambda _: None, never.wait, time.monotonic, random
    )
    with contextlib.closing(Asker(link, contact)) as asker:
        return asker.find()


def _lane(link: Link, contact: Contact, news: News) -> None:
    """Do slices until the drive is over; send what is learned, or the error that ends it."""
    try:
        with contextlib.closing(Asker(link, contact)) as asker:
            _follow(asker, contact)
    except Over:
        pass
    except BaseException as error:
        news.put(error)


def _follow(asker: Asker, contact: Contact) -> None:
    idle = 0
    look = contact.clock() + LOOK
    while True:
        code, said = asker.ask("POST", "step")
        if code == 202:
            idle = 0 if said.get("did") == "slice" else idle + 1
            contact.tell({name: said[name] for name in ("phase", "progress") if name in said})
            if contact.clock() >= look:
                contact.tell(asker.find())
                look = contact.clock() + LOOK
        else:
            # If someone resumed it meanwhile, this says so, and the drive goes on.
            idle += 1
            contact.tell(_last(asker, said))
        if idle:
            contact.pause(idle, 0.1, 2.0)


def _last(asker: Asker, said: Said) -> Said:
    """Return the status of a job that ended; `said` of it, if it is deleted already."""
    try:
        return asker.find()
    except DriverError:
        return {"state": said["state"]}
