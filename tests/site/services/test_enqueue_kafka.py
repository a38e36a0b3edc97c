"""The stand-in as a Kafka consumer, with the losses that the real one has."""

from __future__ import annotations

import runpy
from collections.abc import Callable

import aiokafka
import pytest
import redis

from tests.services import versions
from tests.site.services.support import SERVICES
from tests.site.services.topic import BUCKET, Topic, path, queued, record

SCRIPT = SERVICES / "enqueue/enqueue.py"


@pytest.fixture
def consume(service_environment: pytest.MonkeyPatch) -> Callable[[Topic], None]:
    service_environment.setenv("STAND_IN", versions.variable("1.6.1"))
    service_environment.setenv("KAFKA_TOPIC", "images")
    service_environment.setenv("KAFKA_CLUSTER", "broker:9092")

    def run(topic: Topic) -> None:
        service_environment.setattr(aiokafka, "AIOKafkaConsumer", topic.consumer)
        runpy.run_path(str(SCRIPT), run_name="__main__")

    return run


def test_good_records(consume: Callable[[Topic], None], store: redis.Redis) -> None:
    topic = Topic(record(path(1)), record(path(2), path(3)))
    consume(topic)
    assert queued(store) == [path(1), path(2), path(3)]
    assert topic.committed == 2
    assert store.get(f"ENQ:{path(1)}") == b"1"
    assert store.hexists(f"FILE:{path(1)}", "recv_time")
    assert store.hgetall(f"REC:{BUCKET}") == {b"20260603": b"3"}


def test_what_is_marked_is_skipped(consume: Callable[[Topic], None], store: redis.Redis) -> None:
    store.set(f"ENQ:{path(1)}", "1")
    topic = Topic(record(path(1)), record(path(2)), record(path(2)))
    consume(topic)
    assert queued(store) == [path(2)]
    assert topic.committed == 3


@pytest.mark.parametrize(
    "content",
    [
        record(path(1), event="s3:ObjectCreated:Put"),
        record(path(1), event="ObjectRemoved:Delete"),
        record(path(1).replace("fits", "json")),
        b"{",
        b"[]",
        b'{"Records": [{"eventName": "ObjectCreated:Put"}]}',
    ],
    ids=["prefix", "removed", "no match", "no JSON", "no object", "no key"],
)
def test_what_is_not_for_it_is_committed(
    consume: Callable[[Topic], None], store: redis.Redis, content: bytes
) -> None:
    topic = Topic(content)
    consume(topic)
    assert (topic.committed, store.keys()) == (1, [])


def test_a_failed_record_is_lost_by_the_next_commit(
    consume: Callable[[Topic], None], store: redis.Redis, full: Callable[[bool], None]
) -> None:
    topic = Topic(lambda: full(True), record(path(1)), lambda: full(False))
    consume(topic)
    assert topic.committed == 0
    topic.content.append(record(path(2)))
    consume(topic)
    assert topic.committed == 4
    assert queued(store) == [path(2)]


def test_an_unparsable_key_is_left_uncommitted(
    consume: Callable[[Topic], None], store: redis.Redis
) -> None:
    topic = Topic(record(f"{BUCKET}/a.fits"))
    consume(topic)
    assert topic.committed == 0
    assert store.keys() == [f"ENQ:{BUCKET}/a.fits".encode()]


def test_a_record_that_cannot_be_parsed_loses_its_neighbours(
    consume: Callable[[Topic], None], store: redis.Redis
) -> None:
    topic = Topic(record(path(1), f"{BUCKET}/a.fits", path(2)), record(path(3)))
    consume(topic)
    assert topic.committed == 2
    assert queued(store) == [path(3)]
