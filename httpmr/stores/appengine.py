"""A store in App Engine's datastore: an entity for each key, all of them in one entity group.

A datastore that has entity groups takes a transaction over 25 of them, and a batch may have 400
keys: so that any batch is one transaction, they share an ancestor. What knows of no groups (any
Firestore in Datastore mode, unless its concurrency is "optimistic with entity groups") takes the
same transactions, and lets those that touch different keys commit at once.
"""

import os
import random
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from httpmr.errors import Conflict, RecipeError, Unavailable
from httpmr.interfaces import KEY_BYTES, Batch, OrderedStore
from httpmr.stores.limits import check
from httpmr.trouble import meaning

try:
    from google.appengine.api import datastore, datastore_errors
    from google.appengine.api.datastore_types import Blob, Key
    from google.appengine.datastore.datastore_rpc import TransactionOptions
    from google.appengine.runtime import apiproxy_errors
except ModuleNotFoundError as error:
    message = f'AppEngineStore needs App Engine\'s SDK ({error}): pip install "httpmr[appengine]"'
    raise RecipeError(message) from error

Found = TypeVar("Found")
Page = list[tuple[bytes, bytes]]

# The kind of the common ancestor, which is not there itself, and of the entries.
ROOT, KIND = "HttpmrStore", "HttpmrEntry"

# Pages of a scan begin small, for values may be large, and grow while they are not.
FIRST_PAGE, LAST_PAGE, PAGE_BYTES = 16, 256, 1024 * 1024

KEYS_PAGE = 1000

# How often and how long a batch that collides with another is tried.
ATTEMPTS, PATIENCE, PAUSE, LONGEST_PAUSE = 12, 10.0, 0.02, 1.0

_ERRORS = (datastore_errors.Error, apiproxy_errors.Error)

# A key is the name of its entity: text, of 1 to 1,500 bytes. In base 64, of digits that are in
# order and none of which is an underscore, the longest has 1,366, and sorts as it did.
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_ORDERED = bytes(sorted(set(_BASE64) - set(b"+/") | set(b"-.")))
_TO, _FROM = bytes.maketrans(_BASE64, _ORDERED), bytes.maketrans(_ORDERED, _BASE64)
_FIRST = "k"  # so that the empty key has a name, too


class AppEngineStore(OrderedStore):
    """An ordered map in the datastore of an App Engine application, by its bundled services.

    Stores of different `name` or `namespace` have nothing in common. Transactions, ancestor
    queries and lookups by key are all it does, so all it reads is consistent; no index has to be
    declared, and neither memcache nor ndb's caches are asked.

    Its limits are inside those of the datastore: an entity has 1 MiB less 4 bytes, a key's name
    1,500 bytes, a transaction 10 MiB (and 500 entities, where an older limit is held). With
    "optimistic with entity groups", as databases have that were once Cloud Datastore, an entity
    group takes about one commit a second for long: there, few lanes and long slices go best.
    A commit that collides with another is tried again, for some seconds at most.

    The datastore tells no time, so the clock is the machine's own; Google keeps those together,
    and nothing but how long a lease lasts hangs on it. A reverse scan first reads all keys of
    its range, as there is no index for it; httpmr asks for one only where there are few.
    """

    def __init__(
        self,
        name: str = "httpmr",
        namespace: str = "",
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        rng: Callable[[], float] = random.random,
    ) -> None:
        if not (isinstance(name, str) and name and isinstance(namespace, str)):
            raise RecipeError(f"AppEngineStore takes its name, as 'httpmr', not {name!r:.80}")
        self.name, self.namespace = name, namespace
        self._clock, self._monotonic, self._sleep, self._rng = clock, monotonic, sleep, rng

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        wanted = list(dict.fromkeys(keys))
        if len(wanted) < 2:  # one lookup is one moment
            return _asked(lambda: self._get(wanted))
        read = datastore.RunInReadOnlyTransaction
        return self._persist(lambda: _asked(lambda: read(lambda: self._get(wanted))))

    def _get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        return {key: bytes(entity["value"]) for key, entity in self._found(keys).items()}

    def _found(self, keys: Sequence[bytes]) -> dict[bytes, datastore.Entity]:
        if not keys:
            return {}
        entities = datastore.Get([self._key(key) for key in keys])
        return {key: it for key, it in zip(keys, entities, strict=True) if it is not None}

    def scan(
        self, start: bytes, stop: bytes, *, limit: int | None = None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        pages = self._downwards if reverse else self._upwards
        if start < stop and limit != 0:
            for page in pages(start, stop, limit):
                yield from page

    def _upwards(self, start: bytes, stop: bytes, limit: int | None) -> Iterator[Page]:
        size = FIRST_PAGE
        while True:
            asked = size if limit is None else min(size, limit)
            found = self._range(start, stop, asked)
            page = [(_bytes(it.key()), bytes(it["value"])) for it in found]
            yield page
            if limit is not None:
                limit -= asked
            if len(page) < asked or limit == 0:
                return
            start = page[-1][0] + b"\0"
            size = _next(size, page)

    def _downwards(self, start: bytes, stop: bytes, limit: int | None) -> Iterator[Page]:
        keys: list[bytes] = []
        while len(found := self._range(start, stop, KEYS_PAGE, keys_only=True)) == KEYS_PAGE:
            keys += map(_bytes, found)
            start = keys[-1] + b"\0"
        keys += map(_bytes, found)
        size = FIRST_PAGE
        while keys and limit != 0:
            size = size if limit is None else min(size, limit)
            some = keys[-size:][::-1]
            del keys[-size:]
            held = _asked(lambda: self._get(some))  # noqa: B023
            page = [(key, held[key]) for key in some if key in held]  # or is gone by now
            yield page
            limit = None if limit is None else limit - len(page)
            size = _next(size, page)

    def _range(self, start: bytes, stop: bytes, size: int, keys_only: bool = False) -> list[Any]:
        query = datastore.Query(KIND, namespace=self.namespace, keys_only=keys_only)
        query.Ancestor(self._root())
        query["__key__ >="], query["__key__ <"] = self._key(start), self._key(stop)
        return _asked(lambda: list(query.Run(limit=size, batch_size=size)))

    def commit(self, batch: Batch) -> None:
        check(batch)
        if batch.expected or batch.entries:
            # A commit may take effect and be told as a collision all the same. By this mark on
            # all it puts the next attempt sees that it did.
            mark = Blob(os.urandom(8))
            tried = iter((False, *[True] * ATTEMPTS))
            self._persist(lambda: self._commit(batch, mark, next(tried)))

    def _commit(self, batch: Batch, mark: bytes, tried: bool) -> None:
        sent = False

        def act() -> None:
            nonlocal sent
            held = self._get([*batch.expected])
            for key, value in batch.expected.items():
                if held.get(key) != value:
                    if tried and self._marked(batch, mark):
                        return
                    raise Conflict(f"{key!r} is not as expected", key=key)
            if gone := batch.deletes - batch.puts.keys():
                datastore.Delete([self._key(key) for key in gone])
            if batch.puts:
                datastore.Put([self._entity(key, it, mark) for key, it in batch.puts.items()])
            sent = True

        try:
            datastore.RunInTransactionOptions(TransactionOptions(retries=0), act)
        except datastore_errors.CommittedButStillApplying:
            pass  # whatever reads the entity group sees it
        except _ERRORS as error:
            raise _meaning(error, in_commit=sent) from error

    def _marked(self, batch: Batch, mark: bytes) -> bool:
        return any(entity["mark"] == mark for entity in self._found([*batch.puts]).values())

    def now(self) -> float:
        return self._clock()

    def _persist(self, action: Callable[[], Found]) -> Found:
        """Do it again, after a pause of random length, while it collides with others."""
        deadline = self._monotonic() + PATIENCE
        for attempt in range(ATTEMPTS):
            try:
                return action()
            except Unavailable as error:
                last = attempt == ATTEMPTS - 1 or self._monotonic() >= deadline
                if last or not error.evidence.get("retry"):
                    raise
            self._sleep(self._rng() * min(PAUSE * 2**attempt, LONGEST_PAUSE))
        raise AssertionError("the last attempt returns or raises")

    # Entities

    def _root(self) -> Key:
        return Key.from_path(ROOT, self.name, namespace=self.namespace)

    def _key(self, key: bytes) -> Key:
        return Key.from_path(KIND, _name(key), parent=self._root())

    def _entity(self, key: bytes, value: bytes, mark: bytes) -> datastore.Entity:
        entity = datastore.Entity(KIND, name=_name(key), parent=self._root())
        entity["value"], entity["mark"] = Blob(value), mark
        return entity

    def __repr__(self) -> str:
        within = f", namespace={self.namespace!r}" if self.namespace else ""
        return f"AppEngineStore({self.name!r}{within})"


def _name(key: bytes) -> str:
    # No entry's key is longer than KEY_BYTES, so that a longer end of a range may be cut.
    digits = b64encode(key[: KEY_BYTES + 1]).rstrip(b"=").translate(_TO)
    return _FIRST + digits.decode()


def _bytes(key: Key) -> bytes:
    digits = key.name().removeprefix(_FIRST).encode().translate(_FROM)
    return b64decode(digits + b"=" * (-len(digits) % 4))


def _next(size: int, page: Page) -> int:
    """Return how large the page after this one should be."""
    mean = sum(len(value) for _, value in page) // max(1, len(page))
    return max(1, min(4 * size, LAST_PAGE, PAGE_BYTES // max(mean, 1)))


def _asked(ask: Callable[[], Found]) -> Found:
    try:
        return ask()
    except _ERRORS as error:
        raise _meaning(error) from error


def _meaning(error: Exception, in_commit: bool = False) -> Exception:
    if isinstance(error, datastore_errors.BadRequestError):  # as where a transaction is too old
        return Unavailable(f"the datastore refuses: {error}")
    return meaning(error, lost=False, in_commit=in_commit) or error
