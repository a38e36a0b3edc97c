"""Sets aside what is declared as unconfirmed, and whatever hangs on it."""

from __future__ import annotations

from dataclasses import replace

from embargo_butler.config.buckets import BucketConfig, Unconfirmed
from embargo_butler.terminal import command


def remedy(environment: str) -> str:
    """Spell the command that makes what an environment's object store has a confirmed fact."""
    return command(["make", "import", f"ENV={environment}", "CONFIRM=1"])


def confirmed(config: BucketConfig) -> BucketConfig:
    """Return what may be written, with what may not set aside.

    A change of a topic is complete only once its notifications are put again, so a topic and its
    notifications wait for each other.
    """
    topics, buckets, aside = config.topics, config.buckets, dict[str, str]()
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
    return replace(
        config,
        topics={name: topic for name, topic in topics.items() if name not in aside},
        buckets=kept,
        unconfirmed=Unconfirmed(
            aside,
            notifications,
            policies,
            frozenset(buckets.keys() - kept.keys()),
            {name: topics[name].shared for name in aside if name in topics},
        ),
    )
