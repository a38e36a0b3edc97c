"""What to do in the object store, in the order that loses no event.

The rules, and the reasons for them as seen on Ceph 16, 18 and 20:

1. The inventory is written first, so that after a run that is killed anywhere the next one knows
   what is its own, and which notifications have yet to be put again.
2. Topics come before the notifications that use them; attributes change in place, and then the
   notifications are put again, because 16 and 18 keep a copy of the topic in each of them.
3. The endpoint of a persistent topic is not changed in place on 16 and 18: waiting events keep the
   old one, and are then sent again and again (16) or block all that follow (18). A topic of a new
   name and a notification of a new Id take over, and only then do the old ones go.
4. An Id is never given another topic: that makes a second entry of that Id, and events come twice.
5. What goes, goes last, one by one: notifications, then topics that nothing refers to. Events wait
   in a persistent topic: it stays for its drain time after it was left, and a later run takes it.
6. What is marked unconfirmed is neither made nor changed nor taken away.
7. A name under which a topic of ours is gone is not used again, as events may be left under it: the
   next one begins as a generation. Only those of Kafka keep their names, which consumers read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

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
from embargo_butler.errors import Gathering, OwnershipError, UnsafePlanError
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
    """Compare what is declared with what is there.

    Args:
        config: What is declared.
        attributes: The topics' attributes, filled in.
        observed: What is there.
        ledger: What we made, on all object stores.
        inventory_name: The ConfigMap that the ledger is kept in.
        now: The UTC time; new generations are named by it, or by the next second that none has.
        renew: Topics that get a new generation though nothing about them changed.
        night: The busiest of the last nights, where it is known.

    Raises:
        Problems: Something is not ours to change, or the plan is unsafe.
    """
    before = ledger.of(config.endpoint)
    ours = by_declaration(before, config).without_buckets(observed.gone)
    planning = _Planning(config, attributes, observed, ours, now, renew, night)
    planning.run()
    intended, final = planning.intended(), planning.final()
    changes = [*planning.changes, *planning.retirement.changes]
    if changes and intended != before:
        text = ledger.text(config.endpoint, intended)
        changes.insert(0, Change(WriteInventory(inventory_name, text), "what is about to be made"))
    if final != (intended if changes else before):
        text = ledger.text(config.endpoint, final)
        changes.append(Change(WriteInventory(inventory_name, text), "what is there now"))
    elsewhere = [
        f"ConfigMap {inventory_name} has topics and notifications that were made at {other}, which "
        "bucketConfig.endpoint no longer names: they stay, and nobody looks after them. Take them "
        "away by an apply with that endpoint and `retired`; where both are one object store, take "
        "its part out of the ConfigMap"
        for other in ledger.elsewhere(config.endpoint)
    ]
    return Plan(
        tuple(changes),
        tuple(planning.warnings + planning.retirement.warnings + elsewhere),
        tuple(config.unconfirmed.lines()),
        tuple(dict.fromkeys(planning.lookups + planning.retirement.lookups)),
    )


class _Planning:
    """The work of one plan: the inventory as it becomes, and the changes so far."""

    def __init__(
        self,
        config: BucketConfig,
        attributes: Attributes,
        observed: Observed,
        inventory: Inventory,
        now: datetime,
        renew: Collection[str],
        night: full_queue.Night | None,
    ) -> None:
        self.config = config
        self.attributes = attributes
        self.observed = observed
        self.now = now
        self.renew = renew
        self.night = night
        # What is there was made, be it that the run was killed before it wrote that down.
        self.topics = {
            name: replace(owned, pending=owned.pending and owned.current not in observed.uses)
            for name, owned in inventory.topics.items()
        }
        self.notifications = dict(inventory.notifications)
        self.policies = dict(inventory.policies)
        self.used = inventory.used
        taken = [name for each in self.topics.values() for name in each.names]
        self.known = frozenset(taken)
        taken += [name for each in self.notifications.values() for name in each.names]
        # A run may come within the second of the one before, and names are never used again.
        while any(each.endswith(now.strftime(STAMP)) for each in [*taken, *observed.uses]):
            now += timedelta(seconds=1)
        self.stamp = now.strftime(STAMP)
        self.changes: list[Change] = []
        self.retirement = Retirement()
        self.warnings: list[str] = []
        self.lookups: list[Lookup] = []
        # The topics' real names, by declared name; and those whose notifications are put again.
        self.real: dict[str, str] = {}
        self.touched: set[str] = set()

    def run(self) -> None:
        gathering = Gathering()
        for topic in self.config.topics.values():
            with gathering.catching():
                self._topic(topic)
        gathering.check()  # Without their topics, notifications cannot be judged.
        for bucket in self.config.buckets.values():
            for notification in bucket.notifications.values():
                with gathering.catching():
                    self._notification(bucket, notification)
            self._policy(bucket)
        self.retirement = retire(self.config, self.intended(), self.observed, self.now)
        with gathering.catching():
            refuse_silence(
                [*self.changes, *self.retirement.changes],
                {
                    name: {live.name for live in bucket.notifications}
                    for name, bucket in self.observed.buckets.items()
                },
                {name: spec.retired.notifications for name, spec in self.config.buckets.items()},
                self._ours(),
            )
        gathering.check()

    def _ours(self) -> Mapping[str, Collection[str]]:
        """Return the Ids that are declared or were made by us, by bucket."""
        ours = defaultdict[str, set[str]](set)
        for bucket, name in [*self.config.ids, *self.config.unconfirmed.notifications]:
            ours[bucket].add(name)
        for (bucket, _), owned in self.notifications.items():
            ours[bucket].update(owned.names)
        return ours

    def intended(self) -> Inventory:
        return Inventory(self.topics, self.notifications, self.policies, self.used)

    def final(self) -> Inventory:
        """The inventory once everything is done: what is there of ours, and nothing else."""
        aside = self.config.unconfirmed
        declared = self.config.ids
        topics, kept = dict[str, Owned](), self.retirement.kept
        for name, owned in self.topics.items():
            if name in aside.topics or (owned.shared and name not in self.real):
                topics[name] = owned
            elif name in self.real or not kept.isdisjoint(owned.names):
                stay = {*kept, self.real.get(name, "")}
                topics[name] = owned.only(stay, self.retirement.left)
        gone = {
            (change.instruction.bucket, change.instruction.name)
            for change in self.retirement.changes
            if isinstance(change.instruction, DeleteNotification)
        }
        there = {name for owned in topics.values() for name in owned.names}
        used = self.used | {
            name for name, owned in self.topics.items() if name in owned.names and name not in there
        }
        notifications = dict[tuple[str, str], Owned]()
        for key, owned in self.notifications.items():
            if key in declared:
                owner = self.config.buckets[key[0]].owner
                notifications[key] = replace(owned.only({owned.current}), owner=owner)
            elif aside.has_notification(*key) or (
                owned.shared and (key[0], owned.current) not in gone
            ):
                notifications[key] = owned
        policies = {
            name: owner
            for name, owner in self.policies.items()
            if aside.has_policy(name)
            or (
                name in self.config.buckets
                and policy.declared(self.config.buckets[name], self.config.environment)
            )
        }
        return Inventory(topics, notifications, policies, used)

    @staticmethod
    def _adopted(
        spec: TopicSpec | NotificationSpec,
        key: str,
        owner: str,
        there: Collection[str],
        known: Collection[str],
    ) -> Owned | None:
        """Return what once replaced a declared name, which no inventory knows of any more.

        Args:
            spec: What is declared, and has no entry in the inventory.
            key: Where.
            owner: Whose it is.
            there: The names of all that there is of its kind.
            known: Those of them that the inventory knows of.

        Raises:
            OwnershipError: It may not be adopted, or is something else's by now.
        """
        if spec.name in known:
            kind = "topic" if isinstance(spec, TopicSpec) else "notification"
            raise OwnershipError(
                f"{key}: is what another declared {kind} is called now; declare one of both"
            )
        lost = generations(spec.name, [name for name in there if name not in known])
        if not lost:
            return None
        if not spec.take_over:
            raise OwnershipError(
                f"{key}: {lost[-1]} is there, which once replaced {spec.name}, and the inventory "
                "does not know of it: another endpoint was named, another environment made it, or "
                f"the ConfigMap is lost. Set {key}.takeOver: true to adopt it"
            )
        return Owned(owner, ((spec.name,) if spec.name in there else ()) + tuple(lost))

    def _topic(self, spec: TopicSpec) -> None:
        owned = self.topics.get(spec.name)
        if owned is None:
            owned = self._adopted(spec, spec.key, spec.owner, self.observed.uses, self.known)
        name = owned.current if owned else spec.name
        live = self.observed.topics.get(name)
        wanted = Topic(name, self.attributes[spec.name])
        if live is None:
            gone = owned is not None and not owned.pending
            if (gone or spec.name in self.used) and not wanted.kafka:
                # Made once and gone: events may still wait under its name, so it is not used again.
                self._generation(spec, wanted, owned or Owned(spec.owner, ()), f"{name} is gone")
                self._look(name, f"topic {name} was not there, nor what waited in it")
                return
            owned = owned or Owned(spec.owner, (name,))
            self.topics[spec.name] = replace(owned, pending=True, shared=spec.shared)
            self._put_topic(spec, wanted, f"new, at {wanted.endpoint}")
            return
        differs, renewed = wanted.differs(live), spec.name in self.renew
        if live.owner not in ("", spec.owner) and (differs or renewed):
            raise OwnershipError(
                f"topic {name}: belongs to {live.owner}, who alone may change it (it has another "
                f"{', '.join(sorted(differs)) or 'user than we are'}); correct {spec.key}.owner"
            )
        if owned is None:
            if (differs or renewed) and not spec.take_over:
                raise OwnershipError(
                    f"topic {name}: is there, was not made by embargo-hooks and has another "
                    f"{', '.join(sorted(differs)) or 'owner'}; set {spec.key}.takeOver: true to "
                    "adopt it"
                )
            if spec.take_over:
                owned = Owned(spec.owner, (name,))
        if owned:
            owned = self.topics[spec.name] = _used(owned, spec)
            # It may have changed hands; where an older one drains, that is still its maker's.
            if owned.names == (name,) and live.owner in ("", spec.owner):
                owned = self.topics[spec.name] = replace(owned, owner=spec.owner)
        self.real[spec.name] = name
        self._warn(spec, wanted, live)
        # What waits keeps the old endpoint, and is not looked at again in a topic that no longer is
        # persistent.
        moves = not differs.isdisjoint(
            {"push-endpoint", "persistent"} if live.persistent else ()
        ) or ("push-endpoint" in differs and wanted.persistent)
        if renewed or (moves and not live.follows):
            assert owned is not None
            self._moved(spec, wanted, live, owned, renewed)
        else:
            self._in_place(spec, wanted, live, owned)

    def _warn(self, spec: TopicSpec, wanted: Topic, live: Topic) -> None:
        name = live.name
        if full_queue.endless(replace(wanted, follows=live.follows)):
            self.warnings.append(
                f"topic {name}: is persistent and its events wait for ever: once its endpoint has "
                f"missed {full_queue.lasts(self.night)}, the gateway answers the camera's PUTs "
                f"with 503; set {spec.key}.attributes.time_to_live"
            )
        unheeded = sorted(LIMITS & wanted.attributes.keys()) if not live.follows else []
        if unheeded and wanted.persistent:
            self.warnings.append(
                f"topic {name}: this gateway keeps {', '.join(unheeded)} of {spec.key}.attributes "
                "and does nothing by them (16 and 18 do not): events wait for as long as the "
                "endpoint is away; nothing has to be changed"
            )

    def _in_place(self, spec: TopicSpec, wanted: Topic, live: Topic, owned: Owned | None) -> None:
        name, differs = live.name, wanted.differs(live)
        if differs:
            changed = ", ".join(_change(each, live, wanted) for each in sorted(differs))
            self._put_topic(spec, wanted, f"changed {changed}")
        # A run before may have been killed before all notifications were put again.
        resumed = owned is not None and owned.copied
        if owned and not live.follows and (differs or resumed):
            self.touched.add(name)
            self.topics[spec.name] = replace(owned, copied=True)
        if resumed:
            self._look(name, f"notifications of topic {name} may have kept what it was before")
        elif "OpaqueData" in differs and not wanted.kafka:
            self._look(
                name,
                f"what topic {name} sent with its old OpaqueData, or still holds, is dropped "
                "where the new one is expected",
            )

    def _moved(
        self, spec: TopicSpec, wanted: Topic, live: Topic, owned: Owned, renewed: bool
    ) -> None:
        if wanted.kafka or live.kafka:
            what = "a new name" if renewed else "another endpoint"
            raise UnsafePlanError(
                f"topic {live.name}: would get {what} ({live.endpoint} to "
                f"{wanted.endpoint}); this gateway keeps the old endpoint with each waiting "
                "event, and consumers read the topic by its name, so it gets no new one by "
                "itself. Declare a topic of a new name, move the consumers, retire this one"
            )
        why = _change("push-endpoint", live, wanted)
        if wanted.persistent != live.persistent and "push-endpoint" not in wanted.differs(live):
            why = "no longer persistent"
        self._generation(spec, wanted, owned, "renewed" if renewed else why)

    def _generation(self, spec: TopicSpec, wanted: Topic, owned: Owned, why: str) -> None:
        name = f"{spec.name}-{self.stamp}"
        names = tuple(dict.fromkeys((*owned.names, name)))
        self.topics[spec.name] = replace(_used(owned, spec), names=names, pending=True)
        self._put_topic(spec, replace(wanted, name=name), f"new generation: {why}")

    def _look(self, topic: str, why: str) -> None:
        for bucket, there in self.observed.buckets.items():
            if any(live.topic == topic for live in there.notifications):
                owned = next((each for each in self.topics.values() if topic in each.names), None)
                since = owned.made.get(topic, "") if owned else ""
                self.lookups.append(Lookup(bucket, why, since=since))

    def _put_topic(self, spec: TopicSpec, topic: Topic, why: str) -> None:
        self.real[spec.name] = topic.name
        if (owned := self.topics.get(spec.name)) and topic.name not in self.observed.topics:
            made = {**owned.made, topic.name: times.text(self.now)}
            self.topics[spec.name] = replace(owned, made=made)
        self.changes.append(Change(PutTopic(spec.owner, topic), why))

    def _notification(self, bucket: BucketSpec, spec: NotificationSpec) -> None:
        key = (bucket.name, spec.name)
        owned = self.notifications.get(key)
        entries = self.observed.buckets[bucket.name].notifications
        there = [entry.name for entry in entries]
        if owned is None:
            known = {
                name
                for (where, _), each in self.notifications.items()
                for name in each.names
                if where == bucket.name
            }
            at = f"bucketConfig.buckets.{bucket.name}.notifications.{spec.name}"
            owned = self._adopted(spec, at, bucket.owner, there, known)
        name = owned.current if owned else spec.name
        if name in bucket.retired.notifications:
            raise UnsafePlanError(
                f"bucketConfig.buckets.{bucket.name}.retired.notifications: {name} is what the "
                f"declared notification {spec.name} is called now; take it out there"
            )
        shared = self.config.topics[spec.topic].shared
        wanted = Notification(name, self.real[spec.topic], spec.events, spec.filter)
        live = [entry for entry in entries if entry.name == name]
        same = len(live) == 1 and same_notification(wanted, live[0])
        if owned is None and live:
            if not same and not spec.take_over:
                raise OwnershipError(
                    f"notification {name} of bucket {bucket.name}: is there, was not made by "
                    "embargo-hooks and is not as declared; set `takeOver: true` there to adopt it"
                )
            if spec.take_over:
                owned = Owned(bucket.owner, (name,))
        if owned:
            owned = self.notifications[key] = replace(owned, shared=shared)
        if same and wanted.topic not in self.touched:
            return
        if any(entry.topic != wanted.topic for entry in live):
            assert owned is not None
            wanted = replace(wanted, name=f"{spec.name}-{self.stamp}")
            owned = replace(owned, names=(*owned.names, wanted.name))
        names = owned.names if owned else (name,)
        if not any(entry.name in names for entry in entries) and (
            key in self.notifications or wanted.topic in self.observed.topics
        ):
            self._missed(bucket, name, self.topics.get(spec.topic))
        why = "its topic changed" if same else "changed" if live else "new"
        self.notifications[key] = owned or Owned(bucket.owner, (name,), shared=shared)
        put = PutNotification(bucket.owner, bucket.name, wanted)
        self.changes.append(Change(put, f"{why}, to topic {wanted.topic}"))

    def _missed(self, bucket: BucketSpec, name: str, topic: Owned | None) -> None:
        """Have a bucket looked through whose notification was taken away, nobody knows when."""
        now = times.text(self.now)
        before = [made for made in topic.made.values() if made < now] if topic else []
        since = min(before, default="")
        self.lookups.append(Lookup(bucket.name, f"notification {name} was not there", since=since))

    def _policy(self, bucket: BucketSpec) -> None:
        if self.config.unconfirmed.has_policy(bucket.name) or (
            not bucket.manages_policy and bucket.name not in self.policies
        ):
            return
        live = self.observed.buckets[bucket.name].statements
        environment = self.config.environment
        wanted = policy.planned(bucket, live, environment)
        ours = sum(statements.is_ours(each, environment) for each in wanted)
        if ours:
            self.policies[bucket.name] = bucket.owner
        if not statements.same(live, wanted):
            kept = len(wanted) - ours
            gone = len(policy.without_ours(live, environment)) - kept
            why = f"{ours} statements of ours, {kept} of others kept"
            why += f", {gone} of others taken over" if gone else ""
            put = PutPolicy(bucket.owner, bucket.name, tuple(wanted))
            self.changes.append(Change(put, why))


def _change(attribute: str, before: Topic, after: Topic) -> str:
    """Say what becomes of an attribute, as far as it may be seen."""
    old, new = (
        shown(attribute, topic.attributes[attribute]) if attribute in topic.attributes else "unset"
        for topic in (before, after)
    )
    name = "endpoint" if attribute == "push-endpoint" else attribute
    return name if old == new else f"{name} {old} -> {new}"


def _used(owned: Owned, spec: TopicSpec) -> Owned:
    """Return it as it is while its current name is announced to."""
    left = {name: since for name, since in owned.left.items() if name != owned.current}
    return replace(owned, shared=spec.shared, left=left)
