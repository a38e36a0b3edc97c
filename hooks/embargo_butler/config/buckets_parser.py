"""Reads the `bucketConfig` part of the configuration; every mistake in it is told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from embargo_butler.config import names as _names
from embargo_butler.config.buckets import (
    DRAIN_SECONDS,
    LONGEST_DRAIN,
    BucketConfig,
    BucketSpec,
    Denial,
    Grant,
    NotificationSpec,
    OwnerSpec,
    TopicSpec,
)
from embargo_butler.config.confirmation import confirmed
from embargo_butler.config.reader import Node
from embargo_butler.config.topic_attributes import topic_attribute
from embargo_butler.errors import Gathering, UnsafePlanError
from embargo_butler.model import urls as _urls
from embargo_butler.model.statements import PATTERN, below_prefix, parted
from embargo_butler.model.xml_text import unfit

_GRANTS = ("read", "write", "readWrite")
# Each version knows some of them (seen in the programs of 16.2.15, 18.2.7 and 20.2.4): 16 those of
# ObjectCreated and ObjectRemoved; 18 those of ObjectLifecycle too, with `Noncurrent`, and of
# ObjectSynced; 20 all.
_EVENTS = frozenset(
    f"s3:{kind}{name}"
    for kind, names in {
        "ObjectCreated:": "* Put Post Copy CompleteMultipartUpload",
        "ObjectRemoved:": "* Delete DeleteMarkerCreated",
        "ObjectLifecycle:": "*",
        "ObjectLifecycle:Expiration:": (
            "* Current NonCurrent Noncurrent DeleteMarker AbortMultipartUpload"
        ),
        "ObjectLifecycle:Transition:": "* Current NonCurrent Noncurrent",
        "LifecycleExpiration:": "* Delete DeleteMarkerCreated",
        "Lifecycle": "Transition",
        "ObjectSynced:": "* Create Delete DeletionMarkerCreated",
        "Replication:": "* Create Delete DeletionMarkerCreated",
    }.items()
    for name in names.split()
)
Parsed = TypeVar("Parsed")


def parse(
    node: Node,
    environment: str,
    has_enqueue: bool,
    secrets: Mapping[str, Mapping[str, Any] | None],
    owners_path: str = "",
    ingested: str = "",
) -> BucketConfig:
    """Turn the parsed part into a declaration, checked against the rest of the configuration.

    Args:
        node: The part.
        environment: Who declares it.
        has_enqueue: Whether there is a Service to announce to.
        secrets: The Secrets that topics may use.
        owners_path: The folder in Vault that has the keys of owners without a path of their own.
        ingested: The bucket that the environment ingests from.

    Raises:
        HooksError: Something in it is not as it should be; several are told as `Problems`.
    """
    gathering = Gathering()
    for place, why in _unfit(node):
        with gathering.catching():
            raise place.fail(why)
    gathering.check()
    top = node.mapping(
        ("endpoint", "region", "owners", "buckets"),
        ("environment", "topics", "zoneGroup", "drainSeconds", "onUninstall"),
    )
    region = zone_group = endpoint = ""
    drain, keep = DRAIN_SECONDS, False
    with gathering.catching():
        # A release from before it was asked for has none.
        if "environment" in top and (its := top["environment"].text()) != environment:
            raise top["environment"].fail(f"is {its}, but the environment here is {environment}")
    with gathering.catching():
        endpoint = _store(top["endpoint"])
    with gathering.catching():
        region = zone_group = top["region"].text()
        _names.check(top["region"], region, _names.ZONE)
    with gathering.catching():
        if "zoneGroup" in top:
            zone_group = top["zoneGroup"].text()
            _names.check(top["zoneGroup"], zone_group, _names.ZONE)
    with gathering.catching():
        drain = _seconds(node, DRAIN_SECONDS)
    with gathering.catching():
        keep = "onUninstall" in top and top["onUninstall"].choice("remove", "keep") == "keep"
    # What is declared wrongly is declared all the same: it is told once, not where it is used too.
    entries = {key: top[key].value for key in ("owners", "topics") if key in top}
    names = {
        key: tuple(map(str, value)) if isinstance(value, dict) else ()
        for key, value in entries.items()
    }
    known = _Known(names.get("owners", ()), names.get("topics", ()), has_enqueue, secrets, ingested)
    owners = _each(
        top["owners"], _names.USER, lambda name, at: _owner(name, at, owners_path), gathering
    )
    topics = dict[str, TopicSpec]()
    if "topics" in top:
        topics = _each(
            top["topics"],
            _names.IDENTIFIER,
            lambda name, at: _topic(name, at, known, drain),
            gathering,
        )
    buckets = _each(
        top["buckets"], _names.BUCKET, lambda name, at: _bucket(name, at, known), gathering
    )
    if len(gathering.found) == 1:
        raise gathering.found[0]
    gathering.check()
    kept_topics, kept_buckets, unconfirmed = confirmed(topics, buckets)
    return BucketConfig(
        environment=environment,
        endpoint=endpoint,
        region=region,
        zone_group=zone_group,
        owners=owners,
        topics=kept_topics,
        buckets=kept_buckets,
        drain=drain,
        unconfirmed=unconfirmed,
        keep=keep,
    )


class _Known:
    """What the rest of the configuration declares."""

    def __init__(
        self,
        owners: tuple[str, ...],
        topics: tuple[str, ...],
        has_enqueue: bool,
        secrets: Mapping[str, Mapping[str, Any] | None],
        ingested: str,
    ) -> None:
        self.owners = owners
        self.topics = topics
        self.has_enqueue = has_enqueue
        self.secrets = secrets
        self.ingested = ingested


def _each(
    node: Node, kind: _names.Name, read: Callable[[str, Node], Parsed], gathering: Gathering
) -> dict[str, Parsed]:
    """Read each entry of a mapping, and go on after a mistake in one of them."""
    found = {}
    with gathering.catching():
        for name, entry in node.mapping().items():
            with gathering.catching():
                _names.check(entry, name, kind)
            with gathering.catching():
                found[name] = read(name, entry)
    return found


def _listed(node: Node, read: Callable[[Node], Parsed], gathering: Gathering) -> list[Parsed]:
    """Read each entry of a list, likewise."""
    found = []
    with gathering.catching():
        for entry in node.items():
            with gathering.catching():
                found.append(read(entry))
    return found


def _unfit(node: Node) -> Iterator[tuple[Node, str]]:
    """Yield what no answer of the gateway could carry, be it a key or a value."""
    if isinstance(node.value, str) and (why := unfit(node.value)):
        yield node, why
    for entry in node.items() if isinstance(node.value, list) else ():
        yield from _unfit(entry)
    for key in node.value if isinstance(node.value, dict) else ():
        if why := unfit(str(key)):
            yield node, f"one of its keys: {why}"
        else:
            yield from _unfit(node.child(key))


def _texts(node: Node, gathering: Gathering) -> tuple[str, ...]:
    """Read a list of texts, none where there is a mistake in it."""
    found = list[str]()
    with gathering.catching():
        found += node.texts()
    return tuple(found)


def _store(node: Node) -> str:
    """Read where the object store is: requests are signed for just this host."""
    endpoint = node.text().rstrip("/")
    with suppress(ValueError):
        _, url = _urls.split(endpoint)
        if url.scheme in ("http", "https") and endpoint == f"{url.scheme}://{url.netloc}":
            return endpoint
    raise node.fail(
        "expected a URL of http:// or https://, a host, perhaps a port, and nothing else; the "
        "keys have their place under bucketConfig.owners"
    )


def _owner(name: str, node: Node, owners_path: str) -> OwnerSpec:
    keys = node.mapping((), ("path", "profile"))
    said = {key: entry.text() for key, entry in keys.items()}
    common = f"{owners_path}/{name.replace('$', '/')}" if owners_path else None
    return OwnerSpec(
        name=name,
        path=said["path"].strip("/") if "path" in said else common,
        own_path="path" in said,
        profile=said.get("profile", ""),
    )


def _topic(name: str, node: Node, known: _Known, drain: int) -> TopicSpec:
    keys = node.mapping(
        ("owner", "attributes"), ("takeOver", "shared", "drainSeconds", "unconfirmed")
    )
    gathering = Gathering()
    attributes = dict[str, str]()
    with gathering.catching():
        scheme = keys["attributes"].child("push-endpoint")
        for attribute, value in keys["attributes"].mapping(("push-endpoint",)).items():
            with gathering.catching():
                attributes[attribute] = topic_attribute(
                    attribute, value, scheme, known.has_enqueue, known.secrets
                )
    owner = ""
    with gathering.catching():
        owner = _one_of(keys["owner"], known.owners, "owner")
    shared = _texts(node.child("shared"), gathering)
    with gathering.catching():
        drain = _seconds(node, drain)
    take_over, unconfirmed = _state(node, gathering)
    gathering.check()
    return TopicSpec(
        name=name,
        owner=owner,
        attributes=attributes,
        take_over=take_over,
        key=node.path,
        shared=shared,
        drain=drain,
        unconfirmed=unconfirmed,
    )


def _bucket(name: str, node: Node, known: _Known) -> BucketSpec:
    keys = node.mapping(
        ("owner",),
        (
            *("grants", "deny", "takeOver"),
            *("notifications", "foreign", "retired", "unconfirmed"),
        ),
    )
    gathering = Gathering()
    owner = ""
    with gathering.catching():
        owner = _one_of(keys["owner"], known.owners, "owner")
    grants = list[Grant]()
    with gathering.catching():
        for grant, entry in keys["grants"].mapping((), _GRANTS).items() if "grants" in keys else ():
            with gathering.catching():
                grants += _granted(grant, entry)
    denials = list[Denial]()
    if "deny" in keys:
        ingested = name == known.ingested
        denials = _listed(keys["deny"], lambda at: _denial(at, owner, ingested), gathering)
    notifications = dict[str, NotificationSpec]()
    if "notifications" in keys:
        notifications = _each(
            keys["notifications"],
            _names.IDENTIFIER,
            lambda name, at: _notification(name, at, known),
            gathering,
        )
    retired = node.child("retired")
    if retired.value is not None:
        with gathering.catching():
            retired.mapping((), ("notifications", "topics"))
    foreign = _texts(node.child("foreign"), gathering)
    retired_notifications = _texts(retired.child("notifications"), gathering)
    retired_topics = _texts(retired.child("topics"), gathering)
    elsewhere = foreign + retired_notifications
    for declared in notifications:
        with gathering.catching():
            if declared in elsewhere:
                place = keys["notifications"].child(declared)
                raise place.fail("declared here and also named as foreign or retired")
    for both in retired_notifications:
        with gathering.catching():
            if both in foreign:
                raise retired.child("notifications").fail(
                    f"{both!r} is also named as foreign: what is somebody else's is not ours to "
                    "take away; take it out of one of both"
                )
    for topic in retired_topics:
        with gathering.catching():
            if topic in known.topics:
                raise retired.child("topics").fail(f"{topic!r} is also declared")
    take_over, unconfirmed = _state(node, gathering)
    gathering.check()
    return BucketSpec(
        name=name,
        owner=owner,
        manages_policy=not {"grants", "deny"}.isdisjoint(keys),
        grants=tuple(grants),
        deny=tuple(denials),
        take_over=take_over,
        notifications=notifications,
        foreign=foreign,
        retired_notifications=retired_notifications,
        retired_topics=retired_topics,
        unconfirmed=unconfirmed,
    )


def _notification(name: str, node: Node, known: _Known) -> NotificationSpec:
    keys = node.mapping(("topic", "events"), ("filter", "takeOver", "unconfirmed"))
    gathering = Gathering()
    topic, events, chosen = "", frozenset[str](), frozenset[tuple[str, str]]()
    with gathering.catching():
        topic = _one_of(keys["topic"], known.topics, "topic")
    with gathering.catching():
        events = frozenset(keys["events"].texts())
        if not events or events - _EVENTS:
            unknown = ", ".join(sorted(events - _EVENTS)) or "none"
            known_ones = ", ".join(sorted(_EVENTS))
            raise keys["events"].fail(f"expected some of {known_ones}; found {unknown}")
    with gathering.catching():
        rules = keys["filter"].mapping((), ("prefix", "suffix")) if "filter" in keys else {}
        chosen = frozenset((name, rule.text()) for name, rule in rules.items())
    take_over, unconfirmed = _state(node, gathering)
    gathering.check()
    return NotificationSpec(name, topic, events, take_over, chosen, unconfirmed)


def _granted(kind: str, node: Node) -> list[Grant]:
    """Read a list of users, some of them below a prefix only."""
    whole, below, gathering = [], [], Gathering()
    seen = list[object]()
    for entry in node.items():
        with gathering.catching():
            if isinstance(entry.value, dict):
                keys = entry.mapping(("principals", "prefix"), ())
                users = _names.listed(keys["principals"], _names.USER)
                below.append(Grant(kind, users, _prefix(keys["prefix"])))
            else:
                _names.check(entry, entry.text(), _names.USER)
                whole.append(entry.text())
            if entry.value in seen:
                raise node.fail(f"{entry.value!r} stands there twice")
            seen.append(entry.value)
    gathering.check()
    return [*([Grant(kind, tuple(whole))] if whole else []), *below]


def _prefix(node: Node, empty: bool = False) -> str:
    """Read what keys begin with; a policy takes some characters for patterns and variables."""
    prefix = node.text(empty)
    if found := PATTERN & set(prefix):
        raise node.fail(f"expected what the keys begin with, without `{min(found)}`")
    return prefix


def _denial(node: Node, owner: str, ingested: bool) -> Denial:
    keys = node.mapping(("principals", "actions"), ("prefix",))
    gathering = Gathering()
    principals, actions, below = tuple[str, ...](), tuple[str, ...](), ""
    with gathering.catching():
        principals = _names.listed(keys["principals"], _names.USER)
    with gathering.catching():
        actions = _names.listed(keys["actions"], _names.ACTION)
    with gathering.catching():
        below = _prefix(keys["prefix"], empty=True) if "prefix" in keys else ""
    for place in keys["actions"].items() if below and actions else ():
        with gathering.catching():
            if not below_prefix(place.text()):
                raise place.fail(
                    f"{place.text()} is not of objects only, nor s3:ListBucket or "
                    "s3:ListBucketVersions, so it cannot be denied below a prefix: name the "
                    "actions of objects, or leave out the prefix"
                )
    gathering.check()
    denial = Denial(principals, actions, below)
    if why := endangers(denial, owner, ingested):
        raise UnsafePlanError(str(node.fail(why)))
    return denial


def endangers(denial: Denial, owner: str, ingested: bool) -> str:
    """Return what would happen if a denial hit the bucket's own owner; empty if it does no harm.

    Ceph lets a denial count for the owner as well, be it of the policy itself (16.2.15).

    Args:
        denial: What is denied.
        owner: The bucket's owner.
        ingested: Whether the environment ingests from this bucket.
    """
    if owner not in denial.principals:
        return ""
    listing, others = parted(list(denial.actions))
    if not denial.prefix or listing or not all(map(below_prefix, others)):
        return (
            f"denies {', '.join(denial.actions)} to {owner}, who owns the bucket and could be "
            "locked out, of its policy too: only an administrator of the object store could mend "
            f"that; take {owner} out of `principals`, or deny actions of objects only (such as "
            "s3:PutObject), below a `prefix`"
        )
    if ingested:
        return (
            f"denies {', '.join(denial.actions)} below {denial.prefix} to {owner}, who owns the "
            "bucket, and the environment ingests from all of it (ingest.env.BUCKET): images could "
            f"be refused when they are PUT, or read; take {owner} out of `principals`"
        )
    return ""


def _state(node: Node, gathering: Gathering) -> tuple[bool, str]:
    """Read whether something is taken over, and why it is not to be written yet."""
    take_over, why, reason = False, "", node.child("unconfirmed")
    with gathering.catching():
        take_over = node.child("takeOver").flag()
    with gathering.catching():
        # An empty reason would confirm what is not.
        why = reason.text() if "unconfirmed" in node.value else ""
    return take_over, why


def _seconds(node: Node, default: int) -> int:
    entry = node.child("drainSeconds")
    return default if entry.value is None else entry.whole(maximum=LONGEST_DRAIN)


def _one_of(node: Node, declared: tuple[str, ...], what: str) -> str:
    if (name := node.text()) not in declared:
        raise node.fail(f"no such {what} is declared: {name!r}; declared: {', '.join(declared)}")
    return name
