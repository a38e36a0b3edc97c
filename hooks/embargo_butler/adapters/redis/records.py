"""Redis as the services use it, through redis-py.

Reading a `WORKER:` list sets back the clock by which idle finds dead ingest pods (LRANGE does, SCAN
and OBJECT IDLETIME do not), so it is read with `CLIENT NO-TOUCH` where Redis has that (from 7.2).
Source of the keys: facts of enqueue, ingest and idle, lsst-dm/embargo-butler 1.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import AuthenticationError, ConnectionError, ResponseError, TimeoutError
from redis.exceptions import RedisError as ClientError
from redis.retry import Retry

from embargo_butler.errors import RedisError
from embargo_butler.model.ports import FileRecord, Worker
from embargo_butler.secret import Secret

FILE_RETENTION = 7 * 24 * 60 * 60
"""Seconds for which the services remember a file."""
_NOTED_SECONDS = 24 * 60 * 60
_TIMEOUT_SECONDS = 15
_BATCH = 1000
_LIST_BATCH = 10_000
_FIELDS = (
    *("recv_time", "ingest_time", "ing_fail_exc", "ing_fail_count", "md_fail_exc"),
    *("requeued", "last_fail", "alike", "went_in"),
)
_FAILURES = ("ing_fail_count", "ing_fail_exc", "md_fail_exc", "last_fail", "alike", "went_in")

# Scripts, because a night has hundreds of thousands of files, and a command for each would take the
# client ten times as long as Redis. One call is some 1,000 names, a few milliseconds of Redis.
_NOT_INGESTED = """
local found = {}
for at, name in ipairs(KEYS) do
  if redis.call('HEXISTS', name, 'ingest_time') == 0 then table.insert(found, at) end
end
return found
"""
_FAILED = """
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
local found = {}
for _, name in ipairs(page[2]) do
  local failed = redis.call('HMGET', name, 'ing_fail_exc', 'ing_fail_count', 'md_fail_exc')
  if (failed[1] or failed[2] or failed[3]) and redis.call('HEXISTS', name, 'ingest_time') == 0 then
    table.insert(found, name)
  end
end
return {page[1], found}
"""
# What ingest noted of its failures goes too: a file that turns out to be in the Butler never gets
# an ingest_time, and would be found failed again for ever. What stays is why it failed last, and
# how often in a row it has failed so while others went in: in an outage nobody's number grows.
_REQUEUE = """
local now, retention, went_in = table.remove(ARGV, 1), table.remove(ARGV, 1), table.remove(ARGV, 1)
for _, path in ipairs(ARGV) do
  local file = 'FILE:' .. path
  local noted = redis.call('HMGET', file, 'md_fail_exc', 'ing_fail_exc', 'last_fail', 'went_in')
  local why = noted[1] or noted[2]
  if why then
    if why ~= noted[3] then
      redis.call('HSET', file, 'last_fail', why, 'alike', 1)
    elseif tonumber(went_in) > tonumber(noted[4] or 0) then
      redis.call('HINCRBY', file, 'alike', 1)
    end
    redis.call('HSET', file, 'went_in', went_in)
  end
  redis.call('HDEL', file, 'ing_fail_count', 'ing_fail_exc', 'md_fail_exc')
  redis.call('HSET', file, 'recv_time', now)
  redis.call('HINCRBY', file, 'requeued', 1)
  redis.call('EXPIRE', file, retention)
  redis.call('LPUSH', KEYS[1], path)
end
"""
_SET_ASIDE = """
local aside, now = table.remove(KEYS, 1), table.remove(ARGV, 1)
for _, path in ipairs(ARGV) do
  for _, list in ipairs(KEYS) do redis.call('LREM', list, 0, path) end
  redis.call('HSET', aside, path, now)
end
"""


class RedisRecords:
    """One environment's Redis."""

    def __init__(self, host: str, port: int, password: Secret, what: str = "") -> None:
        """Make a client; nothing is sent yet.

        Args:
            host: Where it is.
            port: Likewise.
            password: The password of its default user.
            what: What to call it in messages, the address by default.
        """
        self._what = what or f"Redis at {host}:{port}"
        # The client's methods are typed as if each of them might be asynchronous.
        self._redis: Any = Redis(
            host=host,
            port=port,
            password=password.text(),
            decode_responses=True,
            encoding_errors="replace",
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            retry=Retry(ExponentialBackoff(cap=1, base=0.1), 3),
        )

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def files(self, paths: Sequence[str]) -> list[FileRecord]:
        """Return what is noted of each of some files."""
        found = []
        for batch in _batches(paths):
            with self._telling("read the records of files"):
                pipe = self._redis.pipeline(transaction=False)
                for path in batch:
                    pipe.hmget(f"FILE:{path}", _FIELDS)
                found += [_record(answer) for answer in pipe.execute()]
        return found

    def not_ingested(self, paths: Sequence[str]) -> list[str]:
        """Return those of some files of which ingest has not said that they are in the Butler."""
        found: list[str] = []
        for batch in _batches(paths):
            with self._telling("look for what is ingested"):
                names = [f"FILE:{path}" for path in batch]
                found += [
                    batch[at - 1] for at in self._redis.eval(_NOT_INGESTED, len(names), *names)
                ]
        return found

    def queue(self, bucket: str) -> list[str]:
        """Return the paths that wait; read from where new ones come in, so that none is missed."""
        return self._list(f"QUEUE:{bucket}")

    def next(self, bucket: str) -> str | None:
        """Return the path that ingest takes next, None from an empty queue."""
        with self._telling(f"read QUEUE:{bucket}"):
            found: str | None = self._redis.lindex(f"QUEUE:{bucket}", -1)
            return found

    def queue_length(self, bucket: str) -> int:
        """Return how many paths wait."""
        with self._telling(f"count QUEUE:{bucket}"):
            return int(self._redis.llen(f"QUEUE:{bucket}"))

    def workers(self, bucket: str) -> list[Worker]:
        """Return the ingest pods' lists."""
        start = f"WORKER:{bucket}:"
        found = []
        with self._telling(f"list {start}*"):
            names = sorted(self._redis.scan_iter(f"{_literal(start)}*", count=_LIST_BATCH))
            idle = [self._redis.object("idletime", name) for name in names]
        # The list may be worked off in between: then its clock is gone, and it is empty.
        for name, seconds in zip(names, idle, strict=True):
            if seconds is not None:
                paths = tuple(self._list(name))
                found.append(Worker(name.removeprefix(start), int(seconds), paths))
        return found

    def failed(self, folder: str) -> list[str]:
        """Return the paths below a folder on which ingest has failed and not succeeded since."""
        found, cursor = [], "0"
        with self._telling(f"look for failures below {folder}"):
            while True:
                asked = (cursor, f"{_literal(f'FILE:{folder}')}*", _LIST_BATCH)
                cursor, names = self._redis.eval(_FAILED, 0, *asked)
                found += [name.removeprefix("FILE:") for name in names]
                if cursor == "0":
                    # A scan may come by a name twice.
                    return sorted(set(found))

    def counters(self, kind: str, bucket: str) -> Mapping[str, Mapping[str, int]]:
        """Return counts by instrument and observation day."""
        start = f"{kind}:{bucket}:"
        with self._telling(f"read {start}*"):
            names = sorted(self._redis.scan_iter(f"{_literal(start)}*", count=_LIST_BATCH))
            answers = [self._redis.hgetall(name) for name in names]
        return {
            name.removeprefix(start): {day: int(count) for day, count in days.items()}
            for name, days in zip(names, answers, strict=True)
        }

    def values(self, names: Sequence[str]) -> list[str | None]:
        """Return the values of plain keys."""
        if not names:
            return []
        with self._telling("read keys"):
            found: list[str | None] = self._redis.mget(names)
        return found

    def requeue(self, bucket: str, paths: Sequence[str], now: float) -> None:
        """Put paths into the queue behind what waits, each with a clean record, all or none."""
        counted = self.counters("INGEST", bucket).values()
        went_in = sum(count for days in counted for count in days.values())
        with self._telling(f"write QUEUE:{bucket}"):
            self._redis.eval(_REQUEUE, 1, f"QUEUE:{bucket}", now, FILE_RETENTION, went_in, *paths)

    def aside(self, bucket: str) -> Mapping[str, float]:
        """Return the paths that were set aside, each with when, in seconds since 1970."""
        with self._telling(f"read ASIDE:{bucket}"):
            found = self._redis.hgetall(f"ASIDE:{bucket}")
        return {path: float(when) for path, when in found.items()}

    def set_aside(self, bucket: str, paths: Sequence[str], now: float) -> None:
        """Take paths off the queue and the workers' lists, and note it, all or none."""
        with self._telling(f"write ASIDE:{bucket}"):
            workers = self._redis.scan_iter(f"{_literal(f'WORKER:{bucket}:')}*", count=_LIST_BATCH)
            # The way of a path, so that one that moves on meanwhile is met.
            keys = [f"ASIDE:{bucket}", f"QUEUE:{bucket}", *sorted(workers)]
            self._redis.eval(_SET_ASIDE, len(keys), *keys, now, *paths)

    def give_back(self, bucket: str, paths: Sequence[str]) -> None:
        """Note no longer that paths were set aside."""
        with self._telling(f"write ASIDE:{bucket}"):
            self._redis.hdel(f"ASIDE:{bucket}", *paths)

    def forget(self, paths: Sequence[str]) -> None:
        """Drop what stands against announcing files again: failures, and enqueue's marks."""
        for batch in _batches(paths):
            with self._telling("drop enqueue's marks and ingest's failures"):
                pipe = self._redis.pipeline(transaction=False)
                for path in batch:
                    pipe.delete(f"ENQ:{path}")
                    pipe.hdel(f"FILE:{path}", *_FAILURES)
                pipe.execute()

    def note(self, name: str, numbers: Mapping[str, float]) -> None:
        """Write numbers down for the monitoring, for as long as somebody may take them as new."""
        with self._telling(f"write {name}"):
            pipe = self._redis.pipeline(transaction=True)
            pipe.hset(name, mapping=dict(numbers))
            pipe.expire(name, _NOTED_SECONDS)
            pipe.execute()

    def lock(self, name: str, seconds: int) -> bool:
        """Take a lock that ends by itself; whether it was free."""
        with self._telling(f"lock {name}"):
            return bool(self._redis.set(name, "taken", nx=True, ex=seconds))

    def unlock(self, name: str) -> None:
        """Give up a lock that was taken."""
        with self._telling(f"unlock {name}"):
            self._redis.delete(name)

    def _list(self, name: str) -> list[str]:
        found: list[str] = []
        with self._telling(f"read {name}"), self._untouched() as client:
            while batch := client.lrange(name, len(found), len(found) + _LIST_BATCH - 1):
                found += batch
        return found

    @contextmanager
    def _untouched(self) -> Iterator[Any]:
        client = self._redis.client()  # one connection, which the setting belongs to
        try:
            with suppress(ResponseError):
                client.execute_command("CLIENT", "NO-TOUCH", "ON")
            yield client
        finally:
            with suppress(ClientError):
                client.execute_command("CLIENT", "NO-TOUCH", "OFF")
            client.close()

    @contextmanager
    def _telling(self, verb: str) -> Iterator[None]:
        # The client's messages could quote what was sent, so only Redis' own are shown, shortened.
        try:
            yield
        except AuthenticationError:
            raise RedisError(
                f"{self._what}: cannot {verb}: it refuses the password; is the Secret newer than "
                "the one that Redis was started with?"
            ) from None
        except (ConnectionError, TimeoutError) as error:
            raise RedisError(
                f"{self._what}: cannot {verb}: no answer ({type(error).__name__})"
            ) from None
        except ClientError as error:
            raise RedisError(f"{self._what}: cannot {verb}: {str(error)[:120]}") from None


def _record(answer: Sequence[str | None]) -> FileRecord:
    received, ingested, insert_error, failures, header_error, requeued, *last = answer
    last_failure, alike, went_in = last
    return FileRecord(
        received=float(received or 0),
        ingested=float(ingested or 0),
        insert_error=insert_error or "",
        insert_failures=int(failures or 0),
        header_error=header_error or "",
        requeued=int(requeued or 0),
        last_failure=last_failure or "",
        alike=int(alike or 0),
        went_in=int(went_in or 0),
    )


def _batches(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    return (paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH))


def _literal(text: str) -> str:
    """Return a SCAN pattern that stands for the text itself."""
    return "".join(f"\\{letter}" if letter in "*?[]^\\" else letter for letter in text)
