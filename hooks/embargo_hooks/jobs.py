"""The two jobs: gather everything, plan; what was planned can then be applied."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from embargo_hooks import bucket_plan, buckets, secret_removal, secret_sync
from embargo_hooks._buckets_config import BucketConfig
from embargo_hooks._pipeline_config import PipelineConfig
from embargo_hooks._safety import refuse_most
from embargo_hooks.bucket_import import Live
from embargo_hooks.buckets import Keys
from embargo_hooks.comparison import KeyState, compare
from embargo_hooks.config import Config, VaultPath
from embargo_hooks.errors import ConfigError, Gathering, HooksError
from embargo_hooks.inventory import KEY, Inventory, Ledger
from embargo_hooks.plan import ApplySecret, Plan, plan_secrets
from embargo_hooks.ports import (
    Announcer,
    Butler,
    Cluster,
    Gateway,
    Logs,
    Objects,
    Records,
    Vault,
)
from embargo_hooks.report import Report
from embargo_hooks.resources import ObservedBucket, Topic


class World(Protocol):
    """Makes the connections to the outside."""

    def vault(self) -> Vault:
        """Log in to Vault."""

    def cluster(self) -> Cluster:
        """Return the environment's namespace."""

    def gateway(self, config: BucketConfig, owner: str, keys: Keys) -> Gateway:
        """Return the object store, with an owner's keys."""

    def records(self) -> Records:
        """Return the environment's Redis."""

    def objects(self) -> Objects:
        """Return the environment's bucket."""

    def butler(self) -> Butler:
        """Return the environment's Butler."""

    def announcer(self) -> Announcer:
        """Return the way by which the environment's enqueue hears of objects."""

    def logs(self) -> Logs:
        """Return the logs of the environment's pods."""


@dataclass(frozen=True)
class Job:
    """A plan and what it needs to be carried out.

    Attributes:
        plan: The plan.
        cluster: The namespace.
        gateways: The object store, by owner.
        keys: The state of every key of the Secrets.
        problems: What stands against carrying it out, though it could be planned.
        undeclared: What is there, was not declared and is not ours to change.
        topics: Ours that are announced to.
    """

    plan: Plan
    cluster: Cluster
    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    keys: tuple[KeyState, ...] = ()
    problems: tuple[HooksError, ...] = ()
    undeclared: tuple[str, ...] = ()
    topics: tuple[Topic, ...] = ()


def secrets(config: Config, world: World, report: Report, rehearse: bool = False) -> Job:
    """Plan the Secrets.

    Args:
        config: The configuration.
        world: Makes the connections.
        report: Is told what is done.
        rehearse: Whether the cluster is asked beforehand if it would take every change.

    Raises:
        Problems: Everything that stands against it; nothing was written.
    """
    gathering = Gathering()
    cluster = world.cluster()
    paths = secret_sync.paths(config)
    documents = _read(paths, world, report, gathering)
    live = secret_sync.observe(config, cluster, report, gathering)
    # Without a login nothing is known of any path, and whose the Secrets are is still looked at.
    wanted = secret_sync.desired(config, documents or dict.fromkeys(paths), gathering)
    plan = Plan()
    with gathering.catching():
        plan = plan_secrets(wanted, live, config.take_over_secrets)
    gathering.check()
    for change in plan.changes if rehearse else ():
        if isinstance(change.instruction, ApplySecret):
            with gathering.catching():
                cluster.apply_secret(change.instruction.secret, rehearse=True)
    gathering.check()
    salt = os.urandom(16)
    return Job(plan, cluster, keys=tuple(compare(config, wanted, live, salt)))


def removal(config: Config, world: World, report: Report) -> Job:
    """Plan the removal of Secrets that are no longer declared.

    Raises:
        HooksError: It cannot be planned; nothing was written.
    """
    cluster = world.cluster()
    return Job(secret_removal.plan_removal(config, cluster, report), cluster)


def bucket_config(config: Config) -> BucketConfig:
    """Return the part about buckets.

    Raises:
        ConfigError: There is none.
    """
    if config.buckets is None:
        raise ConfigError(
            f"{config.file}: bucketConfig: is missing, so there are no buckets to keep"
        )
    return config.buckets


def pipeline(config: Config) -> PipelineConfig:
    """Return the part about the pipeline.

    Raises:
        ConfigError: There is none.
    """
    if config.pipeline is None:
        raise ConfigError(
            f"{config.file}: pipeline: is missing; ConfigMap {config.fullname}-config has it"
        )
    return config.pipeline


def object_store(
    config: Config,
    world: World,
    report: Report,
    until: float,
    renew: Collection[str] = (),
    now: datetime | None = None,
) -> Job:
    """Plan the object store's topics, notifications and policies.

    Args:
        config: The configuration.
        world: Makes the connections.
        report: Is told what is done.
        until: The monotonic time until which the address of enqueue is waited for.
        renew: Topics that get a new generation though nothing about them changed.
        now: The UTC time, the clock's by default.

    Raises:
        Problems: Everything that stands against it; nothing was written.
    """
    declared = bucket_config(config)
    gathering = Gathering()
    for name in renew:
        with gathering.catching():
            if name not in declared.topics:
                there = ", ".join(declared.topics) or "none"
                raise ConfigError(f"no topic {name!r} is declared and confirmed; there: {there}")
    cluster = world.cluster()
    ledger = ledger_of(config, cluster, report)
    inventory = ledger.of(declared.endpoint)
    gateways = gateways_of(declared, inventory, world, report, gathering)
    address = ""
    if config.enqueue and buckets.needs_address(declared):
        report.step(f"waiting for the address of Service {config.enqueue.service}")
        with gathering.catching():
            # With a problem already found the run fails anyway: one look, no waiting.
            patience = time.monotonic() if gathering.found else until
            address = buckets.address_of(config.enqueue, cluster, patience)
    attributes = buckets.attributes(config, declared, cluster, address, gathering)
    observed = buckets.observe(declared, inventory, gateways, report, gathering)
    gathering.check()
    plan, now = Plan(), now or datetime.now(UTC)
    with gathering.catching():
        plan = bucket_plan.plan_buckets(
            declared, attributes, observed, ledger, config.inventory_name, now, renew
        )
    with gathering.catching():
        refuse_most(declared, inventory)
    gathering.check()
    missing = buckets.missing_foreign(declared, observed)
    return Job(
        plan,
        cluster,
        gateways,
        problems=tuple(missing),
        undeclared=tuple(buckets.undeclared_statements(declared, observed)),
        topics=observed.in_use(),
    )


def ledger_of(config: Config, cluster: Cluster, report: Report) -> Ledger:
    """Return what we made, on all object stores."""
    report.step(f"reading ConfigMap {config.inventory_name}")
    where = f"ConfigMap {config.inventory_name} of namespace {config.namespace}"
    return Ledger((cluster.config_map(config.inventory_name) or {}).get(KEY), where)


def gateways_of(
    declared: BucketConfig,
    inventory: Inventory,
    world: World,
    report: Report,
    gathering: Gathering,
) -> dict[str, Gateway]:
    """Return the object store by owner; where keys are not found, that is noted."""
    paths = buckets.owners(declared, inventory, gathering)
    documents = _read(list(paths.values()), world, report, gathering)
    keys = buckets.keys(declared, paths, documents or {}, gathering) if documents else {}
    return {owner: world.gateway(declared, owner, keys[owner]) for owner in keys}


def live_buckets(config: Config, world: World, report: Report) -> Live:
    """Read what `buckets import` writes down.

    Raises:
        Problems: Something could not be read.
    """
    declared = bucket_config(config)
    gathering, cluster = Gathering(), world.cluster()
    without_topics = replace(declared, topics={})
    gateways = gateways_of(without_topics, Inventory(), world, report, gathering)
    found, topics = {}, {}
    for name, bucket in declared.buckets.items():
        report.step(f"reading bucket {name}")
        with gathering.catching():
            store = gateways.get(bucket.owner)
            if store is None:
                continue
            there = ObservedBucket(store.notifications(name), tuple(store.policy(name)))
            found[name] = there
            for notification in there.notifications:
                if notification.name not in bucket.foreign:
                    topic = store.topic(notification.topic)
                    topics.update({topic.name: topic} if topic else {})
    secrets = {}
    for name in config.secrets:
        with gathering.catching():
            if held := cluster.secret(name):
                secrets[name] = held.data
    address = ""
    if config.enqueue:
        with gathering.catching():
            address = cluster.service(config.enqueue.service).address or ""
    gathering.check()
    return Live(found, topics, secrets, address)


def _read(
    wanted: list[VaultPath], world: World, report: Report, gathering: Gathering
) -> secret_sync.Documents | None:
    """Read from Vault and end the login; None where there was no login."""
    documents: secret_sync.Documents | None = None if wanted else {}
    if wanted:
        report.step("logging in to Vault")
        with gathering.catching(), world.vault() as vault:
            documents = secret_sync.read(vault, wanted, report, gathering)
    return documents
