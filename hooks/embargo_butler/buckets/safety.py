"""What a plan may not take away unless it is asked for by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from embargo_butler.buckets.inventory import Inventory
from embargo_butler.config.buckets import BucketConfig
from embargo_butler.errors import Gathering, UnsafePlanError
from embargo_butler.model.plan import Change, DeleteNotification, PutNotification


def refuse_most(config: BucketConfig, inventory: Inventory) -> None:
    """Refuse a declaration by which more of what is ours goes than stays.

    Args:
        config: What is declared.
        inventory: What is ours.

    Raises:
        Problems: It is so, of topics, notifications or policies.
    """
    aside, buckets = config.unconfirmed, config.buckets
    named_topics = {name for each in buckets.values() for name in each.retired.topics}
    named = {(b, name) for b, each in buckets.items() for name in each.retired.notifications}
    topics = {
        f"topic {name}"
        for name, owned in inventory.topics.items()
        if name not in config.topics and name not in aside.topics
        if not owned.shared and named_topics.isdisjoint(owned.names)
        # What drains was taken leave of by an earlier run.
        if not owned.left.keys() >= set(owned.names)
    }
    notifications = {
        f"notification {name} of bucket {bucket}"
        for (bucket, name), owned in inventory.notifications.items()
        if not (bucket in buckets and name in buckets[bucket].notifications)
        if not aside.has_notification(bucket, name) and not owned.shared
        if named.isdisjoint((bucket, each) for each in owned.names)
    }
    policies = {
        f"policy of bucket {name}"
        for name in inventory.policies.keys() - buckets.keys()
        if not aside.has_policy(name)
    }
    declared = sum(len(bucket.notifications) for bucket in buckets.values())
    keeping = sum(bucket.manages_policy for bucket in buckets.values())
    gathering = Gathering()
    for going, staying in (
        (topics, len(config.topics)),
        (notifications, declared),
        (policies, keeping),
    ):
        with gathering.catching():
            if len(going) > staying:
                raise UnsafePlanError(
                    f"would take away more than stays ({staying}): {', '.join(sorted(going))}; "
                    "if that is meant, name topics and notifications under "
                    "bucketConfig.buckets.NAME.retired, and keep a bucket with `grants: {}` "
                    "until its policy is gone"
                )
    gathering.check()


def refuse_silence(
    changes: Sequence[Change],
    live: Mapping[str, Collection[str]],
    by_name: Mapping[str, Collection[str]],
    ours: Mapping[str, Collection[str]],
) -> None:
    """Refuse a plan after which a bucket that announces would announce nothing, or not to us.

    Args:
        changes: The plan's changes.
        live: The Ids of all notifications there are, by bucket.
        by_name: The Ids whose removal the configuration asks for by name, by bucket.
        ours: The Ids that are declared or were made by us, by bucket.

    Raises:
        UnsafePlanError: It would take a bucket's last notification of ours away.
    """
    for bucket, names in live.items():
        gone, added = set[str](), set[str]()
        for change in changes:
            match change.instruction:
                case DeleteNotification(bucket=where, name=name) if where == bucket:
                    gone.add(name)
                case PutNotification(bucket=where, notification=put) if where == bucket:
                    added.add(put.name)
        stay = (added | set(names) & set(ours.get(bucket, ()))) - gone
        if gone and not stay and gone - set(by_name.get(bucket, ())):
            raise UnsafePlanError(
                f"bucket {bucket}: would be left without any notification of ours "
                f"({', '.join(sorted(gone))} removed), so nothing PUT there would be announced; "
                "if that is meant, name them under "
                f"bucketConfig.buckets.{bucket}.retired.notifications"
            )
