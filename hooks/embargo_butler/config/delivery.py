"""What the five services are told, as far as the operators' verbs have to know it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Tag, ValidationInfo

from embargo_butler.config.reader import (
    CLOSED,
    PART,
    TEXT,
    TEXT_OR_PART,
    AnyText,
    Count,
    Flag,
    Mistakes,
    ReadAs,
    Text,
    Texts,
    or_else,
    shown,
)


@dataclass(frozen=True)
class SecretKey:
    """A key of a Kubernetes Secret."""

    secret: Text
    key: Text


_Variable = Annotated[
    Annotated[Text, Tag(TEXT)] | Annotated[SecretKey, Tag(PART)],
    TEXT_OR_PART,
]


def _compiled(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ValueError(
            f"`enqueue.env.DATASET_REGEXP` is no regular expression: {error}"
        ) from None


@dataclass(frozen=True)
class RedisConfig:
    """Where Redis is.

    Attributes:
        service: The Service's name.
        port: Its port.
        password: Where the password is.
    """

    service: Text
    port: Count
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

    deployment: Text
    secret: Annotated[SecretKey | None, ReadAs(SecretKey)] = None
    topic: Text = ""
    readers: Texts = ()


@dataclass(frozen=True)
class IngestConfig:
    """What ingest is told.

    Attributes:
        deployment: The Deployment's name.
        env: Its environment variables about S3, texts or keys of Secrets.
    """

    deployment: Text
    env: dict[Text, _Variable]


@dataclass(frozen=True)
class _Examples:
    """Keys without the bucket that enqueue takes, and that it leaves."""

    taken: Texts = ()
    left: Texts = ()


def _tried(examples: _Examples, info: ValidationInfo) -> _Examples:
    """Try what enqueue searches with on what it should take, and on what it should leave.

    It searches in bucket and key, and what it does not take it answers with 200, and forgets.
    """
    bucket, regexp = info.data.get("bucket"), info.data.get("regexp")
    if bucket and regexp:
        Mistakes.check(
            (
                ("regexp",),
                f"`enqueue.env.DATASET_REGEXP` is {shown(regexp.pattern)}, which "
                f"{'does not take' if kind == 'taken' else 'takes'} {bucket}/{key} of "
                f"`enqueue.examples.{kind}`: mend the one or the other",
            )
            for kind, keys in vars(examples).items()
            for key in keys
            if bool(regexp.search(f"{bucket}/{key}")) != (kind == "taken")
        )
    return examples


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
        examples: Keys that the regexp was tried with.
        by_clock: Whether reconcile runs by the clock, or only when somebody has it run.
        reconcile: The same in a sentence, with the reason.
    """

    __pydantic_config__ = CLOSED

    bucket: Text
    regexp: Annotated[re.Pattern[str], ReadAs(AnyText, _compiled)]
    mode: Literal["webhook", "kafka"]
    redis: RedisConfig
    ingest: IngestConfig
    presence: AnyText
    automatic: Annotated[
        bool,
        ReadAs(Literal["auto", "report"], lambda said: said == "auto"),
        Field(alias="backfill"),
    ]
    maximum: Count
    enqueue: AnnouncedTo
    examples: Annotated[_Examples, AfterValidator(_tried), or_else({})] = _Examples()
    by_clock: Flag = True
    reconcile: Text = ""

    @property
    def name(self) -> str:
        """The bucket's name without its profile."""
        return self.bucket.rpartition("@")[2]
