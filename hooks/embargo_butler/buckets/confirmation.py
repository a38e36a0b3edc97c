"""Sets aside what cannot or must not be touched: buckets that are gone, owners without keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from embargo_butler.buckets.inventory import Inventory, by_declaration
from embargo_butler.config.buckets import BucketConfig, Unconfirmed
from embargo_butler.config.confirmation import confirmed


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
            retired=replace(each.retired, notifications=()),
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
    retired = {name for each in specs.values() for name in each.retired.topics}
    by_name = {(of, name) for of, each in specs.items() for name in each.retired.notifications}
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
    left = confirmed(
        replace(
            config,
            topics={
                name: replace(each, unconfirmed=why if each.owner in owners else "")
                for name, each in config.topics.items()
            },
            buckets={
                name: replace(each, unconfirmed=why if each.owner in owners else "")
                for name, each in config.buckets.items()
            },
        )
    )
    aside = left.unconfirmed
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
    return replace(left, unconfirmed=whole)
