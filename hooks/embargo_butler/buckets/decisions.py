"""What becomes of each topic, notification and policy: a decision for each, with its reason.

`TOPICS` and `NOTIFICATIONS` are the rules: the first that holds decides. What is declared, what is
there and what we made go in; the changes and the new inventory follow from the decisions. Nothing
here asks a network, a clock or chance. What goes is decided in `retirement`, what may not go in
`safety`. The reasons were seen on Ceph 16, 18 and 20.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Generic, TypeVar

from embargo_butler.buckets import policy
from embargo_butler.buckets import queues as full_queue
from embargo_butler.buckets.inventory import (
    STAMP,
    Inventory,
    Ledger,
    Owned,
    by_declaration,
    generations,
)
from embargo_butler.buckets.observed import Attributes, Observed
from embargo_butler.buckets.retirement import Retirement, retire
from embargo_butler.buckets.safety import refuse_silence
from embargo_butler.config.buckets import BucketConfig, BucketSpec, NotificationSpec, TopicSpec
from embargo_butler.errors import Gathering, HooksError, OwnershipError, UnsafePlanError
from embargo_butler.model import statements, times
from embargo_butler.model.plan import (
    Change,
    DeleteNotification,
    Lookup,
    Plan,
    PutNotification,
    PutPolicy,
    PutTopic,
    WriteInventory,
)
from embargo_butler.model.resources import LIMITS, Notification, Topic, same_notification, shown


class Verb(Enum):
    """What becomes of one thing."""

    CREATE = "create"
    CHANGE_IN_PLACE = "change in place"
    PUT_AGAIN = "put again"
    NEW_GENERATION = "new generation"
    ADOPT = "adopt"
    KEEP = "keep"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Decision:
    """What becomes of one thing, and what follows from it.

    Attributes:
        verb: What becomes of it.
        why: The rule's reason.
        name: Its real name from now on.
        owned: Its entry in the inventory from now on; None where it gets none, or keeps it.
        changes: What is to be done.
        touched: Whether the notifications of this topic are to be put again.
        lookups: Where events may have been missed.
        warnings: What an operator should know.
        refusal: The error, where it is refused.
    """

    verb: Verb
    why: str
    name: str
    owned: Owned | None = None
    changes: tuple[Change, ...] = ()
    touched: bool = False
    lookups: tuple[Lookup, ...] = ()
    warnings: tuple[str, ...] = ()
    refusal: HooksError | None = None


@dataclass(frozen=True)
class World:
    """All that decides.

    Attributes:
        config: What is declared.
        attributes: The topics' attributes, filled in.
        observed: What is there.
        made: What we made, as far as its buckets are still there.
        now: The UTC time.
        stamp: What the names of new generations end with.
        renew: Topics that get a new generation though nothing about them changed.
        night: The busiest of the last nights, where it is known.
    """

    config: BucketConfig
    attributes: Attributes
    observed: Observed
    made: Inventory
    now: datetime
    stamp: str
    renew: Collection[str] = ()
    night: full_queue.Night | None = None


_Facts = TypeVar("_Facts")


@dataclass(frozen=True)
class Rule(Generic[_Facts]):
    """One line of a table.

    Attributes:
        when: Whether it holds.
        verb: What is decided then.
        why: Why, in a sentence.
        refuse: The error, where the verb is `REFUSE`.
    """

    when: Callable[[_Facts], bool]
    verb: Verb
    why: str
    refuse: Callable[[_Facts], HooksError] | None = None


# ---- topics


@dataclass(frozen=True)
class TopicFacts:
    """What the rules of topics ask about.

    Attributes:
        world: All that decides.
        spec: What is declared.
        known: All names that topics of ours have had.
        lost: Generations of it that no inventory knows of, the last one last.
        owned: Its entry in the inventory, or what would be adopted as that.
        wanted: What it is to be, under its present name.
        live: What is there under that name.
    """

    world: World
    spec: TopicSpec
    known: frozenset[str]
    lost: tuple[str, ...]
    owned: Owned | None
    wanted: Topic
    live: Topic | None

    @property
    def name(self) -> str:
        """Its present real name."""
        return self.wanted.name

    @property
    def another(self) -> bool:
        """Whether its name is what another declared topic is called now."""
        return self.spec.name not in self.world.made.topics and self.spec.name in self.known

    @property
    def differs(self) -> Collection[str]:
        """The attributes that are not as declared."""
        return self.wanted.differs(self.live) if self.live else set()

    @property
    def renewed(self) -> bool:
        """Whether somebody asked for a new generation."""
        return self.spec.name in self.world.renew

    @property
    def changes(self) -> bool:
        """Whether what is there would be changed or replaced."""
        return bool(self.differs) or self.renewed

    @property
    def spent(self) -> bool:
        """Whether it was made once and is gone."""
        gone = self.owned is not None and not self.owned.pending
        return self.live is None and (gone or self.spec.name in self.world.made.used)

    @property
    def theirs(self) -> bool:
        """Whether the gateway says that it is another user's."""
        return self.live is not None and self.live.owner not in ("", self.spec.owner)

    @property
    def moves(self) -> bool:
        """Whether waiting events would keep what changes, and this gateway does not let them go."""
        if self.live is None or self.live.follows:
            return False
        kept = {"push-endpoint", "persistent"} if self.live.persistent else set()
        return bool(kept & set(self.differs)) or (
            "push-endpoint" in self.differs and self.wanted.persistent
        )

    @property
    def kafka(self) -> bool:
        """Whether consumers read it by its name, today or as declared."""
        return self.wanted.kafka or (self.live is not None and self.live.kafka)

    @property
    def copied(self) -> bool:
        """Whether a run was killed before all notifications were put again."""
        return self.owned is not None and self.owned.copied


def _of_another(facts: TopicFacts) -> HooksError:
    return OwnershipError(
        f"{facts.spec.key}: is what another declared topic is called now; declare one of both"
    )


def _lost(key: str, name: str, last: str) -> HooksError:
    return OwnershipError(
        f"{key}: {last} is there, which once replaced {name}, and the inventory "
        "does not know of it: another endpoint was named, another environment made it, or "
        f"the ConfigMap is lost. Set {key}.takeOver: true to adopt it"
    )


def _not_theirs(facts: TopicFacts) -> HooksError:
    owner = facts.live.owner if facts.live else ""
    return OwnershipError(
        f"topic {facts.name}: belongs to {owner}, who alone may change it (it has another "
        f"{', '.join(sorted(facts.differs)) or 'user than we are'}); correct {facts.spec.key}.owner"
    )


def _not_made(facts: TopicFacts) -> HooksError:
    return OwnershipError(
        f"topic {facts.name}: is there, was not made by embargo-hooks and has another "
        f"{', '.join(sorted(facts.differs)) or 'owner'}; set {facts.spec.key}.takeOver: true to "
        "adopt it"
    )


def _no_new_name(facts: TopicFacts) -> HooksError:
    what = "a new name" if facts.renewed else "another endpoint"
    endpoint = facts.live.endpoint if facts.live else ""
    return UnsafePlanError(
        f"topic {facts.name}: would get {what} ({endpoint} to "
        f"{facts.wanted.endpoint}); this gateway keeps the old endpoint with each waiting "
        "event, and consumers read the topic by its name, so it gets no new one by "
        "itself. Declare a topic of a new name, move the consumers, retire this one"
    )


TOPICS: tuple[Rule[TopicFacts], ...] = (
    Rule(
        lambda it: it.another,
        Verb.REFUSE,
        "two declarations would be one topic",
        _of_another,
    ),
    Rule(
        lambda it: bool(it.lost) and not it.spec.take_over,
        Verb.REFUSE,
        "a generation that no inventory knows may be somebody else's",
        lambda it: _lost(it.spec.key, it.spec.name, it.lost[-1]),
    ),
    Rule(
        lambda it: it.spent and not it.wanted.kafka,
        Verb.NEW_GENERATION,
        "events may still wait under its name, so it is not used again",
    ),
    Rule(
        lambda it: it.live is None,
        Verb.CREATE,
        "it is not there, and nothing waits under its name, or consumers read it by that name",
    ),
    Rule(
        lambda it: it.theirs and it.changes,
        Verb.REFUSE,
        "on Ceph 20 only its owner may change it, and elsewhere only its owner should",
        _not_theirs,
    ),
    Rule(
        lambda it: it.owned is None and it.changes and not it.spec.take_over,
        Verb.REFUSE,
        "what we did not make is not ours to change",
        _not_made,
    ),
    Rule(
        lambda it: (it.renewed or it.moves) and it.kafka,
        Verb.REFUSE,
        "consumers read a Kafka topic by its name, so it gets no other by itself",
        _no_new_name,
    ),
    Rule(
        lambda it: it.renewed,
        Verb.NEW_GENERATION,
        "somebody asked for it: its queue is stuck",
    ),
    Rule(
        lambda it: it.moves,
        Verb.NEW_GENERATION,
        "waiting events keep the old endpoint: sent for ever (16), or in the way of the rest (18)",
    ),
    Rule(
        lambda it: bool(it.differs),
        Verb.CHANGE_IN_PLACE,
        "nothing is lost by a change in place",
    ),
    Rule(
        lambda it: it.copied,
        Verb.PUT_AGAIN,
        "a run was killed before each notification had its copy of the topic (16, 18)",
    ),
    Rule(
        lambda it: it.spec.name not in it.world.made.topics and it.spec.take_over,
        Verb.ADOPT,
        "it is as declared, and ours by its declaration",
    ),
    Rule(lambda it: True, Verb.KEEP, "it is as declared"),
)


def decide_topic(world: World, spec: TopicSpec) -> Decision:
    """Return what becomes of a topic."""
    known = frozenset(name for each in world.made.topics.values() for name in each.names)
    there = world.observed.uses
    owned, lost = world.made.topics.get(spec.name), tuple[str, ...]()
    if owned is None:
        lost = tuple(generations(spec.name, [name for name in there if name not in known]))
        if lost:
            owned = Owned(spec.owner, (spec.name,) * (spec.name in there) + lost)
    name = owned.current if owned else spec.name
    wanted = Topic(name, world.attributes[spec.name])
    live = world.observed.topics.get(name)
    facts = TopicFacts(world, spec, known, lost, owned, wanted, live)
    rule = next(rule for rule in TOPICS if rule.when(facts))
    decision = Decision(rule.verb, rule.why, name)
    if rule.refuse:
        return replace(decision, refusal=rule.refuse(facts))
    if live is None:
        return _made_topic(facts, decision)
    return _changed_topic(facts, live, decision)


def _made_topic(facts: TopicFacts, decision: Decision) -> Decision:
    """Return what follows where nothing is there."""
    world, spec = facts.world, facts.spec
    if decision.verb is Verb.NEW_GENERATION:
        before = facts.owned or Owned(spec.owner, ())
        lookups = _look(
            world, facts.name, f"topic {facts.name} was not there, nor what waited in it"
        )
        made = _generation(facts, before, f"{facts.name} is gone", decision)
        return replace(made, lookups=tuple(lookups))
    owned = facts.owned or Owned(spec.owner, (facts.name,))
    owned = replace(owned, pending=True, shared=spec.shared)
    put = Change(PutTopic(spec.owner, facts.wanted), f"new, at {facts.wanted.endpoint}")
    return replace(decision, owned=_dated(world, owned, facts.name), changes=(put,))


def _changed_topic(facts: TopicFacts, live: Topic, decision: Decision) -> Decision:
    """Return what follows where something is there."""
    world, spec, wanted, name = facts.world, facts.spec, facts.wanted, facts.name
    decision = replace(decision, warnings=tuple(_warnings(facts, live)))
    owned = facts.owned
    if owned is None and spec.take_over:
        owned = Owned(spec.owner, (name,))
    if owned:
        owned = _used(owned, spec)
        # It may have changed hands; where an older one drains, that is still its maker's.
        if owned.names == (name,) and not facts.theirs:
            owned = replace(owned, owner=spec.owner)
    if decision.verb is Verb.NEW_GENERATION and owned:
        why = _change("push-endpoint", live, wanted)
        if wanted.persistent != live.persistent and "push-endpoint" not in facts.differs:
            why = "no longer persistent"
        return _generation(facts, owned, "renewed" if facts.renewed else why, decision)
    changes, lookups = list[Change](), list[Lookup]()
    if facts.differs:
        changed = ", ".join(_change(each, live, wanted) for each in sorted(facts.differs))
        changes.append(Change(PutTopic(spec.owner, wanted), f"changed {changed}"))
    touched = owned is not None and not live.follows and bool(facts.differs or facts.copied)
    if owned and touched:
        owned = replace(owned, copied=True)
    if facts.copied:
        lookups += _look(
            world, name, f"notifications of topic {name} may have kept what it was before"
        )
    elif "OpaqueData" in facts.differs and not wanted.kafka:
        why = f"what topic {name} sent with its old OpaqueData, or still holds, is dropped "
        lookups += _look(world, name, f"{why}where the new one is expected")
    return replace(
        decision, owned=owned, changes=tuple(changes), touched=touched, lookups=tuple(lookups)
    )


def _generation(facts: TopicFacts, owned: Owned, why: str, decision: Decision) -> Decision:
    name = f"{facts.spec.name}-{facts.world.stamp}"
    names = tuple(dict.fromkeys((*owned.names, name)))
    owned = replace(_used(owned, facts.spec), names=names, pending=True)
    put = PutTopic(facts.spec.owner, replace(facts.wanted, name=name))
    return replace(
        decision,
        name=name,
        owned=_dated(facts.world, owned, name),
        changes=(Change(put, f"new generation: {why}"),),
    )


def _dated(world: World, owned: Owned, name: str) -> Owned:
    return replace(owned, made={**owned.made, name: times.text(world.now)})


def _used(owned: Owned, spec: TopicSpec) -> Owned:
    """Return it as it is while its current name is announced to."""
    left = {name: since for name, since in owned.left.items() if name != owned.current}
    return replace(owned, shared=spec.shared, left=left)


def _warnings(facts: TopicFacts, live: Topic) -> Iterator[str]:
    wanted, key = facts.wanted, facts.spec.key
    if full_queue.endless(replace(wanted, follows=live.follows)):
        yield (
            f"topic {live.name}: is persistent and its events wait for ever: once its endpoint has "
            f"missed {full_queue.lasts(facts.world.night)}, the gateway answers the camera's PUTs "
            f"with 503; set {key}.attributes.time_to_live"
        )
    unheeded = sorted(LIMITS & wanted.attributes.keys()) if not live.follows else []
    if unheeded and wanted.persistent:
        yield (
            f"topic {live.name}: this gateway keeps {', '.join(unheeded)} of {key}.attributes "
            "and does nothing by them (16 and 18 do not): events wait for as long as the "
            "endpoint is away; nothing has to be changed"
        )


def _look(world: World, topic: str, why: str) -> Iterator[Lookup]:
    owned = next((each for each in world.made.topics.values() if topic in each.names), None)
    since = owned.made.get(topic, "") if owned else ""
    for bucket, there in world.observed.buckets.items():
        if any(live.topic == topic for live in there.notifications):
            yield Lookup(bucket, why, since=since)


def _change(attribute: str, before: Topic, after: Topic) -> str:
    """Say what becomes of an attribute, as far as it may be seen."""
    old, new = (
        shown(attribute, topic.attributes[attribute]) if attribute in topic.attributes else "unset"
        for topic in (before, after)
    )
    name = "endpoint" if attribute == "push-endpoint" else attribute
    return name if old == new else f"{name} {old} -> {new}"


# ---- notifications


@dataclass(frozen=True)
class NotificationFacts:
    """What the rules of notifications ask about.

    Attributes:
        bucket: Where it is declared.
        spec: What is declared.
        entered: Whether the inventory has it.
        known: The Ids of ours in the bucket.
        lost: Generations of it that no inventory knows of, the last one last.
        owned: Its entry in the inventory, or what would be adopted as that.
        wanted: What it is to be, under its present Id.
        live: What is there under that Id.
        touched: Whether its topic changed.
    """

    bucket: BucketSpec
    spec: NotificationSpec
    entered: bool
    known: Collection[str]
    lost: tuple[str, ...]
    owned: Owned | None
    wanted: Notification
    live: tuple[Notification, ...]
    touched: bool

    @property
    def key(self) -> str:
        """Where it is declared."""
        return f"bucketConfig.buckets.{self.bucket.name}.notifications.{self.spec.name}"

    @property
    def same(self) -> bool:
        """Whether it is there once, and as declared."""
        return len(self.live) == 1 and same_notification(self.wanted, self.live[0])

    @property
    def elsewhere(self) -> bool:
        """Whether its Id announces to another topic."""
        return any(entry.topic != self.wanted.topic for entry in self.live)


NOTIFICATIONS: tuple[Rule[NotificationFacts], ...] = (
    Rule(
        lambda it: not it.entered and it.spec.name in it.known,
        Verb.REFUSE,
        "two declarations would be one notification",
        lambda it: OwnershipError(
            f"{it.key}: is what another declared notification is called now; declare one of both"
        ),
    ),
    Rule(
        lambda it: bool(it.lost) and not it.spec.take_over,
        Verb.REFUSE,
        "a generation that no inventory knows may be somebody else's",
        lambda it: _lost(it.key, it.spec.name, it.lost[-1]),
    ),
    Rule(
        lambda it: it.wanted.name in it.bucket.retired.notifications,
        Verb.REFUSE,
        "what is declared cannot be retired as well",
        lambda it: UnsafePlanError(
            f"bucketConfig.buckets.{it.bucket.name}.retired.notifications: {it.wanted.name} is "
            f"what the declared notification {it.spec.name} is called now; take it out there"
        ),
    ),
    Rule(
        lambda it: it.owned is None and bool(it.live) and not it.same and not it.spec.take_over,
        Verb.REFUSE,
        "what we did not make is not ours to change",
        lambda it: OwnershipError(
            f"notification {it.wanted.name} of bucket {it.bucket.name}: is there, was not made by "
            "embargo-hooks and is not as declared; set `takeOver: true` there to adopt it"
        ),
    ),
    Rule(
        lambda it: it.same and it.touched,
        Verb.PUT_AGAIN,
        "16 and 18 keep a copy of the topic in each notification",
    ),
    Rule(
        lambda it: it.same and not it.entered and (bool(it.lost) or it.spec.take_over),
        Verb.ADOPT,
        "it is as declared, and ours by its declaration",
    ),
    Rule(lambda it: it.same, Verb.KEEP, "it is as declared"),
    Rule(
        lambda it: it.elsewhere,
        Verb.NEW_GENERATION,
        "one Id with another topic is a second entry, and events come twice",
    ),
    Rule(
        lambda it: bool(it.live),
        Verb.CHANGE_IN_PLACE,
        "a put with the same Id and topic replaces the entry",
    ),
    Rule(lambda it: True, Verb.CREATE, "it is not there"),
)


def decide_notification(
    world: World,
    bucket: BucketSpec,
    spec: NotificationSpec,
    topics: Mapping[str, Decision],
    entries: Mapping[tuple[str, str], Owned],
) -> Decision:
    """Return what becomes of a notification.

    Args:
        world: All that decides.
        bucket: Where it is declared.
        spec: What is declared.
        topics: What was decided of the topics, by declared name.
        entries: The inventory's notifications by what was decided so far.
    """
    key = (bucket.name, spec.name)
    there = world.observed.buckets[bucket.name].notifications
    known = {name for at, each in entries.items() for name in each.names if at[0] == bucket.name}
    owned, lost = entries.get(key), tuple[str, ...]()
    if owned is None:
        ids = [entry.name for entry in there]
        lost = tuple(generations(spec.name, [name for name in ids if name not in known]))
        if lost:
            owned = Owned(bucket.owner, (spec.name,) * (spec.name in ids) + lost)
    name = owned.current if owned else spec.name
    topic = topics[spec.topic].name
    facts = NotificationFacts(
        bucket,
        spec,
        key in entries,
        known,
        lost,
        owned,
        Notification(name, topic, spec.events, spec.filter),
        tuple(entry for entry in there if entry.name == name),
        any(each.touched and each.name == topic for each in topics.values()),
    )
    rule = next(rule for rule in NOTIFICATIONS if rule.when(facts))
    decision = Decision(rule.verb, rule.why, name)
    if rule.refuse:
        return replace(decision, refusal=rule.refuse(facts))
    return _put_notification(world, facts, topics[spec.topic].owned, decision)


def _put_notification(
    world: World, facts: NotificationFacts, topic: Owned | None, decision: Decision
) -> Decision:
    """Return what follows from a decision on a notification."""
    bucket, spec, wanted = facts.bucket, facts.spec, facts.wanted
    shared = world.config.topics[spec.topic].shared
    owned = facts.owned
    if owned is None and facts.live and spec.take_over:
        owned = Owned(bucket.owner, (wanted.name,))
    ours = owned is not None
    owned = replace(owned or Owned(bucket.owner, (wanted.name,)), shared=shared)
    if decision.verb in (Verb.KEEP, Verb.ADOPT):
        return replace(decision, owned=owned if ours else None)
    if decision.verb is Verb.NEW_GENERATION:
        wanted = replace(wanted, name=f"{spec.name}-{world.stamp}")
        owned = replace(owned, names=(*owned.names, wanted.name))
    there = world.observed.buckets[bucket.name].notifications
    lookups = list[Lookup]()
    if not any(entry.name in owned.names for entry in there) and (
        ours or wanted.topic in world.observed.topics
    ):
        # It was taken away, nobody knows when.
        now = times.text(world.now)
        before = [made for made in topic.made.values() if made < now] if topic else []
        why = f"notification {facts.wanted.name} was not there"
        lookups.append(Lookup(bucket.name, why, since=min(before, default="")))
    why = "its topic changed" if facts.same else "changed" if facts.live else "new"
    put = PutNotification(bucket.owner, bucket.name, wanted)
    return replace(
        decision,
        name=wanted.name,
        owned=owned,
        changes=(Change(put, f"{why}, to topic {wanted.topic}"),),
        lookups=tuple(lookups),
    )


# ---- policies


def decide_policy(world: World, bucket: BucketSpec) -> Decision | None:
    """Return what becomes of a bucket's policy, None where it is not ours to look at."""
    if world.config.unconfirmed.has_policy(bucket.name) or (
        not bucket.manages_policy and bucket.name not in world.made.policies
    ):
        return None
    environment = world.config.environment
    live = world.observed.buckets[bucket.name].statements
    wanted = policy.planned(bucket, live, environment)
    ours = sum(statements.is_ours(each, environment) for each in wanted)
    owned = Owned(bucket.owner, (bucket.name,)) if ours else None
    if statements.same(live, wanted):
        return Decision(Verb.KEEP, "it is as declared", bucket.name, owned)
    kept = len(wanted) - ours
    gone = len(policy.without_ours(live, environment)) - kept
    why = f"{ours} statements of ours, {kept} of others kept"
    why += f", {gone} of others taken over" if gone else ""
    put = Change(PutPolicy(bucket.owner, bucket.name, tuple(wanted)), why)
    verb = Verb.CHANGE_IN_PLACE if live else Verb.CREATE
    return Decision(verb, "others' statements stay as they are", bucket.name, owned, (put,))


# ---- what follows


@dataclass(frozen=True)
class Decisions:
    """A decision for each thing that is declared, and what goes.

    Attributes:
        topics: By declared name.
        others: Those of notifications and policies, in the order of the declaration.
        intended: The inventory by which a run begins.
        retirement: What goes.
    """

    topics: Mapping[str, Decision]
    others: tuple[Decision, ...] = ()
    intended: Inventory = field(default_factory=Inventory)
    retirement: Retirement = field(default_factory=Retirement)

    def __iter__(self) -> Iterator[Decision]:
        """Yield them in the order in which they are carried out."""
        yield from (*self.topics.values(), *self.others)


def decide(world: World) -> Decisions:
    """Return a decision for each thing that is declared, and what goes.

    Raises:
        Problems: Something is not ours to change, or a bucket would fall silent.
    """
    config, gathering = world.config, Gathering()
    topics = {name: decide_topic(world, spec) for name, spec in config.topics.items()}
    _refuse(topics.values(), gathering)
    gathering.check()  # Without their topics, notifications cannot be judged.
    entries, policies = dict(world.made.notifications), dict(world.made.policies)
    others = list[Decision]()
    for bucket in config.buckets.values():
        for spec in bucket.notifications.values():
            decision = decide_notification(world, bucket, spec, topics, entries)
            others.append(decision)
            if decision.owned:
                entries[bucket.name, spec.name] = decision.owned
        if of_policy := decide_policy(world, bucket):
            others.append(of_policy)
            if of_policy.owned:
                policies[bucket.name] = of_policy.owned.owner
    entered = {name: each.owned for name, each in topics.items() if each.owned}
    intended = Inventory({**world.made.topics, **entered}, entries, policies, world.made.used)
    result = Decisions(
        topics, tuple(others), intended, retire(config, intended, world.observed, world.now)
    )
    _refuse(others, gathering)
    with gathering.catching():
        refuse_silence(
            [*(change for each in result for change in each.changes), *result.retirement.changes],
            {
                name: {live.name for live in bucket.notifications}
                for name, bucket in world.observed.buckets.items()
            },
            {name: spec.retired.notifications for name, spec in config.buckets.items()},
            _ours(config, intended),
        )
    gathering.check()
    return result


def _refuse(decisions: Iterable[Decision], gathering: Gathering) -> None:
    for decision in decisions:
        with gathering.catching():
            if decision.refusal:
                raise decision.refusal


def _ours(config: BucketConfig, inventory: Inventory) -> Mapping[str, Collection[str]]:
    """Return the Ids that are declared or were made by us, by bucket."""
    ours = defaultdict[str, set[str]](set)
    for bucket, name in [*config.ids, *config.unconfirmed.notifications]:
        ours[bucket].add(name)
    for (bucket, _), owned in inventory.notifications.items():
        ours[bucket].update(owned.names)
    return ours


def final(config: BucketConfig, decisions: Decisions) -> Inventory:
    """Return the inventory once everything is done: what is there of ours, and nothing else."""
    intended, retirement = decisions.intended, decisions.retirement
    aside, declared = config.unconfirmed, config.ids
    topics = dict[str, Owned]()
    for name, owned in intended.topics.items():
        decided = decisions.topics.get(name)
        if name in aside.topics or (owned.shared and not decided):
            topics[name] = owned
        elif decided or not retirement.kept.isdisjoint(owned.names):
            stay = {*retirement.kept, decided.name if decided else ""}
            topics[name] = owned.only(stay, retirement.left)
    there = {name for owned in topics.values() for name in owned.names}
    used = intended.used | {
        name for name, owned in intended.topics.items() if name in owned.names and name not in there
    }
    gone = {
        (change.instruction.bucket, change.instruction.name)
        for change in retirement.changes
        if isinstance(change.instruction, DeleteNotification)
    }
    notifications = dict[tuple[str, str], Owned]()
    for key, owned in intended.notifications.items():
        if key in declared:
            owner = config.buckets[key[0]].owner
            notifications[key] = replace(owned.only({owned.current}), owner=owner)
        elif aside.has_notification(*key) or (owned.shared and (key[0], owned.current) not in gone):
            notifications[key] = owned
    policies = {
        name: owner
        for name, owner in intended.policies.items()
        if aside.has_policy(name)
        or (name in config.buckets and policy.declared(config.buckets[name], config.environment))
    }
    return Inventory(topics, notifications, policies, used)


def plan_buckets(
    config: BucketConfig,
    attributes: Attributes,
    observed: Observed,
    ledger: Ledger,
    inventory_name: str,
    now: datetime,
    renew: Collection[str] = (),
    night: full_queue.Night | None = None,
) -> Plan:
    """Return the plan that follows from the decisions; see `plan.plan_buckets`.

    Raises:
        Problems: Something is not ours to change, or the plan is unsafe.
    """
    before = ledger.of(config.endpoint)
    ours = by_declaration(before, config).without_buckets(observed.gone)
    made = replace(
        ours,
        # What is there was made, be it that the run was killed before it wrote that down.
        topics={
            name: replace(each, pending=each.pending and each.current not in observed.uses)
            for name, each in ours.topics.items()
        },
    )
    stamp = _stamp(made, observed, now)
    decisions = decide(World(config, attributes, observed, made, now, stamp, renew, night))
    retirement, after = decisions.retirement, final(config, decisions)
    changes = [change for each in decisions for change in each.changes] + retirement.changes
    if changes and decisions.intended != before:
        text = ledger.text(config.endpoint, decisions.intended)
        changes.insert(0, Change(WriteInventory(inventory_name, text), "what is about to be made"))
    if after != (decisions.intended if changes else before):
        text = ledger.text(config.endpoint, after)
        changes.append(Change(WriteInventory(inventory_name, text), "what is there now"))
    elsewhere = [
        f"ConfigMap {inventory_name} has topics and notifications that were made at {other}, which "
        "bucketConfig.endpoint no longer names: they stay, and nobody looks after them. Take them "
        "away by an apply with that endpoint and `retired`; where both are one object store, take "
        "its part out of the ConfigMap"
        for other in ledger.elsewhere(config.endpoint)
    ]
    lookups = [lookup for each in decisions for lookup in each.lookups]
    return Plan(
        tuple(changes),
        tuple([line for each in decisions for line in each.warnings])
        + tuple(retirement.warnings + elsewhere),
        tuple(config.unconfirmed.lines()),
        tuple(dict.fromkeys(lookups + retirement.lookups)),
    )


def _stamp(made: Inventory, observed: Observed, now: datetime) -> str:
    """Return what new names end with: a run may come within the second of the one before."""
    entries = (*made.topics.values(), *made.notifications.values())
    taken = [*(name for each in entries for name in each.names), *observed.uses]
    while any(name.endswith(now.strftime(STAMP)) for name in taken):
        now += timedelta(seconds=1)
    return now.strftime(STAMP)
