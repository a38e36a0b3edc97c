"""A Kafka topic of one partition, and consumers of its one group, within this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

BUCKET = "rubin-summit"
EXPOSURE = "MC_O_20260603_000258"


def path(number: int) -> str:
    return f"{BUCKET}/LSSTCam/20260603/{EXPOSURE}/{EXPOSURE}_R22_S{number:02}.fits"


def record(*paths: str, event: str = "ObjectCreated:Put") -> bytes:
    names = [one.split("/", 1) for one in paths]
    events = [
        {"eventName": event, "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}
        for bucket, key in names
    ]
    return json.dumps({"Records": events}).encode()


def queued(store: Any) -> list[str]:
    found: list[bytes] = store.lrange(f"QUEUE:{BUCKET}", 0, -1)
    return [one.decode() for one in reversed(found)]


class Topic:
    """Records in order, or things that happen when the consumer gets there."""

    def __init__(self, *content: bytes | Callable[[], object]) -> None:
        self.content = list(content)
        self.committed = 0
        self.starts = 0

    def consumer(self, *_: Any, **options: Any) -> Consumer:
        assert options["enable_auto_commit"] is False
        return Consumer(self)


class Message:
    def __init__(self, offset: int, value: bytes) -> None:
        self.offset = offset
        self.value = value


class Consumer:
    """It ends with the topic, where a real one would wait for more."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._position = topic.committed

    async def start(self) -> None:
        self._topic.starts += 1

    async def stop(self) -> None:
        pass

    async def commit(self) -> None:
        self._topic.committed = self._position

    def __aiter__(self) -> Consumer:
        return self

    async def __anext__(self) -> Message:
        while self._position < len(self._topic.content):
            self._position += 1
            value = self._topic.content[self._position - 1]
            if isinstance(value, bytes):
                return Message(self._position - 1, value)
            value()
        raise StopAsyncIteration
