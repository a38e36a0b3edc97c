"""Sets aside what is declared as unconfirmed, and whatever hangs on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from embargo_butler.buckets.inventory import Inventory, by_declaration
from embargo_butler.config.buckets import (
    BucketConfig,
    BucketSpec,
    TopicSpec,
    Unconfirmed,
)


def confirmed(
    topics: Mapping[str, TopicSpec], buckets: Mapping[str, BucketSpec]
) -> tuple[dict[str, TopicSpec], dict[str, BucketSpec], Unconfirmed]:
    """Return what may be written, and what may not.

    A change of a topic is complete only once its notifications are put again, so a topic and its
    notifications wait for each other.
    """
    aside = dict[str, str]()
    for topic in topics.values():
        if topic.unconfirmed:
            aside[topic.name] = topic.unconfirmed
    entries = {
        (bucket.name, spec.name): (spec.topic, bucket.unconfirmed or spec.unconfirmed)
        for bucket in buckets.values()
        for spec in bucket.notifications.values()
    }
    for (bucket_name, name), (topic_name, why) in entries.items():
        if why:
            aside.setdefault(topic_name, f"its notification {name} of bucket {bucket_name}: {why}")
    notifications = {
        key: why or f"its topic {topic_name} is unconfirmed"
        for key, (topic_name, why) in entries.items()
        if why or topic_name in aside
    }
    policies = {
        bucket.name: bucket.unconfirmed
        for bucket in buckets.values()
        if bucket.unconfirmed and bucket.manages_policy
    }
    kept = {
        bucket.name: replace(
            bucket,
            notifications={
                name: spec
                for name, spec in bucket.notifications.items()
                if (bucket.name, name) not in notifications
            },
        )
        for bucket in buckets.values()
        if not bucket.unconfirmed
    }
    return (
        {name: topic for name, topic in topics.items() if name not in aside},
        kept,
        Unconfirmed(
            aside,
            notifications,
            policies,
            frozenset(buckets.keys() - kept.keys()),
            {name: topics[name].shared for name in aside if name in topics},
        ),
    )


def without_buckets(
    config: BucketConfig, inventory: Inventory, gone: Mapping[str, str]
) -> BucketConfig:
    """Set aside what is declared of buckets that are not there, and topics that only they use.

    Args:
        config: What is declared.
        inventory: What we made.
        gone: Whose they were, by bucket.
    """
    if not gone:
        return config
    left = inventory.without_buckets(gone)
    kept = {bucket for bucket, _ in left.notifications} | left.policies.keys()
    buckets = {
        name: replace(
            each,
            manages_policy=False,
            grants=(),
            deny=(),
            notifications={},
            foreign=(),
            retired_notifications=(),
        )
        if name in gone
        else each
        for name, each in config.buckets.items()
    }
    used, before = (
        {spec.topic for each in of.values() for spec in each.notifications.values()}
        for of in (buckets, config.buckets)
    )
    aside = config.unconfirmed
    idle = dict.fromkeys(before - used, "no bucket that uses it is there")
    return replace(
        config,
        topics={name: each for name, each in config.topics.items() if name not in idle},
        buckets=buckets,
        unconfirmed=replace(
            aside,
            topics={**idle, **aside.topics},
            buckets=aside.buckets | (gone.keys() & kept),
            shared={
                **{name: config.topics[name].shared for name in idle},
                **aside.shared,
            },
        ),
    )


def leaving(config: BucketConfig, inventory: Inventory) -> Unconfirmed:
    """Return what was made and is declared no longer, but for what is retired by name.

    Args:
        config: What is declared.
        inventory: What we made.
    """
    why, specs = "a declared bucket is not there", config.buckets
    ours = by_declaration(inventory, config).without(config.unconfirmed)
    retired = {name for each in specs.values() for name in each.retired_topics}
    by_name = {(of, name) for of, each in specs.items() for name in each.retired_notifications}
    return Unconfirmed(
        topics={
            name: why
            for name, owned in ours.topics.items()
            if name not in config.topics and retired.isdisjoint(owned.names)
        },
        notifications={
            (bucket, name): why
            for (bucket, name), owned in ours.notifications.items()
            if (bucket, name) not in config.ids
            and by_name.isdisjoint((bucket, each) for each in owned.names)
        },
        policies={name: why for name in ours.policies if name not in specs},
    )


def setting_aside(config: BucketConfig, more: Unconfirmed) -> BucketConfig:
    """Set aside more, which is not declared."""
    before = config.unconfirmed
    aside = replace(
        before,
        topics={**more.topics, **before.topics},
        notifications={**more.notifications, **before.notifications},
        policies={**more.policies, **before.policies},
    )
    return replace(config, unconfirmed=aside)


def without_owners(
    config: BucketConfig, inventory: Inventory, owners: Collection[str]
) -> BucketConfig:
    """Set aside whatever is some owners', declared or made before, and whatever hangs on it.

    Args:
        config: What is declared.
        inventory: What we made.
        owners: Whose keys are not there.
    """
    if not owners:
        return config
    why, before = "its owner's keys are not there", config.unconfirmed
    topics, buckets, aside = confirmed(
        {
            name: replace(each, unconfirmed=why if each.owner in owners else "")
            for name, each in config.topics.items()
        },
        {
            name: replace(each, unconfirmed=why if each.owner in owners else "")
            for name, each in config.buckets.items()
        },
    )
    made = {name: why for name, each in inventory.topics.items() if each.owner in owners}
    put = {key: why for key, each in inventory.notifications.items() if each.owner in owners}
    ruled = {name: why for name, owner in inventory.policies.items() if owner in owners}
    whole = Unconfirmed(
        topics={**made, **aside.topics, **before.topics},
        notifications={**put, **aside.notifications, **before.notifications},
        policies={**ruled, **aside.policies, **before.policies},
        buckets=before.buckets | aside.buckets,
        shared={**aside.shared, **before.shared},
    )
    return replace(config, topics=topics, buckets=buckets, unconfirmed=whole)
