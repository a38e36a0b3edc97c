"""What to do in the object store, in the order that loses no event.

The rules, and the reasons for them as seen on Ceph 16, 18 and 20:

1. The inventory is written first, so that a run that is killed anywhere knows what is its own.
2. Topics come before the notifications that use them; attributes change in place, and then the
   notifications are put again, because 16 and 18 keep a copy of the topic in each of them.
3. The endpoint of a persistent topic is not changed in place on 16 and 18: waiting events keep the
   old one, and are then sent again and again (16) or block all that follow (18). A topic of a new
   name and a notification of a new Id take over, and only then do the old ones go.
4. An Id is never given another topic: that makes a second entry of that Id, and events come twice.
5. What goes, goes last, one by one: notifications, then topics that nothing refers to.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from embargo_hooks import policy
from embargo_hooks._buckets_config import BucketConfig, BucketSpec, NotificationSpec, TopicSpec
from embargo_hooks._retirement import retire
from embargo_hooks.buckets import Attributes, Observed
from embargo_hooks.errors import Gathering, OwnershipError, UnsafePlanError
from embargo_hooks.inventory import Inventory, Ledger, Owned
from embargo_hooks.plan import (
    Change,
    Plan,
    PutNotification,
    PutPolicy,
    PutTopic,
    WriteInventory,
    refuse_unsafe,
)
from embargo_hooks.resources import Notification, Topic, same_notification, shown
from embargo_hooks.secret import Secret


def plan_buckets(
    config: BucketConfig,
    attributes: Attributes,
    observed: Observed,
    ledger: Ledger,
    inventory_name: str,
    stamp: str,
) -> Plan:
    """Compare what is declared with what is there.

    Args:
        config: What is declared.
        attributes: The topics' attributes, filled in.
        observed: What is there.
        ledger: What we made, on all object stores.
        inventory_name: The ConfigMap that the ledger is kept in.
        stamp: The UTC time, for the names of new generations; never one used before.

    Raises:
        Problems: Something is not ours to change, or the plan is unsafe.
    """
    planning = _Planning(config, attributes, observed, ledger.of(config.endpoint), stamp)
    planning.run()
    before = ledger.of(config.endpoint)
    intended, final = planning.intended(), planning.final()
    changes = [*planning.changes, *planning.removals]
    if intended != before:
        text = ledger.text(config.endpoint, intended)
        changes.insert(0, Change(WriteInventory(inventory_name, text), "what is about to be made"))
    if final != intended:
        text = ledger.text(config.endpoint, final)
        changes.append(Change(WriteInventory(inventory_name, text), "what is there now"))
    return Plan(tuple(changes), tuple(planning.warnings))


class _Planning:
    """The work of one plan: the inventory as it becomes, and the changes so far."""

    def __init__(
        self,
        config: BucketConfig,
        attributes: Attributes,
        observed: Observed,
        inventory: Inventory,
        stamp: str,
    ) -> None:
        self.config = config
        self.attributes = attributes
        self.observed = observed
        self.stamp = stamp
        self.topics = dict(inventory.topics)
        self.notifications = dict(inventory.notifications)
        self.policies = dict(inventory.policies)
        self.changes: list[Change] = []
        self.removals: Sequence[Change] = ()
        self.kept: Collection[str] = ()
        self.warnings: list[str] = []
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
        retirement = retire(self.config, self.intended(), self.observed)
        self.removals = retirement.changes
        self.kept = retirement.kept
        self.warnings += retirement.warnings
        with gathering.catching():
            refuse_unsafe(
                [*self.changes, *self.removals],
                {
                    name: {live.name for live in bucket.notifications}
                    for name, bucket in self.observed.buckets.items()
                },
                {name: spec.retired_notifications for name, spec in self.config.buckets.items()},
            )
        gathering.check()

    def intended(self) -> Inventory:
        return Inventory(self.topics, self.notifications, self.policies)

    def final(self) -> Inventory:
        """The inventory once everything is done: current names only, and nothing undeclared."""
        declared = {(b.name, n) for b in self.config.buckets.values() for n in b.notifications}
        topics = {
            name: owned.only({*self.kept, self.real.get(name, "")})
            for name, owned in self.topics.items()
            if name in self.real or not set(self.kept).isdisjoint(owned.names)
        }
        return Inventory(
            topics,
            {
                key: owned.only({owned.current})
                for key, owned in self.notifications.items()
                if key in declared
            },
            {
                name: owner
                for name, owner in self.policies.items()
                if name in self.config.buckets and policy.declared(self.config.buckets[name])
            },
        )

    def _topic(self, spec: TopicSpec) -> None:
        owned = self.topics.get(spec.name)
        name = owned.current if owned else spec.name
        live = self.observed.topics.get(name)
        wanted = Topic(name, self.attributes[spec.name])
        if live is None:
            if owned and not owned.pending and not wanted.kafka:
                # Made once and gone: events may still wait under its name, so it is not used again.
                self._generation(spec, wanted, owned, f"{name} is gone")
                return
            self.topics[spec.name] = replace(owned or Owned(spec.owner, (name,)), pending=True)
            self._put_topic(spec, wanted, f"new, at {self._endpoint(wanted)}")
            return
        differs = wanted.differs(live)
        if owned is None:
            if differs and not spec.take_over:
                raise OwnershipError(
                    f"topic {name}: is there, was not made by embargo-hooks and has another "
                    f"{', '.join(differs)}; set {spec.key}.takeOver: true to adopt it"
                )
            if spec.take_over:
                owned = self.topics[spec.name] = Owned(spec.owner, (name,))
        self.real[spec.name] = name
        if not differs:
            return
        moves = "push-endpoint" in differs and (live.persistent or wanted.persistent)
        if moves and not live.follows:
            if wanted.kafka or live.kafka:
                raise UnsafePlanError(
                    f"topic {name}: its endpoint would change from {self._endpoint(live)} to "
                    f"{self._endpoint(wanted)}; this gateway keeps the old one with each waiting "
                    "event, and consumers read the topic by its name, so it gets no new one by "
                    "itself. Declare a topic of a new name, move the consumers, retire this one"
                )
            assert owned is not None
            why = f"endpoint {self._endpoint(live)} -> {self._endpoint(wanted)}"
            self._generation(spec, wanted, owned, why)
            return
        self._put_topic(spec, wanted, f"changed {', '.join(differs)}")
        if not live.follows:
            self.touched.add(name)

    def _generation(self, spec: TopicSpec, wanted: Topic, owned: Owned, why: str) -> None:
        name = f"{spec.name}-{self.stamp}"
        self.topics[spec.name] = Owned(spec.owner, (*owned.names, name), pending=True)
        self._put_topic(spec, replace(wanted, name=name), f"new generation: {why}")
        self.warnings.append(
            f"topic {owned.current} goes, and events that still wait in it go with it: objects PUT "
            "since its endpoint stopped answering, or in the last seconds before, may never be "
            "announced; look for them in the bucket"
        )

    def _put_topic(self, spec: TopicSpec, topic: Topic, why: str) -> None:
        self.real[spec.name] = topic.name
        self.changes.append(Change(PutTopic(spec.owner, topic), why))

    def _notification(self, bucket: BucketSpec, spec: NotificationSpec) -> None:
        key = (bucket.name, spec.name)
        owned = self.notifications.get(key)
        name = owned.current if owned else spec.name
        wanted = Notification(name, self.real[spec.topic], spec.events)
        entries = self.observed.buckets[bucket.name].notifications
        live = [entry for entry in entries if entry.name == name]
        same = len(live) == 1 and same_notification(wanted, live[0])
        if owned is None and live:
            if not same and not spec.take_over:
                raise OwnershipError(
                    f"notification {name} of bucket {bucket.name}: is there, was not made by "
                    "embargo-hooks and is not as declared; set `takeOver: true` there to adopt it"
                )
            if spec.take_over:
                owned = self.notifications[key] = Owned(bucket.owner, (name,))
        if same and wanted.topic not in self.touched:
            return
        if any(entry.topic != wanted.topic for entry in live):
            assert owned is not None
            wanted = replace(wanted, name=f"{spec.name}-{self.stamp}")
            owned = Owned(bucket.owner, (*owned.names, wanted.name))
        why = "its topic changed" if same else "changed" if live else "new"
        self.notifications[key] = owned or Owned(bucket.owner, (name,))
        put = PutNotification(bucket.owner, bucket.name, wanted)
        self.changes.append(Change(put, f"{why}, to topic {wanted.topic}"))

    def _policy(self, bucket: BucketSpec) -> None:
        if not bucket.manages_policy and bucket.name not in self.policies:
            return
        live = self.observed.buckets[bucket.name].statements
        ours = policy.declared(bucket)
        wanted = policy.merged(ours, live)
        if ours:
            self.policies[bucket.name] = bucket.owner
        if not policy.same(live, wanted):
            kept = len(wanted) - len(ours)
            why = f"{len(ours)} statements of ours, {kept} of others kept"
            put = PutPolicy(bucket.owner, bucket.name, tuple(wanted))
            self.changes.append(Change(put, why))

    @staticmethod
    def _endpoint(topic: Topic) -> str:
        return shown("push-endpoint", topic.attributes.get("push-endpoint", Secret("")))
