"""What an uninstall takes away: what we announce with, then our Secrets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from embargo_hooks import bucket_plan, buckets
from embargo_hooks._buckets_config import BucketConfig, BucketSpec
from embargo_hooks.config import Config
from embargo_hooks.errors import Gathering
from embargo_hooks.inventory import Inventory
from embargo_hooks.jobs import Job, World, gateways_of, ledger_of
from embargo_hooks.plan import Change, DeleteRight, DeleteSecret, Plan
from embargo_hooks.ports import Cluster
from embargo_hooks.report import Report


def clean_up(config: Config, world: World, report: Report) -> Job:
    """Plan what an uninstall takes away: notifications, topics, then Secrets, ours alone.

    Raises:
        Problems: Something could not be read; nothing was written.
    """
    gathering, cluster = Gathering(), world.cluster()
    store, own = Job(Plan(), cluster), Plan()
    if config.buckets and not config.buckets.keep:
        with gathering.catching():
            store = _retirement(config, config.buckets, world, report)
    with gathering.catching():
        own = _secrets(config, cluster)
    gathering.check()
    return replace(store, plan=store.plan + own)


def _retirement(config: Config, declared: BucketConfig, world: World, report: Report) -> Job:
    gathering, cluster = Gathering(), world.cluster()
    ledger = ledger_of(config, cluster, report)
    inventory = ledger.of(declared.endpoint)
    left = without_ours(declared, inventory)
    gateways = gateways_of(left, inventory, world, report, gathering)
    observed = buckets.observe(left, inventory, gateways, report, gathering)
    gathering.check()
    now, name = datetime.now(UTC), config.inventory_name
    plan = bucket_plan.plan_buckets(left, {}, observed, ledger, name, now)
    return Job(plan + Plan((), tuple(_never_ours(declared, inventory))), cluster, gateways)


def _never_ours(declared: BucketConfig, inventory: Inventory) -> Iterator[str]:
    """Tell of notifications that were there as declared before us: nobody answers them now."""
    for bucket in declared.buckets.values():
        for spec in bucket.notifications.values():
            topic = declared.topics.get(spec.topic)
            lasting = topic and topic.attributes.get("persistent") == "true" and not topic.shared
            if lasting and (bucket.name, spec.name) not in inventory.notifications:
                yield (
                    f"notification {spec.name} of bucket {bucket.name} stays: it was there before "
                    f"and was not taken over. Topic {spec.topic} keeps its events, and once its "
                    "queue is full the gateway refuses PUTs: take the notification away by hand"
                )


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
        if not owned.shared and not config.unconfirmed.has_notification(bucket, declared):
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
        grants=(),
        deny=(),
        notifications={},
        foreign=(),
        retired_notifications=retired,
        retired_topics=(),
    )


def _secrets(config: Config, cluster: Cluster) -> Plan:
    gathering = Gathering()
    changes, warnings = list[Change](), list[str]()
    rights = cluster.rights()
    earlier = {name for right in rights for name in right.secrets} - config.secrets.keys()
    for name in (*config.secrets, *sorted(earlier - config.existing)):
        with gathering.catching():
            live = cluster.secret(name)
            if live and live.ours:
                changes.append(Change(DeleteSecret(name), "uninstalled"))
            elif live:
                warnings.append(f"Secret {name} stays: it was not made by embargo-hooks")
    gathering.check()
    # The right to take bindings away goes last.
    rights = sorted(rights, key=lambda right: not right.secrets)
    changes += [Change(DeleteRight(right), "uninstalled") for right in rights]
    return Plan(tuple(changes), tuple(warnings))
