"""What the five services are told, as far as the operators' verbs have to know it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from embargo_butler.config.reader import Node


@dataclass(frozen=True)
class SecretKey:
    """A key of a Kubernetes Secret."""

    secret: str
    key: str


@dataclass(frozen=True)
class RedisConfig:
    """Where Redis is.

    Attributes:
        service: The Service's name.
        port: Its port.
        password: Where the password is.
    """

    service: str
    port: int
    password: SecretKey


@dataclass(frozen=True)
class AnnouncedTo:
    """How enqueue hears of an object.

    Attributes:
        deployment: Its Deployment's name.
        secret: What a notification has to carry to the webhook.
        topic: The Kafka topic that it reads, empty for a webhook.
        readers: Who else reads that topic.
    """

    deployment: str
    secret: SecretKey | None = None
    topic: str = ""
    readers: tuple[str, ...] = ()


@dataclass(frozen=True)
class IngestConfig:
    """What ingest is told.

    Attributes:
        deployment: The Deployment's name.
        env: Its environment variables about S3, texts or keys of Secrets.
    """

    deployment: str
    env: Mapping[str, str | SecretKey]


@dataclass(frozen=True)
class PipelineConfig:
    """The way of an image from the bucket to the Butler.

    Attributes:
        bucket: The bucket with its profile, as queues and records are named.
        regexp: What enqueue looks for in bucket and key.
        mode: How enqueue hears: `webhook` or `kafka`.
        redis: Where the queues are.
        ingest: Who empties them.
        presence: The presence service's name, empty where there is none.
        automatic: Whether reconcile puts what it finds into the queue, or only reports it.
        maximum: How many objects it puts there at most.
        enqueue: How enqueue hears.
        by_clock: Whether reconcile runs by the clock, or only when somebody has it run.
        reconcile: The same in a sentence, with the reason.
    """

    bucket: str
    regexp: re.Pattern[str]
    mode: str
    redis: RedisConfig
    ingest: IngestConfig
    presence: str
    automatic: bool
    maximum: int
    enqueue: AnnouncedTo
    by_clock: bool = True
    reconcile: str = ""

    @property
    def name(self) -> str:
        """The bucket's name without its profile."""
        return self.bucket.rpartition("@")[2]


def parse(node: Node) -> PipelineConfig:
    """Read the part `pipeline` of the configuration.

    Raises:
        ConfigError: Something in it is not as it should be.
    """
    top = node.mapping(
        (
            *("bucket", "regexp", "mode", "enqueue", "redis", "ingest"),
            *("presence", "backfill", "maximum"),
        ),
        ("byClock", "reconcile"),
    )
    redis = top["redis"].mapping(("service", "port", "password"), ())
    ingest = top["ingest"].mapping(("deployment", "env"), ())
    try:
        regexp = re.compile(top["regexp"].text(empty=True))
    except re.error as error:
        raise top["regexp"].fail(f"is no regular expression: {error}") from None
    return PipelineConfig(
        bucket=top["bucket"].text(),
        regexp=regexp,
        mode=top["mode"].choice("webhook", "kafka"),
        redis=RedisConfig(
            redis["service"].text(), redis["port"].whole(1), secret_key(redis["password"])
        ),
        ingest=IngestConfig(
            ingest["deployment"].text(),
            {
                name: secret_key(value) if isinstance(value.value, Mapping) else value.text()
                for name, value in ingest["env"].mapping().items()
            },
        ),
        presence=top["presence"].text(empty=True),
        automatic=top["backfill"].choice("auto", "report") == "auto",
        maximum=top["maximum"].whole(1),
        by_clock="byClock" not in top or top["byClock"].flag(),
        reconcile=top["reconcile"].text() if "reconcile" in top else "",
        enqueue=_announced_to(top["enqueue"]),
    )


def _announced_to(node: Node) -> AnnouncedTo:
    top = node.mapping(("deployment",), ("secret", "topic", "readers"))
    return AnnouncedTo(
        deployment=top["deployment"].text(),
        secret=secret_key(top["secret"]) if "secret" in top else None,
        topic=top["topic"].text() if "topic" in top else "",
        readers=node.child("readers").texts(),
    )


def secret_key(node: Node) -> SecretKey:
    """Read which key of which Secret is meant."""
    entries = node.mapping(("secret", "key"), ())
    return SecretKey(entries["secret"].text(), entries["key"].text())
