"""The chart's wrapper around the Kafka consumer: what the consumer alone loses is not lost."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partialmethod
from pathlib import Path
from types import ModuleType
from typing import Any

import aiokafka
import pytest
import redis

from tests.services import versions
from tests.site.services.support import PASSWORD, SERVICES
from tests.site.services.topic import BUCKET, Topic, path, queued, record

WRAPPER = Path(__file__).parents[3] / "charts/embargo-butler/files/consume.py"
CHANGED = (
    *((redis.Redis, name) for name in ("__init__", "set", "execute_command")),
    *((redis.client.Pipeline, name) for name in ("execute_command", "execute")),
)


@pytest.fixture
def wrapper(redis_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("consume", WRAPPER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for owner, name in CHANGED:  # what the wrapper changes is changed back in the end
        monkeypatch.setattr(owner, name, getattr(owner, name))
    init: Any = partialmethod(redis.Redis.__init__, port=redis_port)
    monkeypatch.setattr(redis.Redis, "__init__", init)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name, value in {
        **{"REDIS_HOST": "127.0.0.1", "REDIS_PASSWORD": PASSWORD},
        **{"KAFKA_TOPIC": "images", "KAFKA_CLUSTER": "broker:9092"},
        "STAND_IN": versions.variable("1.6.1"),
    }.items():
        monkeypatch.setenv(name, value)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield module
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def consume(
    wrapper: ModuleType, store: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Topic], None]:
    def run(topic: Topic) -> None:
        monkeypatch.setattr(aiokafka, "AIOKafkaConsumer", topic.consumer)
        limit = threading.Timer(20, os.kill, (os.getpid(), signal.SIGTERM))
        limit.start()
        try:
            wrapper.main(str(SERVICES / "enqueue/enqueue.py"))
        finally:
            limit.cancel()

    return run


def end() -> None:
    """What the kubelet does to process 1."""
    signal.raise_signal(signal.SIGTERM)


def test_a_failed_record_comes_again(
    consume: Callable[[Topic], None], store: redis.Redis, full: Callable[[bool], None]
) -> None:
    topic = Topic(record(path(1)), lambda: full(topic.starts == 1), record(path(2)), end)
    consume(topic)
    assert topic.starts == 2
    assert topic.committed == 3
    assert queued(store) == [path(1), path(2)]


def test_what_is_marked_when_redis_fails_comes_again(
    consume: Callable[[Topic], None], store: redis.Redis
) -> None:
    def break_queue() -> object:
        queue = f"QUEUE:{BUCKET}"
        return store.set(queue, "no list") if topic.starts == 1 else store.delete(queue)

    topic = Topic(break_queue, record(path(1)), record(path(2)), end)
    consume(topic)
    assert topic.starts == 2
    assert queued(store) == [path(1), path(2)]


def test_what_died_between_mark_and_queue_is_queued(
    consume: Callable[[Topic], None], store: redis.Redis
) -> None:
    store.set(f"ENQ:{path(1)}", "1")
    consume(Topic(record(path(1)), end))
    assert queued(store) == [path(1)]


def test_a_record_that_comes_twice_is_queued_once(
    consume: Callable[[Topic], None], store: redis.Redis
) -> None:
    consume(Topic(record(path(1)), record(path(1)), end))
    assert queued(store) == [path(1)]


def test_another_consumer_is_waited_for(
    consume: Callable[[Topic], None], store: redis.Redis
) -> None:
    store.set(f"ENQ:{path(1)}", "1")
    other = threading.Timer(0.1, store.hset, (f"FILE:{path(1)}", "recv_time", "1"))
    other.start()
    consume(Topic(record(path(1)), end))
    other.join()
    assert queued(store) == []


def test_an_unparsable_record_does_not_stop_it(
    consume: Callable[[Topic], None], store: redis.Redis
) -> None:
    topic = Topic(record("rubin-summit/a.fits"), record(path(1)), end)
    consume(topic)
    assert (topic.starts, topic.committed) == (1, 2)
    assert queued(store) == [path(1)]


def test_a_record_that_cannot_be_parsed_loses_no_neighbour(
    consume: Callable[[Topic], None], store: redis.Redis
) -> None:
    topic = Topic(record(path(1), "rubin-summit/a.fits", path(2)), end)
    consume(topic)
    assert (topic.starts, topic.committed) == (1, 1)
    assert queued(store) == [path(1), path(2)]


def test_a_message_is_committed_with_its_last_record(
    consume: Callable[[Topic], None], store: redis.Redis
) -> None:
    """Whoever dies in between gets all of it again, and queues what is missing."""
    topic = Topic(record(path(1), path(2)), lambda: topic.committed == 1 or 1 / 0, end)
    store.set(f"QUEUE:{BUCKET}", "no list")
    threading.Timer(0.5, store.delete, (f"QUEUE:{BUCKET}",)).start()
    consume(topic)
    assert topic.starts > 1
    assert queued(store) == [path(1), path(2)]


def test_it_waits_for_redis(
    consume: Callable[[Topic], None],
    store: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", "of tomorrow")
    threading.Timer(0.5, store.config_set, ("requirepass", "of tomorrow")).start()
    try:
        consume(Topic(record(path(1)), end))
    finally:
        store.config_set("requirepass", PASSWORD)
    assert queued(store) == [path(1)]


def test_other_failures_are_seen(consume: Callable[[Topic], None]) -> None:
    def fail() -> None:
        raise ConnectionError("no broker")

    with pytest.raises(ConnectionError, match="no broker"):
        consume(Topic(fail))
    with pytest.raises(SystemExit, match="has ended"):
        consume(Topic())
