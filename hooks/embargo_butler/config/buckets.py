"""What can be declared about the object store: owners, topics, buckets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DRAIN_SECONDS = 3600
LONGEST_DRAIN = 30 * 24 * 3600


@dataclass(frozen=True)
class OwnerSpec:
    """A user of the object store and where in Vault the keys are.

    Attributes:
        name: The user; one of a tenant is `tenant$user`.
        path: The Vault path; None where neither it nor `vault.ownersPath` is said.
        own_path: Whether the path is said for this owner alone.
        profile: The AWS profile that has the keys on a login node, for as long as Vault has not.
    """

    name: str
    path: str | None
    own_path: bool = True
    profile: str = ""


@dataclass(frozen=True)
class TopicSpec:
    """A declared topic; its attributes are templates.

    Attributes:
        name: Its declared name; a generation that replaced it has another.
        owner: The user whose keys make it.
        attributes: What it is made with, in Ceph's names.
        take_over: Whether one that somebody else made is adopted.
        key: Where in the configuration it stands.
        shared: Who else consumes it; such a topic is never taken away.
        drain: How long a replaced topic is kept for what waits in it, in seconds.
        unconfirmed: Why it is not to be written yet; empty if it is.
    """

    name: str
    owner: str
    attributes: Mapping[str, str]
    take_over: bool
    key: str
    shared: tuple[str, ...] = ()
    drain: int = DRAIN_SECONDS
    unconfirmed: str = ""


@dataclass(frozen=True)
class NotificationSpec:
    """A declared notification; its filter is as in `resources.Notification`."""

    name: str
    topic: str
    events: frozenset[str]
    take_over: bool
    filter: frozenset[tuple[str, str]] = frozenset()
    unconfirmed: str = ""


@dataclass(frozen=True)
class Grant:
    """What some principals may do: in the whole bucket, or below a prefix.

    Attributes:
        kind: `read`, `write` or `readWrite`.
        principals: Who.
        prefix: What the keys begin with; empty for the whole bucket.
    """

    kind: str
    principals: tuple[str, ...]
    prefix: str = ""


@dataclass(frozen=True)
class Denial:
    """What nobody of some principals may do: in the whole bucket, or below a prefix."""

    principals: tuple[str, ...]
    actions: tuple[str, ...]
    prefix: str


@dataclass(frozen=True)
class BucketSpec:
    """A declared bucket.

    Attributes:
        name: Its name.
        owner: The user who owns it.
        manages_policy: Whether grants or denials are declared, be they empty.
        grants: What is allowed.
        deny: What is denied.
        take_over: Whether the statements that others put into its policy are given up.
        notifications: Ours, by Id.
        foreign: Ids of others that must be there.
        retired_notifications: Ids to take away.
        retired_topics: Topics to take away, at once.
        unconfirmed: Why nothing of it is to be written yet; empty if it is.
    """

    name: str
    owner: str
    manages_policy: bool
    grants: tuple[Grant, ...]
    deny: tuple[Denial, ...]
    notifications: Mapping[str, NotificationSpec]
    foreign: tuple[str, ...]
    retired_notifications: tuple[str, ...]
    retired_topics: tuple[str, ...]
    take_over: bool = False
    unconfirmed: str = ""

    @property
    def asks(self) -> bool:
        """Whether anything is declared of it that has to be looked at."""
        return self.manages_policy or any(
            (self.notifications, self.foreign, self.retired_notifications, self.retired_topics)
        )


@dataclass(frozen=True)
class Unconfirmed:
    """What is neither made nor changed nor taken away, with the reasons.

    Attributes:
        topics: By declared name.
        notifications: By bucket and declared Id.
        policies: By bucket.
        buckets: Those of which nothing is written, be it declared or not.
        shared: Who else consumes the topics, by declared name.
    """

    topics: Mapping[str, str] = field(default_factory=dict)
    notifications: Mapping[tuple[str, str], str] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)
    buckets: frozenset[str] = frozenset()
    shared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def has_notification(self, bucket: str, name: str) -> bool:
        """Whether a bucket's notification of a declared Id is set aside."""
        return bucket in self.buckets or (bucket, name) in self.notifications

    def has_policy(self, bucket: str) -> bool:
        """Whether a bucket's policy is set aside."""
        return bucket in self.buckets or bucket in self.policies

    def names(self) -> dict[str, str]:
        """Return the reason for each, by its kind and name."""
        return {
            **{f"topic {name}": why for name, why in self.topics.items()},
            **{
                f"notification {name} of bucket {bucket}": why
                for (bucket, name), why in self.notifications.items()
            },
            **{f"policy of bucket {name}": why for name, why in self.policies.items()},
        }

    def lines(self) -> list[str]:
        """Return a line for each."""
        return [f"{name}: {why}" for name, why in self.names().items()]


@dataclass(frozen=True)
class BucketConfig:
    """All that is declared on one object store.

    Attributes:
        environment: Who declares it.
        endpoint: The gateway's URL.
        region: The region that requests are signed for.
        zone_group: The one in the topics' ARNs.
        owners: By name.
        topics: Those to be kept as declared.
        buckets: Likewise.
        drain: How long a topic that is no longer declared is kept, in seconds.
        unconfirmed: What is declared beside these.
        keep: Whether an uninstall leaves notifications and topics.
    """

    environment: str
    endpoint: str
    region: str
    zone_group: str
    owners: Mapping[str, OwnerSpec]
    topics: Mapping[str, TopicSpec]
    buckets: Mapping[str, BucketSpec]
    drain: int = DRAIN_SECONDS
    unconfirmed: Unconfirmed = field(default_factory=Unconfirmed)
    keep: bool = False

    @property
    def ids(self) -> frozenset[tuple[str, str]]:
        """Every notification that is to be kept as declared, by bucket and declared Id."""
        return frozenset((b.name, name) for b in self.buckets.values() for name in b.notifications)


def tenant_of(user: str) -> str:
    """Return the tenant of a user, and so of its buckets and topics; empty for none."""
    return user.rpartition("$")[0]
