"""What goes from the object store: only what is ours by the inventory, or retired by name.

A persistent topic is left before it goes: once no notification refers to it, the gateway still
delivers what waits in it, and would throw that away with the topic. So it stays for its drain time,
counted from a run in which it was seen to be left, and a later run takes it away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from embargo_butler.buckets import policy
from embargo_butler.buckets.inventory import Inventory
from embargo_butler.buckets.observed import Observed
from embargo_butler.config.buckets import BucketConfig
from embargo_butler.model import times
from embargo_butler.model.plan import Change, DeleteNotification, DeleteTopic, Lookup, PutPolicy


@dataclass
class Retirement:
    """The removals, in order: policies, notifications, then topics that nothing refers to.

    Attributes:
        changes: The changes.
        kept: Topics that should go but stay, used or draining.
        left: Those that drain, with the UTC time since when.
        warnings: Why they stay.
        lookups: What may have waited in those that go.
    """

    changes: list[Change] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    left: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)


def retire(
    config: BucketConfig, inventory: Inventory, observed: Observed, now: datetime
) -> Retirement:
    """Plan the removals.

    Args:
        config: What is declared.
        inventory: What is ours, with the names that are about to be made as the current ones.
        observed: What is there.
        now: The UTC time.
    """
    result = Retirement(list(_policies(config, inventory, observed)))
    going = {}
    for (owner, bucket, name), why in _notifications(config, inventory, result):
        if any(live.name == name for live in observed.buckets[bucket].notifications):
            going[bucket, name] = Change(DeleteNotification(owner, bucket, name), why)
    result.changes.extend(going.values())
    for going_topic in _topics(config, inventory, result):
        if going_topic.name in observed.uses:
            _topic(going_topic, going.keys(), observed, now, result)
    return result


@dataclass(frozen=True)
class _Going:
    """A topic that is to go.

    Attributes:
        owner: Who made it.
        name: Its real name.
        why: Why it goes.
        drain: How long it is kept for what waits in it, in seconds.
        left: Since when nothing announces to it, as far as that was written down.
        made: When it was made, as far as that was written down.
        buckets: Those that announced to it.
    """

    owner: str
    name: str
    why: str
    drain: int = 0
    left: str = ""
    made: str = ""
    buckets: tuple[str, ...] = ()


def _topic(
    going: _Going,
    notifications: Collection[tuple[str, str]],
    observed: Observed,
    now: datetime,
    result: Retirement,
) -> None:
    users = [
        (bucket, live.name)
        for bucket, there in observed.buckets.items()
        for live in there.notifications
        if live.topic == going.name
    ]
    staying = [
        f"{name} of bucket {bucket}"
        for bucket, name in users
        if (bucket, name) not in notifications
    ]
    if observed.uses[going.name] > len(users):
        staying.append(f"{observed.uses[going.name] - len(users)} in other buckets")
    if observed.follows and observed.unseen and not staying:
        result.kept.add(going.name)
        result.warnings.append(
            f"topic {going.name} stays: it may be used by notifications of owner "
            f"{', '.join(sorted(observed.unseen))}, whose buckets cannot be read without keys"
        )
        return
    if staying:
        result.kept.add(going.name)
        result.warnings.append(
            f"topic {going.name} stays: used by notifications {', '.join(staying)}"
        )
        return
    topic = observed.topics.get(going.name)
    if topic is None or not topic.persistent:
        result.changes.append(Change(DeleteTopic(going.owner, going.name), going.why))
        return
    # The time of a run that was killed before it took the notifications away does not count.
    left = times.text(now) if users or not going.left else going.left
    until = times.read(left) + timedelta(seconds=going.drain)
    if now < until:
        result.kept.add(going.name)
        result.left[going.name] = left
        result.warnings.append(
            f"topic {going.name} ({going.why}) drains to {topic.endpoint} until "
            f"{times.text(until)}; the first run after that takes it away"
        )
    else:
        result.changes.append(Change(DeleteTopic(going.owner, going.name), going.why))
    if users or now >= until:
        why = (
            f"what waits for {topic.endpoint} goes with topic {going.name}, unless it is delivered "
            "before"
        )
        buckets = dict.fromkeys([*(bucket for bucket, _ in users), *going.buckets])
        # It was written down before the notifications went, by as much as a run may take.
        ended = "" if users else left
        result.lookups.extend(Lookup(bucket, why, ended, going.made) for bucket in buckets)


def _policies(config: BucketConfig, inventory: Inventory, observed: Observed) -> Iterator[Change]:
    for bucket, owner in inventory.policies.items():
        if bucket in config.buckets or config.unconfirmed.has_policy(bucket):
            continue
        live = observed.buckets[bucket].statements
        kept = tuple(policy.without_ours(live, config.environment))
        if len(kept) < len(live):
            yield Change(PutPolicy(owner, bucket, kept), "no longer declared")


def _notifications(
    config: BucketConfig, inventory: Inventory, result: Retirement
) -> Iterator[tuple[tuple[str, str, str], str]]:
    for (bucket, declared), owned in inventory.notifications.items():
        spec = config.buckets.get(bucket)
        stays = spec is not None and declared in spec.notifications
        retired = spec.retired.notifications if spec else ()
        if config.unconfirmed.has_notification(bucket, declared):
            continue
        if owned.shared and not stays and owned.current not in retired:
            result.warnings.append(
                f"notification {owned.current} of bucket {bucket} stays, though no longer declared:"
                f" {', '.join(owned.shared)} hear by it too; to take it away, name it under "
                f"bucketConfig.buckets.{bucket}.retired.notifications"
            )
            continue
        # Of a bucket that changed hands, its owner takes them away.
        owner = spec.owner if spec else owned.owner
        for name in owned.names[:-1] if stays else owned.names:
            yield (owner, bucket, name), "replaced" if stays else "no longer declared"
    for spec in config.buckets.values():
        for name in spec.retired.notifications:
            yield (spec.owner, spec.name, name), "retired"


def _topics(config: BucketConfig, inventory: Inventory, result: Retirement) -> Iterator[_Going]:
    retired = {name: spec.owner for spec in config.buckets.values() for name in spec.retired.topics}
    for declared, owned in inventory.topics.items():
        spec = config.topics.get(declared)
        if declared in config.unconfirmed.topics:
            continue
        if owned.shared and spec is None:
            result.warnings.append(
                f"topic {owned.current} stays, though no longer declared: it is shared with "
                f"{', '.join(owned.shared)}"
            )
            retired.pop(owned.current, None)
            continue
        for name in owned.names[:-1] if spec else owned.names:
            if spec and owned.shared:
                result.kept.add(name)
                result.warnings.append(
                    f"topic {name} stays, though replaced: {', '.join(owned.shared)} may use it "
                    f"still; take {spec.key}.shared away once nobody does"
                )
                continue
            by_name = retired.pop(name, None) is not None
            yield _Going(
                owner=owned.owner,
                name=name,
                why="retired" if by_name else "replaced" if spec else "no longer declared",
                drain=0 if by_name else spec.drain if spec else config.drain,
                left=owned.left.get(name, ""),
                made=owned.made.get(name, ""),
                buckets=tuple(_announcing(config, declared)),
            )
    for name, owner in retired.items():
        yield _Going(owner, name, "retired")


def _announcing(config: BucketConfig, topic: str) -> Iterator[str]:
    for bucket in config.buckets.values():
        if any(spec.topic == topic for spec in bucket.notifications.values()):
            yield bucket.name
