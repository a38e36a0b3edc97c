"""What goes from the object store: only what is ours by the inventory, or retired by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from embargo_hooks import policy
from embargo_hooks._buckets_config import BucketConfig
from embargo_hooks.buckets import Observed
from embargo_hooks.inventory import Inventory
from embargo_hooks.plan import Change, DeleteNotification, DeleteTopic, PutPolicy


@dataclass
class Retirement:
    """The removals, in order: policies, notifications, then topics that nothing refers to.

    Attributes:
        changes: The changes.
        kept: Topics that should go but are still used.
        warnings: Why they are kept.
    """

    changes: list[Change] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)


def retire(config: BucketConfig, inventory: Inventory, observed: Observed) -> Retirement:
    """Plan the removals.

    Args:
        config: What is declared.
        inventory: What is ours, with the names that are about to be made as the current ones.
        observed: What is there.
    """
    result = Retirement(list(_policies(config, inventory, observed)))
    going = {}
    for (owner, bucket, name), why in _notifications(config, inventory):
        if any(live.name == name for live in observed.buckets[bucket].notifications):
            going[bucket, name] = Change(DeleteNotification(owner, bucket, name), why)
    result.changes.extend(going.values())
    for (owner, topic), why in dict(_topics(config, inventory)).items():
        if topic not in observed.uses:
            continue
        users = [
            (bucket, live.name)
            for bucket, there in observed.buckets.items()
            for live in there.notifications
            if live.topic == topic
        ]
        staying = [
            f"{name} of bucket {bucket}" for bucket, name in users if (bucket, name) not in going
        ]
        if observed.uses[topic] > len(users):
            staying.append(f"{observed.uses[topic] - len(users)} in other buckets")
        if staying:
            result.kept.add(topic)
            result.warnings.append(
                f"topic {topic} stays: used by notifications {', '.join(staying)}"
            )
        else:
            result.changes.append(Change(DeleteTopic(owner, topic), why))
    return result


def _policies(config: BucketConfig, inventory: Inventory, observed: Observed) -> Iterator[Change]:
    for bucket, owner in inventory.policies.items():
        live = observed.buckets[bucket].statements
        if bucket not in config.buckets and any(map(policy.is_ours, live)):
            put = PutPolicy(owner, bucket, tuple(policy.merged((), live)))
            yield Change(put, "no longer declared")


def _notifications(
    config: BucketConfig, inventory: Inventory
) -> Iterator[tuple[tuple[str, str, str], str]]:
    for (bucket, declared), owned in inventory.notifications.items():
        spec = config.buckets.get(bucket)
        stays = spec is not None and declared in spec.notifications
        for name in owned.names[:-1] if stays else owned.names:
            yield (owned.owner, bucket, name), "replaced" if stays else "no longer declared"
    for spec in config.buckets.values():
        for name in spec.retired_notifications:
            yield (spec.owner, spec.name, name), "retired"


def _topics(config: BucketConfig, inventory: Inventory) -> Iterator[tuple[tuple[str, str], str]]:
    for declared, owned in inventory.topics.items():
        stays = declared in config.topics
        for name in owned.names[:-1] if stays else owned.names:
            yield (owned.owner, name), "replaced" if stays else "no longer declared"
    for spec in config.buckets.values():
        for name in spec.retired_topics:
            yield (spec.owner, name), "retired"
