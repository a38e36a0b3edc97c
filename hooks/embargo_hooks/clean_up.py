"""What an uninstall takes away: what we announce with, then our Secrets."""

from __future__ import annotations

from dataclasses import replace

from embargo_hooks._buckets_config import BucketConfig, BucketSpec
from embargo_hooks.config import Config
from embargo_hooks.errors import Gathering
from embargo_hooks.inventory import Inventory
from embargo_hooks.plan import Change, DeleteSecret, Plan
from embargo_hooks.ports import Cluster


def without_ours(config: BucketConfig, inventory: Inventory) -> BucketConfig:
    """Return the declaration that is left when a release is gone.

    Each notification that is ours alone is retired by name and each such topic left without its
    drain time: nothing answers at its endpoint any more. Policies stay, since people read the
    images by them whether or not they are ingested.

    Args:
        config: What the release declares.
        inventory: What is ours.
    """
    retired: dict[str, list[str]] = {}
    owners = {}
    for (bucket, declared), owned in inventory.notifications.items():
        if not owned.shared and (bucket, declared) not in config.unconfirmed.notifications:
            retired.setdefault(bucket, []).extend(owned.names)
            owners[bucket] = owned.owner
    kept = dict.fromkeys(inventory.policies, "kept over an uninstall")
    return replace(
        config,
        topics={},
        buckets={name: _only(name, owners[name], tuple(ids)) for name, ids in retired.items()},
        drain=0,
        unconfirmed=replace(config.unconfirmed, policies={**config.unconfirmed.policies, **kept}),
    )


def _only(bucket: str, owner: str, retired: tuple[str, ...]) -> BucketSpec:
    return BucketSpec(
        name=bucket,
        owner=owner,
        manages_policy=False,
        grants={},
        deny=(),
        notifications={},
        foreign=(),
        retired_notifications=retired,
        retired_topics=(),
    )


def secrets(config: Config, cluster: Cluster) -> Plan:
    """Plan the removal of the declared Secrets that are ours.

    Raises:
        Problems: They cannot be looked at.
    """
    gathering = Gathering()
    changes, warnings = [], []
    for name in config.secrets:
        with gathering.catching():
            live = cluster.secret(name)
            if live and live.ours:
                changes.append(Change(DeleteSecret(name), "uninstalled"))
            elif live:
                warnings.append(f"Secret {name} stays: it was not made by embargo-hooks")
    gathering.check()
    return Plan(tuple(changes), tuple(warnings))
