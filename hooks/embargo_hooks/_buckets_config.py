"""The `bucketConfig` part of the configuration: owners, topics, buckets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embargo_hooks._reader import Node
from embargo_hooks.resources import KNOWN_ATTRIBUTES
from embargo_hooks.templates import TemplateError, references

_SCHEMES = ("http://", "https://", "kafka://", "amqp://", "amqps://")
_GRANTS = ("read", "write", "readWrite")
_EVENTS = frozenset(
    f"s3:{kind}:{name}"
    for kind, names in {
        "ObjectCreated": "* Put Post Copy CompleteMultipartUpload",
        "ObjectRemoved": "* Delete DeleteMarkerCreated",
    }.items()
    for name in names.split()
)


@dataclass(frozen=True)
class OwnerSpec:
    """A user of the object store and where in Vault the keys are.

    Attributes:
        name: The user.
        path: The Vault path; None where nobody has said it yet.
        access_key: The field of the access key.
        secret_key: The field of the secret key.
        key: Where in the configuration the path belongs, for messages.
    """

    name: str
    path: str | None
    access_key: str
    secret_key: str
    key: str


@dataclass(frozen=True)
class TopicSpec:
    """A declared topic; its attributes are templates."""

    name: str
    owner: str
    attributes: Mapping[str, str]
    take_over: bool
    key: str


@dataclass(frozen=True)
class NotificationSpec:
    """A declared notification."""

    name: str
    topic: str
    events: frozenset[str]
    take_over: bool


@dataclass(frozen=True)
class Denial:
    """What nobody of some principals may do below a prefix."""

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
        grants: Principals by grant.
        deny: What is denied.
        notifications: Ours, by Id.
        foreign: Ids of others that must be there.
        retired_notifications: Ids to take away.
        retired_topics: Topics to take away.
    """

    name: str
    owner: str
    manages_policy: bool
    grants: Mapping[str, tuple[str, ...]]
    deny: tuple[Denial, ...]
    notifications: Mapping[str, NotificationSpec]
    foreign: tuple[str, ...]
    retired_notifications: tuple[str, ...]
    retired_topics: tuple[str, ...]


@dataclass(frozen=True)
class BucketConfig:
    """All that is declared on one object store."""

    endpoint: str
    region: str
    owners: Mapping[str, OwnerSpec]
    topics: Mapping[str, TopicSpec]
    buckets: Mapping[str, BucketSpec]


def parse(node: Node, has_enqueue: bool, secrets: Mapping[str, Mapping[str, Any]]) -> BucketConfig:
    """Turn the parsed part into a declaration, checked against the rest of the configuration.

    Raises:
        ConfigError: Something in it is not as it should be.
    """
    top = node.mapping(("endpoint", "region", "owners", "buckets"), ("topics",))
    if not top["endpoint"].text().startswith(("http://", "https://")):
        raise top["endpoint"].fail("expected a URL that begins with http:// or https://")
    owners = {name: _owner(name, entry) for name, entry in top["owners"].mapping().items()}
    topics = {}
    for name, entry in top["topics"].mapping().items() if "topics" in top else ():
        topics[name] = _topic(name, entry, owners)
        for attribute, template in topics[name].attributes.items():
            _check(entry.child("attributes").child(attribute), template, has_enqueue, secrets)
    return BucketConfig(
        endpoint=top["endpoint"].text().rstrip("/"),
        region=top["region"].text(),
        owners=owners,
        topics=topics,
        buckets={
            name: _bucket(name, entry, owners, topics)
            for name, entry in top["buckets"].mapping().items()
        },
    )


def _owner(name: str, node: Node) -> OwnerSpec:
    keys = node.mapping(("accessKey", "secretKey"), ("path",))
    path = node.child("path")
    return OwnerSpec(
        name=name,
        path=None if path.value is None else path.text().strip("/"),
        access_key=keys["accessKey"].text(),
        secret_key=keys["secretKey"].text(),
        key=path.path,
    )


def _topic(name: str, node: Node, owners: Mapping[str, OwnerSpec]) -> TopicSpec:
    keys = node.mapping(("owner", "attributes"), ("takeOver",))
    attributes = {}
    for attribute, value in keys["attributes"].mapping(("push-endpoint",)).items():
        if attribute not in KNOWN_ATTRIBUTES:
            known = ", ".join(sorted(KNOWN_ATTRIBUTES))
            raise value.fail(f"unknown attribute; known here: {known}")
        if isinstance(value.value, bool | int):
            attributes[attribute] = str(value.value).lower()
        else:
            attributes[attribute] = value.text(empty=True)
    if not attributes["push-endpoint"].startswith(_SCHEMES):
        endpoint = keys["attributes"].child("push-endpoint")
        raise endpoint.fail(f"expected a URL that begins with one of {' '.join(_SCHEMES)}")
    owner = _known(keys["owner"], owners, "owner")
    return TopicSpec(name, owner, attributes, node.child("takeOver").flag(), node.path)


def _check(
    node: Node, template: str, has_enqueue: bool, secrets: Mapping[str, Mapping[str, Any]]
) -> None:
    try:
        asked = references(template)
    except TemplateError as error:
        raise node.fail(str(error)) from None
    for path in asked:
        shown = ".".join(path)
        if path == ("enqueue", "address"):
            if not has_enqueue:
                raise node.fail("{{ enqueue.address }} needs the key `enqueue`, which is absent")
        elif len(path) != 3 or path[0] != "secrets":
            raise node.fail(
                f"{{{{ {shown} }}}}: expected enqueue.address or secrets.<Secret>.<key>"
            )
        elif path[2] not in secrets.get(path[1], {}):
            raise node.fail(f"{{{{ {shown} }}}}: `secrets` declares no such key")


def _bucket(
    name: str, node: Node, owners: Mapping[str, OwnerSpec], topics: Mapping[str, TopicSpec]
) -> BucketSpec:
    keys = node.mapping(("owner",), ("grants", "deny", "notifications", "foreign", "retired"))
    grants = keys["grants"].mapping((), _GRANTS) if "grants" in keys else {}
    notifications = keys["notifications"].mapping() if "notifications" in keys else {}
    retired = node.child("retired")
    if retired.value is not None:
        retired.mapping((), ("notifications", "topics"))
    elsewhere = node.child("foreign").texts() + retired.child("notifications").texts()
    for declared, entry in notifications.items():
        if declared in elsewhere:
            raise entry.fail("declared here and also named as foreign or retired")
    for topic in retired.child("topics").texts():
        if topic in topics:
            raise retired.child("topics").fail(f"{topic!r} is also declared")
    return BucketSpec(
        name=name,
        owner=_known(keys["owner"], owners, "owner"),
        manages_policy="grants" in keys or "deny" in keys,
        grants={grant: entry.texts() for grant, entry in grants.items()},
        deny=tuple(_denial(entry) for entry in keys["deny"].items()) if "deny" in keys else (),
        notifications={
            declared: _notification(declared, entry, topics)
            for declared, entry in notifications.items()
        },
        foreign=node.child("foreign").texts(),
        retired_notifications=retired.child("notifications").texts(),
        retired_topics=retired.child("topics").texts(),
    )


def _notification(name: str, node: Node, topics: Mapping[str, TopicSpec]) -> NotificationSpec:
    keys = node.mapping(("topic", "events"), ("takeOver",))
    events = frozenset(keys["events"].texts())
    if not events or events - _EVENTS:
        unknown = ", ".join(sorted(events - _EVENTS)) or "none"
        raise keys["events"].fail(f"expected some of {', '.join(sorted(_EVENTS))}; found {unknown}")
    topic = _known(keys["topic"], topics, "topic")
    return NotificationSpec(name, topic, events, node.child("takeOver").flag())


def _denial(node: Node) -> Denial:
    keys = node.mapping(("principals", "actions"), ("prefix",))
    prefix = node.child("prefix")
    return Denial(
        principals=keys["principals"].texts(),
        actions=keys["actions"].texts(),
        prefix="" if prefix.value is None else prefix.text(empty=True),
    )


def _known(node: Node, declared: Mapping[str, object], what: str) -> str:
    if (name := node.text()) not in declared:
        raise node.fail(f"no such {what} is declared: {name!r}; declared: {', '.join(declared)}")
    return name
