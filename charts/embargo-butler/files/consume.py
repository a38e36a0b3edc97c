"""Run enqueue's Kafka consumer, as process 1 of its container, so that it loses nothing.

    python3 consume.py enqueue.py

For each record the service marks the object in Redis (`SET ENQ:<path> NX`), queues it, notes when
(`HSET FILE:<path> recv_time`), and commits. By itself it loses what it reads while Redis fails: it
goes on to the next record, whose commit covers the failed one. And it loses what it has marked but
not queued when it dies: it skips what is marked when the record comes again. Here
- the first failure of Redis ends the consumer, before it can go on and commit; when Redis answers
  again it starts where it was;
- a mark counts only if the object's time is noted, which is after it was queued: what is neither is
  queued now, at worst a second time;
- of a message with several records each is handed on alone, so that one on which the service fails
  takes no neighbour with it; the message is committed with its last one;
- SIGTERM, which a process 1 ignores by default, ends the consumer as Ctrl-C does.
"""

from __future__ import annotations

import copy
import functools
import json
import os
import runpy
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiokafka
import redis

MARK = "ENQ:"
OTHER_CONSUMER_SECONDS = 1.0
"""For which a mark without a time may be another consumer's, that is about to queue the object."""


class RedisFailed(BaseException):
    """Not an `Exception`: the service catches those and goes on."""


def ending(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a failure of Redis end the consumer."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except redis.WatchError:
            raise  # the other one was first; the service tries again
        except redis.RedisError as error:
            raise RedisFailed(str(error)) from error

    return call


def truthful(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let SET NX of a mark say that it is new unless the object was queued."""

    @functools.wraps(method)
    def call(client: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        done = method(client, name, *args, **kwargs)
        if done or not name.startswith(MARK):
            return done
        deadline = time.monotonic() + OTHER_CONSUMER_SECONDS
        while not client.hexists(f"FILE:{name[len(MARK) :]}", "recv_time"):
            if time.monotonic() > deadline:
                return True
            time.sleep(0.01)
        return done

    return call


def limited(method: Callable[..., Any]) -> Any:
    """Let no call wait for ever, as some versions do for a Redis whose node has vanished."""
    return functools.partialmethod(method, socket_timeout=10)


class Single:
    """A consumer that hands on the records of a message one by one."""

    def __init__(self, consumer: Any) -> None:
        """Take the consumer."""
        self._consumer = consumer
        self._waiting: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        """Return whatever else the consumer has."""
        return getattr(self._consumer, name)

    def __aiter__(self) -> Single:
        """Return what is gone through."""
        return self

    async def __anext__(self) -> Any:
        """Return the next record, in a message of its own."""
        if not self._waiting:
            self._waiting = parts(await self._consumer.__anext__())
        return self._waiting.pop(0)

    async def commit(self) -> None:
        """Commit the message, if this was its last record."""
        if not self._waiting:
            await self._consumer.commit()


def parts(message: Any) -> list[Any]:
    """Return a message for each of its records; one that holds anything else as it is."""
    try:
        document = json.loads(message.value)
        values = [{**document, "Records": [each]} for each in document["Records"]]
    except (KeyError, TypeError, ValueError):
        return [message]
    found = []
    for value in values:
        part = copy.copy(message)
        # It is frozen.
        object.__setattr__(part, "value", json.dumps(value).encode())
        found.append(part)
    return found or [message]


def main(script: str) -> None:
    """Run the consumer, again and again as long as it is Redis that ends it."""
    # Whoever started this may have had Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    for owner, name, change in (
        (redis.Redis, "__init__", limited),
        (redis.Redis, "set", truthful),
        (redis.Redis, "execute_command", ending),
        (redis.client.Pipeline, "execute_command", ending),
        (redis.client.Pipeline, "execute", ending),
    ):
        setattr(owner, name, change(getattr(owner, name)))
    consumer = aiokafka.AIOKafkaConsumer
    aiokafka.AIOKafkaConsumer = lambda *args, **kwargs: Single(consumer(*args, **kwargs))
    client = redis.Redis(host=os.environ["REDIS_HOST"], password=os.environ["REDIS_PASSWORD"])
    sys.path.insert(0, str(Path(script).resolve().parent))
    while True:
        try:
            client.ping()
            runpy.run_path(script, run_name="__main__")
        except RedisFailed as error:
            print(f"Stopped until Redis answers: {error}", file=sys.stderr, flush=True)
            time.sleep(1)
        except KeyboardInterrupt:
            return
        else:
            sys.exit(f"{script} has ended")


if __name__ == "__main__":
    main(sys.argv[1])
