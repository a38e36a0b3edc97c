"""What is to be done, in order: frozen instructions, made without touching any network."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from embargo_butler.errors import Gathering, OwnershipError
from embargo_butler.misfortune import Misfortune
from embargo_butler.model.ports import Right
from embargo_butler.model.resources import (
    KubernetesSecret,
    Notification,
    Topic,
)
from embargo_butler.secret import Secret


@dataclass(frozen=True)
class ApplySecret:
    """Make or change a Kubernetes Secret.

    Attributes:
        secret: What it is to be.
        live: What it is, None where there is none.
    """

    secret: KubernetesSecret
    live: KubernetesSecret | None = None
    verb = "apply"

    @property
    def target(self) -> str:
        """What it is done to."""
        return f"Secret {self.secret.name}"


@dataclass(frozen=True)
class AdmitPassword:
    """Have the running Redis let one more password in.

    Attributes:
        digest: What stands for it.
        by: Passwords to log in with, one after the other.
    """

    digest: str
    by: tuple[Secret, ...]
    verb = "admit"
    target = "a password of Redis"


@dataclass(frozen=True)
class DismissPassword:
    """Have the running Redis let a password in no longer.

    Attributes:
        digest: What stands for it.
        by: Passwords to log in with, one after the other.
    """

    digest: str
    by: tuple[Secret, ...]
    verb = "dismiss"
    target = "a password of Redis"


@dataclass(frozen=True)
class Restart:
    """Have a workload replace its pods, which hold an older secret.

    Attributes:
        owner: The workload, as kind and name.
    """

    owner: str
    verb = "restart"

    @property
    def target(self) -> str:
        """What it is done to."""
        return self.owner


@dataclass(frozen=True)
class AwaitRestart:
    """Go on only when no pod of a workload has an older value of a Secret's key.

    Attributes:
        owner: The workload, as kind and name.
        secret: The Secret.
        key: The key.
    """

    owner: str
    secret: str
    key: str
    verb = "await"

    @property
    def target(self) -> str:
        """What it is done to."""
        return self.owner


@dataclass(frozen=True)
class DeleteSecret:
    """Take a Kubernetes Secret of ours away."""

    name: str
    verb = "delete"

    @property
    def target(self) -> str:
        """What it is done to."""
        return f"Secret {self.name}"


@dataclass(frozen=True)
class DeleteRight:
    """Give up a right to take Secrets away."""

    right: Right
    verb = "delete"

    @property
    def target(self) -> str:
        """What it is done to."""
        return f"Role {self.right.name}"


INVENTORY = "inventory.json"
"""The key of the inventory's ConfigMap that has its text."""


@dataclass(frozen=True)
class WriteInventory:
    """Write down what is ours; before it is made, and after the rest is gone."""

    name: str
    text: str
    verb = "write"

    @property
    def target(self) -> str:
        """What it is done to."""
        return f"ConfigMap {self.name}"


@dataclass(frozen=True)
class PutTopic:
    """Make a topic, or change its attributes in place."""

    owner: str
    topic: Topic
    verb = "put"

    @property
    def target(self) -> str:
        """What it is done to."""
        return f"topic {self.topic.name}"


@dataclass(frozen=True)
class DeleteTopic:
    """Take a topic away."""

    owner: str
    name: str
    verb = "delete"

    @property
    def target(self) -> str:
        """What it is done to."""
        return f"topic {self.name}"


@dataclass(frozen=True)
class PutNotification:
    """Add a notification to a bucket, replace it, or put it again as it is."""

    owner: str
    bucket: str
    notification: Notification
    verb = "put"

    @property
    def target(self) -> str:
        """What it is done to."""
        return f"notification {self.notification.name} of bucket {self.bucket}"


@dataclass(frozen=True)
class DeleteNotification:
    """Take a notification away by its Id."""

    owner: str
    bucket: str
    name: str
    verb = "delete"

    @property
    def target(self) -> str:
        """What it is done to."""
        return f"notification {self.name} of bucket {self.bucket}"


@dataclass(frozen=True)
class PutPolicy:
    """Replace a bucket's policy with this one, in which others' statements are as they were."""

    owner: str
    bucket: str
    statements: tuple[Mapping[str, Any], ...]
    verb = "put"

    @property
    def target(self) -> str:
        """What it is done to."""
        return f"policy of bucket {self.bucket}"


TIDYING = (DeleteTopic, WriteInventory)
"""What the next apply does in its own time: a replaced topic that has drained is no drift."""

Instruction = (
    ApplySecret
    | AdmitPassword
    | DismissPassword
    | Restart
    | AwaitRestart
    | DeleteSecret
    | DeleteRight
    | WriteInventory
    | PutTopic
    | DeleteTopic
    | PutNotification
    | DeleteNotification
    | PutPolicy
)


@dataclass(frozen=True)
class Change:
    """An instruction and the reason for it."""

    instruction: Instruction
    reason: str

    def __str__(self) -> str:
        return f"{self.instruction.verb} {self.instruction.target}: {self.reason}"


@dataclass(frozen=True)
class Lookup:
    """Objects that may never be announced, so that the bucket has to be looked through for them.

    Attributes:
        bucket: The bucket.
        why: What happened to their events.
        until: The UTC time of the last of them; empty for the end of the run.
        since: The UTC time of the first that it can be; empty where nobody knows.
    """

    bucket: str
    why: str
    until: str = ""
    since: str = ""

    def __str__(self) -> str:
        since = f"from {self.since} " if self.since else ""
        until = self.until or "the end of this run"
        return f"bucket {self.bucket}, objects PUT {since}until {until}: {self.why}"


@dataclass(frozen=True)
class Plan:
    """Changes in the order in which they have to be made.

    Attributes:
        changes: The changes.
        warnings: What a person should know beside.
        unconfirmed: What is declared and left alone, a line each.
        lookups: What backfill has to look through.
        misfortunes: What of the world stands in the way, and is left out.
    """

    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    unconfirmed: tuple[str, ...] = field(default=())
    lookups: tuple[Lookup, ...] = field(default=())
    misfortunes: tuple[Misfortune, ...] = field(default=())

    def __add__(self, other: Plan) -> Plan:
        """Return one plan: this one's changes, then the other's."""
        return Plan(
            self.changes + other.changes,
            self.warnings + other.warnings,
            self.unconfirmed + other.unconfirmed,
            self.lookups + other.lookups,
            self.misfortunes + other.misfortunes,
        )


def plan_secrets(
    desired: Iterable[KubernetesSecret],
    observed: Mapping[str, KubernetesSecret],
    take_over: Collection[str],
) -> Plan:
    """Compare declared Secrets with the live ones.

    Raises:
        Problems: A live Secret of a declared name is somebody else's.
    """
    gathering = Gathering()
    changes = []
    for secret in desired:
        live = observed.get(secret.name)
        foreign = live is not None and not live.ours
        if foreign and secret.name not in take_over:
            with gathering.catching():
                raise OwnershipError(
                    f"Secret {secret.name}: is there and was not made by embargo-hooks; name it "
                    "under hooks.secrets.takeOver to adopt it, or rename it"
                )
        reasons = secret.changed(live) + (["taken over"] if foreign else [])
        if reasons:
            changes.append(Change(ApplySecret(secret, live), ", ".join(reasons)))
    gathering.check()
    return Plan(tuple(changes))
