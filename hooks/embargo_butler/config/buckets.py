"""What can be declared about the object store: owners, topics, buckets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Tag, ValidationInfo

from embargo_butler.config.names import Action, BucketName, Identifier, User, Zone
from embargo_butler.config.reader import (
    PART,
    TEXT,
    TEXT_OR_PART,
    AnyText,
    Flag,
    Mistake,
    Mistakes,
    PathText,
    ReadAs,
    Text,
    Texts,
    Whole,
    cut,
    different,
    hidden,
    named,
    or_else,
    part,
    shown,
    some_different,
)
from embargo_butler.config.topic_attributes import Attributes, as_texts
from embargo_butler.errors import UnsafePlanError
from embargo_butler.model import urls
from embargo_butler.model.statements import PATTERN, below_prefix, is_known, listed, parted
from embargo_butler.model.xml_text import unfit

DRAIN_SECONDS = 3600
LONGEST_DRAIN = 30 * 24 * 3600
# Each version knows some of them (seen in the programs of 16.2.15, 18.2.7 and 20.2.4): 16 those of
# ObjectCreated and ObjectRemoved; 18 those of ObjectLifecycle too, with `Noncurrent`, and of
# ObjectSynced; 20 all.
EVENTS = frozenset(
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


def _store(endpoint: str) -> str:
    """Check where the object store is: requests are signed for just this host."""
    endpoint = endpoint.rstrip("/")
    with suppress(ValueError):
        _, url = urls.split(endpoint)
        if url.scheme in ("http", "https") and endpoint == f"{url.scheme}://{url.netloc}":
            return endpoint
    raise ValueError(
        "expected a URL of http:// or https://, a host, perhaps a port, and nothing else; the "
        "keys have their place under bucketConfig.owners"
    )


def _of_environment(environment: str, info: ValidationInfo) -> str:
    here = part(info.context).get("environment")
    if here and isinstance(here, str) and environment != here:
        raise ValueError(f"is {cut(environment)}, but the environment here is {here}")
    return environment


def _known_action(action: str) -> str:
    if not is_known(action):
        raise ValueError(f"no gateway knows {shown(action)}, and it would refuse the policy")
    return action


def _owner(name: str, info: ValidationInfo) -> str:
    return _one_of(name, info, "owner")


def _topic(name: str, info: ValidationInfo) -> str:
    return _one_of(name, info, "topic")


def _one_of(name: str, info: ValidationInfo, what: str) -> str:
    if name not in (declared := part(info.context, "bucketConfig", f"{what}s")):
        there = ", ".join(map(str, declared)) or "none"
        raise ValueError(f"no such {what} is declared: {shown(name)}; declared: {there}")
    return name


def _prefix(prefix: str) -> str:
    """Check what keys begin with; a policy takes some characters for patterns and variables."""
    if found := PATTERN & set(prefix):
        raise ValueError(f"expected what the keys begin with, without `{min(found)}`")
    return prefix


def _relative(prefix: str) -> str:
    """Check what keys begin with: no key begins as a path does."""
    if prefix.startswith("/"):
        raise ValueError(f"no image's key begins with `/`: write {shown(prefix.lstrip('/'))}")
    return prefix


def _events(events: tuple[str, ...]) -> frozenset[str]:
    if not events or set(events) - EVENTS:
        unknown = ", ".join(map(cut, sorted(set(events) - EVENTS))) or "none"
        raise ValueError(f"expected some of {', '.join(sorted(EVENTS))}; found {unknown}")
    return frozenset(events)


DeclaredOwner = Annotated[Text, AfterValidator(_owner)]
DeclaredTopic = Annotated[Text, AfterValidator(_topic)]
Prefix = Annotated[AnyText, AfterValidator(_prefix)]
Users = Annotated[tuple[User, ...], AfterValidator(some_different)]
Actions = Annotated[
    tuple[Annotated[Action, AfterValidator(_known_action)], ...], AfterValidator(some_different)
]
Seconds = Annotated[Whole, Field(ge=0, le=LONGEST_DRAIN), or_else(DRAIN_SECONDS)]


@dataclass(frozen=True)
class OwnerSpec:
    """A user of the object store and where in Vault the keys are.

    Attributes:
        name: The user; one of a tenant is `tenant$user`.
        path: The Vault path; None where neither it nor `vault.ownersPath` is said.
        own_path: Whether the path is said for this owner alone.
        profile: The AWS profile that has the keys on a login node, for as long as Vault has not.
    """

    name: Annotated[str, Field(alias=hidden("name"))]
    path: Annotated[str | None, ReadAs(PathText)] = None
    own_path: Annotated[bool, Field(alias=hidden("own_path"))] = True
    profile: Text = ""


@dataclass(frozen=True)
class TopicSpec:
    """A declared topic; its attributes are templates.

    Attributes:
        name: Its declared name; a generation that replaced it has another.
        owner: The user whose keys make it.
        attributes: What it is made with, in Ceph's names.
        shared: Who else consumes it; such a topic is never taken away.
        drain: How long a replaced topic is kept for what waits in it, in seconds.
        take_over: Whether one that somebody else made is adopted.
        unconfirmed: Why it is not to be written yet; empty if it is.
    """

    name: Annotated[str, Field(alias=hidden("name"))]
    owner: DeclaredOwner
    attributes: Annotated[Mapping[str, str], ReadAs(Attributes, as_texts)]
    shared: Texts = ()
    drain: Annotated[Seconds, Field(alias="drainSeconds")] = DRAIN_SECONDS
    take_over: Flag = False
    unconfirmed: Text = ""

    @property
    def key(self) -> str:
        """Where in the configuration it stands."""
        return f"bucketConfig.topics.{self.name}"


@dataclass(frozen=True)
class _Filter:
    prefix: Annotated[Text, AfterValidator(_relative)] = ""
    suffix: Text = ""

    def rules(self) -> frozenset[tuple[str, str]]:
        return frozenset((name, value) for name, value in vars(self).items() if value)


@dataclass(frozen=True)
class NotificationSpec:
    """A declared notification; its filter is as in `resources.Notification`."""

    name: Annotated[str, Field(alias=hidden("name"))]
    topic: DeclaredTopic
    events: Annotated[frozenset[str], ReadAs(Texts, _events)]
    filter: Annotated[frozenset[tuple[str, str]], ReadAs(_Filter, _Filter.rules)] = frozenset()
    take_over: Flag = False
    unconfirmed: Text = ""

    def lets_through(self, key: str) -> bool:
        """Whether an object of a key is announced."""
        return all(
            key.startswith(text) if name == "prefix" else key.endswith(text)
            for name, text in self.filter
        )


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
class _Below:
    principals: Users
    prefix: Annotated[Text, AfterValidator(_prefix)]


_Granted = Annotated[
    tuple[
        Annotated[
            Annotated[User, Tag(TEXT)] | Annotated[_Below, Tag(PART)],
            TEXT_OR_PART,
        ],
        ...,
    ],
    AfterValidator(different),
]


@dataclass(frozen=True)
class _Grants:
    """Users by what they may do, some of them below a prefix only."""

    read: _Granted = ()
    write: _Granted = ()
    read_write: _Granted = ()

    def each(self) -> tuple[Grant, ...]:
        return tuple(
            grant
            for kind, users in zip(("read", "write", "readWrite"), vars(self).values(), strict=True)
            for grant in _granted(kind, users)
        )


def _granted(kind: str, users: tuple[str | _Below, ...]) -> Iterator[Grant]:
    if whole := tuple(each for each in users if isinstance(each, str)):
        yield Grant(kind, whole)
    for each in users:
        if isinstance(each, _Below):
            yield Grant(kind, each.principals, each.prefix)


def _fits_actions(prefix: str, info: ValidationInfo) -> str:
    Mistakes.check(
        [
            (
                ("actions", index),
                f"{action} is not of objects only, nor s3:ListBucket or s3:ListBucketVersions, so "
                "it cannot be denied below a prefix: name the actions of objects, or leave out the "
                "prefix",
            )
            for index, action in enumerate(info.data.get("actions", ()))
            if prefix and not below_prefix(action)
        ]
    )
    return prefix


@dataclass(frozen=True)
class Denial:
    """What nobody of some principals may do: in the whole bucket, or below a prefix."""

    principals: Users
    actions: Actions
    prefix: Annotated[Prefix, AfterValidator(_fits_actions)] = ""


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


def _ingested(info: ValidationInfo) -> str:
    """Return the bucket that the environment ingests from."""
    # One of a tenant is `tenant:bucket`, and a profile may stand before it.
    bucket = str(part(info.context, "pipeline").get("bucket")).rpartition("@")[2]
    return bucket.rpartition(":")[2]


def _harmless(denials: tuple[Denial, ...], info: ValidationInfo) -> tuple[Denial, ...]:
    ingested = info.data["name"] == _ingested(info)
    whys = [endangers(each, info.data.get("owner", ""), ingested) for each in denials]
    if found := [(("deny", index), why) for index, why in enumerate(whys) if why]:
        raise Mistakes(found, UnsafePlanError)
    return denials


def _taking(
    notifications: dict[str, NotificationSpec], info: ValidationInfo
) -> dict[str, NotificationSpec]:
    """Check that what leads to enqueue lets an image through (`enqueue.examples.taken`)."""
    pipeline, topics = part(info.context, "pipeline"), part(info.context, "bucketConfig", "topics")
    keys = [key for key in listed(part(pipeline, "examples").get("taken", [])) if key]
    consumed = part(pipeline, "enqueue").get("topic")
    Mistakes.check(
        (
            ("notifications", name, "filter"),
            f"none of `enqueue.examples.taken` is let through ({shown(keys[0])} and so on), so "
            "enqueue would hear of no image: correct the one or the other",
        )
        for name, each in notifications.items()
        if keys and info.data["name"] == _ingested(info)
        if each.topic == consumed
        or "enqueue.address" in str(part(topics, each.topic, "attributes"))
        if not any(each.lets_through(str(key)) for key in keys)
    )
    return notifications


def _theirs(names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    Mistakes.check(_ours_too(names, info))
    return names


def _ours_too(names: tuple[str, ...], info: ValidationInfo) -> Iterator[Mistake]:
    told = "declared here and also named as foreign or retired"
    ours = info.data.get("notifications", ())
    yield from ((("notifications", name), told) for name in ours if name in names)


def _undeclared(topics: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    for topic in topics:
        if topic in part(info.context, "bucketConfig", "topics"):
            raise ValueError(f"{shown(topic)} is also declared")
    return topics


@dataclass(frozen=True)
class Retired:
    """What is to be taken away.

    Attributes:
        notifications: Ids.
        topics: Topics, at once.
    """

    notifications: Texts = ()
    topics: Annotated[Texts, AfterValidator(_undeclared)] = ()


def _apart(retired: Retired, info: ValidationInfo) -> Retired:
    told = (
        "is also named as foreign: what is somebody else's is not ours to take away; take it out "
        "of one of both"
    )
    both = [name for name in retired.notifications if name in info.data.get("foreign", ())]
    at = ("retired", "notifications")
    Mistakes.check(
        [*_ours_too(retired.notifications, info), *((at, f"{shown(n)} {told}") for n in both)]
    )
    return retired


@dataclass(frozen=True)
class BucketSpec:
    """A declared bucket.

    Attributes:
        name: Its name.
        owner: The user who owns it.
        manages_policy: Whether grants or denials are declared, be they empty.
        grants: What is allowed.
        deny: What is denied.
        notifications: Ours, by Id.
        foreign: Ids of others that must be there.
        retired: What to take away.
        take_over: Whether the statements that others put into its policy are given up.
        unconfirmed: Why nothing of it is to be written yet; empty if it is.
    """

    name: Annotated[str, Field(alias=hidden("name"))]
    owner: DeclaredOwner
    manages_policy: Annotated[bool, Field(alias=hidden("manages_policy"))] = False
    grants: Annotated[tuple[Grant, ...], ReadAs(_Grants, _Grants.each)] = ()
    deny: Annotated[tuple[Denial, ...], AfterValidator(_harmless)] = ()
    notifications: Annotated[
        dict[Identifier, NotificationSpec], named(), AfterValidator(_taking)
    ] = field(default_factory=dict)
    foreign: Annotated[Texts, AfterValidator(_theirs)] = ()
    retired: Annotated[Retired, AfterValidator(_apart), or_else({})] = Retired()
    take_over: Flag = False
    unconfirmed: Text = ""

    @property
    def asks(self) -> bool:
        """Whether anything is declared of it that has to be looked at."""
        return self.manages_policy or any(
            (self.notifications, self.foreign, self.retired.notifications, self.retired.topics)
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


def _owner_too(name: str, entry: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    folder = str(part(info.context, "vault").get("ownersPath") or "").strip("/")
    common = {"path": f"{folder}/{name.replace('$', '/')}"} if folder else {}
    return {hidden("own_path"): "path" in entry, **({} if "path" in entry else common)}


def _topic_too(name: str, entry: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    said = entry.get("drainSeconds") is not None
    return {} if said else {"drainSeconds": info.data.get("drain", DRAIN_SECONDS)}


def _bucket_too(name: str, entry: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    return {hidden("manages_policy"): not entry.keys().isdisjoint(("grants", "deny"))}


@dataclass(frozen=True, kw_only=True)
class BucketConfig:
    """All that is declared on one object store.

    Attributes:
        environment: Who declares it.
        endpoint: The gateway's URL.
        region: The region that requests are signed for.
        own_zone_group: The zone group, where it has another name.
        drain: How long a topic that is no longer declared is kept, in seconds.
        keep: Whether an uninstall leaves notifications and topics.
        owners: By name.
        topics: Those to be kept as declared.
        buckets: Likewise.
        unconfirmed: What is declared beside these.
    """

    environment: Annotated[Text, AfterValidator(_of_environment)]
    endpoint: Annotated[Text, AfterValidator(_store)]
    region: Zone
    own_zone_group: Annotated[Zone, Field(alias="zoneGroup")] = ""
    drain: Annotated[Seconds, Field(alias="drainSeconds")] = DRAIN_SECONDS
    keep: Annotated[
        bool,
        ReadAs(Literal["remove", "keep"], lambda said: said == "keep"),
        Field(alias="onUninstall"),
    ] = False
    owners: Annotated[dict[User, OwnerSpec], named(_owner_too)]
    topics: Annotated[dict[Identifier, TopicSpec], named(_topic_too)] = field(default_factory=dict)
    buckets: Annotated[dict[BucketName, BucketSpec], named(_bucket_too)]
    unconfirmed: Annotated[Unconfirmed, Field(alias=hidden("unconfirmed"))] = field(
        default_factory=Unconfirmed
    )

    @property
    def zone_group(self) -> str:
        """The one in the topics' ARNs."""
        return self.own_zone_group or self.region

    @property
    def ids(self) -> frozenset[tuple[str, str]]:
        """Every notification that is to be kept as declared, by bucket and declared Id."""
        return frozenset((b.name, name) for b in self.buckets.values() for name in b.notifications)


def fit(declared: Any, info: ValidationInfo) -> Any:
    """Refuse what no answer of the gateway could carry, and add what the part need not say.

    Args:
        declared: `bucketConfig` as it was parsed.
        info: What else is declared.
    """
    Mistakes.check(_unfit(declared, ("bucketConfig",)))
    # A release from before it was asked for has no environment there.
    said = {"environment": str(part(info.context).get("environment") or "none")}
    return {**said, **declared} if isinstance(declared, dict) else declared


def _unfit(value: Any, path: tuple[str | int, ...]) -> Iterator[Mistake]:
    """Yield the places of it, be it a key or a value."""
    if isinstance(value, str) and (why := unfit(value)):
        yield path, why
    for index, entry in enumerate(value if isinstance(value, list) else ()):
        yield from _unfit(entry, (*path, index))
    for key, entry in value.items() if isinstance(value, dict) else ():
        if why := unfit(str(key)):
            yield path, f"one of its keys: {why}"
        else:
            yield from _unfit(entry, (*path, str(key)))


def tenant_of(user: str) -> str:
    """Return the tenant of a user, and so of its buckets and topics; empty for none."""
    return user.rpartition("$")[0]
