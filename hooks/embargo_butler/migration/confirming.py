"""What the object store has of that which is declared as unconfirmed: facts, to be written down.

A declared notification is found by its Id; else by the topic that it leads to; else by where that
topic pushes to, if there is but one such. A topic and its notifications are confirmed together or
not at all, because an apply makes what is confirmed and not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from embargo_butler.buckets import policy
from embargo_butler.config.buckets import BucketConfig, BucketSpec, NotificationSpec, TopicSpec
from embargo_butler.config.templates import TemplateError, references, render
from embargo_butler.config.topic_attributes import SCHEMES
from embargo_butler.errors import HooksError, NoBucketError
from embargo_butler.migration.importing import (
    SECRET_ATTRIBUTES,
    Live,
    declared_notification,
    declared_policy,
    declared_topic,
)
from embargo_butler.model import statements, urls
from embargo_butler.model.resources import Notification, Topic, same_notification
from embargo_butler.release.yaml_file import put, remove, rename
from embargo_butler.secret import Secret

MARK = "unconfirmed"
Document: TypeAlias = "MutableMapping[str, Any]"
Path: TypeAlias = "tuple[str, ...]"
_Slot: TypeAlias = "tuple[str, str]"
_ENDPOINT = re.compile(
    r"(?P<scheme>[a-z]+://)(?P<userinfo>[^/@]*@)?(?P<rest>[^?]*)(?P<query>\?.*)?", re.DOTALL
)


class LeftError(HooksError):
    """It stays unconfirmed; the sentence says why."""


class UnreadError(LeftError):
    """It stays so, because it could not be looked at."""


@dataclass(frozen=True)
class NotificationFact:
    """A notification as the store has it.

    Attributes:
        bucket: Its bucket.
        declared: The Id that it is declared by.
        name: Its Id.
        others: What the store has otherwise, by key; None where it has nothing of it.
    """

    bucket: str
    declared: str
    name: str
    others: Mapping[str, Any]


@dataclass(frozen=True)
class TopicFact:
    """A topic and its notifications as the store has them.

    Attributes:
        declared: The name that it is declared by.
        name: Its name.
        owner: Its owner.
        others: The attributes that the store has otherwise; None where it has none.
        notifications: All of its notifications.
        unknown: What cannot be known of it, a sentence each.
    """

    declared: str
    name: str
    owner: str
    others: Mapping[str, Any]
    notifications: tuple[NotificationFact, ...]
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Name it, and its notifications."""
        named = (
            f", notification {each.name} of bucket {each.bucket}" for each in self.notifications
        )
        return f"topic {self.name}{''.join(named)}"

    def paths(self) -> list[Path]:
        """Return where it is declared, and where its notifications and their buckets are."""
        return [("topics", self.declared), *map(_path, self.notifications)]

    def write(self, config: Document) -> None:
        """Write it into a `bucketConfig`."""
        topic = config["topics"][self.declared]
        _set(topic, {"owner": self.owner})
        _set(topic["attributes"], self.others)
        _confirm(topic)
        rename(config["topics"], self.declared, self.name)
        for each in self.notifications:
            notifications = config["buckets"][each.bucket]["notifications"]
            notification = notifications[each.declared]
            _set(notification, {"topic": self.name, **each.others})
            _confirm(notification)
            rename(notifications, each.declared, each.name)


@dataclass(frozen=True)
class BucketFact:
    """A bucket as the store has it.

    Attributes:
        name: Its name.
        owner: Its owner.
        others: What of its policy the store has otherwise, by key; None where it has nothing.
        unknown: What cannot be known of it.
    """

    name: str
    owner: str
    others: Mapping[str, Any]
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Name it."""
        return f"bucket {self.name}"

    def paths(self) -> list[Path]:
        """Return where it is declared."""
        return [("buckets", self.name)]

    def write(self, config: Document) -> None:
        """Write it into a `bucketConfig`."""
        bucket = config["buckets"][self.name]
        _set(bucket, {"owner": self.owner, **self.others})
        _confirm(bucket)


Fact: TypeAlias = "TopicFact | BucketFact"


@dataclass(frozen=True)
class Confirmation:
    """What comes of a look at the store.

    Attributes:
        facts: What is confirmed.
        left: Why something stays unconfirmed, by what it is.
        unread: What of that could not be looked at.
        notes: What else is to be told, a sentence each.
    """

    facts: tuple[Fact, ...]
    left: Mapping[str, str]
    unread: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def marks(config: Mapping[str, Any]) -> frozenset[Path]:
    """Return where a `bucketConfig` says that something is unconfirmed."""
    return frozenset(path for path, entry in _entries(config) if MARK in entry)


def without_marks(config: Document) -> Document:
    """Take all marks out of a plain `bucketConfig`, and return it."""
    for _, entry in _entries(config):
        entry.pop(MARK, None)
    return config


def confirmation(
    declared: BucketConfig,
    whole: BucketConfig,
    marked: frozenset[Path],
    live: Live,
    refusal: Callable[[Fact], str] = lambda _: "",
) -> Confirmation:
    """Return what the store has of that which is unconfirmed. Pure.

    Args:
        declared: What is declared; says what is left alone.
        whole: The same as if all were confirmed.
        marked: Where it says that something is unconfirmed.
        live: What was found.
        refusal: Says why something cannot be written down; nothing where it can.
    """
    looking = _Looking(declared, whole, live)
    facts, left, notes = dict[str, Fact](), dict[str, str](), list[str]()
    unread = set[str]()
    for name in whole.topics:
        about = f"topic {name}"
        is_confirmed, otherwise = name not in declared.unconfirmed.topics, ""
        try:
            fact = looking.topic(name)
            if is_confirmed:
                otherwise = _otherwise(fact)
            else:
                facts[about] = fact
        except UnreadError as error:
            if is_confirmed:
                notes.append(f"{about} is confirmed already, and could not be looked at: {error}")
            else:
                left[about] = str(error)
                unread.add(about)
        except LeftError as error:
            if is_confirmed:
                otherwise = str(error)
            else:
                left[about] = str(error)
        if otherwise:
            notes.append(
                f"{about} is confirmed already, and stays so, but in the store: {otherwise}"
            )
    for name in (each for each in whole.buckets if each in declared.unconfirmed.buckets):
        try:
            facts[f"bucket {name}"] = looking.bucket(name)
        except LeftError as error:
            left[f"bucket {name}"] = str(error)
            unread |= {f"bucket {name}"} if isinstance(error, UnreadError) else set()
    for about in [*facts]:
        if why := refusal(facts[about]):
            left[about] = why
            del facts[about]
    _wait_for_each_other(whole, marked, facts, left)
    notes += looking.undeclared()
    return Confirmation(tuple(facts.values()), left, frozenset(unread), tuple(notes))


def _wait_for_each_other(
    whole: BucketConfig,
    marked: frozenset[Path],
    facts: dict[str, Fact],
    left: dict[str, str],
) -> None:
    """Leave a marked bucket with what would be made of it else, and what is in it with the bucket.

    Args:
        whole: What is declared.
        marked: Where it says that something is unconfirmed.
        facts: What is confirmed, by name.
        left: Why something is not, by name.
    """
    again = True
    while again:
        again = False
        for name, bucket in whole.buckets.items():
            here = f"bucket {name}"
            if here not in facts and here not in left:
                continue
            for each in bucket.notifications.values():
                topic = f"topic {each.topic}"
                own = {("topics", each.topic), ("buckets", name, "notifications", each.name)}
                if here in left and topic in facts:
                    left[topic] = f"its notification {each.name} is in {here}, which stays so"
                    del facts[topic]
                    again = True
                elif here in facts and topic in left and marked.isdisjoint(own):
                    left[here] = f"its notification {each.name} waits for {topic}, which stays so"
                    del facts[here]
                    again = True


class _Looking:
    """The declared notifications, each with the one of the store that it is."""

    def __init__(self, declared: BucketConfig, whole: BucketConfig, live: Live) -> None:
        self._declared = declared
        self._whole = whole
        self._live = live
        self._slots: dict[_Slot, NotificationSpec] = {
            (bucket.name, name): spec
            for bucket in whole.buckets.values()
            for name, spec in bucket.notifications.items()
        }
        self._found: dict[_Slot, Notification] = {}
        self._taken = dict[str, str]()
        for bucket in live.buckets:
            self._match(whole.buckets[bucket])

    def topic(self, name: str) -> TopicFact:
        """Return what the store has of a declared topic.

        Raises:
            LeftError: It has it not, or what it has cannot be declared.
        """
        spec = self._whole.topics[name]
        slots = {key: each for key, each in self._slots.items() if each.topic == name}
        for key in slots:
            if why := self._live.unread.get(key[0]):
                raise _unread(f"bucket {key[0]}: ", why)
        for key in slots:
            if key not in self._found:
                raise LeftError(
                    f"bucket {key[0]} has no notification {key[1]}, and none that leads "
                    f"there{self._candidates(key[0])}"
                )
            ids = [each.name for each in self._live.buckets[key[0]].notifications]
            if ids.count(self._found[key].name) > 1:
                raise LeftError(
                    f"the Id {self._found[key].name} stands twice in bucket {key[0]}: take one "
                    "of both away"
                )
        real = sorted({self._found[key].topic for key in slots}) or [self._real(name)]
        if len(real) > 1:
            raise LeftError(f"its notifications lead to several: {', '.join(real)}")
        topic = self._live.topics.get(real[0])
        if topic is None:
            raise LeftError(f"topic {real[0]} is not there, or cannot be read")
        called = self._live.declared_topic(topic.name)
        if called != name and called in self._whole.topics:
            raise LeftError(f"its notifications lead to {called}, which is declared by itself")
        if (other := self._taken.setdefault(called, name)) != name:
            raise LeftError(f"topic {called} is taken for {other} already")
        owner = topic.owner or spec.owner
        if owner not in self._whole.owners:
            raise LeftError(f"topic {topic.name} is of {owner}, whom bucketConfig.owners lacks")
        others, unknown = self._attributes(spec, topic)
        notifications = [self._notification(key, called) for key in slots]
        return TopicFact(name, called, owner, others, tuple(notifications), unknown)

    def bucket(self, name: str) -> BucketFact:
        """Return what the store has of a declared bucket: whose it is, and its policy.

        Raises:
            LeftError: It has it not, or what it has cannot be declared.
        """
        spec, live = self._whole.buckets[name], self._live
        if why := live.unread.get(name):
            raise _unread("", why)
        if name not in live.owners:
            raise LeftError(
                f"is in the list of nobody whose keys are here, so it is not {spec.owner}'s: write "
                f"its owner as bucketConfig.buckets.{name}.owner, and where that one's keys are "
                "under bucketConfig.owners"
            )
        there = live.buckets[name].statements
        others = dict[str, Any]()
        if spec.manages_policy:
            found = declared_policy(spec, live.buckets[name])
            if odd := found.get(MARK):
                raise LeftError(str(odd))
            environment = self._whole.environment
            planned = policy.planned(spec, there, environment)
            if not found and planned:
                raise LeftError("has no policy")
            if policy.undeclared(spec, there, environment) or not statements.same(planned, there):
                others = {key: found.get(key) for key in ("grants", "deny")}
        return BucketFact(name, live.owners[name], others)

    def undeclared(self) -> Iterator[str]:
        """Tell of notifications that are there, and of which the file knows nothing."""
        for bucket in self._live.buckets:
            for each in self._free(bucket):
                yield (
                    f"bucket {bucket} has notification {each.name} to {self._shown(each.topic)}, "
                    "which is not declared"
                )

    def _match(self, bucket: BucketSpec) -> None:
        ids = self._live.declared_ids(bucket.name)
        for each in self._live.buckets[bucket.name].notifications:
            key = bucket.name, ids[each.name]
            if key in self._slots:
                self._found.setdefault(key, each)
        aside = self._declared.unconfirmed.notifications
        for same in (self._same_topic, self._same_endpoint):
            lacking = [
                key
                for key in self._slots
                if key[0] == bucket.name and key in aside and key not in self._found
            ]
            pairs = [
                (key, each)
                for key in lacking
                for each in self._free(bucket.name)
                if same(self._slots[key], each)
            ]
            for key, each in pairs:
                alike = [pair for pair in pairs if key in pair or each in pair]
                if len(alike) == 1:
                    self._found[key] = each

    def _free(self, bucket: str) -> list[Notification]:
        """Return a bucket's notifications of which nothing is declared."""
        spec = self._whole.buckets[bucket]
        ours = [each for key, each in self._found.items() if key[0] == bucket]
        return [
            each
            for each in self._live.buckets[bucket].notifications
            if each not in ours and each.name not in (*spec.foreign, *spec.retired.notifications)
        ]

    def _same_topic(self, spec: NotificationSpec, live: Notification) -> bool:
        return self._live.declared_topic(live.topic) == spec.topic

    def _same_endpoint(self, spec: NotificationSpec, live: Notification) -> bool:
        topic, wanted = self._live.topics.get(live.topic), self._whole.topics[spec.topic]
        # One that is declared under its own name is no other's.
        if topic is None or self._live.declared_topic(topic.name) in self._whole.topics:
            return False
        return "push-endpoint" not in self._compared(wanted, topic)[0]

    def _candidates(self, bucket: str) -> str:
        there = [f"{each.name} to {self._shown(each.topic)}" for each in self._free(bucket)]
        if not there:
            return ""
        return (
            f"; it has {', '.join(there)}: where one of them is meant, write its Id and try again"
        )

    def _shown(self, topic: str) -> str:
        found = self._live.topics.get(topic)
        return f"topic {topic}" + (f" at {found.endpoint}" if found else "")

    def _real(self, declared: str) -> str:
        return self._live.inventory.real(declared)

    def _notification(self, key: _Slot, topic: str) -> NotificationFact:
        spec, live = self._slots[key], self._found[key]
        called = self._live.declared_ids(key[0])[live.name]
        others = dict[str, Any]()
        if not same_notification(replace(live, events=spec.events, filter=spec.filter), live):
            found = declared_notification(live, topic)
            if odd := found.get(MARK):
                raise LeftError(f"notification {live.name} of bucket {key[0]}: {odd}")
            wanted = Notification(live.name, live.topic, spec.events, live.filter)
            if not same_notification(wanted, live):
                others["events"] = found["events"]
            if spec.filter != live.filter:
                others["filter"] = found.get("filter")
        return NotificationFact(*key, called, others)

    def _attributes(self, spec: TopicSpec, topic: Topic) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return what the store has otherwise, and what cannot be known."""
        if not topic.endpoint.startswith(SCHEMES):
            raise LeftError(f"topic {topic.name} has an endpoint that cannot be declared")
        differs, unknown = self._compared(spec, topic)
        found = declared_topic(topic, self._live)
        userinfo = "push-endpoint" if any("push-endpoint" in each for each in found.unknown) else ""
        stuck = sorted(differs & {*found.unknown, *found.odd, userinfo})
        if stuck:
            raise LeftError(
                f"topic {topic.name} has another {', '.join(stuck)} than the file says, which is "
                "in none of the declared Secrets, or cannot be declared"
            )
        others = {name: found.attributes.get(name) for name in sorted(differs)}
        if "OpaqueData" in others and others["OpaqueData"] is None:
            others["OpaqueData"] = ""
        return others, unknown

    def _compared(self, spec: TopicSpec, topic: Topic) -> tuple[frozenset[str], tuple[str, ...]]:
        """Return the attributes that differ, and what cannot be known of others."""
        address, secrets = self._live.address, dict[str, dict[str, str]]()
        for name, keys in self._live.secrets.items():
            for key, value in keys.items():
                secrets.setdefault(name, {})[key] = value.reveal().decode("utf-8", "replace")
        known, unknown = dict[str, Secret](), dict[str, str]()
        for name, template in spec.attributes.items():
            enqueue = {"address": address or _host(topic)}
            try:
                filled = render(template, {"enqueue": enqueue, "secrets": secrets})
            except TemplateError:
                unknown[name] = "that Secret, or its key, cannot be seen"
                continue
            known[name] = Secret(filled)
            by_address = ("enqueue", "address") in references(template)
            if by_address and not address and known[name] == topic.attributes.get(name):
                unknown[name] = f"enqueue's address cannot be seen; the store has {topic.endpoint}"
        there = {name: each for name, each in topic.attributes.items() if name not in unknown}
        wanted = {name: each for name, each in known.items() if name not in unknown}
        differs = Topic(topic.name, wanted).differs(Topic(topic.name, there))
        sentences = (
            f"whether {name} of topic {topic.name} is {visible(name, spec.attributes[name])}: {why}"
            for name, why in unknown.items()
        )
        return differs, tuple(sentences)


def visible(attribute: str, declared: str) -> str:
    """Return what is declared of an attribute, without a secret that somebody has written there.

    Args:
        attribute: The attribute.
        declared: Its text, which may have templates in it: these name Secrets and may be seen.
    """
    if attribute in SECRET_ATTRIBUTES:
        return declared if _names_only(declared) else "***"
    found = _ENDPOINT.fullmatch(declared) if attribute == "push-endpoint" else None
    if not found:
        return declared
    userinfo = found["userinfo"] or ""
    if not _names_only(userinfo):
        userinfo = "***@"
    return f"{found['scheme']}{userinfo}{found['rest']}{'?***' if found['query'] else ''}"


def _names_only(text: str) -> bool:
    """Whether a text is made of templates alone, but for what parts a user from a password."""
    return not re.sub(r"\{\{[^}]*\}\}", "", text).strip(": @")


def _unread(where: str, why: HooksError) -> LeftError:
    """Return why a bucket stays as it is: that it is not there was read."""
    if isinstance(why, NoBucketError):
        return LeftError(f"{where}{why}")
    return UnreadError(f"{where}cannot be read: {why}")


def _host(topic: Topic) -> str:
    """Return the host that a topic pushes to, as far as it has one."""
    try:
        _, url = urls.split(topic.attributes["push-endpoint"].text())
        return url.hostname or ""
    except (KeyError, ValueError):
        return ""


def _otherwise(fact: TopicFact) -> str:
    """Name what the store has otherwise of a topic and its notifications."""
    found = [f"another {name}" for name in fact.others]
    found += [f"its name is {fact.name}"] if fact.name != fact.declared else []
    for each in fact.notifications:
        found += [f"another {key} of notification {each.name}" for key in each.others]
    return ", ".join(found)


def _entries(config: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Yield all that may be unconfirmed, with where it is."""
    for kind in ("topics", "buckets"):
        for name, entry in (config.get(kind) or {}).items():
            yield (kind, name), entry
            for each, notification in (entry.get("notifications") or {}).items():
                yield (kind, name, "notifications", each), notification


def _path(fact: NotificationFact) -> Path:
    return "buckets", fact.bucket, "notifications", fact.declared


def _confirm(entry: Document) -> None:
    if MARK in entry:
        remove(entry, MARK)


def _set(entry: Document, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if value is not None:
            put(entry, key, value)
        elif key in entry:
            remove(entry, key)
