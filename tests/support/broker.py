"""The site's Kafka broker seen from outside: topics, and how far a consumer group is in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import TopicPartition

from tests.rig.site import KAFKA

PARTITIONS = 3


def make(*topics: str) -> None:
    """Make topics that are not there yet."""

    async def work() -> None:
        async with _admin() as admin:
            new = [NewTopic(name, PARTITIONS, replication_factor=1) for name in topics]
            await admin.create_topics(new)

    asyncio.run(work())


def remove(*topics: str) -> None:
    """Remove topics, with all that is in them."""

    async def work() -> None:
        async with _admin() as admin:
            await admin.delete_topics(list(topics))

    asyncio.run(work())


def end(topic: str) -> int:
    """Return how many records a topic has been given."""

    async def work() -> int:
        consumer = AIOKafkaConsumer(bootstrap_servers=KAFKA)
        await consumer.start()
        try:
            return sum((await consumer.end_offsets(_partitions(topic))).values())
        finally:
            await consumer.stop()

    return asyncio.run(work())


def committed(group: str, topic: str) -> int:
    """Return how many of a topic's records a consumer group says that it is done with."""

    async def work() -> int:
        async with _admin() as admin:
            found = await admin.list_consumer_group_offsets(group, partitions=_partitions(topic))
            return sum(max(place.offset, 0) for place in found.values())

    return asyncio.run(work())


def waiting(group: str, topic: str) -> int:
    """Return how many of a topic's records a consumer group is not done with."""
    return end(topic) - committed(group, topic)


def _partitions(topic: str) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in range(PARTITIONS)]


@asynccontextmanager
async def _admin() -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=KAFKA)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
