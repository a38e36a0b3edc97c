"""The two jobs: gather everything, plan; what was planned can then be applied."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from embargo_hooks import bucket_plan, buckets, secret_sync
from embargo_hooks._buckets_config import BucketConfig
from embargo_hooks.buckets import Keys
from embargo_hooks.config import Config, VaultPath
from embargo_hooks.errors import ConfigError, Gathering
from embargo_hooks.inventory import KEY, Ledger
from embargo_hooks.plan import Plan, plan_secrets
from embargo_hooks.ports import Cluster, Gateway, Vault
from embargo_hooks.report import Report


class World(Protocol):
    """Makes the connections to the outside."""

    def vault(self) -> Vault:
        """Log in to Vault."""

    def cluster(self) -> Cluster:
        """Return the environment's namespace."""

    def gateway(self, config: BucketConfig, owner: str, keys: Keys) -> Gateway:
        """Return the object store, with an owner's keys."""


@dataclass(frozen=True)
class Job:
    """A plan and what it needs to be carried out."""

    plan: Plan
    cluster: Cluster
    gateways: Mapping[str, Gateway] = field(default_factory=dict)


def secrets(config: Config, world: World, report: Report) -> Job:
    """Plan the Secrets.

    Raises:
        Problems: Everything that stands against it; nothing was written.
    """
    gathering = Gathering()
    cluster = world.cluster()
    documents = _read(secret_sync.paths(config), world, report, gathering)
    live = secret_sync.observe(config, cluster, report, gathering)
    if documents is None:
        gathering.check()
    wanted = secret_sync.desired(config, documents or {}, gathering)
    gathering.check()
    return Job(plan_secrets(wanted, live, config.take_over_secrets), cluster)


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


def object_store(config: Config, world: World, report: Report, until: float) -> Job:
    """Plan the object store's topics, notifications and policies.

    Args:
        config: The configuration.
        world: Makes the connections.
        report: Is told what is done.
        until: The monotonic time until which the address of enqueue is waited for.

    Raises:
        Problems: Everything that stands against it; nothing was written.
    """
    declared = bucket_config(config)
    gathering = Gathering()
    cluster = world.cluster()
    report.step(f"reading ConfigMap {config.inventory_name}")
    where = f"ConfigMap {config.inventory_name} of namespace {config.namespace}"
    stored = (cluster.config_map(config.inventory_name) or {}).get(KEY)
    ledger = Ledger(stored, where)
    inventory = ledger.of(declared.endpoint)
    paths = buckets.owners(declared, inventory, gathering)
    documents = _read(list(paths.values()), world, report, gathering)
    keys = buckets.keys(declared, paths, documents or {}, gathering) if documents else {}
    address = ""
    if config.enqueue and buckets.needs_address(declared):
        report.step(f"waiting for the address of Service {config.enqueue.service}")
        with gathering.catching():
            # With a problem already found the run fails anyway: one look, no waiting.
            patience = time.monotonic() if gathering.found else until
            address = buckets.address_of(config.enqueue, cluster, patience)
    attributes = buckets.attributes(config, declared, cluster, address, gathering)
    gateways = {owner: world.gateway(declared, owner, keys[owner]) for owner in keys}
    observed = buckets.observe(declared, inventory, gateways, report, gathering)
    gathering.check()
    stamp = datetime.now(UTC).strftime("%Y%m%dt%H%M%S")
    plan = bucket_plan.plan_buckets(
        declared, attributes, observed, ledger, config.inventory_name, stamp
    )
    return Job(plan, cluster, gateways)


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
