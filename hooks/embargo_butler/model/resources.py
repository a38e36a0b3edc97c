"""What is declared and what is there: secrets, topics, notifications, and when two are the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from embargo_butler.model import urls
from embargo_butler.secret import Secret

# What Ceph takes to be so where an attribute is not given.
_DEFAULTS = {"push-endpoint": "", "OpaqueData": "", "persistent": "false"}
LIMITS = frozenset({"time_to_live", "max_retries", "retry_sleep_duration"})
"""How long, how often and with which pause the gateway tries an event of a persistent topic."""
FLAGS = frozenset({"persistent", "verify-ssl", "use-ssl", "cloudevents"})
"""Attributes that are true or false."""
# Attributes whose values may be shown as they are.
_OPEN_ATTRIBUTES = (
    LIMITS
    | FLAGS
    | {
        *("ca-location", "mechanism"),
        *("kafka-ack-level", "kafka-brokers", "amqp-exchange", "amqp-ack-level"),
    }
)
DECLARED_ATTRIBUTES = (_OPEN_ATTRIBUTES - {"cloudevents", "amqp-exchange", "amqp-ack-level"}) | {
    *("push-endpoint", "OpaqueData", "Policy", "user-name", "password"),
}
"""What a topic can be declared with: enqueue understands neither AMQP nor cloudevents."""
_OPEN_PATHS = ("", "/", "/notify")
"""Paths of an endpoint that hold nothing that a template has filled in: enqueue's, and none."""
KNOWN_ATTRIBUTES = _OPEN_ATTRIBUTES | DECLARED_ATTRIBUTES
"""What a gateway tells of a topic; a live attribute that is not declared is a difference."""


@dataclass(frozen=True)
class KubernetesSecret:
    """A Secret of the namespace.

    Attributes:
        name: Its name.
        data: Its keys and values.
        ours: Whether it carries our label.
        applied: The keys that we were the last to apply.
        since: From when on (UTC) whoever starts has a key's value, by key; unknown for a key that
            never changed under our hands.
    """

    name: str
    data: Mapping[str, Secret]
    ours: bool = True
    applied: frozenset[str] = frozenset()
    since: Mapping[str, datetime] = field(default_factory=dict)

    def dated(
        self, live: KubernetesSecret | None, now: datetime, seen: datetime
    ) -> KubernetesSecret:
        """Return it as it is to be written, with the age of its values.

        Args:
            live: What is there.
            now: Whoever starts from now on has a key that is new.
            seen: Whoever starts from then on has a value that has changed.
        """
        there, since = (live.data, live.since) if live else ({}, {})
        times = dict[str, datetime]()
        for key, value in self.data.items():
            if key not in there:
                times[key] = now.replace(microsecond=0)
            elif there[key] != value:
                times[key] = seen.replace(microsecond=0)
            elif key in since:
                times[key] = since[key]
        return replace(self, since=times)

    def states(self, live: KubernetesSecret | None) -> dict[str, str]:
        """Compare with the live one, key by key: same, changed, new, removed, foreign."""
        there = live.data if live else {}
        states = {
            key: "new" if key not in there else "same" if there[key] == value else "changed"
            for key, value in self.data.items()
        }
        ours = live.applied if live else frozenset[str]()
        rest = sorted((there.keys() | ours) - self.data.keys())
        return states | {key: "removed" if key in ours else "foreign" for key in rest}

    def changed(self, live: KubernetesSecret | None) -> list[str]:
        """Name what has to change in the live one, a word and the key each."""
        words = {"changed": "changed", "new": "new", "removed": "no longer declared"}
        states = self.states(live)
        return [f"{words[state]} {key}" for key, state in states.items() if state in words]


@dataclass(frozen=True)
class Topic:
    """A topic under the name it really has.

    Attributes:
        name: The last part of its ARN.
        attributes: What it was made with, in Ceph's names.
        follows: Whether the gateway lets existing notifications and waiting events follow a change
            of the topic, and heeds `LIMITS`. Ceph 20 does, whose answer has fields for the limits:
            that is how it is told (20.2.4, with and without the zone feature notification_v2). 16
            and 18 keep copies, and do nothing by the limits (16.2.15, 18.2.7).
        owner: Whose it is, where the gateway tells.
    """

    name: str
    attributes: Mapping[str, Secret]
    follows: bool = False
    owner: str = ""

    def differs(self, other: Topic) -> frozenset[str]:
        """Name the attributes whose meaning differs."""
        mine, theirs = _normal(self.attributes), _normal(other.attributes)
        keys = mine.keys() | theirs.keys()
        return frozenset(key for key in keys if mine.get(key) != theirs.get(key))

    @property
    def persistent(self) -> bool:
        """Whether events wait in a queue until they are delivered."""
        return _normal(self.attributes).get("persistent") == Secret("true")

    @property
    def endpoint(self) -> str:
        """Where it pushes to, as far as that may be seen."""
        return shown("push-endpoint", self.attributes.get("push-endpoint", Secret("")))

    @property
    def kafka(self) -> bool:
        """Whether consumers read it under its name."""
        return self.attributes.get("push-endpoint", Secret("")).reveal().startswith(b"kafka://")


@dataclass(frozen=True)
class Notification:
    """A bucket's notification: which events go to which topic.

    Attributes:
        name: Its Id.
        topic: The topic's name.
        events: The events, as S3 names them.
        filter: The rules that restrict it, by name and value. Declared are `prefix` and `suffix` of
            the key; the others that Ceph knows are read, so that they are seen to differ.
    """

    name: str
    topic: str
    events: frozenset[str]
    filter: frozenset[tuple[str, str]] = frozenset()


def same_notification(left: Notification, right: Notification) -> bool:
    """Whether both announce the same events of the same objects to the same topic."""
    return (
        left.topic == right.topic
        and left.filter == right.filter
        and {_event(name) for name in left.events} == {_event(name) for name in right.events}
    )


@dataclass(frozen=True)
class ObservedBucket:
    """What a bucket has.

    Attributes:
        notifications: All of them; an Id may stand there twice.
        statements: Its policy's statements as they are, empty where it has no policy.
    """

    notifications: tuple[Notification, ...] = ()
    statements: tuple[Mapping[str, object], ...] = field(default=())


def shown(attribute: str, value: Secret) -> str:
    """Return an attribute's value as far as it may be seen."""
    if attribute in _OPEN_ATTRIBUTES:
        return value.text()
    if attribute == "push-endpoint":
        # No userinfo, no query and no path of their own: they are where people put credentials.
        try:
            userinfo, url = urls.split(value.text())
        except ValueError:
            return str(value)
        path = url.path if url.path in _OPEN_PATHS else "/***"
        return f"{url.scheme}://{'***@' if userinfo else ''}{url.netloc}{path}"
    return str(value)


def _normal(attributes: Mapping[str, Secret]) -> dict[str, Secret]:
    normal = dict[str, Secret]()
    for key, value in attributes.items():
        if key in FLAGS:
            normal[key] = Secret(value.reveal().lower())
        else:
            normal[key] = _canonical(value) if key == "Policy" else value
        # Ceph 20 tells of a limit that is not given too.
        unset = "None" if key in LIMITS else _DEFAULTS.get(key)
        if unset is not None and normal[key] == Secret(unset):
            del normal[key]
    return normal


def _canonical(text: Secret) -> Secret:
    try:
        return Secret(json.dumps(json.loads(text.reveal()), sort_keys=True))
    except ValueError:
        return text


def _event(name: str) -> str:
    # S3's answers leave out what its requests may say ("ObjectCreated:Put").
    return name.removeprefix("s3:").casefold()


@dataclass(frozen=True)
class KeyState:
    """One key of one Secret.

    Attributes:
        secret: The Secret.
        key: The key.
        state: `same`, `changed`, `new` (not live yet), `removed` (live and ours, no longer
            declared), `foreign` (live and not ours, so it stays), `missing` (declared as optional,
            and Vault does not have it).
        live: A short hash of the live value, empty where there is none.
        declared: A short hash of the value that it should have, empty where there is none.
    """

    secret: str
    key: str
    state: str
    live: str = ""
    declared: str = ""

    def __str__(self) -> str:
        hashes = " -> ".join(dict.fromkeys(filter(None, (self.live, self.declared))))
        return f"Secret {self.secret}, key {self.key}: {self.state} {hashes}".rstrip()
