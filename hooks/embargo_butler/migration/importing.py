"""Writes down what is live as a `bucketConfig`, without secrets: its first plan is empty.

What no gateway knows of is taken from the declaration: where the owners' keys are, who else reads a
topic, and what an uninstall leaves.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from embargo_butler.buckets import policy
from embargo_butler.buckets.inventory import Inventory, Owned
from embargo_butler.config.buckets import BucketConfig, BucketSpec
from embargo_butler.config.topic_attributes import SCHEMES, as_declared
from embargo_butler.errors import HooksError
from embargo_butler.model import urls
from embargo_butler.model.resources import LIMITS, Notification, ObservedBucket, Topic
from embargo_butler.secret import Secret

SECRET_ATTRIBUTES = ("OpaqueData", "user-name", "password")
"""Attributes that are secrets, whatever they are."""


@dataclass(frozen=True)
class Live:
    """What was found.

    Attributes:
        buckets: By name.
        topics: Those that the buckets' notifications announce to, by name.
        secrets: The namespace's Secrets, by name and key.
        address: The address of enqueue, empty where there is none.
        inventory: What we made: it tells the declared name of a generation.
        unread: Why buckets that are declared are not among these, by name.
        owners: Whose a bucket is, as the lists of their buckets tell, by name.
    """

    buckets: Mapping[str, ObservedBucket]
    topics: Mapping[str, Topic]
    secrets: Mapping[str, Mapping[str, Secret]]
    address: str
    inventory: Inventory = field(default_factory=Inventory)
    unread: Mapping[str, HooksError] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)

    def declared_topic(self, real: str) -> str:
        """Return what a topic is declared as, which is called otherwise once it was replaced."""
        return _declared_names(self.inventory.topics, self.topics).get(real, real)

    def declared_ids(self, bucket: str) -> dict[str, str]:
        """Return what each notification of a bucket is declared as, by its Id."""
        ids = [each.name for each in self.buckets[bucket].notifications]
        ours = {n: each for (at, n), each in self.inventory.notifications.items() if at == bucket}
        called = _declared_names(ours, ids)
        return {name: called.get(name, name) for name in ids}


@dataclass(frozen=True)
class LiveTopic:
    """A topic as it can be declared.

    Attributes:
        attributes: What it has, templates in the place of secrets; of an endpoint what is public.
        unknown: What is a secret, and in none of the declared ones.
        odd: What cannot be declared as it is.
    """

    attributes: Mapping[str, Any]
    unknown: tuple[str, ...]
    odd: tuple[str, ...]

    @property
    def unconfirmed(self) -> str:
        """Why it is not to be written as it is; empty if it is."""
        why = [f"its {', '.join(self.unknown)}: in none of the declared Secrets"]
        why += [f"its {', '.join(self.odd)}: cannot be declared as it is"]
        there = (self.unknown, self.odd)
        return "; ".join(each for each, some in zip(why, there, strict=True) if some)


def imported(config: BucketConfig, live: Live) -> dict[str, Any]:
    """Return the configuration of what is live in the declared buckets.

    Args:
        config: Says which buckets, whose they are, and which notifications are foreign.
        live: What was found.
    """
    topics, buckets = dict[str, Any](), dict[str, Any]()
    shared = dict(config.unconfirmed.shared)
    shared |= {name: each.shared for name, each in config.topics.items()}
    for name, spec in config.buckets.items():
        found = live.buckets[name]
        ids = live.declared_ids(name)
        entry: dict[str, Any] = {"owner": spec.owner}
        foreign = list(spec.foreign)
        notifications = dict[str, dict[str, Any]]()
        for notification in found.notifications:
            topic = live.topics.get(notification.topic)
            if notification.name in foreign:
                continue
            declared = ids[notification.name]
            if twice := notifications.get(declared):
                also = f"its Id stands there twice, to topic {notification.topic} too"
                twice["unconfirmed"] = f"{also}: a plan would leave but one"
                continue
            if topic is None or not topic.endpoint.startswith(SCHEMES):
                foreign.append(notification.name)
                continue
            at = live.declared_topic(topic.name)
            notifications[declared] = declared_notification(notification, at)
            others = {"shared": list(shared[at])} if shared.get(at) else {}
            topics[at] = {"owner": spec.owner, **others, **_topic(topic, live)}
        entry |= declared_policy(spec, found)
        entry |= {"notifications": notifications} if notifications else {}
        entry |= {"foreign": foreign} if foreign else {}
        buckets[name] = entry
    zone_group = {"zoneGroup": config.zone_group} if config.zone_group != config.region else {}
    owners = {
        name: {
            **({"path": each.path} if each.own_path else {}),
            **({"profile": each.profile} if each.profile else {}),
        }
        for name, each in config.owners.items()
    }
    return {
        "bucketConfig": {
            "environment": config.environment,
            "endpoint": config.endpoint,
            "region": config.region,
            **zone_group,
            **({"onUninstall": "keep"} if config.keep else {}),
            "owners": owners,
            "topics": topics,
            "buckets": buckets,
        }
    }


def _declared_names(entries: Mapping[str, Owned], there: Collection[str]) -> dict[str, str]:
    """Return the declared names by the real ones, where nothing else has that name."""
    return {each.current: name for name, each in entries.items() if name not in there}


def _topic(topic: Topic, live: Live) -> dict[str, Any]:
    found = declared_topic(topic, live)
    why = {"unconfirmed": found.unconfirmed} if found.unconfirmed else {}
    return {"attributes": dict(found.attributes), **why}


def declared_topic(topic: Topic, live: Live) -> LiveTopic:
    """Return what is there of a topic, as it can be declared.

    Args:
        topic: The topic.
        live: What was found.
    """
    attributes = dict[str, Any]()
    unknown, odd = [], []
    for name, value in topic.attributes.items():
        text = value.text()
        if not text or (name in LIMITS and text == "None"):
            continue
        if name in SECRET_ATTRIBUTES:
            if where := _where(value, live):
                attributes[name] = where
            else:
                unknown.append(name)
        elif name == "push-endpoint":
            _, url = urls.split(text)
            public = f"{url.scheme}://{url.netloc}{url.path}"
            if public != text:
                unknown.append("userinfo or query of its push-endpoint")
            if live.address and url.hostname == live.address:
                public = public.replace(live.address, "{{ enqueue.address }}", 1)
            attributes[name] = public
        elif (declared := as_declared(name, text, topic.endpoint)) is not None:
            attributes[name] = declared
        else:
            odd.append(name)
    return LiveTopic(attributes, tuple(unknown), tuple(odd))


def _where(value: Secret, live: Live) -> str | None:
    """Return the template of a Secret's key that holds a value."""
    for name, keys in live.secrets.items():
        for key, held in keys.items():
            if held == value:
                plain = re.fullmatch(r"\w+", name) and re.fullmatch(r"\w+", key)
                path = f"secrets.{name}.{key}" if plain else f"secrets['{name}']['{key}']"
                return f"{{{{ {path} }}}}"
    return None


def declared_notification(notification: Notification, topic: str) -> dict[str, Any]:
    """Return a notification as it can be declared.

    Args:
        notification: The notification.
        topic: What its topic is declared as.
    """
    events = sorted(f"s3:{event.removeprefix('s3:')}" for event in notification.events)
    entry: dict[str, Any] = {"topic": topic, "events": events}
    if rules := dict(sorted(notification.filter)):
        declared = {name: rules.pop(name) for name in ("prefix", "suffix") if name in rules}
        entry |= {"filter": declared} if declared else {}
        entry |= _odd("filter of", rules)
    return entry


def declared_policy(spec: BucketSpec, found: ObservedBucket) -> dict[str, Any]:
    """Return a bucket's policy as it can be declared.

    Args:
        spec: The bucket.
        found: What is there of it.
    """
    grants, denials, others = policy.as_declared(spec.name, found.statements)
    allowed = dict[str, list[Any]]()
    for grant in grants:
        users = list(grant.principals)
        below = [{"principals": users, "prefix": grant.prefix}]
        allowed.setdefault(grant.kind, []).extend(below if grant.prefix else users)
    denied = [
        {
            "principals": list(denial.principals),
            "actions": list(denial.actions),
            **({"prefix": denial.prefix} if denial.prefix else {}),
        }
        for denial in denials
    ]
    return {
        **({"grants": allowed} if allowed else {}),
        **({"deny": denied} if denied else {}),
        **_odd("statement", [str(each.get("Sid", "")) or "without a Sid" for each in others]),
    }


def _odd(what: str, names: Collection[str]) -> dict[str, str]:
    """Return the mark of what is not to be written, as it cannot be declared."""
    why = f"its {what} {', '.join(names)}: cannot be declared as it is"
    return {"unconfirmed": why} if names else {}
