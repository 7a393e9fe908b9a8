"""A store in Redis: a hash of the values, and a sorted set of the keys, in byte order.

It is as durable as the server is told to be: with `appendonly yes` and `appendfsync always` what is
committed is on its disk. A commit is one script, which Redis runs alone and to its end.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from httpmr.errors import Conflict, RecipeError, StoreFull, Unavailable, Uncertain
from httpmr.interfaces import Batch, OrderedStore
from httpmr.stores.limits import check

PAGE = 100

_ABSENT = b"-"
_PRESENT = b"+"  # and then the value

# KEYS: the hash and the sorted set. ARGV: how many are expected, deleted and put, then each
# expected key and what it must hold, each deleted key, each key and value to put.
_COMMIT = """
local expected, deleted, put = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local at = 4
for _ = 1, expected do
  local held = redis.call('HGET', KEYS[1], ARGV[at])
  if (held and '+' .. held or '-') ~= ARGV[at + 1] then return ARGV[at] end
  at = at + 2
end
for _ = 1, deleted do
  redis.call('HDEL', KEYS[1], ARGV[at])
  redis.call('ZREM', KEYS[2], ARGV[at])
  at = at + 1
end
for _ = 1, put do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  redis.call('ZADD', KEYS[2], 0, ARGV[at])
  at = at + 2
end
return false
"""

# A page of keys and values that belong together. ARGV: the command, its two ends, how many.
_PAGE = """
local keys = redis.call(ARGV[1], KEYS[2], ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
if #keys == 0 then return {{}, {}} end
return {keys, redis.call('HMGET', KEYS[1], unpack(keys))}
"""


class RedisStore(OrderedStore):
    """An ordered map under two keys of a Redis server, `{prefix}:values` and `{prefix}:keys`.

    `url` is as redis://host:6379/0?prefix=httpmr; the rest of its query is redis-py's. Nothing is
    ever evicted if the server is told so: `maxmemory-policy noeviction`, as it is by default.
    """

    def __init__(self, url: str, prefix: str = "httpmr") -> None:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        prefix = options.pop("prefix", prefix)
        query = "&".join(f"{name}={value}" for name, value in options.items())
        try:
            # What was sent may have been done: it is never sent again unasked.
            self._client = redis.Redis.from_url(
                urlunsplit(parts._replace(query=query)),
                **{"socket_timeout": 30.0, "socket_connect_timeout": 5.0} | options,
                retry=Retry(NoBackoff(), 0),
            )
        except (ValueError, TypeError) as error:
            message = f"no store at {parts.hostname}: {error}; a URL is as redis://host:6379/0"
            raise RecipeError(message) from None
        self._where = f"{parts.hostname or 'localhost'}:{parts.port or 6379}{parts.path}"
        self._keys = [f"{{{prefix}}}:values", f"{{{prefix}}}:keys"]
        self._page = self._client.register_script(_PAGE)
        self._commit = self._client.register_script(_COMMIT)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        if not keys:
            return {}
        values = self._asked(lambda: self._client.hmget(self._keys[0], list(keys)))
        return {key: it for key, it in zip(keys, values, strict=True) if it is not None}

    def scan(
        self, start: bytes, stop: bytes, *, limit: int | None = None, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        low, high = b"[" + start, b"(" + stop
        while start < stop and limit != 0:
            size = PAGE if limit is None else min(limit, PAGE)
            ends: list[str | bytes] = (
                ["ZREVRANGEBYLEX", high, low] if reverse else ["ZRANGEBYLEX", low, high]
            )
            keys, values = self._asked(partial(self._page, self._keys, (*ends, size)))
            yield from zip(keys, values, strict=True)
            if len(keys) < size:
                return
            limit = None if limit is None else limit - size
            low, high = (low, b"(" + keys[-1]) if reverse else (b"(" + keys[-1], high)

    def commit(self, batch: Batch) -> None:
        check(batch)
        deletes = batch.deletes - batch.puts.keys()
        args: list[int | bytes] = [len(batch.expected), len(deletes), len(batch.puts)]
        for key, value in batch.expected.items():
            args += [key, _ABSENT if value is None else _PRESENT + value]
        args += deletes
        for pair in batch.puts.items():
            args += pair
        self._asked(self._client.ping)  # a connection that died meanwhile is found before
        found = self._asked(lambda: self._commit(self._keys, args), in_commit=True)
        if found is not None:
            raise Conflict(f"{found!r} is not as expected", key=found)

    def now(self) -> float:
        seconds, micros = self._asked(self._client.time)
        return float(seconds + micros / 1e6)

    def _asked(self, ask: Callable[[], Any], in_commit: bool = False) -> Any:
        try:
            return ask()
        except (redis.ConnectionError, redis.TimeoutError) as error:
            if in_commit:
                message = "the connection to Redis was lost in a commit: read again"
                raise Uncertain(message) from error
            raise Unavailable(f"Redis at {self._where} does not answer: {error}") from error
        except redis.ResponseError as error:
            # A script is stopped by these before its first write, or not at all.
            if isinstance(error, redis.OutOfMemoryError) or str(error).startswith("MISCONF"):
                raise StoreFull(
                    f"Redis has no room left (maxmemory, or the disk): {error}"
                ) from error
            raise Unavailable(f"Redis at {self._where} refuses: {error}") from error

    def forked(self) -> None:
        self._client.connection_pool.reset()

    def close(self) -> None:
        self._client.close()

    def __repr__(self) -> str:
        return f"RedisStore('redis://{self._where}')"
