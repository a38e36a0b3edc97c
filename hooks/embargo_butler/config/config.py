"""The configuration file: YAML to dataclasses; a mistake names the file and the key path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, ValidationInfo

from embargo_butler.config import yaml
from embargo_butler.config.buckets import BucketConfig, fit
from embargo_butler.config.confirmation import confirmed
from embargo_butler.config.delivery import PipelineConfig, SecretKey
from embargo_butler.config.names import SecretName, SecretsKey
from embargo_butler.config.reader import (
    CLOSED,
    AnyText,
    Count,
    Flag,
    PathText,
    ReadAs,
    Text,
    Texts,
    hidden,
    or_else,
    part,
    read,
    shown,
)
from embargo_butler.config.templates import references
from embargo_butler.config.vault import VaultConfig, VaultShape
from embargo_butler.errors import ConfigError


@dataclass(frozen=True, order=True)
class VaultPath:
    """A path, or one version of it."""

    path: PathText
    version: Count | None = None

    def __str__(self) -> str:
        return f"{self.path} (version {self.version})" if self.version else self.path


@dataclass(frozen=True)
class FieldSource:
    """A field of a Vault path, byte for byte.

    Attributes:
        path: The path.
        field: The field.
        version: Which one of the path's.
        optional: Whether it may be missing.
    """

    path: PathText
    field: Text
    version: Count | None = None
    optional: Flag = False

    @property
    def at(self) -> VaultPath:
        """The path, or one version of it."""
        return VaultPath(self.path, self.version)


@dataclass(frozen=True)
class TemplateSource:
    """A template over the fields of several paths."""

    template: Text
    sources: Annotated[dict[Text, VaultPath], Field(alias="from")]
    optional: Flag = False


@dataclass(frozen=True)
class LiteralSource:
    """A value that stands in the configuration itself, so it is not a secret; may be empty."""

    value: AnyText


Source = FieldSource | TemplateSource | LiteralSource
_KINDS = ("path", "template", "value")


def _source_kind(value: Any) -> str | None:
    found = [kind for kind in _KINDS if not isinstance(value, dict) or kind in value]
    return hidden(found[0]) if len(found) == 1 or not isinstance(value, dict) else None


_Source = Annotated[
    Annotated[FieldSource, Tag(hidden("path"))]
    | Annotated[TemplateSource, Tag(hidden("template"))]
    | Annotated[LiteralSource, Tag(hidden("value"))],
    Discriminator(
        _source_kind,
        custom_error_type="kinds",
        custom_error_message=f"expected exactly one of {', '.join(_KINDS)}",
    ),
]


@dataclass(frozen=True)
class EnqueueConfig:
    """The Service that the object store announces to.

    Attributes:
        service: Its name.
        port: Its port.
        address: The fixed address that it should have; None for whatever it gets.
        secret: What a notification must carry, where the buckets job sees to it that it does.
    """

    service: Text
    port: Count
    address: Text | None = None
    secret: Annotated[SecretKey | None, ReadAs(SecretKey)] = None


@dataclass(frozen=True)
class RestartConfig:
    """What becomes of pods that hold an older secret.

    Attributes:
        automatic: Whether they are restarted, or only told of.
        workloads: What may be restarted, as kind and name (`Deployment x`).
    """

    automatic: Annotated[
        bool,
        ReadAs(Literal["apply", "report"], lambda said: said == "apply"),
        Field(alias="mode"),
    ]
    workloads: Texts


_FIELDS = {
    "minute": (0, 59, ""),
    "hour": (0, 23, ""),
    "day": (1, 31, ""),
    "month": (1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    "weekday": (0, 6, "sun mon tue wed thu fri sat"),
}
"""Of a schedule, as the cluster's controller reads them."""


def _schedule(schedule: str) -> str:
    if schedule.startswith("@"):
        return schedule
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"expected {', '.join(_FIELDS)}; found {shown(schedule)}")
    for text, (name, (first, last, words)) in zip(fields, _FIELDS.items(), strict=True):
        for each in text.lower().split(","):
            numbers = {word: first + at for at, word in enumerate(words.split())}
            span, _, step = each.partition("/")
            ends = [
                numbers.get(end, int(end) if end.isdecimal() else -1) for end in span.split("-")
            ]
            fits = span in ("*", "?") or (len(ends) <= 2 and first <= ends[0] <= ends[-1] <= last)
            if not fits or (step or "1").strip("0123456789") or not int(step or 1):
                raise ValueError(
                    f"{shown(each)} is no {name}: expected {first} to {last}"
                    + (f" or {words.replace(' ', ', ')}" if words else "")
                )
    return schedule


@dataclass(frozen=True)
class Clock:
    """When a job runs between releases, as cron has it."""

    schedule: Annotated[Text, AfterValidator(_schedule)]


def _declared(name: str, info: ValidationInfo) -> str:
    secrets = part(info.context).get("secrets")
    if isinstance(secrets, dict) and name not in secrets:
        raise ValueError(f"no such Secret is declared: {shown(name)}")
    return name


def _undeclared(name: str, info: ValidationInfo) -> str:
    if name in part(info.context, "secrets"):
        raise ValueError(f"also declared: {shown(name)}")
    return name


@dataclass(frozen=True)
class SecretsConfig:
    """How far the secrets job goes.

    Attributes:
        take_over: The Secrets that it makes its own.
        retired: Those that it takes away.
        keeps: Whether a Vault that is away stops nothing while the live Secrets are complete.
    """

    take_over: Annotated[tuple[Annotated[Text, AfterValidator(_declared)], ...], or_else(())] = ()
    retired: Annotated[tuple[Annotated[Text, AfterValidator(_undeclared)], ...], or_else(())] = ()
    keeps: Annotated[
        bool,
        ReadAs(Annotated[Literal["fail", "keep"], or_else("fail")], lambda said: said == "keep"),
        Field(alias="onOutage"),
    ] = False


@dataclass(frozen=True)
class HooksConfig:
    """How far the jobs go.

    Attributes:
        deadline: How many seconds one has.
        secrets: What the secrets job may do.
        cron_jobs: The jobs that run between releases, which log in to Vault as well.
        audit: When it runs.
        reconcile: Likewise.
        restart: What becomes of pods that hold an older secret.
    """

    deadline: Annotated[Count, Field(alias="deadlineSeconds")] = 240
    secrets: SecretsConfig = SecretsConfig()
    cron_jobs: Texts = ()
    audit: Annotated[Clock | None, ReadAs(Clock)] = None
    reconcile: Annotated[Clock | None, ReadAs(Clock)] = None
    restart: RestartConfig = RestartConfig(False, ())


@dataclass(frozen=True)
class Config:
    """Everything that the jobs are told.

    Attributes:
        existing: The Secrets that somebody else makes, and that are never ours.
        no_buckets: Why nobody of the release looks after topics, notifications and policies.
        predecessor: The names that declared Secrets have where the chart's predecessor runs; None
            where it does not.
    """

    __pydantic_config__ = CLOSED

    file: Annotated[str, Field(alias=hidden("file"))]
    environment: Text
    cluster: Text
    namespace: Text
    fullname: Text
    vault: Annotated[VaultConfig, ReadAs(VaultShape, VaultShape.config)]
    secrets: dict[SecretName, dict[SecretsKey, _Source]]
    enqueue: EnqueueConfig | None = None
    hooks: Annotated[HooksConfig, or_else({})] = HooksConfig()
    existing: Annotated[
        frozenset[str], ReadAs(Texts, frozenset), Field(alias="existingSecrets")
    ] = frozenset()
    buckets: Annotated[
        Annotated[BucketConfig, BeforeValidator(fit)] | None, Field(alias="bucketConfig")
    ] = None
    no_buckets: Text = ""
    pipeline: Annotated[PipelineConfig | None, ReadAs(PipelineConfig)] = None
    predecessor: Annotated[dict[str, str] | None, ReadAs(dict[Text, Text])] = None

    @property
    def required_buckets(self) -> BucketConfig:
        """The part about buckets.

        Raises:
            ConfigError: There is none.
        """
        if self.buckets is None:
            raise ConfigError(
                f"{self.file}: bucketConfig: is missing, so there are no buckets to keep"
            )
        return self.buckets

    @property
    def required_pipeline(self) -> PipelineConfig:
        """The part about the pipeline.

        Raises:
            ConfigError: There is none.
        """
        if self.pipeline is None:
            raise ConfigError(
                f"{self.file}: pipeline: is missing; ConfigMap {self.fullname}-config has it"
            )
        return self.pipeline

    def secret_name(self, declared: str) -> str:
        """Return the name under which a declared Secret is there now."""
        return (self.predecessor or {}).get(declared, declared)

    @property
    def redis_password(self) -> SecretKey | None:
        """Where Redis' password is, if it is ours to change."""
        at = self.pipeline.redis.password if self.pipeline else None
        return at if at and at.key in self.secrets.get(at.secret, {}) else None

    @property
    def notification_secret(self) -> SecretKey | None:
        """What changes in one go with enqueue and the topics, if there is such a thing."""
        at = self.enqueue.secret if self.enqueue else None
        if not at or not self.buckets or at.key not in self.secrets.get(at.secret, {}):
            return None
        return at if with_secret(self.buckets, at) else None

    @property
    def inventory_name(self) -> str:
        """The ConfigMap that lists what we made in the object store."""
        return f"{self.fullname}-inventory"

    @property
    def lease_name(self) -> str:
        """The Lease that whoever writes holds."""
        return f"{self.fullname}-hooks"


def with_secret(buckets: BucketConfig, at: SecretKey) -> list[str]:
    """Return the names of the topics that carry a Secret's key."""
    wanted = ("secrets", at.secret, at.key)
    return [
        topic.name
        for topic in buckets.topics.values()
        if any(wanted in references(text) for text in topic.attributes.values())
    ]


def load(path: Path, declared: str = "") -> Config:
    """Read a configuration file.

    Args:
        path: The file.
        declared: What it has to be, as `yaml.read` takes it.

    Raises:
        ConfigError: It cannot be read, or there is a mistake in it.
        Problems: There are several mistakes in it.
    """
    return parse(yaml.read(path, declared), str(path))


def parse(document: Any, file: str) -> Config:
    """Turn a parsed document into a configuration.

    Raises:
        ConfigError: There is a mistake in it.
        Problems: There are several.
    """
    if isinstance(document, dict):
        document = {**document, hidden("file"): file}
    config = read(Config, document, file)
    return config if config.buckets is None else replace(config, buckets=confirmed(config.buckets))
