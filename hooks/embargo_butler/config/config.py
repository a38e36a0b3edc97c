"""The configuration file: YAML to dataclasses; a mistake names the file and the key path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from embargo_butler.config import buckets_parser as _buckets_parser
from embargo_butler.config import delivery as _pipeline_config
from embargo_butler.config import vault as _vault_config
from embargo_butler.config import yaml as _yaml
from embargo_butler.config.buckets import BucketConfig
from embargo_butler.config.delivery import PipelineConfig, SecretKey
from embargo_butler.config.reader import Node
from embargo_butler.config.templates import references
from embargo_butler.config.vault import VaultConfig
from embargo_butler.errors import ConfigError


@dataclass(frozen=True, order=True)
class VaultPath:
    """A path, or one version of it."""

    path: str
    version: int | None = None

    def __str__(self) -> str:
        return f"{self.path} (version {self.version})" if self.version else self.path


@dataclass(frozen=True)
class FieldSource:
    """A field of a Vault path, byte for byte.

    Attributes:
        at: The path.
        field: The field.
        optional: Whether it may be missing.
    """

    at: VaultPath
    field: str
    optional: bool = False


@dataclass(frozen=True)
class TemplateSource:
    """A template over the fields of several paths."""

    template: str
    sources: Mapping[str, VaultPath]
    optional: bool = False


@dataclass(frozen=True)
class LiteralSource:
    """A value that stands in the configuration itself, so it is not a secret; may be empty."""

    value: str


Source = FieldSource | TemplateSource | LiteralSource


@dataclass(frozen=True)
class EnqueueConfig:
    """The Service that the object store announces to.

    Attributes:
        service: Its name.
        port: Its port.
        address: The fixed address that it should have; None for whatever it gets.
        secret: What a notification must carry, where the buckets job sees to it that it does.
    """

    service: str
    port: int
    address: str | None = None
    secret: SecretKey | None = None


@dataclass(frozen=True)
class RestartConfig:
    """What becomes of pods that hold an older secret.

    Attributes:
        automatic: Whether they are restarted, or only told of.
        workloads: What may be restarted, as kind and name (`Deployment x`).
    """

    automatic: bool
    workloads: tuple[str, ...]


@dataclass(frozen=True)
class Config:
    """Everything that the jobs are told.

    Attributes:
        existing: The Secrets that somebody else makes, and that are never ours.
        cron_jobs: The jobs that run between releases, which log in to Vault as well.
        no_buckets: Why nobody of the release looks after topics, notifications and policies.
        keeps: Whether a Vault that is away stops nothing while the live Secrets are complete.
        predecessor: The names that declared Secrets have where the chart's predecessor runs; None
            where it does not.
    """

    file: str
    environment: str
    cluster: str
    namespace: str
    fullname: str
    vault: VaultConfig
    secrets: Mapping[str, Mapping[str, Source]]
    enqueue: EnqueueConfig | None
    deadline: int
    take_over_secrets: frozenset[str] = frozenset()
    retired_secrets: frozenset[str] = frozenset()
    existing: frozenset[str] = frozenset()
    cron_jobs: tuple[str, ...] = ()
    buckets: BucketConfig | None = field(default=None)
    no_buckets: str = ""
    pipeline: PipelineConfig | None = None
    restart: RestartConfig = RestartConfig(False, ())
    keeps: bool = False
    predecessor: Mapping[str, str] | None = None

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
        declared: What it has to be, as `_yaml.read` takes it.

    Raises:
        ConfigError: It cannot be read, or something in it is not as it should be.
    """
    return parse(Node(_yaml.read(path, declared), str(path)))


def parse(root: Node) -> Config:
    """Turn a parsed document into a configuration.

    Raises:
        ConfigError: Something in it is not as it should be.
    """
    top = root.mapping(
        ("environment", "cluster", "namespace", "fullname", "vault", "secrets"),
        (
            *("existingSecrets", "enqueue", "hooks", "bucketConfig", "noBuckets", "pipeline"),
            "predecessor",
        ),
    )
    hooks = root.child("hooks")
    entries = (
        {}
        if hooks.value is None
        else hooks.mapping((), ("deadlineSeconds", "secrets", "cronJobs", "restart"))
    )
    deadline = entries["deadlineSeconds"].whole(1) if "deadlineSeconds" in entries else 240
    take_over = hooks.child("secrets").child("takeOver")
    outage = hooks.child("secrets").child("onOutage")
    if "secrets" in entries:
        entries["secrets"].mapping((), ("takeOver", "retired", "onOutage"))
    retired = hooks.child("secrets").child("retired")
    secrets = {name: _keys(name, node) for name, node in top["secrets"].mapping().items()}
    for node in take_over.items() if take_over.value is not None else ():
        if node.text() not in secrets:
            raise node.fail(f"no such Secret is declared: {node.text()!r}")
    for node in retired.items() if retired.value is not None else ():
        if node.text() in secrets:
            raise node.fail(f"also declared: {node.text()!r}")
    existing = frozenset(root.child("existingSecrets").texts())
    buckets = root.child("bucketConfig")
    has_enqueue = root.child("enqueue").value is not None
    environment = top["environment"].text()
    vault = _vault_config.parse(top["vault"])
    known = {**secrets, **dict.fromkeys(existing)}
    pipeline = _pipeline_config.parse(top["pipeline"]) if "pipeline" in top else None
    # One of a tenant is `tenant:bucket`.
    ingested = pipeline.name.rpartition(":")[2] if pipeline else ""
    return Config(
        file=root.file,
        environment=environment,
        cluster=top["cluster"].text(),
        namespace=top["namespace"].text(),
        fullname=top["fullname"].text(),
        vault=vault,
        secrets=secrets,
        enqueue=_enqueue(top["enqueue"]) if has_enqueue else None,
        deadline=deadline,
        take_over_secrets=frozenset(take_over.texts()),
        retired_secrets=frozenset(retired.texts()),
        existing=existing,
        cron_jobs=hooks.child("cronJobs").texts(),
        buckets=None
        if buckets.value is None
        else _buckets_parser.parse(
            buckets, environment, has_enqueue, known, vault.owners_path, ingested
        ),
        no_buckets=top["noBuckets"].text() if "noBuckets" in top else "",
        pipeline=pipeline,
        restart=_restart(entries["restart"]) if "restart" in entries else RestartConfig(False, ()),
        keeps=outage.value is not None and outage.choice("fail", "keep") == "keep",
        predecessor={name: node.text() for name, node in top["predecessor"].mapping().items()}
        if "predecessor" in top
        else None,
    )


def _restart(node: Node) -> RestartConfig:
    top = node.mapping(("mode", "workloads"), ())
    return RestartConfig(top["mode"].choice("apply", "report") == "apply", top["workloads"].texts())


def _keys(name: str, node: Node) -> dict[str, Source]:
    if len(name) > 253 or not re.fullmatch(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?", name):
        raise node.fail("expected as name of a Secret small letters, digits, `-` and `.`")
    for key, value in node.mapping().items():
        if len(key) > 253 or not re.fullmatch(r"[-._a-zA-Z0-9]+", key):
            raise value.fail("expected as key of a Secret letters, digits, `-`, `_` and `.`")
    return {key: _source(value) for key, value in node.mapping().items()}


def _source(node: Node) -> Source:
    kinds = [kind for kind in ("path", "template", "value") if kind in node.mapping()]
    if len(kinds) != 1:
        raise node.fail("expected exactly one of path, template, value")
    if kinds == ["value"]:
        return LiteralSource(node.mapping(("value",), ())["value"].text(empty=True))
    if kinds == ["path"]:
        keys = node.mapping(("path", "field"), ("version", "optional"))
        optional = node.child("optional").flag()
        return FieldSource(_path(node), keys["field"].text(), optional)
    keys = node.mapping(("template", "from"), ("optional",))
    sources = {}
    for name, place in keys["from"].mapping().items():
        place.mapping(("path",), ("version",))
        sources[name] = _path(place)
    optional = node.child("optional").flag()
    return TemplateSource(keys["template"].text(), sources, optional)


def _path(node: Node) -> VaultPath:
    version = node.child("version")
    return VaultPath(
        node.child("path").text().strip("/"),
        None if version.value is None else version.whole(1),
    )


def _enqueue(node: Node) -> EnqueueConfig:
    top = node.mapping(("service", "port"), ("address", "secret"))
    address = node.child("address")
    return EnqueueConfig(
        service=top["service"].text(),
        port=top["port"].whole(1),
        address=None if address.value is None else address.text(),
        secret=_pipeline_config.secret_key(top["secret"]) if "secret" in top else None,
    )
